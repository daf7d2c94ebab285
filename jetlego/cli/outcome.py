"""How a command ends: one line for a fault, warnings once each, and the exit code that scripts rely on."""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from collections import Counter
from collections.abc import Sequence

from cyclopts import App, CycloptsError, UnknownOptionError
from cyclopts.exceptions import UnknownCommandError

from jetlego.errors import JetlegoError, JetlegoWarning, did_you_mean, quoted


def run_safely(app: App, words: Sequence[str]) -> int:
    """Run a command and return its exit code; ``-v`` anywhere shows the traceback of a fault.

    0 success, 1 any other fault, 2 the user's words, 3 data, 4 surroundings, 75 stopped with its state saved,
    130 interrupted.
    """
    verbose = any(word in ("-v", "--verbose") for word in words)
    words = [word for word in words if word not in ("-v", "--verbose")]
    told = _tell_warnings_once()
    try:
        app(words, exit_on_error=False, print_error=False)
        sys.stdout.flush()
        code = 0
    except JetlegoError as error:
        code = _tell(error.id, error, error.exit_code, verbose)
    except CycloptsError as error:
        code = _tell("USAGE", _usage(error, app), 2, verbose)
    except BrokenPipeError:
        # The reader of a pipe such as `| head` has gone: that is its right, and no fault of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except SystemExit as stop:  # rich's answer to a closed pipe
        code = 0 if isinstance(stop.__context__, BrokenPipeError) else int(stop.code or 0)
    except KeyboardInterrupt:
        code = _tell("INTERRUPTED", "stopped by Ctrl-C", 130, verbose)
    except MemoryError as error:
        code = _tell("OOM", f"out of memory: {error}", 4, verbose)
    except Exception as error:
        code = _tell(
            "INTERNAL", f"{type(error).__name__}: {quoted(error)}; run again with -v for the traceback", 1, verbose
        )
    for (id, what), count in told.items():
        if count > 1:
            _say(f"jetlego: warning[{id}]: {what} ({count} times)")
    return code


def _tell(id: str, what: object, code: int, verbose: bool) -> int:
    if verbose:
        traceback.print_exc()
    first, *rest = str(what).split("\n")
    _say(f"jetlego: error[{id}]: {first}")
    for line in rest:
        _say(f"  {line}")
    return code


def _say(line: str) -> None:
    try:
        print(line, file=sys.stderr, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def _usage(error: CycloptsError, app: App) -> str:
    text = " ".join(str(error).split())
    unknown = getattr(error, "unused_tokens", None)
    hint = ""
    if isinstance(error, UnknownCommandError) and unknown:
        hint = did_you_mean(unknown[0], [name for name in error.app or app if not name.startswith("-")])
    elif isinstance(error, UnknownOptionError):
        known = [name for argument in error.argument_collection for name in argument.names if name.startswith("--")]
        hint = did_you_mean(error.token.keyword or error.token.value, known)
    text = text.split(" Did you mean")[0].split(" Available commands")[0].rstrip(".")
    return f"{text}; {hint}" if hint else f"{text}; jetlego --help lists what there is"


def _tell_warnings_once() -> Counter[tuple[str, str]]:
    told: Counter[tuple[str, str]] = Counter()

    def show(message, category, filename, lineno, file=None, line=None) -> None:  # type: ignore[no-untyped-def]
        if not isinstance(message, JetlegoWarning):
            return
        key = (message.id, message.what)
        told[key] += 1
        if told[key] == 1:
            _say(f"jetlego: warning[{message.id}]: {message.what}")

    warnings.simplefilter("default")
    warnings.filterwarnings("always", category=JetlegoWarning)
    warnings.showwarning = show
    return told
