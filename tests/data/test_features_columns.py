from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

from jetlego.data.features import (
    FEATURE_SETS,
    Feature,
    Transform,
    constituent_columns,
    constituent_features,
    jet_features,
    resolve_features,
)
from jetlego.data.jets import Jets
from jetlego.errors import ConfigError, DataError

SHARED = Path(__file__).parents[3] / "shared"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="../shared is not here")


def toy_jets(counts=(3, 0, 1, 40), seed=0, extra=True):
    rng = np.random.default_rng(seed)
    ptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    p3 = rng.normal([30, 5, -20], 1, (ptr[-1], 3))
    p4 = np.concatenate([p3, np.linalg.norm(p3, axis=1, keepdims=True) * 1.001], axis=1)
    code = rng.choice([211, -211, 22, 130, 11, -13, 2112, 12], ptr[-1])
    columns = {"part_pdgid": code, "part_d0val": rng.normal(0, 1, ptr[-1]).astype("f4"),
               "part_d0err": rng.choice([0, 0.3, 2], ptr[-1]).astype("f4")} if extra else {}
    return Jets(p4=p4, jet_ptr=ptr, constituents=columns)


def golden_jets():
    tree = uproot.open(SHARED / "golden" / "jetclass_mini.root")["tree"]
    arrays = tree.arrays([k for k in tree.keys() if k.startswith(("part_", "jet_"))])  # noqa: SIM118
    packed = {name: ak.to_numpy(ak.flatten(arrays[name])) for name in arrays.fields if name.startswith("part_")}
    momenta = [packed.pop(f"part_{c}").astype(float) for c in ("px", "py", "pz", "energy")]
    counts = ak.to_numpy(ak.num(arrays["part_px"]))
    return Jets(np.stack(momenta, axis=-1), np.concatenate([[0], np.cumsum(counts)]), packed,
                {name: ak.to_numpy(arrays[name]) for name in arrays.fields if name.startswith("jet_")})


@needs_shared
def test_kin_equals_weaver():
    with np.load(SHARED / "golden" / "weaver_reference_kin.npz") as file:
        expected = file["input/pf_features"]
    jets = golden_jets()
    ours = constituent_features(jets, "kin")
    assert ours.dtype == np.float32
    for b, (start, stop) in enumerate(zip(jets.jet_ptr[:-1], jets.jet_ptr[1:], strict=True)):
        real = min(stop - start, 128)
        np.testing.assert_allclose(ours[start : start + real], expected[b, :, :real].T, atol=3e-6)


@needs_shared
def test_derived_axes_equal_stored_ones():
    jets = golden_jets()
    bare = Jets(jets.p4, jets.jet_ptr, {}, {k: jets.jet[k] for k in ("jet_eta", "jet_phi")})
    np.testing.assert_allclose(constituent_features(bare, "points"), constituent_features(jets, "points"), atol=3e-3)
    bare = Jets(jets.p4, jets.jet_ptr)
    np.testing.assert_allclose(constituent_features(bare, "points"), constituent_features(jets, "points"), atol=3e-3)


@needs_shared
def test_jet_columns_of_the_sum_equal_stored_ones():
    jets = golden_jets()
    names = ["jet_pt", "jet_eta", "jet_phi", "jet_energy", "jet_nparticles"]
    derived = jet_features(Jets(jets.p4, jets.jet_ptr), names)
    np.testing.assert_allclose(derived, jet_features(jets, names), rtol=1e-3, atol=1e-3)


@needs_shared
def test_types_from_codes_equal_flags():
    jets = golden_jets()
    codes = Jets(jets.p4, jets.jet_ptr, {"part_pdgid": jets.constituents["part_pid"]})
    names = list(FEATURE_SETS["kinpid"][5:11])
    np.testing.assert_array_equal(constituent_features(codes, names), constituent_features(jets, names))
    flags = Jets(jets.p4, jets.jet_ptr, {n: jets.constituents[n] for n in names})
    ids = constituent_features(flags, "part_efpid")
    charged_pions = np.abs(jets.constituents["part_pid"]) == 211
    same = constituent_features(codes, "part_efpid")
    np.testing.assert_array_equal(ids[charged_pions], same[charged_pions])


def test_set_widths_and_order():
    assert [len(FEATURE_SETS[name]) for name in ("kin", "kinpid", "full")] == [7, 13, 17]
    assert FEATURE_SETS["full"][-2:] == ("part_deta", "part_dphi")
    table = constituent_features(golden_jets() if SHARED.is_dir() else toy_jets(), "kin")
    assert table.shape[1] == 7


