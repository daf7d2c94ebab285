"""Jets from shards are the jets of the files, bit for bit, with inputs and histories as computed anew."""

from __future__ import annotations

import json

import numpy as np
import pytest
from oracles.jet_files import jetclass_arrays, write_tree
from oracles.prepared import CLASSES, FILES, prepared, source_jets

import jetlego
from jetlego import Shards, cluster, iterate_jets, read_jets
from jetlego.data.features import constituent_features
from jetlego.data.jets import Jets
from jetlego.data.scaling import SCALERS
from jetlego.data.shards.prepare import prepare
from jetlego.data.shards.standardise import fit_blocks
from jetlego.errors import ConfigError, DataError, JetlegoWarning


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return prepared(tmp_path_factory.mktemp("prepared") / "shards")


@pytest.fixture(scope="module")
def whole():
    return source_jets()


def assert_same(a: Jets, b: Jets) -> None:
    assert a.classes == b.classes
    for name in ("p4", "jet_ptr", "label", "weight"):
        one, other = getattr(a, name), getattr(b, name)
        assert (one is None) == (other is None), name
        assert one is None or (one.dtype == other.dtype and np.array_equal(one, other)), name
    for mine, theirs in ((a.constituents, b.constituents), (a.jet, b.jet)):
        assert set(mine) == set(theirs)
        for name, values in mine.items():
            assert values.dtype == theirs[name].dtype, name
            assert np.array_equal(values, theirs[name], equal_nan=values.dtype.kind == "f"), name


def test_the_folder_reads_as_its_files(folder, whole) -> None:
    assert len(list(folder.glob("*.shard"))) > 4
    assert_same(read_jets(folder), whole)
    assert_same(read_jets(folder / "manifest.json", schema="jetclass"), whole)
    assert_same(Shards(folder, verify=True).read(), whole)
    assert_same(Jets.concatenate(list(iterate_jets(folder, step=70))), whole)
    assert_same(read_jets(folder, entries=(250, 930)), whole.select(slice(250, 930)))


def test_selection_columns_and_classes_are_those_of_files(folder, whole) -> None:
    options = {"where": "(jet_pt > 700) & (label_top | (jet_tau1 > 0.1))", "columns": ["jet_tau1", "part_d0val"]}
    some, same = read_jets(folder, **options), source_jets(**options)
    assert_same(some, same)
    assert_same(read_jets(folder, columns=["part_charge"]), source_jets(columns=["part_charge"]))
    assert set(some.constituents) == {"part_d0val"}
    by_branch, by_name = {"qcd": "label_QCD", "top": "label_Tbqq"}, {"qcd": "qcd", "top": "top"}
    for classes in (by_branch, by_name, {"a": "QCD", "b": ["Tbqq"]}):
        turned = read_jets(folder, classes=classes)
        assert turned.classes == tuple(classes)
        assert np.array_equal(turned.label, 1 - whole.label)
    with pytest.raises(DataError, match="did you mean 'part_d0val'") as caught:
        read_jets(folder, columns=["part_d0vall"])
    assert caught.value.id == "NO-BRANCH"


def test_files_keep_their_numbers_among_others(folder) -> None:
    together = read_jets(["sample://top/test", folder, "sample://qcd/test"], classes=CLASSES)
    separate = read_jets(["sample://top/test", *FILES, "sample://qcd/test"], classes=CLASSES)
    assert_same(together, separate)


@pytest.mark.parametrize(("start", "stop"), [(0, 1), (290, 310), (300, 300), (299, 1999), (2000, 2000)])
def test_any_range_is_there_at_once(folder, whole, start, stop) -> None:
    shards = Shards(folder)
    some = whole.select(slice(start, stop))
    assert shards.num_jets == len(shards) == 2000
    assert_same(shards.read(start, stop), some)
    table = constituent_features(whole, "kin", raw=True)
    expected = SCALERS["robust"].fit(table).apply(table)[whole.jet_ptr[start] : whole.jet_ptr[stop]]
    assert shards.inputs_of(start, stop).dtype == np.float32
    np.testing.assert_allclose(shards.inputs_of(start, stop), expected, rtol=1e-6, atol=1e-6)
    raw = table[whole.jet_ptr[start] : whole.jet_ptr[stop]]
    assert np.array_equal(shards.inputs_of(start, stop), shards.standardisation.apply(raw))
    history, again = shards.history(start, stop), cluster(some.p4, some.jet_ptr, algorithm="kt")
    for name in ("parents", "dij", "node_p4", "node_ptr"):
        assert np.array_equal(getattr(history, name), getattr(again, name)), name


def test_stored_histories_follow_selection(folder) -> None:
    jets = read_jets(folder, where="jet_pt > 700")
    index = np.random.default_rng(0).permutation(jets.num_jets)[:50]
    some = Jets.concatenate([jets.select(index), jets.select([0])])
    again = cluster(some.p4, some.jet_ptr, algorithm="kt")
    assert np.array_equal(some.history("kt").parents, again.parents)
    assert np.array_equal(some.history("kt").dij, again.dij)
    assert some.history("anti_kt") is None
    assert jets.select_constituents(np.ones(len(jets.p4), bool)).merges == {}


def test_beyond_the_last_jet_and_unknown_columns(folder) -> None:
    shards = Shards(folder)
    for call, id in (
        (lambda: shards.read(0, 2001), "BAD-INDEX"), (lambda: shards.read(columns=["jet_ptt"]), "NO-BRANCH"),
        (lambda: shards.history(algorithm="anti_kt"), "BAD-VALUE"),
        (lambda: shards.inputs_of(0, 1, scaler=SCALERS["robust"](np.zeros(1), np.ones(1), ("x",))), "BAD-VALUE"),
    ):  # fmt: skip
        with pytest.raises((DataError, ConfigError)) as caught:
            call()
        assert caught.value.id == id


