"""The order of one epoch as a pure function of (seed, epoch): blocks over pools, then jets within a pool."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from jetlego.clustering.packed import offsets_of
from jetlego.conventions import IntArray
from jetlego.data.expressions.keyed import mix, to_unit
from jetlego.data.permutation import shuffled

_PURPOSE = {"blocks": np.uint64(1), "jitter": np.uint64(2), "pool": np.uint64(3)}


@dataclass(frozen=True)
class EpochOrder:
    """Which jet stands at each position of an epoch.

    Parameters
    ----------
    num_jets
        (n,) int64 jets of each block.
    group
        (n,) int64 what blocks are told apart by (their class, or their file): each pool gets its share of each group.
    pool_size
        Jets a pool holds, at most by part of a block.
    seed, epoch
        The key, both >= 0.
    """

    num_jets: IntArray
    group: IntArray
    pool_size: int
    seed: int
    epoch: int

    @cached_property
    def blocks(self) -> IntArray:
        """(n,) int64 block numbers in the order of the epoch.

        The blocks of each group are permuted, and the k-th of m stands at a random place of the k-th of m equal parts
        of the epoch; so every stretch of the epoch holds each group in its share, but for a block or so.
        """
        place = np.empty(len(self.group))
        for group in np.unique(self.group):
            own = np.flatnonzero(self.group == group)
            order = shuffled(np.arange(len(own)), num_samples=len(own), seed=self._key("blocks", group), epoch=0)
            jitter = to_unit(mix(own.astype(np.uint64) ^ np.uint64(self._key("jitter", group))))
            place[own] = (order + jitter) / len(own)
        return np.argsort(place, kind="stable")

    @cached_property
    def block_ptr(self) -> IntArray:
        """(n + 1,) int64 position at which each block of :attr:`blocks` would begin if pools were not mixed."""
        return offsets_of(self.num_jets[self.blocks])

    @cached_property
    def _pool_edges(self) -> IntArray:
        """(pools + 1,) int64 index into :attr:`blocks`: pools of about equal numbers of jets."""
        total = int(self.block_ptr[-1])
        pools = max(1, -(-total // self.pool_size))
        edges = np.searchsorted(self.block_ptr, np.arange(1, pools) * (total / pools), side="right")
        return np.unique(np.concatenate([[0], edges, [len(self.blocks)]])).astype(np.int64)

    @property
    def num_pools(self) -> int:
        """Number of pools."""
        return len(self._pool_edges) - 1

    @cached_property
    def pool_ptr(self) -> IntArray:
        """(pools + 1,) int64 first position of each pool, and the number of jets of the epoch."""
        return self.block_ptr[self._pool_edges]

    def pool_of(self, position: int) -> int:
        """Return the pool that holds a position."""
        return int(np.searchsorted(self.pool_ptr, position, side="right")) - 1

    def pool_blocks(self, pool: int) -> IntArray:
        """Return the block numbers of a pool; its rows are their jets, one block after the other."""
        return self.blocks[self._pool_edges[pool] : self._pool_edges[pool + 1]]

    def rows(self, pool: int, positions: IntArray) -> IntArray:
        """Return the row of the pool that stands at each of these positions of the epoch, all inside the pool."""
        first, last = self.pool_ptr[pool], self.pool_ptr[pool + 1]
        inside, size = np.asarray(positions, np.int64) - first, int(last - first)
        return shuffled(inside, num_samples=size, seed=self._key("pool", pool), epoch=0)

    def _key(self, purpose: str, number: int) -> int:
        key = mix(mix(np.full(1, self.seed, np.uint64)) ^ np.uint64(self.epoch))
        return int(mix(mix(key ^ _PURPOSE[purpose]) ^ np.uint64(number + 1))[0])