def test_impact_parameters_and_significance():
    jets = toy_jets()
    d0, err, sig = constituent_features(jets, ["part_d0", "part_d0err", "part_d0sig"]).T
    value, error = jets.constituents["part_d0val"], jets.constituents["part_d0err"]
    np.testing.assert_allclose(d0, np.tanh(value), rtol=1e-6)
    np.testing.assert_array_equal(err, np.minimum(error, 1))
    assert (sig[error == 0] == 0).all()
    good = error > 0
    np.testing.assert_allclose(sig[good], np.clip(value[good] / error[good], -5, 5), rtol=1e-6)


def test_every_column_is_finite_where_its_source_is():
    zero = Jets(np.array([[0.0, 0, 0, 0], [0, 0, 3, 3], [1, 0, 0, 1], [-1, 0, 0, 1]]), np.array([0, 1, 2, 2, 4]))
    for jets in (zero, toy_jets(extra=False)):
        for name in constituent_columns():
            try:
                values = constituent_features(jets, name)
            except DataError:
                continue
            assert np.isfinite(values).all(), name
            assert values.shape == (len(jets.p4), 1)


def test_energyflow_inputs_are_centered():
    jets = toy_jets()
    z, y, phi = constituent_features(jets, "pfn").T
    owner = np.repeat(np.arange(4), jets.num_constituents)
    np.testing.assert_allclose(np.bincount(owner, z, 4), [1, 0, 1, 1], rtol=1e-6)
    np.testing.assert_allclose(np.bincount(owner, z * y, 4), 0, atol=1e-6)
    np.testing.assert_allclose(np.bincount(owner, z * phi, 4), 0, atol=1e-6)


def test_lists_transforms_and_jet_columns_repeat():
    jets = toy_jets()
    plain = constituent_features(jets, ["part_pt", "jet_pt", "part_pt_log"], raw=True)
    np.testing.assert_allclose(plain[:, 1], np.repeat(jet_features(jets, "jet_pt")[:, 0], jets.num_constituents))
    np.testing.assert_allclose(plain[:, 2], np.log(plain[:, 0]), rtol=1e-6)
    scaled = constituent_features(jets, [["part_pt", 10, 0.5, -1, 2], Feature("part_pt", Transform(0.0, 2.0, 0, 1e9))])
    np.testing.assert_allclose(scaled[:, 0], np.clip((plain[:, 0] - 10) * 0.5, -1, 2), rtol=1e-5)
    np.testing.assert_allclose(scaled[:, 1], plain[:, 0] * 2, rtol=1e-6)
    assert [f.name for f in resolve_features(["points", "part_charge"])] == ["part_deta", "part_dphi", "part_charge"]


def test_jet_columns_by_hand():
    jets = toy_jets()
    fraction, dispersion, width = jet_features(jets, ["jet_leading_fraction", "jet_ptd", "jet_width"]).T
    pt = np.hypot(jets.p4[:, 0], jets.p4[:, 1])
    for b in range(4):
        p = pt[jets.jet_ptr[b] : jets.jet_ptr[b + 1]]
        if len(p) == 0:
            assert fraction[b] == dispersion[b] == width[b] == 0
            continue
        assert fraction[b] == pytest.approx(p.max() / p.sum())
        assert dispersion[b] == pytest.approx(np.sqrt((p**2).sum()) / p.sum())
    assert width[2] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("wanted", "id", "words"),
    [
        ("part_ptt", "BAD-VALUE", "part_pt"),
        ("kinn", "BAD-VALUE", "no column 'kinn'"),
        ([], "BAD-VALUE", "empty"),
        ([["part_pt", "auto"]], "BAD-VALUE", "center"),
        ([["part_pt", 1, 2, 3, 4, 5]], "BAD-VALUE", "is not"),
    ],
)
def test_wrong_lists_are_refused(wanted, id, words):
    with pytest.raises(ConfigError, match=words) as caught:
        constituent_features(toy_jets(), wanted)
    assert caught.value.id == id


def test_missing_source_is_named():
    with pytest.raises(DataError, match="column 'part_dz' needs 'part_dzval'") as caught:
        constituent_features(toy_jets(), "part_dz")
    assert caught.value.id == "NO-BRANCH"
    with pytest.raises(DataError, match="these jets do not carry the column 'part_dzerr'"):
        constituent_features(toy_jets(), "part_dzerr")
    with pytest.raises(ConfigError, match="not a jet column"):
        jet_features(toy_jets(), "part_pt")