def test_what_the_manifest_says(folder, whole) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["jets"] == 2000
    assert manifest["constituents"] == len(whole.p4)
    assert manifest["labels"] == {"top": 1000, "qcd": 1000}
    assert manifest["jetlego"] == jetlego.__version__
    assert [set(source) for source in manifest["sources"]] == [{"path", "size", "mtime", "sha256", "fault"}] * 2
    assert sum(shard["jets"] for shard in manifest["shards"]) == 2000
    assert not list(folder.glob(".*")), "neither lock nor plan is left"


@pytest.mark.parametrize("kind", ["robust", "standard"])
def test_figures_in_bounded_memory_equal_those_of_the_whole_table(kind) -> None:
    rng = np.random.default_rng(3)
    table = rng.normal(5, 3, (997, 5)).astype(np.float32)
    table[:, 1] = np.round(table[:, 1])  # ties
    table[:, 2] = rng.choice([-1e30, -1e-40, -0.0, 0.0, 1e-40, 1e30], 997)
    table[::7, 3] = np.nan
    table[3::7, 3] = -np.inf
    table[:, 4] = 2.5
    blocks = [table[:0], table[:400], table[400:401], table[401:]]
    with pytest.warns(JetlegoWarning, match="constant"):
        ours = fit_blocks(lambda: blocks, list("abcde"), kind)
    with pytest.warns(JetlegoWarning, match="constant"):
        theirs = SCALERS[kind].fit(table, names=list("abcde"))
    np.testing.assert_allclose(ours.center, theirs.center, rtol=1e-12)
    np.testing.assert_allclose(ours.scale, theirs.scale, rtol=1e-12)


def test_precision_is_the_users_choice(tmp_path) -> None:
    arrays = jetclass_arrays([3, 0, 5, 1])
    arrays["part_d0val"] = arrays["part_d0val"] * 1000
    source = write_tree(tmp_path / "a.root", arrays)
    jets = read_jets(source)
    prepare(source, tmp_path / "half", values="float16", momenta="float64", standardise="none", features=["pfn"])
    half = Shards(tmp_path / "half")
    back = half.read()
    assert np.array_equal(back.p4, jets.p4)
    rounded = jets.constituents["part_d0val"].astype(np.float16).astype(np.float32)
    assert back.constituents["part_d0val"].dtype == np.float32
    assert np.array_equal(back.constituents["part_d0val"], rounded)
    assert np.array_equal(half.inputs_of(), constituent_features(jets, "pfn").astype(np.float16).astype(np.float32))
    assert half.standardisation is None
    arrays["part_d0val"] = arrays["part_d0val"] * 1e4
    with pytest.raises(DataError, match=r"'part_d0val' holds .* beyond float16") as caught:
        prepare(write_tree(tmp_path / "b.root", arrays), tmp_path / "b", values="float16")
    assert caught.value.id == "BAD-VALUE"
    double = {"base": "jetclass", "momentum_unit": "MeV"}  # a thousandth of a float32 is none
    prepare(source, tmp_path / "exact", schema=double)
    assert np.array_equal(read_jets(tmp_path / "exact").p4, read_jets(source, schema=double).p4)


def test_cuts_may_leave_shards_empty_but_not_all(tmp_path) -> None:
    arrays = jetclass_arrays([3, 2, 5, 1, 4, 6])
    arrays["jet_pt"] = np.array([900, 910, 500, 510, 920, 930], np.float32)
    source = write_tree(tmp_path / "a.root", arrays, baskets=3)
    manifest = prepare(source, tmp_path / "some", where="jet_pt > 800", jets_per_shard=2)
    assert [shard["jets"] for shard in manifest["shards"]] == [2, 0, 2]
    assert_same(read_jets(tmp_path / "some"), read_jets(source, where="jet_pt > 800"))
    with pytest.raises(DataError) as caught:
        prepare(source, tmp_path / "none", where="jet_pt > 2000")
    assert caught.value.id == "NO-JETS"
    assert not (tmp_path / "none").exists()
    with pytest.raises(DataError, match="part_d0vall"):
        prepare(source, tmp_path / "none", columns=["part_d0vall"])
    assert prepare(source, tmp_path / "none")["jets"] == 6, "nothing was there to go on with"


def test_small_files_share_a_shard_and_texts_give_several(tmp_path) -> None:
    paths = [write_tree(tmp_path / f"{i}.root", jetclass_arrays([2, 3, 1], seed=i)) for i in range(5)]
    manifest = prepare(paths, tmp_path / "few", jets_per_shard=7)
    assert [shard["jets"] for shard in manifest["shards"]] == [6, 6, 3]
    manifest = prepare(paths, tmp_path / "fewer", jets_per_shard=12)
    assert [shard["jets"] for shard in manifest["shards"]] == [12, 3]
    assert_same(read_jets(tmp_path / "fewer"), read_jets(paths))
    rng = np.random.default_rng(0)
    text = "\n#END\n".join(f"{x} {y} {z} {900 + x * x}" for x, y, z in rng.uniform(100, 200, (9, 3)).tolist())
    (tmp_path / "events.dat").write_text(text + "\n#END\n")
    manifest = prepare(tmp_path / "events.dat", tmp_path / "text", jets_per_shard=4, features=None)
    assert [shard["jets"] for shard in manifest["shards"]] == [4, 4, 1]
    assert_same(read_jets(tmp_path / "text"), read_jets(tmp_path / "events.dat"))
