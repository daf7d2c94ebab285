"""Small examples of every brick: one file a group, each with ``EXAMPLES = {"brick" or "brick/variant": Example}``."""

from __future__ import annotations

import importlib
import pkgutil

from jetlego.testing.streams import Example


def all_examples() -> dict[str, Example]:
    """Return the examples of every group."""
    found: dict[str, Example] = {}
    for module in pkgutil.iter_modules(__path__):
        for name, example in importlib.import_module(f"{__name__}.{module.name}").EXAMPLES.items():
            if name in found:
                raise ValueError(f"two examples are called '{name}'")
            found[name] = example
    return found
