"""The RecNN of Louppe, Cho, Becot, Cranmer (arXiv:1702.00748) with its authors' arrays."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from jetlego.bricks.recursive.recnn import recnn_gated, recnn_simple
from jetlego.bricks.recursive.walk import jet_states
from jetlego.conventions import FloatArray
from jetlego.errors import ConfigError, DataError, did_you_mean
from jetlego.structures.forest import Forest

_WEIGHTS = {
    "simple": ("W_u", "b_u", "W_h", "b_h"),
    "gated": ("W_u", "b_u", "W_h", "b_h", "W_r", "b_r", "W_z", "b_z"),
}


class ReferenceRecNN(nn.Module):
    """RecNN and classifier holding the original's arrays under their names; see :func:`load_recnn`."""

    def __init__(self, params: Mapping[str, Tensor], *, cell: str) -> None:
        super().__init__()
        self.cell = cell
        for name in _WEIGHTS[cell]:
            self.register_parameter(name, nn.Parameter(params[name]))
        self.W_clf = nn.ParameterList(params[f"W_clf/{layer}"] for layer in range(3))
        self.b_clf = nn.ParameterList(params[f"b_clf/{layer}"] for layer in range(3))
        self.register_buffer("empty", torch.zeros_like(params["b_u"]), persistent=False)

    def forward(self, features: Tensor | FloatArray, forest: Forest) -> tuple[Tensor, Tensor]:
        """Return embeddings (B, H) and scores (B,).

        Parameters
        ----------
        features
            (T, F) scaled node features, in the order of the forest's nodes.
        forest
            Trees of B jets; a jet without constituents has embedding zero.
        """
        like = self.empty
        x = torch.as_tensor(features).to(like)
        if len(x) != forest.num_nodes:
            raise DataError("BAD-SHAPE", f"features have {len(x)} rows for {forest.num_nodes} nodes")
        plan = forest.plan().to(like.device)
        walk = recnn_simple if self.cell == "simple" else recnn_gated
        weights = (getattr(self, name) for name in _WEIGHTS[self.cell])
        roots = walk(x.index_select(0, plan.node_of_row), *weights, plan, roots_only=True)
        embedding = jet_states(roots, plan, like)
        return embedding, self.score(embedding)

    def score(self, embedding: Tensor) -> Tensor:
        """Return logistic(2 a), a the last of three layers, for embeddings (B, H)."""
        h = embedding
        for layer in range(2):
            h = torch.relu(nn.functional.linear(h, self.W_clf[layer], self.b_clf[layer]))
        return torch.sigmoid(2.0 * (h @ self.W_clf[2] + self.b_clf[2]))


def load_recnn(params: Mapping[str, FloatArray], *, cell: str) -> ReferenceRecNN:
    """Return the original network with given arrays, in their precision.

    Parameters
    ----------
    params
        ``W_u`` (H, F), ``b_u`` (H,), ``W_h`` (H, 3H), ``b_h`` (H,), ``W_clf/0``, ``W_clf/1`` (H, H), ``W_clf/2`` (H,),
        ``b_clf/0``, ``b_clf/1`` (H,), ``b_clf/2`` (1,); for the gated cell also ``W_r`` (3H, 3H), ``b_r`` (3H,),
        ``W_z`` (4H, 4H), ``b_z`` (4H,). Lists under ``W_clf`` and ``b_clf`` do as well.
    cell
        ``"simple"`` or ``"gated"``.

    Returns
    -------
    ReferenceRecNN
        Called as ``module(features, forest)``; gives ``(embedding (B, H), score (B,))``.

    Raises
    ------
    ConfigError
        If the cell is unknown.
    DataError
        If an array is missing or has another shape than W_u demands.
    """
    if cell not in _WEIGHTS:
        raise ConfigError("BAD-VALUE", f"there is no RecNN cell '{cell}'", did_you_mean(cell, _WEIGHTS))
    arrays = dict(params)
    for name in ("W_clf", "b_clf"):
        arrays |= {f"{name}/{layer}": array for layer, array in enumerate(arrays.pop(name, ()))}
    shapes = _shapes(arrays, cell)
    for name, shape in shapes.items():
        if name not in arrays:
            raise DataError("BAD-CHECKPOINT", f"parameter '{name}' is missing", did_you_mean(name, arrays))
        if np.shape(arrays[name]) != shape:
            what = f"parameter '{name}' has shape {np.shape(arrays[name])}, not {shape}"
            raise DataError("BAD-CHECKPOINT", what)
    tensors = {name: torch.tensor(np.asarray(arrays[name])) for name in shapes}
    return ReferenceRecNN(tensors, cell=cell)


def _shapes(arrays: Mapping[str, FloatArray], cell: str) -> dict[str, tuple[int, ...]]:
    width, in_dim = np.shape(arrays.get("W_u", np.empty((0, 0))))
    shapes: dict[str, tuple[int, ...]] = {"W_u": (width, in_dim), "b_u": (width,)}
    shapes |= {"W_h": (width, 3 * width), "b_h": (width,)}
    if cell == "gated":
        shapes |= {"W_r": (3 * width,) * 2, "b_r": (3 * width,), "W_z": (4 * width,) * 2, "b_z": (4 * width,)}
    shapes |= {"W_clf/0": (width,) * 2, "W_clf/1": (width,) * 2, "W_clf/2": (width,)}
    return shapes | {"b_clf/0": (width,), "b_clf/1": (width,), "b_clf/2": (1,)}
