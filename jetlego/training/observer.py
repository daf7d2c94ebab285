"""What a long piece of work tells of itself. The command line draws it; a script may ignore it."""

from __future__ import annotations

from typing import Any


class Observer:
    """Told of every stage, step and result; this base class stays silent."""

    def stage(self, name: str, total: int | None = None) -> None:
        """Announce a stage of ``total`` units (None: unknown)."""

    def advance(self, count: int = 1, **figures: float) -> None:
        """Announce ``count`` more units done, with figures worth showing such as ``loss=0.31``."""

    def epoch(self, row: dict[str, Any]) -> None:
        """Announce a finished epoch: the row that went to ``log.jsonl``."""

    def done(self) -> None:
        """Announce that the last stage is over."""
