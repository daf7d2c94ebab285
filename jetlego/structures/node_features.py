"""What a network sees of each tree node: a registry of named columns, and named sets of them.

A feature is a function of :class:`~jetlego.structures.nodes.Nodes`. Features of a declustering exist at inner nodes
only and return (M,); all others return (T,).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from jetlego.clustering.history import History
from jetlego.clustering.threads import over_blocks
from jetlego.conventions import FloatArray
from jetlego.errors import ConfigError, did_you_mean
from jetlego.structures import _kernels
from jetlego.structures.forest import Forest
from jetlego.structures.nodes import Nodes

_BLOCK = 64
"""Jets at a time: a column of their nodes stays in a processor's second-level cache."""


@dataclass(frozen=True)
class NodeFeature:
    """A named column: its function, and whether it exists at inner nodes alone."""

    name: str
    compute: Callable[[Nodes], FloatArray]
    inner_only: bool
    needs: tuple[str, ...] = ()


NODE_FEATURES: dict[str, NodeFeature] = {}

NODE_FEATURE_SETS: dict[str, tuple[str, ...]] = {}
"""Named lists of features; :mod:`~jetlego.structures.momentum_features` and
:mod:`~jetlego.structures.content_features` fill both."""


def node_feature(
    *, inner_only: bool = False, needs: tuple[str, ...] = ()
) -> Callable[[Callable[[Nodes], FloatArray]], Callable[[Nodes], FloatArray]]:
    """Register a function of nodes as a feature under its own name.

    Parameters
    ----------
    inner_only
        The function returns (M,), one value for each inner node, instead of (T,).
    needs
        Columns of the constituents that it reads.
    """

    def register(function: Callable[[Nodes], FloatArray]) -> Callable[[Nodes], FloatArray]:
        name = function.__name__
        if name in NODE_FEATURES:
            raise ConfigError("DUPLICATE-NAME", f"there are two node features '{name}'")
        NODE_FEATURES[name] = NodeFeature(name, function, inner_only, needs)
        return function

    return register


def feature_names(features: str | Iterable[str]) -> tuple[str, ...]:
    """Return the columns of a feature set, of a feature, or of a list of either.

    Raises
    ------
    ConfigError
        If a name is neither a feature nor a set (tells the nearest), or a column comes twice.
    """
    names: list[str] = []
    for name in [features] if isinstance(features, str) else features:
        if name not in NODE_FEATURE_SETS and name not in NODE_FEATURES:
            hint = did_you_mean(name, [*NODE_FEATURE_SETS, *NODE_FEATURES])
            raise ConfigError("UNKNOWN-FEATURE", f"there is no node feature or set '{name}'", hint)
        names += NODE_FEATURE_SETS.get(name, (name,))
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ConfigError("BAD-VALUE", f"node features named twice: {', '.join(sorted(twice))}")
    return tuple(names)


def node_features(
    history: History,
    forest: Forest,
    features: str | Iterable[str],
    *,
    constituents: Mapping[str, FloatArray] | None = None,
    missing: float = 0.0,
    threads: int | None = None,
) -> FloatArray:
    """Return (T, F) float64 features of every node, unscaled.

    Parameters
    ----------
    history, forest
        The merges and the trees grown from them.
    features
        A set, a feature, or a list of either.
    constituents
        {name: (P,)} columns, for the features that add up charges and the like.
    missing
        What stands where a feature does not exist: at leaves, for the coordinates of a declustering.
    threads
        All cores by default; the result does not depend on it.

    Raises
    ------
    ConfigError
        If a name is unknown, or a feature needs a constituent column that is not there.
    """
    columns = constituents or {}
    chosen = [NODE_FEATURES[name] for name in feature_names(features)]
    for feature in chosen:
        for need in feature.needs:
            if need not in columns:
                have = did_you_mean(need, columns) or "there are no constituent columns"
                raise ConfigError("NO-BRANCH", f"node feature '{feature.name}' needs constituent column '{need}'", have)
    out = np.empty((forest.num_nodes, len(chosen)))

    def work(first: int, last: int) -> None:
        for start in range(first, last, _BLOCK):
            nodes = Nodes(history, forest, columns).block(start, min(start + _BLOCK, last))
            rows = out[forest.node_ptr[start] : forest.node_ptr[min(start + _BLOCK, last)]]
            _write_columns(nodes, chosen, missing, rows)

    over_blocks(work, forest.jet_ptr, threads)
    return out


def _write_columns(nodes: Nodes, features: list[NodeFeature], missing: float, out: FloatArray) -> None:
    columns = np.empty((len(features), len(out)))  # in cache; writing every 14th number of `out` is slower
    for column, feature in zip(columns, features, strict=True):
        if feature.inner_only:
            column[:] = missing
            column[nodes.inner] = feature.compute(nodes)
        else:
            column[:] = feature.compute(nodes)
    _kernels.transpose(columns, out)
