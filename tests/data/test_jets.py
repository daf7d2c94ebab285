"""`Jets`: selection, joining and the awkward view against plain Python lists."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
import vector

from jetlego.data.jets import Jets
from jetlego.errors import DataError


def make(counts: list[int], *, seed: int = 0) -> Jets:
    rng = np.random.default_rng(seed)
    momenta = rng.normal(size=(sum(counts), 3)) * 10
    p4 = np.column_stack([momenta, np.linalg.norm(momenta, axis=1) + 1])
    ptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return Jets(
        p4=p4, jet_ptr=ptr,
        constituents={"part_charge": rng.integers(-1, 2, len(p4)).astype(np.int32)},
        jet={"jet_pt": rng.uniform(size=len(counts)).astype(np.float32)},
        label=np.arange(len(counts), dtype=np.int64) % 2, classes=("a", "b"),
        weight=rng.uniform(size=len(counts)).astype(np.float32),
    )  # fmt: skip


def rows(jets: Jets) -> list:
    return [jets.p4[a:b].tolist() for a, b in zip(jets.jet_ptr[:-1], jets.jet_ptr[1:], strict=True)]


@pytest.mark.parametrize("index", [
    np.array([True, False, True, True, False]), np.array([3, 0, 0]), np.array([-1, 1]), slice(1, 4),
    slice(None, None, -2), np.zeros(5, bool), np.array([], dtype=np.int64), 2,
])  # fmt: skip
def test_select_equals_list_indexing(index) -> None:
    jets = make([3, 0, 5, 1, 2])
    chosen = np.atleast_1d(np.arange(5)[index]).tolist()
    picked = jets.select(index)
    assert rows(picked) == [rows(jets)[i] for i in chosen]
    assert picked.jet["jet_pt"].tolist() == [jets.jet["jet_pt"].tolist()[i] for i in chosen]
    assert picked.label.tolist() == [i % 2 for i in chosen]
    assert picked.weight.tolist() == [jets.weight.tolist()[i] for i in chosen]
    assert len(picked.constituents["part_charge"]) == len(picked.p4)


def test_select_constituents_keeps_every_jet() -> None:
    jets = make([3, 0, 5, 1])
    mask = jets.constituents["part_charge"] == 0
    kept = jets.select_constituents(mask)
    assert kept.num_jets == 4
    expected = [mask[a:b].sum() for a, b in zip(jets.jet_ptr[:-1], jets.jet_ptr[1:], strict=True)]
    assert kept.num_constituents.tolist() == expected
    assert np.array_equal(kept.p4, jets.p4[mask])


def test_concatenate_undoes_select() -> None:
    jets = make([3, 0, 5, 1, 2])
    joined = Jets.concatenate([jets.select(slice(0, 2)), jets.select(slice(2, 2)), jets.select(slice(2, 5))])
    assert rows(joined) == rows(jets)
    assert joined.classes == jets.classes
    for name in ("label", "weight"):
        assert np.array_equal(getattr(joined, name), getattr(jets, name))


def test_vector_reads_the_awkward_view() -> None:
    jets = make([3, 0, 5])
    vector.register_awkward()
    view = jets.to_awkward()
    assert ak.num(view.constituents).tolist() == [3, 0, 5]
    assert np.allclose(ak.flatten(view.constituents.pt), np.hypot(jets.p4[:, 0], jets.p4[:, 1]))
    assert np.allclose(ak.flatten(view.constituents.mass) ** 2, jets.p4[:, 3] ** 2 - (jets.p4[:, :3] ** 2).sum(1))
    assert view.jet_pt.tolist() == jets.jet["jet_pt"].tolist()
    assert view.label.tolist() == jets.label.tolist()
    assert ak.flatten(view.constituents.part_charge).tolist() == jets.constituents["part_charge"].tolist()


def test_pieces_that_do_not_fit_are_refused() -> None:
    jets = make([2, 1])
    with pytest.raises(DataError, match="jet_ptr"):
        Jets(p4=jets.p4, jet_ptr=np.array([0, 2], dtype=np.int64))
    with pytest.raises(DataError, match="float64"):
        Jets(p4=jets.p4.astype(np.float32), jet_ptr=jets.jet_ptr)
    with pytest.raises(DataError, match="'x' has 2 values for 3"):
        Jets(p4=jets.p4, jet_ptr=jets.jet_ptr, constituents={"x": np.zeros(2)})
    with pytest.raises(DataError, match="constituent columns: part_charge"):
        Jets.concatenate([jets, Jets(p4=jets.p4, jet_ptr=jets.jet_ptr, label=jets.label, classes=jets.classes)])
