"""Tiny batches of made-up jets, for tests of models and of plug-ins."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from jetlego.bricks.masks import segment_index
from jetlego.structures.batch import JetBatch

COUNTS = (9, 0, 3, 1, 20, 2)
"""Constituents of the jets of a tiny batch: none, one and two occur."""


def tiny_batch(counts: Sequence[int] = COUNTS, *, in_dim: int = 7, num_classes: int = 2, seed: int = 0,
               dtype: torch.dtype = torch.float32, spare: int = 0) -> JetBatch:  # fmt: skip
    """Return jets with ``counts`` constituents: random features, massless momenta within 0.3 of an axis, labels.

    ``spare`` makes the room for padding larger than the largest jet needs.
    """
    generator = torch.Generator().manual_seed(seed)
    total = sum(counts)
    features = torch.randn(total, in_dim, generator=generator, dtype=torch.float64)
    draw = torch.randn(total, 3, generator=generator, dtype=torch.float64)
    return batch_of(
        features.to(dtype),
        _massless(1 + 20 * draw[:, 0].abs(), 0.3 * draw[:, 1] + 0.7, 0.3 * draw[:, 2] + 3.0).to(dtype),
        counts,
        label=torch.randint(0, num_classes, (len(counts),), generator=generator),
        spare=spare,
    )


def batch_of(features: Tensor, p4: Tensor, counts: Sequence[int], *, label: Tensor | None = None,
             spare: int = 0) -> JetBatch:  # fmt: skip
    """Return a batch of packed features (P, F) and four-momenta (P, 4)."""
    ptr = torch.tensor([0, *counts]).cumsum(0)
    owner = segment_index(ptr, len(features))
    most = max(counts, default=0) + spare
    host = np.array(counts, np.int64)
    return JetBatch(len(counts), most, ptr, owner, constituents=features, p4=p4, label=label, counts=host)


def permuted_batch(jets: JetBatch, *, seed: int = 1) -> JetBatch:
    """Return the same jets with the constituents of each in another order."""
    generator = torch.Generator().manual_seed(seed)
    key = torch.rand(jets.num_constituents, generator=generator) + jets.jet_of_constituent
    order = key.argsort()
    counts = jets.jet_ptr.diff().tolist()
    assert jets.constituents is not None
    assert jets.p4 is not None
    return batch_of(jets.constituents[order], jets.p4[order], counts, label=jets.label)


def one_jet(jets: JetBatch, index: int) -> JetBatch:
    """Return a batch of one jet of a batch."""
    first, last = int(jets.jet_ptr[index]), int(jets.jet_ptr[index + 1])
    assert jets.constituents is not None
    assert jets.p4 is not None
    return batch_of(jets.constituents[first:last], jets.p4[first:last], [last - first])


def _massless(pt: Tensor, eta: Tensor, phi: Tensor) -> Tensor:
    return torch.stack([pt * phi.cos(), pt * phi.sin(), pt * eta.sinh(), pt * eta.cosh()], -1)
