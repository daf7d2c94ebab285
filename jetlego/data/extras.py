"""Optional packages: imported when a file needs them, and told by the extra that brings them."""

from __future__ import annotations

import importlib
from typing import Any

from jetlego.errors import EnvironmentFault


def optional(module: str, *, extra: str, task: str) -> Any:
    """Return an imported module of an extra.

    Raises
    ------
    EnvironmentFault
        ``DEPENDENCY`` with the line that installs it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        what = f"{task} needs {package}, which is not installed"
        raise EnvironmentFault("DEPENDENCY", what, f"pip install 'jetlego[{extra}]'") from error
