"""A layout that nobody has seen before needs a schema and nothing else: trees, RNTuples, every form and structure."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
from oracles.jet_files import jetclass_arrays, write_rntuple, write_tree

from jetlego.data.read import read_jets
from jetlego.errors import ConfigError, DataError, JetlegoWarning
from jetlego.physics import kinematics

JETS_PER_EVENT = [2, 0, 1, 3]
COUNTS = [3, 1, 4, 2, 0, 5]
rng = np.random.default_rng(3)
P4 = kinematics.p4_from_pt_eta_phi_mass(rng.uniform(5, 60, 15), rng.uniform(-2, 2, 15), rng.uniform(-3, 3, 15), 0.5)
JET_PT = np.array([100.0, 60, 300, 80, 10, 150])


def columns_of(form: tuple[str, ...]) -> dict[str, np.ndarray]:
    made = {"px": P4[:, 0], "py": P4[:, 1], "pz": P4[:, 2], "energy": P4[:, 3], "pt": kinematics.pt(P4),
            "eta": kinematics.eta(P4), "phi": kinematics.phi(P4), "mass": kinematics.mass(P4),
            "rapidity": kinematics.rapidity(P4)}  # fmt: skip
    return {name: made[name] for name in form}


@pytest.mark.parametrize("write", [write_tree, write_rntuple])
@pytest.mark.parametrize("form", [
    ("px", "py", "pz", "energy"), ("px", "py", "pz", "mass"), ("pt", "eta", "phi", "mass"),
    ("pt", "eta", "phi", "energy"), ("pt", "rapidity", "phi", "mass"),
])  # fmt: skip
def test_every_form_of_a_four_momentum(tmp_path, form, write) -> None:
    arrays = {f"x_{name}": ak.unflatten(values, COUNTS) for name, values in columns_of(form).items()}
    path = write(tmp_path / "a.root", arrays)
    jets = read_jets(path, schema={"particles": {"kind": "var", **{name: f"x_{name}" for name in form}}})
    assert jets.num_constituents.tolist() == COUNTS
    assert np.allclose(jets.p4, P4, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("form", [("pt", "eta", "phi"), ("pt", "rapidity", "phi")])
def test_without_energy_and_mass_particles_are_massless(tmp_path, form) -> None:
    arrays = {name: ak.unflatten(values, COUNTS) for name, values in columns_of(form).items()}
    path = write_tree(tmp_path / "a.root", arrays)
    jets = read_jets(path, schema={"particles": {"kind": "var", **{name: name for name in form}}})
    assert np.allclose(kinematics.mass(jets.p4), 0, atol=1e-6)
    assert np.allclose(jets.p4[:, :2], P4[:, :2])


def nested(values: np.ndarray) -> ak.Array:
    return ak.unflatten(ak.unflatten(values, COUNTS), JETS_PER_EVENT)


def test_lists_of_lists(tmp_path) -> None:
    arrays = {name: nested(values) for name, values in columns_of(("px", "py", "pz", "energy")).items()}
    arrays["jet_pt"] = ak.unflatten(JET_PT, JETS_PER_EVENT)
    arrays["event_weight"] = np.array([1.0, 2, 3, 4])
    arrays["charge"] = nested(np.arange(15, dtype=np.int8))
    path = write_rntuple(tmp_path / "a.root", arrays)
    schema = {"jets": {"pt": "jet_pt"}, "weight": "event_weight",
              "particles": {"kind": "var-var", **{q: q for q in ("px", "py", "pz", "energy")},
                            "columns": {"part_charge": "charge"}}}  # fmt: skip
    jets = read_jets(path, schema=schema)
    assert jets.num_constituents.tolist() == COUNTS
    assert np.allclose(jets.p4, P4)
    assert jets.jet["event_index"].tolist() == [0, 0, 2, 3, 3, 3]
    assert jets.jet["jet_index"].tolist() == [0, 1, 0, 0, 1, 2]
    assert jets.weight.tolist() == [1, 1, 3, 4, 4, 4]
    assert jets.constituents["part_charge"].tolist() == list(range(15))
    picked = read_jets(path, schema={**schema, "select": "jet_pt > 70"})
    assert picked.num_constituents.tolist() == [3, 4, 2, 5]
    assert np.allclose(picked.p4, P4[[0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]])


def table_arrays(order: np.ndarray) -> dict:
    """Return an index table, its rows shuffled by ``order`` within events, on candidates in reverse order."""
    jet_of = np.repeat(np.arange(6), COUNTS)
    event_of_jet = np.repeat(np.arange(4), JETS_PER_EVENT)
    event = event_of_jet[jet_of]
    per_event = np.bincount(event, minlength=4)
    local_jet = np.concatenate([np.arange(n) for n in JETS_PER_EVENT])[jet_of]
    first = np.concatenate([[0], np.cumsum(per_event)])
    reverse = per_event[event] - 1 - (np.arange(15) - first[event])
    rows = np.lexsort((order, event))
    out = {"t_jet": ak.unflatten(local_jet[rows], per_event), "t_part": ak.unflatten(reverse[rows], per_event),
           "jet_pt": ak.unflatten(JET_PT, JETS_PER_EVENT)}  # fmt: skip
    source = np.empty(15, int)
    source[first[event] + reverse] = np.arange(15)
    momenta = columns_of(("px", "py", "pz", "energy"))
    return out | {f"c_{name}": ak.unflatten(values[source], per_event) for name, values in momenta.items()}


TABLE = {
    "jets": {"pt": "jet_pt"},
    "particles": {"kind": "table", "jet_index": "t_jet", "particle_index": "t_part", "px": "c_px", "py": "c_py",
                  "pz": "c_pz", "energy": "c_energy"},
}  # fmt: skip


@pytest.mark.parametrize("write", [write_tree, write_rntuple])
def test_index_tables(tmp_path, write) -> None:
    jets = read_jets(write(tmp_path / "a.root", table_arrays(np.arange(15))), schema=TABLE)
    assert jets.num_constituents.tolist() == COUNTS
    assert np.allclose(jets.p4, P4)


def test_rows_of_a_table_in_any_order_keep_their_order_within_jets(tmp_path) -> None:
    order = np.random.default_rng(8).permutation(15)
    jets = read_jets(write_tree(tmp_path / "a.root", table_arrays(order)), schema=TABLE)
    expected = np.lexsort((order, np.repeat(np.arange(6), COUNTS)))
    assert np.allclose(jets.p4, P4[expected])


def test_indices_outside_the_event_are_dropped_and_told(tmp_path) -> None:
    arrays = table_arrays(np.arange(15))
    flat = ak.flatten(arrays["t_part"]).to_numpy().copy()
    flat[0], flat[5] = -1, 99
    arrays["t_part"] = ak.unflatten(flat, ak.num(arrays["t_part"]))
    path = write_tree(tmp_path / "a.root", arrays)
    with pytest.warns(JetlegoWarning, match="2 rows of an index table point outside their event"):
        jets = read_jets(path, schema=TABLE)
    assert np.allclose(jets.p4, np.delete(P4, [0, 5], axis=0))


def test_fixed_size_arrays_and_split_members(tmp_path) -> None:
    block = P4[:15].reshape(3, 5, 4)
    arrays = {f"jet.fP.f{axis}": np.ascontiguousarray(block[:, :, i]) for i, axis in enumerate("XYZ")}
    arrays["jet.fE"] = np.ascontiguousarray(block[:, :, 3])
    arrays["jet/scale"] = np.array([1.0, 2.0, 3.0])
    path = write_tree(tmp_path / "a.root", arrays)
    schema = {"jets": {"columns": {"scale": "jet/scale"}},
              "particles": {"kind": "var", "px": "jet.fP.fX", "py": "jet.fP.fY", "pz": "jet.fP.fZ",
                            "energy": "jet.fE"}}  # fmt: skip
    jets = read_jets(path, schema=schema)
    assert jets.num_constituents.tolist() == [5, 5, 5]
    assert np.allclose(jets.p4, P4)
    assert jets.jet["scale"].tolist() == [1, 2, 3]


def test_labels_by_expression_value_and_file_name(tmp_path) -> None:
    arrays = jetclass_arrays([2, 3, 1])
    arrays["flavour"] = np.array([21, -2, 5], np.int32)
    path = write_tree(tmp_path / "gluons_1.root", arrays)

    def labels(label: dict) -> list:
        jets = read_jets(path, schema={"base": "jetclass", "label": label})
        return [jets.classes[i] if i >= 0 else None for i in jets.label]

    assert labels({"expr": "abs(flavour) == 21", "classes": ["quark", "gluon"]}) == ["gluon", "quark", "quark"]
    values = {"quark": [1, 2, 3], "gluon": 21}
    by_value = {"column": "flavour", "absolute": True, "values": values}
    assert labels({**by_value, "unmatched": "unlabelled"}) == ["gluon", "quark", None]
    with pytest.raises(DataError, match="1 have a class number that no class has"):
        labels(by_value)
    assert labels({"file_name": {"quark": "^quark", "gluon": "^gluon"}}) == ["gluon"] * 3
    assert labels({"file_name": {"quark": "^quark", "top": "top"}}) == [None] * 3


def test_columns_by_expression_units_and_elements(tmp_path) -> None:
    arrays = jetclass_arrays([2, 3, 1])
    arrays["weights"] = ak.Array([[1.0, 9], [2.0, 9], [3.0, 9]])
    path = write_tree(tmp_path / "a.root", arrays)
    jets = read_jets(path, schema={
        "base": "jetclass", "momentum_unit": "MeV", "length_unit": "cm",
        "weight": {"column": "weights", "element": 0},
        "jets": {"columns": {"hard": {"expr": "ak.sum(part_energy > 10, axis=1)"},
                             "jet_pt": {"expr": "jet_pt * 1000"}}},
    })  # fmt: skip
    plain = read_jets(path)
    assert np.allclose(jets.p4, plain.p4 * 1e-3)
    assert np.allclose(jets.jet["jet_pt"], plain.jet["jet_pt"])
    assert np.allclose(jets.constituents["part_d0val"], plain.constituents["part_d0val"] * 10)
    assert jets.weight.tolist() == [1, 2, 3]
    assert jets.jet["hard"].tolist() == ak.sum(arrays["part_energy"] > 10, axis=1).tolist()


@pytest.mark.parametrize(("schema", "words"), [
    ({"particles": {"px": "a", "py": "b"}}, "no four-momentum"),
    ({"particles": {**TABLE["particles"], "jet_index": None}}, "need the key jet_index"),
    ({"label": {"column": "a", "expr": "b"}}, "exactly one of"),
    ({"label": {"column": "a"}}, "give classes"),
    ({"jets": {"pt": {"column": "a", "expr": "b"}}}, "either column or expr"),
    ({"momentum_unit": "TeV"}, "momentum_unit"),
    ({"base": "jetclas"}, "did you mean 'jetclass'"),
    ({"partices": {}}, "did you mean 'particles'"),
    ({"base": "jetclass", "particles": None, "jets": None}, "'jets' is None"),
])  # fmt: skip
def test_schemas_that_make_no_sense(tmp_path, schema, words) -> None:
    with pytest.raises(ConfigError, match=words):
        read_jets(tmp_path / "never.root", schema=schema)


def test_the_wrong_kind_says_what_it_needs(tmp_path) -> None:
    arrays = {name: nested(values) for name, values in columns_of(("px", "py", "pz", "energy")).items()}
    path = write_rntuple(tmp_path / "a.root", arrays)
    with pytest.raises(DataError, match=r"has 3 dimensions where 2 are expected.*particles\.kind"):
        read_jets(path, schema={"particles": {"kind": "var", **{q: q for q in ("px", "py", "pz", "energy")}}})
