"""Progress on a terminal: a bar for the stage at work, a line for each finished epoch. Elsewhere: the lines alone."""

from __future__ import annotations

import sys
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from jetlego.training.observer import Observer


class TerminalObserver(Observer):
    """Draw progress on stderr; use inside a ``with`` block. Bars appear only where stderr is a terminal."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False)
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description:<24}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=self.console,
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        self._task: Any = None
        self._header_told = False

    def __enter__(self) -> TerminalObserver:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def stage(self, name: str, total: int | None = None) -> None:
        """Show a new bar in place of the last."""
        self.done()
        self._task = self._bars.add_task(name, total=total, note="")

    def advance(self, count: int = 1, **figures: float) -> None:
        """Move the bar and show the figures behind it."""
        if self._task is not None:
            note = " ".join(f"{name} {value:.4f}" for name, value in figures.items())
            self._bars.update(self._task, advance=count, note=note)

    def epoch(self, row: dict[str, Any]) -> None:
        """Print the finished epoch as a line of the table."""
        self.done()
        if not self._header_told:
            self.console.print("[bold]epoch  train loss  val loss  val acc.  val AUC    jets/s  [/bold]")
            self._header_told = True
        auc = "     -" if row["val_auc"] is None else f"{row['val_auc']:.4f}"
        self.console.print(
            f"{row['epoch']:>5}  {row['train_loss']:>10.4f}  {row['val_loss']:>8.4f}  {row['val_accuracy']:>8.4f}  "
            f"{auc:>7}  {row['jets_per_second']:>8.0f}  {'best' if row['best'] else ''}"
        )

    def done(self) -> None:
        """Take the bar away."""
        if self._task is not None:
            self._bars.remove_task(self._task)
            self._task = None
