import itertools
import textwrap

import awkward as ak
import numpy as np
import pytest
import uproot
from oracles.shared_folder import shared
from oracles.weaver_oracle import slow_tensor, toy_columns, write_tree

import jetlego
from jetlego.data.weaver import iterate_weaver, load_weaver_config, weaver_tensors
from jetlego.errors import ConfigError, DataError, JetlegoWarning

LABELS = "\nlabels: {type: simple, value: [is_a, is_b, is_c]}\n"


@pytest.fixture
def toy(tmp_path):
    columns = toy_columns()
    return columns, write_tree(tmp_path / "toy.root", columns)


def config_of(tmp_path, text, labels=LABELS):
    path = tmp_path / "config.yaml"
    path.write_text(textwrap.dedent(text) + labels)
    return path


def test_equals_weaver_float_for_float():
    made = jetlego.weaver_tensors(shared("data/weaver/JetClass_kin.yaml"), shared("golden/jetclass_mini.root"))
    with np.load(shared("golden/weaver_reference_kin.npz")) as reference:
        names = [name for name in reference.files if name.split("/")[0] in ("input", "label", "observer")]
        assert set(made) == set(names)
        for name in names:
            assert made[name].dtype == reference[name].dtype
            np.testing.assert_array_equal(made[name], reference[name], err_msg=name)


def test_full_config_against_plain_arrays():
    path, config = shared("golden/jetclass_mini.root"), shared("data/weaver/JetClass_full.yaml")
    made = weaver_tensors(config, path)
    arrays = uproot.open(path)["tree"].arrays()
    with np.errstate(all="ignore"):
        pt = np.hypot(arrays.part_px, arrays.part_py)
        rows = {5: arrays.part_charge, 6: arrays.part_isChargedHadron, 11: np.tanh(arrays.part_d0val),
                12: arrays.part_d0err}  # fmt: skip
        logptrel = np.log(pt / arrays.jet_pt)
    for at, row in rows.items():
        numbers = {"center": 0, "scale": 1, "low": 0, "high": 1} if at == 12 else {}
        expected = slow_tensor(ak.to_list(row[:20]), length=128, wrap=True, **numbers)
        np.testing.assert_array_equal(made["input/pf_features"][:20, at], expected)
    expected = slow_tensor(ak.to_list(logptrel[:20]), length=128, wrap=True, center=-4.7, scale=0.7)
    np.testing.assert_array_equal(made["input/pf_features"][:20, 2], expected)


