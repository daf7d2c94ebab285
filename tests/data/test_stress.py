"""Disturbed jets: momentum stays, numbers grow as asked, columns follow."""

from __future__ import annotations

import numpy as np
import pytest

from jetlego.data.read import read_jets
from jetlego.data.stress import add_soft, split_collinear
from jetlego.errors import ConfigError
from jetlego.evaluation.stress import STRESS_TESTS, score_shifts


@pytest.fixture(scope="module")
def jets():
    found = read_jets(["sample://top/test", "sample://qcd/test"], classes={"top": "label_Tbqq", "qcd": "label_QCD"})
    return found.select(np.arange(0, found.num_jets, max(1, found.num_jets // 60)))


def total(jets):
    return np.add.reduceat(jets.p4, jets.jet_ptr[:-1], axis=0)


@pytest.mark.parametrize("choice", ["hardest", "random"])
def test_splitting_shares_momenta(jets, choice):
    after = split_collinear(jets, count=3, choice=choice, share=0.25)
    np.testing.assert_array_equal(after.num_constituents, jets.num_constituents + 3)
    np.testing.assert_allclose(total(after), total(jets), rtol=1e-12, atol=1e-9)
    assert set(after.constituents) == set(jets.constituents)
    pt, old = (np.hypot(*some.p4[: some.jet_ptr[1], :2].T) for some in (after, jets))
    twins = np.flatnonzero(np.isclose(pt[1:], 3 * pt[:-1], rtol=1e-12))
    assert len(twins) == 3
    if choice == "hardest":
        np.testing.assert_allclose(np.sort(4 * pt[twins]), np.sort(old)[-3:], rtol=1e-12)


def test_soft_particles_stand_behind_and_weigh_nothing(jets):
    after = add_soft(jets, count=7, pt=1e-6, radius=0.5)
    np.testing.assert_array_equal(after.num_constituents, jets.num_constituents + 7)
    np.testing.assert_allclose(total(after), total(jets), atol=1e-3)
    rows = after.jet_ptr[1:, None] - 7 + np.arange(7)
    np.testing.assert_allclose(np.hypot(after.p4[rows, 0], after.p4[rows, 1]), 1e-6, rtol=1e-9)
    kept = np.ones(len(after.p4), bool)
    kept[rows] = False
    np.testing.assert_array_equal(after.p4[kept], jets.p4)
    for name, values in jets.constituents.items():
        np.testing.assert_array_equal(after.constituents[name][kept], values)


def test_wrong_words(jets):
    with pytest.raises(ConfigError, match="hardest"):
        split_collinear(jets, choice="hardst")
    with pytest.raises(ConfigError, match="between 0 and 1"):
        split_collinear(jets, share=1.0)


def test_a_safe_score_does_not_move_and_an_unsafe_one_does(jets):
    def mass(some):
        p = total(some)
        return np.sqrt(np.maximum(p[:, 3] ** 2 - (p[:, :3] ** 2).sum(axis=1), 0.0))

    safe = score_shifts(mass, jets)
    unsafe = score_shifts(lambda some: some.num_constituents.astype(float), jets)
    assert [shift.name for shift in safe] == list(STRESS_TESTS)
    assert max(shift.tail for shift in safe) < 0.1  # GeV
    assert [shift.median for shift in unsafe] == [1, 10, 10, 10, 200]
    assert all(shift.auc_change == 0 for shift in unsafe)  # all numbers grow by the same
