"""A few hundred of the embedded jets, packed."""

from __future__ import annotations

from functools import cache

import numpy as np

from jetlego.data.read import read_jets


@cache
def some_jets(count: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """Return p4 and jet_ptr of the first ``count`` top jets and as many QCD jets."""
    parts = [read_jets(f"sample://{name}").select(np.arange(count)) for name in ("top", "qcd")]
    ptr = np.concatenate([[0], np.cumsum(np.concatenate([np.diff(part.jet_ptr) for part in parts]))])
    return np.concatenate([part.p4 for part in parts]), ptr
