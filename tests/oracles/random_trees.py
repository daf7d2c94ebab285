"""Random jets and trees of any size, empty ones and single constituents among them."""

from __future__ import annotations

import numpy as np

from jetlego.clustering.history import History
from jetlego.data.jets import Jets

MIXED = (5, 0, 1, 2, 30, 1, 0, 3, 12, 2)


def random_momenta(rng: np.random.Generator, count: int) -> np.ndarray:
    """Return (count, 4) light particles around one axis."""
    pt, eta, phi = rng.exponential(20.0, count) + 0.1, rng.normal(0.3, 0.3, count), rng.normal(2.9, 0.3, count)
    px, py, pz = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
    return np.stack([px, py, pz, np.sqrt(px**2 + py**2 + pz**2 + 0.14**2)], axis=1)


def random_jets(seed: int, counts: tuple[int, ...] = MIXED) -> Jets:
    """Return labelled jets of the given numbers of constituents."""
    rng = np.random.default_rng(seed)
    ptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    p4 = random_momenta(rng, int(ptr[-1]))
    charge = rng.integers(-1, 2, len(p4)).astype(np.float32)
    label = rng.integers(0, 2, len(counts))
    return Jets(p4, ptr, {"part_charge": charge}, {}, label, ("qcd", "top"), rng.random(len(counts)).astype(np.float32))


def random_history(seed: int, counts: tuple[int, ...] = MIXED) -> History:
    """Return histories whose merges are drawn at random."""
    jets = random_jets(seed, counts)
    rng = np.random.default_rng(seed)
    parents: list[list[int]] = []
    for count in counts:
        pool = list(range(count))
        for step in range(count - 1):
            pair = sorted(int(pool.pop(rng.integers(len(pool)))) for _ in range(2))
            parents.append(pair)
            pool.append(count + step)
    return History.from_parents(np.array(parents, np.int64).reshape(-1, 2), jets.p4, jets.jet_ptr)
