"""Where the loop takes its batches from: jets in memory, or a stream of blocks; the order is the same pure function."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from jetlego.data.permutation import shuffled
from jetlego.structures.batch import JetBatch
from jetlego.structures.store import JetStore


@dataclass(frozen=True)
class Place:
    """Which batches of a run to deliver: those of ``epoch`` from ``batch`` on, rows ``rank::ranks`` of each.

    Parameters
    ----------
    seed
        Of the run.
    size
        Jets of a batch over all ranks.
    """

    seed: int
    epoch: int
    batch: int
    size: int
    rank: int = 0
    ranks: int = 1


class Batches(ABC):
    """Prepared jets of one split."""

    @property
    @abstractmethod
    def num_jets(self) -> int:
        """Number of jets."""

    @abstractmethod
    def shuffled(self, place: Place) -> Iterator[JetBatch]:
        """Yield the rest of an epoch of ``max(1, num_jets // size)`` batches; what is left over waits for the next."""

    @abstractmethod
    def in_order(self, size: int) -> Iterator[JetBatch]:
        """Yield all jets in order, ``size`` at a time."""

    def figures(self) -> dict[str, Any]:
        """Return what the log shall say of the epoch that was delivered last."""
        return {}

    def close(self) -> None:  # noqa: B027  (memory needs no closing)
        """Close what is open."""

    def state(self) -> dict[str, Any]:
        """Return what was counted in this epoch as plain data, for a checkpoint."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:  # noqa: B027  (not every source counts)
        """Go on counting from what :meth:`state` returned."""


@dataclass
class StoreBatches(Batches):
    """Batches of a store in memory."""

    store: JetStore

    @property
    def num_jets(self) -> int:
        """Number of jets of the store."""
        return self.store.num_jets

    def shuffled(self, place: Place) -> Iterator[JetBatch]:
        """Yield the rest of an epoch, cut from the store by a keyed permutation."""
        count = self.num_jets
        for number in range(place.batch, max(1, count // place.size)):
            positions = np.arange(number * place.size, min((number + 1) * place.size, count))
            own = positions[place.rank :: place.ranks]
            yield self.store.batch(shuffled(own, num_samples=count, seed=place.seed, epoch=place.epoch))

    def in_order(self, size: int) -> Iterator[JetBatch]:
        """Yield the whole store in order."""
        for start in range(0, self.num_jets, size):
            yield self.store.batch(np.arange(start, min(start + size, self.num_jets)))
