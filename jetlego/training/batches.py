"""Where the loop takes its batches from: jets in memory, or a stream of blocks; the order is the same pure function."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from jetlego.data.draw import Draw
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
        """Number of jets; of jets that are accepted at random, how many every epoch has."""

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
    """Batches of a store in memory.

    Parameters
    ----------
    store
        The jets.
    draw
        Which of them take part in each epoch; None: each once.
    renewed
        From an epoch to the same jets as that epoch sees them; None: always as in the store.
    """

    store: JetStore
    draw: Draw | None = None
    renewed: Callable[[int], JetStore] | None = None

    @property
    def num_jets(self) -> int:
        """Number of jets of an epoch."""
        return self.store.num_jets if self.draw is None else self.draw.fewest

    def shuffled(self, place: Place) -> Iterator[JetBatch]:
        """Yield the rest of an epoch, cut from the store, or from the jets drawn of it, by a keyed permutation."""
        store = self.store if self.renewed is None else self.renewed(place.epoch)
        rows, total = None, store.num_jets
        if self.draw is not None:
            rows = self.draw.rows(0, total, seed=place.seed, epoch=place.epoch)
            total = len(rows)
        count = min(self.num_jets, total)
        for number in range(place.batch, max(1, count // place.size)):
            positions = np.arange(number * place.size, min((number + 1) * place.size, count))
            own = positions[place.rank :: place.ranks]
            chosen = shuffled(own, num_samples=total, seed=place.seed, epoch=place.epoch)
            yield store.batch(chosen if rows is None else rows[chosen])

    def in_order(self, size: int) -> Iterator[JetBatch]:
        """Yield the whole store in order."""
        for start in range(0, self.store.num_jets, size):
            yield self.store.batch(np.arange(start, min(start + size, self.store.num_jets)))
