"""How well a stream is shuffled, measured on its batches; 1 is what a perfect shuffle would give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from jetlego.conventions import FloatArray, IntArray
from jetlego.data.stream.index import BlockIndex


class ShuffleMeter:
    """Compares the batches of an epoch with batches drawn at random from all jets.

    Notes
    -----
    ``quality`` is the entropy of the files and classes that meet in a batch, over what a batch of the same size drawn
    at random would have on average; the mean over batches. Batches of one class or file alone lower it; jets of one
    file that stand side by side do not. ``depth`` is the same of blocks: a pool of few blocks cannot reach 1 when there
    are many. ``autocorrelation`` is that of the label at lag 1: 0 for a shuffled stream, near 1 for a sorted one.
    """

    def __init__(self, index: BlockIndex) -> None:
        self.counts, self.file = index.counts, np.array([block.file for block in index.blocks])
        self.block_share = index.num_jets / index.total
        cells = np.zeros((int(self.file.max()) + 1, index.counts.shape[1]))
        np.add.at(cells, self.file, index.counts)
        self.cell_share = cells.reshape(-1) / index.total
        self._sums = np.zeros(2)
        self._ideal: dict[int, FloatArray] = {}
        self._batches = 0
        self._label_counts = np.zeros(index.counts.shape[1], np.int64)
        self._same, self._last = 0, -1

    def add(self, block: IntArray, label: IntArray | None) -> None:
        """Look at one batch of at least one jet: the block of each jet, and its label."""
        width = self.counts.shape[1]
        classes = np.full(len(block), width - 1) if label is None else np.where(label < 0, width - 1, label)
        found = entropy(np.bincount(self.file[block] * width + classes)), entropy(np.bincount(block))
        if len(block) not in self._ideal:
            shares = self.cell_share, self.block_share
            self._ideal[len(block)] = np.array([expected_entropy(share, len(block)) for share in shares])
        ideal = self._ideal[len(block)]
        self._sums += np.divide(found, ideal, out=np.ones(2), where=ideal > 1e-12)
        self._batches += 1
        self._label_counts += np.bincount(classes, minlength=width)
        self._same += int((classes[1:] == classes[:-1]).sum()) + int(classes[0] == self._last)
        self._last = int(classes[-1])

    def state(self) -> dict[str, Any]:
        """Return what has been counted as plain data, for a checkpoint."""
        return {"sums": self._sums.tolist(), "batches": self._batches, "labels": self._label_counts.tolist(),
                "same": self._same, "last": self._last}  # fmt: skip

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on counting from what :meth:`state` returned."""
        self._sums, self._batches = np.array(state["sums"]), state["batches"]
        self._label_counts, self._same, self._last = np.array(state["labels"]), state["same"], state["last"]

    def figures(self) -> dict[str, float]:
        """Return ``quality``, ``depth`` and ``autocorrelation`` of the batches so far; nothing without batches."""
        if not self._batches:
            return {}
        quality, depth = (self._sums / self._batches).tolist()
        return {"quality": quality, "depth": depth, "autocorrelation": self._autocorrelation()}

    def _autocorrelation(self) -> float:
        """Return how much more often the next jet has the same class than by chance, over the most it could be."""
        total = int(self._label_counts.sum())
        by_chance = float(((self._label_counts / total) ** 2).sum())
        same = self._same / max(1, total - 1)
        return 0.0 if by_chance >= 1 else (same - by_chance) / (1 - by_chance)


def entropy(counts: IntArray) -> float:
    """Return the entropy, in nat, of how ``counts`` things are spread."""
    share = counts[counts > 0] / counts.sum()
    return float(-(share * np.log(share)).sum())


def expected_entropy(share: FloatArray, size: int) -> float:
    """Return the mean entropy of ``size`` things drawn at random from kinds of these shares (multinomial)."""
    number = np.arange(1, size + 1)
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, size + 1)))])
    log_choices = log_factorial[-1] - log_factorial[number] - log_factorial[size - number]
    total = 0.0
    for kind, times in zip(*np.unique(share[(share > 0) & (share < 1)], return_counts=True), strict=True):
        log_pmf = log_choices + number * np.log(kind) + (size - number) * np.log1p(-kind)
        total -= times * float((np.exp(log_pmf) * (number / size) * np.log(number / size)).sum())
    return total
