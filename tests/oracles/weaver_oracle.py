"""Weaver's transform and padding, one number at a time, and small files to try them on."""

from __future__ import annotations

import awkward as ak
import numpy as np
import uproot


def slow_row(row, *, length, wrap=False, center=None, scale=1, low=-5, high=5, pad_value=0):
    """Return one padded row as the specification reads (float32 throughout)."""
    f4 = np.float32
    out = []
    with np.errstate(all="ignore"):
        for v in np.asarray(row, f4):
            x = v
            if center is not None:
                x = (v - f4(center)) * f4(scale)
                x = f4(low) if x < f4(low) else x
                x = f4(high) if x > f4(high) else x
            out.append(f4(0) if np.isnan(x) else x)
    if wrap:
        return [out[j % len(out)] if out else f4(0) for j in range(length)]
    return out[:length] + [f4(pad_value)] * (length - len(out))


def slow_tensor(rows, **options):
    """Return (N, length) float32 of rows."""
    return np.array([slow_row(row, **options) for row in rows], np.float32).reshape(len(rows), options["length"])


def write_tree(path, columns, tree="tree", step=7):
    """Write {name: numpy or jagged awkward array} as a TTree of several baskets."""
    kinds = {}
    for name, values in columns.items():
        flat = isinstance(values, np.ndarray)
        kinds[name] = np.dtype((values.dtype, values.shape[1:])) if flat else ak.type(values).content
    total = len(next(iter(columns.values())))
    with uproot.recreate(path) as file:
        out = file.mktree(tree, kinds)
        for start in range(0, total, step):
            out.extend({name: values[start : start + step] for name, values in columns.items()})
    return path


def toy_columns(count=40, seed=0):
    """Return columns of ``count`` jets, the first of them without constituents."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 9, count)
    counts[0] = 0
    total = counts.sum()

    def jagged(values):
        return ak.unflatten(values, counts)

    label = rng.integers(0, 3, count)
    return {
        "part_px": jagged(rng.normal(0, 20, total).astype("f4")),
        "part_py": jagged(rng.normal(0, 20, total).astype("f4")),
        "part_energy": jagged(rng.exponential(50, total).astype("f4") + 1),
        "part_pid": jagged(rng.choice([211, -211, 22], total).astype("i4")),
        "part_flag": jagged(rng.integers(0, 2, total).astype("?")),
        "part_odd": jagged(rng.choice([1.0, np.nan, np.inf, -np.inf, -2.0], total).astype("f4")),
        "jet_pt": rng.uniform(400, 1000, count).astype("f4"), "jet_n": counts.astype("i4"),
        "jet_eta": rng.normal(0, 1, count), "jet_mat": rng.normal(0, 1, (count, 3)).astype("f4"),
        "is_a": (label == 0).astype("i4"), "is_b": (label == 1), "is_c": (label == 2).astype("f4"),
        "weight": rng.uniform(0, 1, count).astype("f4"),
    }  # fmt: skip
