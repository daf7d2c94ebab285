"""Names of processes, windows, and the walk through event records that are small enough to check by eye."""

from __future__ import annotations

import numpy as np
import pytest

from jetlego.conventions import JETCLASS_LABELS
from jetlego.data.generate import process_names
from jetlego.data.generate.events import daughter_rows
from jetlego.data.generate.jets import round_mantissa, stored_momenta
from jetlego.data.generate.processes import PROCESSES, resolve_process
from jetlego.data.generate.pythia import hard_candidates, may_give_jet
from jetlego.data.generate.selection import Selection
from jetlego.data.generate.truth import Candidate, candidate, decay_products, last_copy
from jetlego.errors import ConfigError


class Listed:
    """An event record from a list of (PDG code, daughters)."""

    def __init__(self, entries):
        self.entries = entries

    def pid(self, row):
        return self.entries[row][0]

    def daughters(self, row):
        return self.entries[row][1]

    def p4(self, row):
        return np.array([500.0 + row, 0.0, 0.0, 600.0])


TOP_RECORD = Listed([
    (90, ()), (2212, ()), (2212, ()), (21, (5, 6)), (21, (5, 6)),
    (6, (7,)), (-6, ()),  # 5, 6: the hard process
    (6, (8,)), (6, (9, 10)),  # 7, 8: recoiling copies
    (24, (11,)), (5, (14,)),  # 9, 10: t -> W b
    (24, (12, 13)), (2, ()), (-3, ()), (5, ()),  # 11: copy; 12, 13: W -> q q'; 14: the b quark has radiated
])  # fmt: skip


def test_every_jetclass_label_is_a_process_in_its_order():
    assert tuple(f"label_{label}" for label in PROCESSES) == JETCLASS_LABELS


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("top", "Tbqq"), ("TOP", "Tbqq"), ("label_Tbqq", "Tbqq"), ("qcd", "QCD"), ("W", "Wqq"), ("hbb", "Hbb"),
        ("HToWW2Q1L", "Hqql"),
    ],
)
def test_names_in_any_case(name, label):
    assert resolve_process(name).label == label
    assert label in process_names()


def test_unknown_name_tells_the_nearest():
    with pytest.raises(ConfigError, match=r"no process 'tpo'.*did you mean 'top'"):
        resolve_process("tpo")


@pytest.mark.parametrize(
    "window", [{"pt_min": 1000.0}, {"pt_min": 5.0}, {"eta_max": 2.5}, {"radius": float("nan")}, {"radius": -1.0}]
)
def test_windows_that_make_no_sense(window):
    with pytest.raises(ConfigError) as caught:
        Selection(**window)
    assert caught.value.id == "BAD-VALUE"


@pytest.mark.parametrize(
    ("pair", "rows"),
    [((0, 0), []), ((7, 0), [7]), ((0, 7), [7]), ((7, 7), [7]), ((3, 6), [3, 4, 5, 6]), ((9, 4), [9, 4])],
)
def test_daughters_as_pythia_numbers_them(pair, rows):
    assert list(daughter_rows(*pair)) == rows


def test_decay_is_read_before_radiation_and_through_copies():
    assert last_copy(TOP_RECORD, 5) == 8
    assert sorted(decay_products(TOP_RECORD, 5)) == [10, 12, 13]


def test_candidate_carries_resonance_products_and_code():
    one = candidate(TOP_RECORD, 5, resolve_process("top"))
    assert (one.pid, one.code, len(one.products)) == (6, 12, 3)
    np.testing.assert_array_equal(one.p4, TOP_RECORD.p4(8))
    assert candidate(TOP_RECORD, 5, resolve_process("Tbl")) is None


def test_leptons_are_taken_after_they_radiate():
    before = [(0, ())] * 5
    record = Listed([*before, (6, (9, 10)), (-13, (8,)), (14, ()), (-13, ()), (24, (6, 7)), (5, ())])
    one = candidate(record, 5, resolve_process("Tbl"))
    assert one.code == 16
    assert sorted(one.products[:, 0]) == [508.0, 510.0]


def test_candidates_of_the_hard_process():
    assert [one.code for one in hard_candidates(TOP_RECORD, 7, resolve_process("top"))] == [12]
    assert [one.pid for one in hard_candidates(TOP_RECORD, 7, resolve_process("qcd"))] == [6, -6]


@pytest.mark.parametrize(
    ("pt", "eta", "spread", "kept"),
    [
        (700, 0.5, 0.3, True), (390, 0.5, 0.3, False), (1400, 0.5, 0.3, False), (700, 2.6, 0.1, False),
        (700, 0.0, 1.5, False),
    ],
)
def test_veto_drops_what_cannot_become_a_jet(pt, eta, spread, kept):
    etas = np.array([eta - spread, eta + spread])
    half = pt / 2
    products = np.stack([np.full(2, half), np.zeros(2), half * np.sinh(etas), half * np.cosh(etas)], axis=1)
    assert may_give_jet(Candidate(6, products.sum(0), products, 12), Selection()) is kept


@pytest.mark.parametrize("bits", [5, 10, 23])
def test_rounding_keeps_the_leading_bits(bits):
    values = np.random.default_rng(1).normal(0, 1, 1000) * 10.0 ** np.random.default_rng(2).integers(-6, 6, 1000)
    rounded = round_mantissa(values, bits)
    assert np.abs(rounded / values - 1).max() <= 2.0 ** -(bits + 1)
    mantissa = rounded.astype(np.float32).view(np.uint32) & ((1 << (23 - bits)) - 1)
    assert not mantissa.any()
    assert round_mantissa(np.zeros(1), bits) == 0


@pytest.mark.parametrize(("momentum_bits", "energy_bits"), [(23, 23), (10, 16), (8, 8)])
def test_stored_momenta_are_float32_and_never_spacelike(momentum_bits, energy_bits):
    rng = np.random.default_rng(3)
    three = rng.normal(0, 50, (5000, 3))
    heavy = np.where(rng.random(5000) < 0.5, 0.0, 0.13957039)
    p4 = np.column_stack([three, np.sqrt((three**2).sum(1) + heavy**2)])
    kept = stored_momenta(p4, heavy, momentum_bits=momentum_bits, energy_bits=energy_bits)
    np.testing.assert_array_equal(kept, kept.astype(np.float32))
    np.testing.assert_allclose(kept, p4, rtol=2.0**-momentum_bits + 2.0**-energy_bits, atol=0)
    size2 = sum(kept[:, i].astype(np.longdouble) ** 2 for i in range(3))
    assert (kept[:, 3].astype(np.longdouble) ** 2 >= size2).all()
