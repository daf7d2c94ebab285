"""Progress of acceptance tasks: a bar of the training steps on a terminal, a line for each result everywhere."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from jetlego.benchmark.accept.page import number
from jetlego.benchmark.accept.watch import watching

if TYPE_CHECKING:
    from jetlego.benchmark.accept import AcceptResult


class AcceptProgress:
    """Draw progress on stderr; use inside a ``with`` block. The bar appears only where stderr is a terminal."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False)
        columns = SpinnerColumn(), TextColumn("{task.description:<28}"), BarColumn(bar_width=30)
        self._bars = Progress(*columns, MofNCompleteColumn(), TimeElapsedColumn(), console=self.console,
                              transient=True, disable=not sys.stderr.isatty())  # fmt: skip
        self._bar = self._bars.add_task("", total=None)
        self._watch = watching(self._step)

    def __enter__(self) -> AcceptProgress:
        self._bars.start()
        self._watch.__enter__()
        return self

    def __exit__(self, *fault: object) -> None:
        self._watch.__exit__(None, None, None)
        self._bars.stop()

    def result(self, result: AcceptResult) -> None:
        """Print a finished figure as a line."""
        verdict = "PASS" if result.passed else "FAIL"
        reached = f"{number(result.value)} ({result.gate})"
        self.console.print(f"{verdict}  {result.task}: {result.figure} {reached}  {result.seconds:.0f} s", markup=False)

    def _step(self, name: str, step: int, steps: int) -> None:
        if step == 0:
            self._bars.reset(self._bar, total=steps, description=name)
        self._bars.update(self._bar, completed=step + 1)
