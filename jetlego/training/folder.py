"""The run folder: where it is, and whether it is taken."""

from __future__ import annotations

from pathlib import Path

from jetlego.atomic import FolderLock
from jetlego.errors import ConfigError

__all__ = ["FolderLock", "choose_folder", "holds_run"]

_DEFAULT_ROOT = Path("runs")


def choose_folder(name: str, out: Path | None, *, resume: bool) -> Path:
    """Return the folder of a run: ``out``, else the first free (or, to resume, the last used) ``runs/NAME[-n]``.

    Raises
    ------
    ConfigError
        ``RUN-EXISTS`` if ``out`` already holds a run and this one does not resume it.
    """
    if out is not None:
        if not resume and holds_run(out):
            raise ConfigError(
                "RUN-EXISTS", f"{out} already holds a run", "add --resume to go on, or give another --out"
            )
        return out
    used, n = None, 1
    while True:
        folder = _DEFAULT_ROOT / (name if n == 1 else f"{name}-{n}")
        if not holds_run(folder):
            return used if resume and used else folder
        used, n = folder, n + 1


def holds_run(folder: Path) -> bool:
    """Return whether ``folder`` is a run folder, finished or not."""
    return (folder / "config.yaml").exists()
