"""Every column of the library is a number for every jet, however odd (reliability, faults 60, 63 to 66)."""

from __future__ import annotations

import numpy as np
import pytest

from jetlego.data.features import constituent_columns, constituent_features, jet_columns, jet_features
from jetlego.data.jets import Jets


def massless(px, py, pz):
    return [px, py, pz, float(np.hypot(np.hypot(px, py), pz))]


JETS = {
    "empty": [], "one": [massless(3, 4, 5)], "two": [massless(3, 4, 5), massless(3, 4.1, 5)],
    "a particle at rest": [[0, 0, 0, 0], massless(30, 1, 2), massless(20, 3, 4)],
    "nothing but zeros": [[0, 0, 0, 0], [0, 0, 0, 0]],
    "along the beam": [massless(0, 0, 50), massless(0, 0, -50), massless(30, 0, 1)],
    "all along the beam": [massless(0, 0, 50)],
    "one direction": [massless(30, 1, 2)] * 4,
    "equal distances": [massless(30, 1, 2), massless(30, 1, 2), massless(10, 5, 5)],
    "huge beside small": [massless(1e30, 0, 0), massless(1, 1, 1)],
    "denormal": [massless(1e-40, 1e-40, 0), massless(1e-30, 0, 0)],
    "spacelike": [[30, 1, 2, 10], [5, 5, 5, 0], [20, 1, 1, -3]],
    "back to back": [massless(30, 0, 0), massless(-30, 0, 0)],
}


@pytest.fixture(scope="module")
def odd() -> Jets:
    p4 = np.array([row for rows in JETS.values() for row in rows], np.float64)
    ptr = np.concatenate([[0], np.cumsum([len(rows) for rows in JETS.values()])])
    stored = {"part_pdgid": np.resize([211, -211, 22, 130, 11, 13, 0], len(p4)),
              "part_d0val": np.linspace(-1, 1, len(p4)), "part_d0err": np.zeros(len(p4)),
              "part_dzval": np.linspace(-9, 9, len(p4)), "part_dzerr": np.full(len(p4), 1e-30)}  # fmt: skip
    return Jets(p4, ptr, stored)


def test_all_jet_columns(odd) -> None:
    names = list(jet_columns())
    table = jet_features(odd, names)
    bad = [(jet, names[column]) for jet, column in zip(*np.nonzero(~np.isfinite(table)), strict=True)]
    assert not bad, [(list(JETS)[jet], name) for jet, name in bad]


def test_all_constituent_columns(odd) -> None:
    names = [name for name in constituent_columns() if name not in ("part_pid",)]
    table = constituent_features(odd, names)
    assert np.isfinite(table).all(), {names[k] for k in np.nonzero(~np.isfinite(table))[1]}
