"""Augmented jets: each change against its definition, one jet at a time, and independent of the jets' company."""

import math

import numpy as np
import pytest

from jetlego import read_jets
from jetlego.data.augment import Augmentation, augmented
from jetlego.errors import ConfigError
from jetlego.physics import kinematics

ALL = Augmentation(rotate=True, reflect=True, drop=0.2, smear_pt=0.1, smear_angle=0.2)


@pytest.fixture(scope="module")
def jets():
    return read_jets("sample://top/test").select(slice(0, 60))


def changed(jets, how=None, *, seed=1, epoch=1, **one):
    return augmented(jets, how or Augmentation(**one), seed=seed, epoch=epoch)


def around(jets, number, like):
    """Return (eta, phi) of a jet's constituents from the axis that a version of the jet has, by scalar formulas."""
    px, py, pz, _ = like.p4[like.jet_ptr[number] : like.jet_ptr[number + 1]].sum(axis=0)
    eta, phi = math.asinh(pz / math.hypot(px, py)), math.atan2(py, px)
    rows = jets.p4[jets.jet_ptr[number] : jets.jet_ptr[number + 1]]
    return np.array([
        (math.asinh(z / math.hypot(x, y)) - eta, (math.atan2(y, x) - phi + math.pi) % (2 * math.pi) - math.pi)
        for x, y, z, _ in rows
    ])


def test_rotation_is_one_angle_a_jet_about_its_axis(jets):
    turned, angles = changed(jets, rotate=True), []
    np.testing.assert_allclose(kinematics.pt(turned.p4), kinematics.pt(jets.p4), rtol=1e-12)
    for number in range(jets.num_jets):
        before, after = (around(j, number, jets) @ [1, 1j] for j in (jets, turned))
        ratio = after / before
        np.testing.assert_allclose(ratio, ratio[0], atol=1e-6)
        assert abs(ratio[0]) == pytest.approx(1, abs=1e-9)
        angles.append(np.angle(ratio[0]))
    assert np.histogram(angles, bins=4, range=(-np.pi, np.pi))[0].min() >= 5  # 15 are expected


def test_half_of_the_jets_are_mirrored(jets):
    mirrored = changed(jets, reflect=True)
    signs = []
    for number in range(jets.num_jets):
        before, after = (around(j, number, jets) for j in (jets, mirrored))
        np.testing.assert_allclose(after[:, 0], before[:, 0], atol=1e-9)
        sign = np.sign(before[0, 1] * after[0, 1])
        np.testing.assert_allclose(after[:, 1], sign * before[:, 1], atol=1e-9)
        signs.append(sign)
    assert 15 < (np.array(signs) < 0).sum() < 45


def test_smearing_has_the_widths_that_were_asked_for():
    jets = read_jets("sample://qcd/test")
    smeared = changed(jets, smear_pt=0.1)
    ratio = np.log(kinematics.pt(smeared.p4) / kinematics.pt(jets.p4))
    assert ratio.mean() == pytest.approx(0, abs=2e-3)
    assert ratio.std() == pytest.approx(0.1, rel=0.02)
    np.testing.assert_allclose(kinematics.eta(smeared.p4), kinematics.eta(jets.p4), atol=1e-9)
    moved = changed(jets, smear_angle=0.2)
    pull = (kinematics.eta(moved.p4) - kinematics.eta(jets.p4)) * kinematics.pt(jets.p4) / 0.2
    assert pull[kinematics.pt(jets.p4) > 1].std() == pytest.approx(1, rel=0.02)


def test_the_hardest_constituent_is_never_lost():
    jets = read_jets("sample://qcd/test")
    fewer = changed(jets, drop=0.3)
    assert 1 - len(fewer.p4) / len(jets.p4) == pytest.approx(0.3, abs=0.01)
    hardest = [np.maximum.reduceat(kinematics.pt(j.p4), j.jet_ptr[:-1]) for j in (jets, fewer)]
    np.testing.assert_array_equal(*hardest)
    np.testing.assert_array_equal(fewer.jet["jet_nparticles"], fewer.num_constituents)
    assert set(fewer.constituents) == set(jets.constituents)


def test_neither_company_nor_place_changes_a_jet(jets):
    whole, some = changed(jets, ALL), changed(jets.select([40, 7]), ALL)
    for place, number in enumerate((40, 7)):
        one, two = whole.select([number]), some.select([place])
        np.testing.assert_array_equal(one.p4, two.p4)
        for name in one.jet:
            np.testing.assert_array_equal(one.jet[name], two.jet[name])


def test_epochs_and_seeds_differ_and_repeat(jets):
    first = changed(jets, ALL).p4
    np.testing.assert_array_equal(first, changed(jets, ALL).p4)
    assert not np.array_equal(first[:20], changed(jets, ALL, epoch=2).p4[:20])
    assert not np.array_equal(first[:20], changed(jets, ALL, seed=2).p4[:20])
    np.testing.assert_array_equal(changed(jets, Augmentation()).p4, jets.p4)


def test_jet_columns_follow_the_constituents(jets):
    after = changed(jets, ALL)
    for name, measure in (("jet_pt", kinematics.pt), ("jet_mass", kinematics.mass)):
        old, new = (measure(kinematics.jet_p4(j.p4, j.jet_ptr)) for j in (jets, after))
        np.testing.assert_allclose(after.jet[name], jets.jet[name] * new / old, rtol=1e-5)
        assert after.jet[name].dtype == jets.jet[name].dtype
    np.testing.assert_array_equal(after.jet["jet_sdmass"], jets.jet["jet_sdmass"])


def test_what_a_file_stores_of_momenta_is_derived_again(jets):
    stored = type(jets)(jets.p4, jets.jet_ptr, {**jets.constituents, "part_deta": np.zeros(len(jets.p4))}, jets.jet)
    assert "part_deta" not in changed(stored, rotate=True).constituents


def test_jets_without_momentum_or_constituents_stay(jets):
    p4 = np.array([[0.0, 0, 5, 5], [0, 0, 0, 0], [3, 4, 0, 5]])
    odd = type(jets)(p4, np.array([0, 0, 2, 2, 3]), {}, {})
    after = changed(odd, ALL)
    np.testing.assert_array_equal(after.num_constituents > 0, odd.num_constituents > 0)
    assert np.isfinite(after.p4).all()
    assert any((after.p4[0] == row).all() for row in p4[:2])


@pytest.mark.parametrize("bad", [{"drop": 1.0}, {"drop": -0.1}, {"smear_pt": -1.0}, {"smear_angle": math.inf}])
def test_impossible_settings_are_refused(bad):
    with pytest.raises(ConfigError, match=next(iter(bad))):
        Augmentation(**bad)
