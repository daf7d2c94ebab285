"""Small files of jets in many layouts, and the plain lists that they were made from."""

from __future__ import annotations

import itertools
from pathlib import Path

import awkward as ak
import numpy as np
import uproot


def jetclass_arrays(counts: list[int], *, seed: int = 0, classes: tuple[str, ...] = ("QCD", "Tbqq")) -> dict:
    """Return {branch: array} of jets in JetClass names; jet b is of class b modulo the number of classes."""
    rng = np.random.default_rng(seed)
    total = sum(counts)
    momenta = {f"part_p{axis}": rng.normal(0, 20, total).astype(np.float32) for axis in "xyz"}
    square = sum(values.astype(np.float64) ** 2 for values in momenta.values())
    flat = {**momenta, "part_energy": np.sqrt(square + 0.02).astype(np.float32),
            "part_d0val": rng.normal(0, 0.1, total).astype(np.float32),
            "part_charge": rng.integers(-1, 2, total).astype(np.float32),
            "part_isMuon": rng.integers(0, 2, total).astype(np.int32)}  # fmt: skip
    arrays: dict = {name: ak.unflatten(values, counts) for name, values in flat.items()}
    number = np.arange(len(counts))
    arrays["jet_pt"] = rng.uniform(500, 1000, len(counts)).astype(np.float32)
    arrays["jet_nparticles"] = np.asarray(counts, np.float32)
    for i, name in enumerate(classes):
        arrays[f"label_{name}"] = (number % len(classes) == i).astype(np.int32)
    return arrays


def write_tree(path: Path, arrays: dict, *, tree: str = "tree", baskets: int = 1) -> Path:
    """Write a TTree in the given number of baskets."""
    length = len(next(iter(arrays.values())))
    cuts = np.linspace(0, length, baskets + 1).astype(int)
    with uproot.recreate(path) as file:
        out = file.mktree(tree, {name: branch_type(values) for name, values in arrays.items()})
        for start, stop in itertools.pairwise(cuts):
            out.extend({name: values[start:stop] for name, values in arrays.items()})
    return path


def branch_type(values):
    """Return what uproot's ``mktree`` wants to know of a branch."""
    if isinstance(values, ak.Array):
        return ak.type(values[:0]).content
    return (values.dtype, values.shape[1:]) if values.ndim > 1 else values.dtype


def write_rntuple(path: Path, arrays: dict, *, name: str = "tree") -> Path:
    """Write an RNTuple."""
    with uproot.recreate(path) as file:
        file.mkrntuple(name, arrays)
    return path
