"""Batches of jets of like length: weaver's ``bucketing: {var, bins}``, keyed by seed and epoch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jetlego.conventions import FloatArray, IntArray
from jetlego.data.permutation import shuffled
from jetlego.data.weaver.config import WeaverConfig
from jetlego.data.weaver.frame import Frame
from jetlego.data.weaver.tensors import to_numpy
from jetlego.errors import ConfigError


def bucket_edges(values: FloatArray, bins: int | Sequence[float]) -> FloatArray:
    """Return bucket edges: quantiles of ``values`` for a number of bins; given edges with open ends otherwise.

    Raises
    ------
    ConfigError
        ``BAD-VALUE`` for edges that do not ascend or fewer than one bin.
    """
    if isinstance(bins, int) and not isinstance(bins, bool):
        if bins < 1:
            raise ConfigError("BAD-VALUE", f"bucketing: {bins} bins")
        edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1))) if len(values) else np.arange(2.0)
    else:
        edges = np.asarray(bins, np.float64)
    if edges.ndim != 1 or (len(edges) > 1 and not (np.diff(edges) > 0).all()):
        raise ConfigError("BAD-VALUE", "bucketing: bin edges do not ascend")
    return np.concatenate([[-np.inf], edges[1:-1], [np.inf]])


def bucket_names(config: WeaverConfig, shuffle: bool) -> tuple[str, ...]:
    """Return the columns that the order of batches needs."""
    bucketing = config.options["bucketing"]
    return (bucketing["var"],) if shuffle and bucketing else ()


def mixed_order(
    frame: Frame, config: WeaverConfig, drawn: IntArray, *, batch_size: int | None, seed: int, epoch: int
) -> IntArray:
    """Return a random order of the ``drawn`` jets, by buckets if the configuration has them."""
    bucketing = config.options["bucketing"]
    if not bucketing or batch_size is None:
        return shuffled(np.arange(len(drawn)), num_samples=len(drawn), seed=seed + int(frame.rows[0]), epoch=epoch)
    values = to_numpy(frame.columns[bucketing["var"]], f"'{bucketing['var']}' of bucketing")[drawn]
    return bucket_order(values, bucketing["bins"], batch_size=batch_size, seed=seed + int(frame.rows[0]), epoch=epoch)


def bucket_order(
    values: FloatArray, bins: int | Sequence[float], *, batch_size: int, seed: int, epoch: int = 0
) -> IntArray:
    """Return the order of a chunk's jets in which whole batches hold jets of one bucket.

    Parameters
    ----------
    values
        (N,) bucketing variable, such as the number of constituents.
    bins
        Number of quantile bins, or ascending edges.
    batch_size
        Jets a batch.
    seed, epoch
        Key of the shuffling.

    Notes
    -----
    Jets are shuffled within each bucket and cut into whole batches; the batches are shuffled; what is left of the
    buckets comes last.
    """
    bucket = np.digitize(values, bucket_edges(values, bins)) - 1
    order = shuffled(np.arange(len(values)), num_samples=len(values), seed=seed, epoch=epoch)
    batches, rest = [], []
    for number in np.unique(bucket):
        own = order[bucket[order] == number]
        whole = len(own) - len(own) % batch_size
        batches += list(own[:whole].reshape(-1, batch_size))
        rest.append(own[whole:])
    mixed = shuffled(np.arange(len(batches)), num_samples=len(batches), seed=seed + 1, epoch=epoch)
    return np.concatenate([*(batches[at] for at in mixed), *rest]).astype(np.int64) if len(values) else order
