"""Every error that jetlego raises on purpose, and the words it is told in.

    JetlegoError            exit 1   anything else: a numerical stop, a failed parity check
    ├── ConfigError         exit 2   YAML, command line, expression, unknown brick, incompatible resume
    ├── DataError           exit 3   missing, unreadable, corrupt or inconsistent input
    │   └── NonFiniteError           NaN or infinity among four-momenta
    ├── EnvironmentFault    exit 4   dependency, device, memory, disk, permission, lock
    └── Preempted           exit 75  stopped by a signal; state is saved, the same command continues

One error is one line: *what is wrong and where*; then, after ``"; "``, a hint such as the nearest valid name.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_MAX_QUOTE = 500


class JetlegoError(Exception):
    """A fault with a stable identifier, a place and, where there is one, a hint.

    Parameters
    ----------
    id
        Stable upper-case identifier, such as ``"NO-BRANCH"``; users and scripts match on it.
    what
        What is wrong and where (file, line, branch, entry), without a final full stop.
    hint
        What to do about it, such as the text of :func:`did_you_mean`; empty if there is nothing to say.
    """

    exit_code = 1

    def __init__(self, id: str, what: str, hint: str = "") -> None:
        self.id, self.what, self.hint = id, what, hint
        super().__init__(f"{what}; {hint}" if hint else what)

    def __reduce__(self) -> tuple:
        return type(self), (self.id, self.what, self.hint)


class ConfigError(JetlegoError):
    """The user's words are at fault: YAML, command line, expression or spec."""

    exit_code = 2


class DataError(JetlegoError):
    """The input is at fault: missing, unreadable, corrupt or inconsistent."""

    exit_code = 3


class NonFiniteError(DataError):
    """A four-momentum is NaN or infinite; clustering such a jet would crash FastJet."""

    def __init__(self, what: str, hint: str = "set nonfinite: drop-particle, drop-jet or zero") -> None:
        super().__init__("NONFINITE", what, hint)

    def __reduce__(self) -> tuple:
        return type(self), (self.what, self.hint)


class EnvironmentFault(JetlegoError):
    """The surroundings are at fault: dependency, device, memory, disk, permission or lock."""

    exit_code = 4


class Preempted(JetlegoError):
    """Training was asked to stop and has saved its state; the same command goes on from there."""

    exit_code = 75


class JetlegoWarning(UserWarning):
    """A warning that the command line prints as one line, ``jetlego: warning[ID]: ...``.

    ``warnings.warn(JetlegoWarning("UNITS", "median jet pT is 5.1e5; is it MeV?"))``
    """

    def __init__(self, id: str, what: str) -> None:
        self.id, self.what = id, what
        super().__init__(f"[{id}] {what}")

    def __reduce__(self) -> tuple:
        return type(self), (self.id, self.what)


def did_you_mean(name: str, candidates: Iterable[str], *, count: int = 3) -> str:
    """Return a hint that names the valid names nearest to ``name``, or lists them all if they are few."""
    known = sorted({str(c) for c in candidates})
    near = difflib.get_close_matches(name, known, n=count, cutoff=0.6)
    if near:
        return "did you mean " + " or ".join(f"'{n}'" for n in near) + "?"
    if not known:
        return ""
    shown = ", ".join(known[:12]) + (f" ... ({len(known)} in all)" if len(known) > 12 else "")
    return f"valid: {shown}"


def quoted(value: object) -> str:
    """Return user data as printable text of at most 500 characters, control characters escaped."""
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(value))
    return text if len(text) <= _MAX_QUOTE else text[:_MAX_QUOTE] + "..."
