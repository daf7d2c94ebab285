"""Writing a file or a folder so that it is either whole or absent (reliability: built aside, synced, renamed).

And the lock of a folder in which one process alone may work.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import secrets
import shutil
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from jetlego.errors import EnvironmentFault


def write_atomic(path: Path, data: bytes | str) -> None:
    """Write ``path`` through a synced temporary file beside it and one rename.

    Raises
    ------
    EnvironmentFault
        ``DISK-FULL`` or ``NOT-WRITABLE``; whatever stood at ``path`` is untouched.
    """
    temporary = _beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_synced(temporary, data.encode() if isinstance(data, str) else data)
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise _fault(path, error) from error
    finally:
        with contextlib.suppress(OSError):  # the fault itself is already on its way
            temporary.unlink(missing_ok=True)


def write_folder(path: Path, files: Mapping[str, bytes]) -> None:
    """Write a folder of files that appears under its final name in one rename, never over an existing one."""
    temporary = _beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir()
        for name, data in files.items():
            _write_synced(temporary / name, data)
        _sync_folder(temporary)
        temporary.rename(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise _fault(path, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Give a path beside ``path`` for a library to write to; without an error the file there takes its place, synced.

    Raises
    ------
    EnvironmentFault
        ``DISK-FULL`` or ``NOT-WRITABLE``; whatever stood at ``path`` is untouched.
    """
    temporary = _beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise _fault(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def remove_leftovers(folder: Path) -> list[str]:
    """Delete temporary files in ``folder`` whose process is gone; return their names."""
    gone = []
    for path in folder.glob(".tmp-*"):
        parts = path.name.split("-")
        if len(parts) > 1 and parts[1].isdigit() and not process_lives(int(parts[1])):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
            gone.append(path.name)
    return gone


def require_writable(folder: Path) -> None:
    """Make ``folder`` and prove that a file can be written there, before any work is done.

    Raises
    ------
    EnvironmentFault
        ``NOT-WRITABLE``.
    """
    write_atomic(folder / ".writable", b"")
    (folder / ".writable").unlink()


class FolderLock:
    """Hold a folder inside a ``with`` block; the lock goes with the process, so none is ever stale.

    A folder that was made for the lock goes with it if nothing has been put there.

    Raises
    ------
    EnvironmentFault
        ``LOCKED`` naming host, process and time of the holder; ``NOT-WRITABLE``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made_here = False

    def __enter__(self) -> FolderLock:
        self._made_here = not self.folder.exists()
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
        if self._made_here:
            with contextlib.suppress(OSError):  # it holds something by now
                self.folder.rmdir()


def process_lives(pid: int) -> bool:
    """Return whether a process of that number runs on this host."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _beside(path: Path) -> Path:
    return path.parent / f".tmp-{os.getpid()}-{secrets.token_hex(4)}-{path.name}"


def _write_synced(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _fault(path: Path, error: OSError) -> EnvironmentFault:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return EnvironmentFault("DISK-FULL" if full else "NOT-WRITABLE", f"{path}: {error.strerror or error}")
