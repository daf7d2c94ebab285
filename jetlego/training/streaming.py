"""Training on more jets than fit into memory: splits that are read block by block, and batches cut from pools."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from jetlego.clustering.packed import offsets_of
from jetlego.conventions import IntArray
from jetlego.data.ahead import one_ahead
from jetlego.data.draw import Draw
from jetlego.data.jets import Jets
from jetlego.data.stream import BlockIndex, EpochOrder, Readers, ShuffleMeter, Slice, Source, portions
from jetlego.errors import DataError, JetlegoWarning
from jetlego.structures.batch import JetBatch
from jetlego.structures.store import JetStore
from jetlego.training.batches import Batches, Place, StoreBatches
from jetlego.training.config import StreamConfig

Prepare = Callable[[Jets], JetStore]

FAIR = 0.8
"""Shuffle quality below which a training is warned."""


@dataclass(frozen=True)
class StreamedSplit:
    """The jets of one split, on disk.

    Parameters
    ----------
    source, index
        Where its blocks are and what they hold.
    settings
        Sizes of the stream.
    """

    source: Source
    index: BlockIndex
    settings: StreamConfig

    @property
    def num_jets(self) -> int:
        """Number of jets."""
        return self.index.total

    def blocks(self) -> Iterator[Jets]:
        """Yield the jets in order of files and entries, block by block; the next is read meanwhile."""
        with Readers(self.source, self.settings.workers) as readers:
            for found in readers.read(self.index.blocks):
                if isinstance(found, DataError):
                    raise found
                yield found

    def sample(self, num_jets: int, *, seed: int = 0) -> Jets:
        """Return about so many jets, in whole blocks from all over the split, evenly over the classes."""
        return Jets.concatenate(list(replace(self, index=self.index.first(num_jets, seed=seed)).blocks()))


@dataclass
class StreamBatches(Batches):
    """Batches of a split on disk; reading and preparing run ahead in threads.

    Parameters
    ----------
    split
        The jets.
    prepare
        From jets to what batches are cut from; called in a thread, it must not depend on the jets' company.
    draw
        Which jets take part in each epoch, numbered in the order of blocks; None: each once.
    renewed
        From jets and an epoch to these jets as that epoch shuffles them; None: as they are read.
    """

    split: StreamedSplit
    prepare: Prepare
    draw: Draw | None = None
    renewed: Callable[[Jets, int], Jets] | None = None
    _meter: ShuffleMeter | None = field(init=False, default=None)
    _readers: Readers | None = field(init=False, default=None)
    _kept: JetStore | None = field(init=False, default=None)

    @property
    def num_jets(self) -> int:
        """Number of jets of an epoch."""
        return self.split.num_jets if self.draw is None else self.draw.fewest

    def order(self, seed: int, epoch: int) -> EpochOrder:
        """Return the order of an epoch."""
        index, draw = self.split.index, self.draw
        order = index.order(self.split.settings.pool, seed=seed, epoch=epoch)
        if draw is None:
            return order
        return replace(order, num_jets=draw.counts(offsets_of(index.num_jets), seed=seed, epoch=epoch))

    def shuffled(self, place: Place) -> Iterator[JetBatch]:
        """Yield the rest of an epoch, cut from pools of blocks."""
        split, order = self.split, self.order(place.seed, place.epoch)
        if self._meter is None or place.batch == 0:
            self._meter = self._new_meter()
        meter, total = self._meter, min(self.num_jets, int(order.num_jets.sum()))
        count = max(1, total // place.size)
        bounds = np.minimum(np.arange(count + 1) * place.size, total)
        if self._readers is None:  # files stay open from epoch to epoch
            self._readers = Readers(split.source, split.settings.workers)
        made = portions(
            self._readers, split.index, order, bounds, self._prepare_for(place.epoch),
            first=place.batch, slice_=Slice(place.rank, place.ranks), choice=self._choice(place),
        )  # fmt: skip
        for portion in made:
            for rows in portion.batches:
                label = portion.content.label
                meter.add(portion.block[rows], None if label is None else label[rows])
                yield portion.content.batch(rows)

    def _prepare_for(self, epoch: int) -> Prepare:
        prepare, renewed = self.prepare, self.renewed
        return prepare if renewed is None else lambda jets: prepare(renewed(jets, epoch))

    def _choice(self, place: Place) -> Callable[[int], IntArray] | None:
        draw, ptr = self.draw, offsets_of(self.split.index.num_jets)
        if draw is None:
            return None
        return lambda k: draw.rows(ptr[k], ptr[k + 1], seed=place.seed, epoch=place.epoch) - ptr[k]

    def _new_meter(self) -> ShuffleMeter:
        """Return a meter that expects as many jets of each block as are drawn of it on average."""
        index, draw = self.split.index, self.draw
        if draw is None:
            return ShuffleMeter(index)
        ptr = offsets_of(index.num_jets)
        mean = np.add.reduceat(np.clip(draw.weight, 0, 1), ptr[:-1], dtype=np.float64) * draw.rounds
        share = (mean / index.num_jets)[:, None]
        return ShuffleMeter(replace(index, counts=np.ceil(index.counts * share).astype(np.int64)))

    def in_order(self, size: int) -> Iterator[JetBatch]:
        """Yield all jets in order, in batches of at most ``size`` that end where pools end; a single pool is kept."""
        stores = one_ahead(self.prepare(jets) for jets in self._pools()) if self._kept is None else iter([self._kept])
        for store in stores:
            self._kept = store if store.num_jets == self.split.num_jets else None
            yield from StoreBatches(store).in_order(size)

    def _pools(self) -> Iterator[Jets]:
        parts: list[Jets] = []
        for jets in self.split.blocks():
            parts.append(jets)
            if sum(part.num_jets for part in parts) >= self.split.settings.pool:
                yield Jets.concatenate(parts)
                parts = []
        if parts:
            yield Jets.concatenate(parts)

    def figures(self) -> dict[str, Any]:
        """Return how well the batches of the last epoch were shuffled; 1 is ideal, see :class:`ShuffleMeter`."""
        found = {} if self._meter is None else self._meter.figures()
        if found.get("quality", 1.0) < FAIR:
            what = f"shuffle quality {found['quality']:.2f}, 1 is ideal: batches hold too few classes or files"
            warnings.warn(JetlegoWarning("SHUFFLE", f"{what}; choose a larger data.stream.pool"), stacklevel=2)
        return {f"shuffle_{name}": round(value, 4) for name, value in found.items()}

    def close(self) -> None:
        """Close the files that :meth:`shuffled` keeps open."""
        if self._readers is not None:
            self._readers.close()
            self._readers = None

    def state(self) -> dict[str, Any]:
        """Return what the meter counted, so that a resumed epoch tells the same figures."""
        return {} if self._meter is None else self._meter.state()

    def restore(self, state: dict[str, Any]) -> None:
        """Go on counting where a checkpoint left off."""
        if state:
            self._meter = self._new_meter()
            self._meter.restore(state)