CHECKS = [
    ("[x, null]", [1, 2, np.inf, np.nan], [1, 2, np.inf, 0, 0], [1, 2, np.inf, 0, 1]),
    ("[x, 1, 2]", [1, 2, np.inf, np.nan], [0, 2, 5, 0, 0], [0, 2, 5, 0, 0]),
    ("[x, 1, 1, -1, 1, -9]", [], [-9, -9, -9, -9, -9], [0, 0, 0, 0, 0]),
    ("[x, 1, 1, -1, 1, -9]", [5], [1, -9, -9, -9, -9], [1, 1, 1, 1, 1]),
    ("[x, 0, 1, -99, 99, 7]", [1, 2, 3, 4, 5], [1, 2, 3, 4, 5], [1, 2, 3, 4, 5]),
    ("[x, 0, 1, -99, 99, 7]", [1, 2, 3, 4, 5, 6, 7], [1, 2, 3, 4, 5], [1, 2, 3, 4, 5]),
    ("[x, 0, 1, 1.5]", [1, 2, 3], [1.5, 2, 3, 0, 0], [1.5, 2, 3, 1.5, 2]),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:.NONFINITE")
@pytest.mark.parametrize(("variable", "row", "constant", "wrap"), CHECKS)
def test_check_table_of_transform_and_padding(tmp_path, variable, row, constant, wrap):
    rows = ak.values_astype(ak.Array([row, [0.5]])[:1] if row else ak.Array([[], [0.5]])[:1], "float32")
    path = write_tree(tmp_path / "x.root", {"x": rows, "s": np.array([3], "f4"), "is_a": np.ones(1, "i4")})
    for mode, expected in (("constant", constant), ("wrap", wrap)):
        text = f"inputs: {{a: {{length: 5, pad_mode: {mode}, vars: [{variable}, [s, null, 1, 0, 0, 4]]}}}}"
        made = weaver_tensors(config_of(tmp_path, text, "\nlabels: {type: simple, value: [is_a]}"), path)
        np.testing.assert_array_equal(made["input/a"][0, 0], np.array(expected, "f4"))
        np.testing.assert_array_equal(made["input/a"][0, 1], [3] * 5 if mode == "wrap" else [3, 4, 4, 4, 4])


def test_types_mixed_rows_and_groups_without_length(tmp_path, toy):
    columns, path = toy
    text = """
    new_variables:
      two: part_px[:, :2]
      part_log: np.log(part_energy / jet_pt)
      part_sum: part_flag + (abs(part_pid) == 211)*0.5
      scalar: jet_pt
      matrix: jet_mat
    inputs:
      a: {length: 4, pad_mode: wrap, vars: [part_pid, part_flag, [part_log, -2, 0.5, -1, 1], part_sum]}
      b: {length: 3, vars: [[part_px, 1, 2], [two, null, 1, 0, 0, 8], scalar, [matrix, 0.5]]}
      c: {length: null, vars: [[jet_pt, 700, 0.01, -1, 1], jet_eta]}
      d: {length: null, vars: [jet_mat]}
    observers: [jet_n, part_pid, is_b]
    """
    made = weaver_tensors(config_of(tmp_path, text), path)
    log = ak.to_list(np.log(columns["part_energy"] / columns["jet_pt"]))
    expected = [
        slow_tensor(ak.to_list(columns["part_pid"]), length=4, wrap=True),
        slow_tensor(ak.to_list(columns["part_flag"]), length=4, wrap=True),
        slow_tensor(log, length=4, wrap=True, center=-2, scale=0.5, low=-1, high=1),
        slow_tensor(ak.to_list(columns["part_flag"] + (abs(columns["part_pid"]) == 211) * 0.5), length=4, wrap=True),
    ]
    np.testing.assert_array_equal(made["input/a"], np.stack(expected, axis=1))
    expected = [
        slow_tensor(ak.to_list(columns["part_px"]), length=3, center=1, scale=2),
        slow_tensor(ak.to_list(columns["part_px"][:, :2]), length=3, pad_value=8),
        slow_tensor(columns["jet_pt"][:, None].tolist(), length=3),
        slow_tensor(columns["jet_mat"].tolist(), length=3, center=0.5),
    ]
    np.testing.assert_array_equal(made["input/b"], np.stack(expected, axis=1))
    pt = np.clip((columns["jet_pt"] - np.float32(700)) * np.float32(0.01), -1, 1)
    np.testing.assert_array_equal(made["input/c"], np.stack([pt, columns["jet_eta"].astype("f4")], axis=1))
    np.testing.assert_array_equal(made["input/d"], columns["jet_mat"])
    assert {name: value.dtype for name, value in made.items() if name.startswith("input/")} == dict.fromkeys(
        ["input/a", "input/b", "input/c", "input/d"], np.dtype("f4"))  # fmt: skip
    assert ak.to_list(made["observer/part_pid"]) == ak.to_list(columns["part_pid"])
    assert made["observer/jet_n"].dtype == np.int32
    assert made["observer/is_b"].dtype == bool
    assert made["label/_label_"].tolist() == np.stack([columns[f"is_{c}"] for c in "abc"], 1).argmax(1).tolist()


def test_selections_use_variables_of_any_depth(tmp_path, toy):
    columns, path = toy
    text = """
    selection: (hard > 0) & (jet_n > 2)
    test_time_selection: ~aux_training_ & (ak.any(part_px > 10, axis=1))
    new_variables: {hard: high * 1, high: jet_pt > cut, cut: 100*5}
    inputs: {a: {length: 2, vars: [jet_pt, jet_n]}}
    """
    config = config_of(tmp_path, text)
    trained = weaver_tensors(config, path, mode="train")["input/a"][:, 0, 0]
    kept = (columns["jet_pt"] > 500) & (columns["jet_n"] > 2)
    np.testing.assert_array_equal(trained, columns["jet_pt"][kept])
    np.testing.assert_array_equal(weaver_tensors(config, path, mode="validate")["input/a"][:, 0, 0], trained)
    tested = weaver_tensors(config, path)["input/a"][:, 0, 0]
    np.testing.assert_array_equal(tested, columns["jet_pt"][ak.to_numpy(ak.any(columns["part_px"] > 10, axis=1))])
    more = [b.inputs["a"] for b in iterate_weaver(config, path, mode="train", extra_selection="is_b == 1")]
    np.testing.assert_array_equal(np.concatenate(more)[:, 0, 0], columns["jet_pt"][kept & columns["is_b"]])


@pytest.mark.parametrize("step", [1, 3, 9, 1000])
def test_chunks_do_not_matter(tmp_path, toy, step):
    _, path = toy
    text = """
    selection: jet_n > 3
    new_variables: {part_mix: 'ak.sum(part_px, axis=1) * part_py', order: _batch_permute_indices(part_px)}
    inputs: {a: {length: 5, pad_mode: wrap, vars: [part_mix, order, part_energy]}}
    observers: [jet_eta]
    """
    config = config_of(tmp_path, text)
    whole = weaver_tensors(config, [path, path])
    parts = list(iterate_weaver(config, [path, path], step=step))
    assert all(len(part) for part in parts)
    np.testing.assert_array_equal(np.concatenate([b.inputs["a"] for b in parts]), whole["input/a"])
    np.testing.assert_array_equal(np.concatenate([b.others["jet_eta"] for b in parts]), whole["observer/jet_eta"])


def test_shuffled_batches_hold_every_jet_once_and_mix_files(tmp_path):
    paths = [write_tree(tmp_path / f"{k}.root", {**toy_columns(100, seed=k), "k": np.full(100, k)}) for k in range(5)]
    text = "inputs: {a: {length: 3, vars: [k, jet_pt, part_px]}}\nobservers: [jet_pt]\nselection: jet_n > 0"
    config = config_of(tmp_path, text)
    plain = weaver_tensors(config, paths)
    options = {"batch_size": 16, "shuffle": True, "step": 50}
    batches = list(iterate_weaver(config, paths, seed=3, **options))
    assert max(map(len, batches)) == 16
    stacked = np.concatenate([batch.inputs["a"] for batch in batches])
    pt = np.concatenate([batch.others["jet_pt"] for batch in batches])
    np.testing.assert_array_equal(stacked[:, 1, 0], pt)
    order = np.lexsort(stacked[:, 1, 0][None])
    expected = np.lexsort(plain["input/a"][:, 1, 0][None])
    np.testing.assert_array_equal(stacked[order], plain["input/a"][expected])
    assert np.mean([len(np.unique(batch.inputs["a"][:, 0, 0])) for batch in batches]) > 2.5
    again = np.concatenate([b.inputs["a"] for b in iterate_weaver(config, paths, seed=3, **options)])
    np.testing.assert_array_equal(again, stacked)
    other = np.concatenate([b.inputs["a"] for b in iterate_weaver(config, paths, seed=3, epoch=1, **options)])
    assert (other != stacked).any()


def test_buckets_in_shuffled_batches(tmp_path):
    path = write_tree(tmp_path / "b.root", toy_columns(600), step=300)
    text = "inputs: {a: {length: 1, vars: [jet_n]}}\nbucketing: {var: jet_n, bins: [0, 2, 4, 6, 9]}"
    batches = list(iterate_weaver(config_of(tmp_path, text), path, batch_size=8, shuffle=True, mode="validate"))
    assert sum(map(len, batches)) == 600
    spread = [np.ptp(np.digitize(batch.inputs["a"][:, 0, 0], [2, 4, 6])) for batch in batches]
    assert np.mean(np.array(spread) == 0) > 0.8


def test_packed_inputs_are_the_padded_ones_without_padding(tmp_path, toy):
    _, path = toy
    text = """
    inputs:
      a: {length: 4, pad_mode: wrap, vars: [[part_px, 1, 2], part_flag]}
      b: {length: null, vars: [jet_pt]}
      c: {length: 2, vars: [part_pid, jet_eta]}
    """
    config = config_of(tmp_path, text.replace("      c: {length: 2, vars: [part_pid, jet_eta]}\n", ""))
    padded = weaver_tensors(config, path)
    (batch,) = iterate_weaver(config, path, packed=True)
    jet_ptr, values = batch.inputs["a"]
    assert values.shape == (jet_ptr[-1], 2)
    for b, (start, stop) in enumerate(itertools.pairwise(jet_ptr)):
        assert stop - start <= 4
        np.testing.assert_array_equal(values[start:stop].T, padded["input/a"][b, :, : stop - start])
    np.testing.assert_array_equal(batch.inputs["b"], padded["input/b"])
    with pytest.raises(DataError, match=r"group 'c'.*cannot be packed"):
        list(iterate_weaver(config_of(tmp_path, text), path, packed=True))


def test_magic(tmp_path, toy):
    columns, path = toy
    text = """
    branch_magic: {fat_: part_, energi: energy}
    file_magic: {origin: {nothing: 1, 'to.\\.root$': 2}, other: {nothing: 3}}
    new_variables: {sum: fat_px + part_px}
    inputs: {a: {length: 3, vars: [fat_energi, sum, origin, other]}}
    """
    made = weaver_tensors(config_of(tmp_path, text), path)["input/a"]
    np.testing.assert_array_equal(made[:, 0], slow_tensor(ak.to_list(columns["part_energy"]), length=3))
    np.testing.assert_array_equal(made[:, 1], slow_tensor(ak.to_list(columns["part_px"] * 2), length=3))
    assert (made[:, 2, 0] == 2).all()
    assert (made[:, 3] == 0).all()


def test_file_magic_overwrites_a_branch_with_a_warning(tmp_path, toy):
    text = "file_magic: {jet_pt: {toy: 5}}\ninputs: {a: {length: 1, vars: [jet_pt]}}"
    with pytest.warns(JetlegoWarning, match="'jet_pt' is replaced"):
        made = weaver_tensors(config_of(tmp_path, text), toy[1])
    assert (made["input/a"] == 5).all()


def test_custom_labels_and_monitors(tmp_path, toy):
    columns, path = toy
    labels = "\nlabels: {type: custom, value: {target: jet_mat.argmax(1), scale: jet_pt / 2, one: 1}}\n"
    text = """
    inputs: {a: {length: 3, pad_mode: wrap, vars: [[part_px, 1, 2]]}}
    monitor_variables: [part_px, jet_pt, target]
    """
    made = weaver_tensors(config_of(tmp_path, text, labels), path, mode="train")
    np.testing.assert_array_equal(made["label/target"], columns["jet_mat"].argmax(1))
    np.testing.assert_array_equal(made["label/scale"], columns["jet_pt"] / 2)
    assert made["label/one"].tolist() == [1] * 40
    np.testing.assert_array_equal(made["monitor/part_px"], made["input/a"][:, 0])
    np.testing.assert_array_equal(made["monitor/jet_pt"], columns["jet_pt"])
    np.testing.assert_array_equal(made["monitor/target"], made["label/target"])


def test_labels_must_be_unique_in_training_only(tmp_path, toy):
    labels = "\nlabels: {type: simple, value: [is_a, is_b]}"
    config = config_of(tmp_path, "inputs: {a: {length: 1, vars: [jet_pt]}}", labels)
    with pytest.raises(DataError, match=r"of 40 jets .* are not assigned to any class and 0") as caught:
        weaver_tensors(config, toy[1], mode="train")
    assert caught.value.id == "LABELS"
    with pytest.warns(JetlegoWarning, match="LABELS"):
        assert len(weaver_tensors(config, toy[1])["label/_label_"]) == 40


def test_non_finite_values_are_counted_once_a_variable(tmp_path, toy):
    columns, path = toy
    odd = ak.to_numpy(ak.flatten(columns["part_odd"]))
    with pytest.warns(JetlegoWarning, match="NONFINITE") as caught:
        made = weaver_tensors(config_of(tmp_path, "inputs: {a: {length: 9, vars: [part_odd, part_px]}}"), path)
    assert len(caught) == 1
    assert f"{np.isnan(odd).sum()} NaN" in str(caught[0].message)
    assert f"{np.isinf(odd).sum()} infinities" in str(caught[0].message)
    np.testing.assert_array_equal(made["input/a"][:, 0], slow_tensor(ak.to_list(columns["part_odd"]), length=9))


@pytest.mark.parametrize(("text", "error", "id", "words"), [
    ("inputs: {a: {length: 1, vars: [jet_ptt]}}", DataError, "NO-BRANCH", "toy.root.*'jet_ptt'.*'jet_pt'"),
    ("treename: tre\ninputs: {a: {length: 1, vars: [jet_pt]}}", DataError, "NO-TREE", "no tree 'tre'"),
    ("selection: jet_pt < 0\ninputs: {a: {length: 1, vars: [jet_pt]}}", DataError, "NO-JETS", "no jet of"),
    ("selection: part_px > 0\ninputs: {a: {length: 1, vars: [jet_pt]}}", ConfigError, "EXPR-SHAPE", "reduce it"),
    ("new_variables: {x: y, y: x + 1}\ninputs: {a: {length: 1, vars: [x]}}", ConfigError, "EXPR-CYCLE", "x -> y -> x"),
    ("inputs: {a: {length: null, vars: [part_px]}}", DataError, "BAD-SHAPE", "'part_px'"),
    ("new_variables: {x: 'part_px + part_px[:, :1]'}\ninputs: {a: {length: 1, vars: [x]}}", ConfigError, "EXPR-FAILED",
     "config.yaml:1:17: expression 'part_px"),
])  # fmt: skip
def test_faults_name_what_and_where(tmp_path, toy, text, error, id, words):
    with pytest.raises(error, match=words) as caught:
        weaver_tensors(config_of(tmp_path, text), toy[1])
    assert caught.value.id == id


def test_missing_file(tmp_path):
    with pytest.raises(DataError, match="no file"):
        weaver_tensors(config_of(tmp_path, "inputs: {a: {length: 1, vars: [x]}}"), tmp_path / "none.root")


def test_same_tensors_from_parquet_hdf5_and_rntuple(tmp_path, toy):
    columns, path = toy
    text = "selection: jet_n > 1\ninputs: {a: {length: 4, vars: [part_px, part_flag, jet_pt]}}"
    config = config_of(tmp_path, text)
    expected = weaver_tensors(config, path)
    table = ak.zip({k: v for k, v in columns.items() if k != "jet_mat"}, depth_limit=1)
    ak.to_parquet(table, tmp_path / "toy.parquet")
    with uproot.recreate(tmp_path / "ntuple.root") as file:
        file.mkrntuple("tree", table)
    for name in ("toy.parquet", "ntuple.root"):
        made = weaver_tensors(config, tmp_path / name)
        for key, value in expected.items():
            np.testing.assert_array_equal(made[key], value, err_msg=f"{name} {key}")


def test_network_files_find_what_they_use(tmp_path):
    config = load_weaver_config(config_of(tmp_path, "inputs: {a: {length: 4, vars: [x, y]}}"))
    assert len(config.input_dicts["a"]) == 2
    assert {name: (1, *shape[1:]) for name, shape in config.input_shapes.items()} == {"a": (1, 2, 4)}
    assert len(config.label_value) == 3
    assert config.label_names == ("_label_",)
