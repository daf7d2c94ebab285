"""The run folder: where it is, and that only one process works in it."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from pathlib import Path
from typing import IO

from jetlego.atomic import remove_leftovers, require_writable
from jetlego.errors import ConfigError, EnvironmentFault

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


class FolderLock:
    """Hold a run folder inside a ``with`` block; the lock goes with the process, so none is ever stale.

    Raises
    ------
    EnvironmentFault
        ``LOCKED`` naming host, process and time of the holder; ``NOT-WRITABLE``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> FolderLock:
        require_writable(self.folder)
        path = self.folder / ".lock"
        self._file: IO[str] = path.open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # A holder that ended between our open and our lock has taken the file we hold away.
            if not path.exists() or path.stat().st_ino != os.fstat(self._file.fileno()).st_ino:
                raise BlockingIOError
        except BlockingIOError as error:
            self._file.seek(0)
            holder = self._file.read().strip() or "another process"
            self._file.close()
            raise EnvironmentFault("LOCKED", f"{self.folder} is in use by {holder}") from error
        self._file.truncate(0)
        facts = {"host": socket.gethostname(), "pid": os.getpid(), "time": time.strftime("%Y-%m-%d %H:%M:%S")}
        self._file.write(json.dumps(facts))
        self._file.flush()
        remove_leftovers(self.folder)
        return self

    def __exit__(self, *_: object) -> None:
        (self.folder / ".lock").unlink(missing_ok=True)
        self._file.close()
