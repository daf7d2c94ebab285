"""A few hundred of the embedded jets, packed, read by uproot alone."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import awkward as ak
import numpy as np
import uproot

FOLDER = Path(__file__).resolve().parents[2] / "jetlego" / "data" / "sample"
BRANCHES = ["part_px", "part_py", "part_pz", "part_energy"]


@cache
def some_jets(count: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """Return p4 and jet_ptr of the first ``count`` top jets and as many QCD jets."""
    parts = [read(FOLDER / f"{name}_train.root", count) for name in ("top", "qcd")]
    sizes = np.concatenate([np.diff(ptr) for _, ptr in parts])
    p4 = np.concatenate([momenta for momenta, _ in parts])
    p4.flags.writeable = False  # the same arrays serve every test
    return p4, np.concatenate([[0], np.cumsum(sizes)])


def read(path: Path, count: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return p4 and jet_ptr of the jets of a JetClass file."""
    with uproot.open(path) as file:
        columns = file["tree"].arrays(BRANCHES, entry_stop=count, library="ak")
    p4 = np.stack([ak.to_numpy(ak.flatten(columns[name])) for name in BRANCHES], axis=1).astype(np.float64)
    return p4, np.concatenate([[0], np.cumsum(ak.to_numpy(ak.num(columns["part_px"])))])
