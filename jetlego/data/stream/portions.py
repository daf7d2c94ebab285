"""Batches of a shuffled epoch, cut from pools that a thread reads and prepares while the last one is used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from jetlego.clustering.packed import offsets_of
from jetlego.conventions import IntArray
from jetlego.data.ahead import one_ahead
from jetlego.data.jets import Jets
from jetlego.data.stream.index import BlockIndex
from jetlego.data.stream.order import EpochOrder
from jetlego.data.stream.readers import Readers
from jetlego.errors import DataError

T = TypeVar("T")


@dataclass(frozen=True)
class Portion(Generic[T]):
    """Some consecutive batches of an epoch.

    Parameters
    ----------
    content
        Prepared jets.
    batches
        Rows of ``content`` that make each batch, in order.
    block
        (rows,) int64 number of the block that each row of ``content`` comes from.
    """

    content: T
    batches: list[IntArray]
    block: IntArray


@dataclass(frozen=True)
class Slice:
    """Which jets of each batch to deliver: those at places ``rank``, ``rank + size``, ... of it."""

    rank: int = 0
    size: int = 1


def portions(
    readers: Readers, index: BlockIndex, order: EpochOrder, bounds: IntArray, prepare: Callable[[Jets], T], *,
    first: int = 0, slice_: Slice | None = None, choice: Callable[[int], IntArray] | None = None,
) -> Iterator[Portion[T]]:  # fmt: skip
    """Yield the batches of an epoch, each jet in one batch alone; a pool is prepared while the last one is used.

    Parameters
    ----------
    readers, index, order
        What reads blocks, what these hold, and how the epoch goes through them.
    bounds
        (batches + 1,) int64 ascending positions of the epoch at which batches begin and the last one ends.
    prepare
        Makes of the jets of a pool what batches are cut from; called in the thread.
    first
        Batch to begin with. What follows is the same as if it had begun with batch 0.
    slice_
        Which jets of each batch to deliver; default all. The others are read, and dropped before ``prepare``.
    choice
        Rows of a block (by its number) that take part in the epoch, ascending, a row as often as it does; as many as
        ``order`` counts in that block. Default: each once.

    Raises
    ------
    DataError
        Whatever reading raises, such as ``FILE-CHANGED``.
    """
    if first < len(bounds) - 1:
        maker = _Maker(readers, index, order, bounds, prepare, slice_ or Slice(), choice)
        yield from one_ahead(maker.portions(first))


@dataclass
class _Maker(Generic[T]):
    readers: Readers
    index: BlockIndex
    order: EpochOrder
    bounds: IntArray
    prepare: Callable[[Jets], T]
    slice_: Slice
    choice: Callable[[int], IntArray] | None

    def portions(self, first: int) -> Iterator[Portion[T]]:
        """Yield batches ``first`` and following; a batch that lies in several pools is put together of its parts."""
        parts: list[tuple[Jets, IntArray]] = []
        for pool in range(self.order.pool_of(int(self.bounds[first])), self.order.num_pools):
            start, stop = np.clip(self.order.pool_ptr[pool : pool + 2], self.bounds[0], self.bounds[-1]).tolist()
            if start < stop:
                yield from self._from_pool(pool, start, stop, first, parts)

    def _from_pool(
        self, pool: int, start: int, stop: int, first: int, parts: list[tuple[Jets, IntArray]]
    ) -> Iterator[Portion[T]]:
        positions, batch = self._own(np.arange(start, stop))
        jets, block, row = self._read(pool, positions)
        whole: list[IntArray] = []
        for number in range(max(first, self._batch_of(start)), self._batch_of(stop - 1) + 1):
            own = row[batch == number]
            if self.bounds[number] >= start and self.bounds[number + 1] <= stop:
                whole.append(own)
                continue
            parts.append((jets.select(own), block[own]))
            if self.bounds[number + 1] <= stop:
                yield self._joined(parts)
                parts.clear()
        if whole:
            yield Portion(self.prepare(jets), whole, block)

    def _batch_of(self, position: int) -> int:
        return int(np.searchsorted(self.bounds, position, side="right")) - 1

    def _own(self, positions: IntArray) -> tuple[IntArray, IntArray]:
        """Return those of the positions that are to be delivered, and the batch that each belongs to."""
        batch = np.searchsorted(self.bounds, positions, side="right") - 1
        own = (positions - self.bounds[batch]) % self.slice_.size == self.slice_.rank
        return positions[own], batch[own]

    def _read(self, pool: int, positions: IntArray) -> tuple[Jets, IntArray, IntArray]:
        """Return the jets at some positions of a pool, the block of each, and which of these jets each position is."""
        numbers = self.order.pool_blocks(pool)
        numbers = numbers[self.order.num_jets[numbers] > 0]
        ptr = offsets_of(self.order.num_jets[numbers])
        wanted = self.order.rows(pool, positions)
        rows = np.sort(wanted)
        cuts = np.searchsorted(rows, ptr)
        kept: list[Jets] = []
        read = self.readers.read(self.index.blocks[n] for n in numbers)
        for k, found in enumerate(read):
            own = rows[cuts[k] : cuts[k + 1]] - ptr[k]
            own = own if self.choice is None else self.choice(int(numbers[k]))[own]
            kept.append(self._checked(found, int(numbers[k])).select(own))
        return _together(kept), np.repeat(numbers, np.diff(cuts)), np.searchsorted(rows, wanted)

    def _checked(self, found: Jets | DataError, number: int) -> Jets:
        if isinstance(found, DataError):
            raise found
        expected, block = int(self.index.num_jets[number]), self.index.blocks[number]
        if found.num_jets != expected:
            name = self.readers.source.names[block.file]
            what = f"{name}: entries {block.start} to {block.stop} gave {found.num_jets} jets, {expected} before"
            raise DataError("FILE-CHANGED", what)
        return found

    def _joined(self, parts: Sequence[tuple[Jets, IntArray]]) -> Portion[T]:
        jets = _together([jets for jets, _ in parts])
        return Portion(self.prepare(jets), [np.arange(jets.num_jets)], np.concatenate([block for _, block in parts]))


def _together(parts: list[Jets]) -> Jets:
    """Return the jets of all parts; those without jets do not matter unless there is no other."""
    return Jets.concatenate([part for part in parts if part.num_jets] or parts[:1])
