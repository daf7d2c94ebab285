"""The first pass over a source: how many jets each block holds, and of which classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jetlego.conventions import IntArray
from jetlego.data.jets import Jets
from jetlego.data.stream.order import EpochOrder
from jetlego.data.stream.readers import Readers
from jetlego.data.stream.source import Block, Source
from jetlego.errors import DataError

FEWEST = 8
"""Blocks of the smallest pool."""


@dataclass(frozen=True)
class BlockIndex:
    """What is known of the blocks of a source before they are read again.

    Parameters
    ----------
    blocks
        The n blocks that hold jets, in the order of files and entries.
    counts
        (n, K + 1) int64 jets of each class, those without label in the last column.
    classes
        Names of the K classes.
    """

    blocks: tuple[Block, ...]
    counts: IntArray
    classes: tuple[str, ...]

    @property
    def num_jets(self) -> IntArray:
        """(n,) int64 jets of each block."""
        return self.counts.sum(axis=1)

    @property
    def total(self) -> int:
        """Jets of all blocks."""
        return int(self.counts.sum())

    @property
    def group(self) -> IntArray:
        """(n,) int64 what tells blocks apart: the class that most jets have or, without labels, the file."""
        if self.counts[:, :-1].any():
            return self.counts.argmax(axis=1)
        return np.array([block.file for block in self.blocks], np.int64)

    def order(self, pool_size: int, *, seed: int, epoch: int) -> EpochOrder:
        """Return the order of an epoch; a pool holds at least ``FEWEST`` blocks, or it would mix too little."""
        least = FEWEST * -(-self.total // len(self.blocks))
        return EpochOrder(self.num_jets, self.group, max(pool_size, least), seed, epoch)

    def select(self, chosen: IntArray) -> BlockIndex:
        """Return the index of some blocks alone."""
        return BlockIndex(tuple(self.blocks[k] for k in chosen), self.counts[chosen], self.classes)

    def part(self, shares: Sequence[float], *, seed: int) -> list[BlockIndex]:
        """Return blocks parted at random: one part for each share, and what is left.

        Each class (or file) is parted by itself, so that every part has at least one of its blocks, where it has more
        blocks than there are shares.

        Raises
        ------
        DataError
            ``NO-JETS`` if there are too few blocks for that.
        """
        order, group = self.order(max(1, self.total), seed=seed, epoch=0).blocks, self.group
        part = np.full(len(order), len(shares))  # of each block, in its order
        for kind in np.unique(group):
            own = np.flatnonzero(group[order] == kind)
            if len(own) > len(shares):
                sizes = [max(1, round(share * len(own))) for share in shares]
                part[own[: sum(sizes)]] = np.repeat(np.arange(len(shares)), sizes)[: len(own)]
        parts = [np.sort(order[part == number]) for number in range(len(shares) + 1)]
        if not all(map(len, parts)):
            what = f"{len(self.blocks)} blocks of jets are too few to take shares of {', '.join(map(str, shares))}"
            raise DataError("NO-JETS", what, "choose smaller blocks, or name files for each split")
        return [self.select(chosen) for chosen in parts]

    def first(self, num_jets: int, *, seed: int) -> BlockIndex:
        """Return about the first ``num_jets`` jets of a random order: whole blocks, at least one of each class."""
        order = self.order(max(1, self.total), seed=seed, epoch=1)
        stop = int(np.searchsorted(order.block_ptr, num_jets, side="left"))
        _, met = np.unique(self.group[order.blocks], return_index=True)
        return self.select(np.sort(order.blocks[: max(stop, int(met.max()) + 1)]))

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for the record of a run."""
        rows = [[*block, *row] for block, row in zip(self.blocks, self.counts.tolist(), strict=True)]
        return {"classes": list(self.classes), "blocks": rows}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> BlockIndex:
        """Read back what :meth:`to_dict` wrote."""
        rows, width = data["blocks"], len(data["classes"]) + 1
        counts = np.array([row[3:] for row in rows], np.int64).reshape(-1, width)
        return cls(tuple(Block(*row[:3]) for row in rows), counts, tuple(data["classes"]))


def scan(source: Source, *, size: int, workers: int = 1) -> BlockIndex:
    """Read every block once: what is wrong with a file is found here rather than in the middle of a training.

    Parameters
    ----------
    size
        Entries a block, about.
    workers
        Threads that read.

    Raises
    ------
    DataError
        ``NO-JETS`` if there is none at all, besides what reading raises.
    """
    blocks = source.blocks(size)
    counts: dict[int, IntArray] = {}
    classes: tuple[str, ...] = ()
    bad: set[int] = set()
    with Readers(source, workers, first=True) as readers:
        for number, found in enumerate(readers.read(blocks)):
            if isinstance(found, DataError):
                _pass_over(source, blocks[number].file, found, bad)
                continue
            source.compare(found, blocks[number])
            classes = found.classes or classes
            counts[number] = _class_counts(found)
    source.tell()
    kept = [n for n, row in counts.items() if row.any() and blocks[n].file not in bad]
    if not kept:
        raise _no_jets(source)
    return BlockIndex(tuple(blocks[n] for n in kept), np.stack([counts[n] for n in kept]), classes)


def read_all(source: Source, *, size: int, workers: int = 1) -> Jets:
    """Return all jets of a source at once; bad files are left out or told as in :func:`scan`."""
    blocks = source.blocks(size)
    kept: dict[int, list[Jets]] = {}
    bad: set[int] = set()
    with Readers(source, workers, first=True) as readers:
        for block, found in zip(blocks, readers.read(blocks), strict=True):
            if isinstance(found, DataError):
                _pass_over(source, block.file, found, bad)
                continue
            source.compare(found, block)
            kept.setdefault(block.file, []).append(found)
    source.tell()
    parts = [jets for file, of_file in kept.items() if file not in bad for jets in of_file if jets.num_jets]
    if not parts:
        raise _no_jets(source)
    return Jets.concatenate(parts)


def _no_jets(source: Source) -> DataError:
    return DataError("NO-JETS", f"{source.names[0]} and {len(source.names) - 1} more files give no jet")


def _pass_over(source: Source, file: int, error: DataError, bad: set[int]) -> None:
    """Note that a file is left out, as a whole; raise the error if it must not be."""
    if error.id == "NO-JETS" or file in bad:
        return
    if not source.skip(file, error):
        raise error
    bad.add(file)


def _class_counts(jets: Jets) -> IntArray:
    size = len(jets.classes)
    label = np.full(jets.num_jets, size) if jets.label is None else np.where(jets.label < 0, size, jets.label)
    return np.bincount(label, minlength=size + 1).astype(np.int64)
