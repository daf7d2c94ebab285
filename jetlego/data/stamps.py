"""Whether a file is still the one that was looked at before: size and time of change, then the hash where it is known.

Training reads files again and again, for hours; a file that is replaced meanwhile would mix jets of two samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jetlego.data.files import fingerprint
from jetlego.errors import DataError, quoted


@dataclass(frozen=True)
class Stamp:
    """A file at one moment.

    Parameters
    ----------
    size
        Bytes.
    modified
        Time of the last change in nanoseconds.
    sha256
        Hexadecimal hash of all bytes; empty if nobody took it.
    """

    size: int
    modified: int
    sha256: str = ""

    @classmethod
    def of(cls, path: Path, *, sha256: str = "") -> Stamp:
        """Return the stamp of a file as it is now, with its hash if that is known already."""
        status = path.stat()
        return cls(status.st_size, status.st_mtime_ns, sha256)

    def require(self, path: Path) -> None:
        """Raise ``DataError`` ``FILE-CHANGED`` unless the file is still this one.

        A file of another time but the same size is hashed if this stamp has a hash to compare with: a copy that was put
        back, or merely touched, is the same file.
        """
        hint = "start again, so that all jets are of one sample"
        try:
            now = Stamp.of(path)
        except OSError as error:
            raise DataError("FILE-CHANGED", f"{quoted(path)} is gone: {error.strerror or error}", hint) from error
        if now.size != self.size:
            what = f"{quoted(path)} has {now.size} bytes, when reading began it had {self.size}"
            raise DataError("FILE-CHANGED", what, hint)
        if now.modified != self.modified and not (self.sha256 and fingerprint(path) == self.sha256):
            raise DataError("FILE-CHANGED", f"{quoted(path)} was written to since reading began", hint)
