"""The reference jets, trees, weights and gradients of the original recnn implementation."""

from __future__ import annotations

import numpy as np
from oracles.shared_folder import shared

from jetlego.clustering.history import History

ALGORITHMS = ("cambridge_aachen", "kt", "anti_kt")


def reference() -> dict[str, np.ndarray]:
    """Return all arrays of ``golden/recnn_reference.npz``."""
    with np.load(shared("golden/recnn_reference.npz")) as file:
        return dict(file)


def node_ptr(golden: dict[str, np.ndarray]) -> np.ndarray:
    """Return offsets of the nodes."""
    return 2 * golden["jet_ptr"] - np.arange(len(golden["jet_ptr"]))


def history(golden: dict[str, np.ndarray], algorithm: str) -> History:
    """Return the stored trees as a history."""
    children = golden[f"{algorithm}/children"]
    parents = np.sort(children[children[:, 0] >= 0], axis=1)
    return History.from_parents(parents, golden["p4"], golden["jet_ptr"], dij=golden[f"{algorithm}/dij_R1"])


def params(golden: dict[str, np.ndarray], cell: str) -> dict[str, np.ndarray]:
    """Return the weights of ``simple`` or ``gated`` by the original's names."""
    start = f"params/{cell}/"
    return {name.removeprefix(start): array for name, array in golden.items() if name.startswith(start)}
