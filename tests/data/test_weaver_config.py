import textwrap

import pytest
from oracles.shared_folder import shared

from jetlego.data.weaver import WeaverConfig, is_weaver_config, load_weaver_config
from jetlego.data.weaver.inputs import Parameters
from jetlego.data.yaml_reader import read_yaml
from jetlego.errors import ConfigError

GOOD = """
treename: tree
selection: (jet_pt > 500) & (abs(jet_eta) < 2)
new_variables:
  part_pt: np.hypot(part_px, part_py)
  part_pt_log: np.log(part_pt)
  jet_pt: jet_pt
inputs:
  pf:
    length: 12
    pad_mode: WRAP
    vars:
      - [part_pt_log, 1.7, 1e-1, -.inf, 4]
      - [part_energy, null]
      - part_pid
  jet:
    length: null
    vars: [jet_pt, [jet_mass, 100, 0.01]]
  pf_mask:
    length: 12
    vars: [[part_mask, null, 1, 0, 1, -1]]
labels:
  type: simple
  value: [is_a, 1-is_a]
observers: [jet_n]
"""


def write(tmp_path, text, name="config.yaml"):
    path = tmp_path / name
    path.write_text(textwrap.dedent(text))
    return path


def test_everything_is_read(tmp_path):
    config = load_weaver_config(write(tmp_path, GOOD))
    assert config.input_names == ("pf", "jet", "pf_mask")
    assert config.input_dicts["pf"] == ["part_pt_log", "part_energy", "part_pid"]
    assert config.input_shapes == {"pf": (-1, 3, 12), "jet": (-1, 2, -1), "pf_mask": (-1, 1, 12)}
    assert config.parameters["part_pt_log"] == Parameters(12, True, 1.7, 0.1, float("-inf"), 4.0, 0.0)
    assert config.parameters["part_energy"] == config.parameters["part_pid"] == Parameters(12, True, None)
    assert config.parameters["part_mask"] == Parameters(12, False, None, 1.0, 0.0, 1.0, -1.0)
    assert list(config.variables) == ["part_pt", "part_pt_log"]
    assert config.label_names == ("_label_",)
    assert config.label_value == ["is_a", "1-is_a"]
    assert config.num_classes == 2
    assert config.test_selection is config.selection
    assert config.labels["type"] == "simple"
    assert config.observers == ["jet_n"]
    assert config.weights is None
    assert config.preprocess == {"method": "manual", "data_fraction": 0.1, "params": None}
    assert not config.is_open
    with pytest.raises(AttributeError, match="no attribute 'foo'"):
        _ = config.foo


def test_automatic_and_custom(tmp_path):
    custom = "type: custom\n  names: [a, b]\n  value: {target: label.argmax(1), other: jet_pt}"
    text = GOOD.replace("labels:", "preprocess: {method: AUTO}\nlabels:")
    text = text.replace("type: simple\n  value: [is_a, 1-is_a]", custom)
    config = load_weaver_config(write(tmp_path, text + "test_time_selection: 'yes_flag'\n"))
    assert config.parameters["part_pid"].is_open
    assert not config.parameters["part_energy"].is_open
    assert config.label_names == ("target", "other")
    assert config.label_spec.class_names == ("a", "b")
    assert config.test_selection.names == ("yes_flag",)


def test_words_of_yaml_1_1(tmp_path):
    config = load_weaver_config(write(tmp_path, GOOD + "file_magic: {is_signal: {Higgs: yes, QCD: no}}\n"))
    assert config.file_magic == {"is_signal": {"Higgs": True, "QCD": False}}


@pytest.mark.parametrize("name", ["JetClass_full", "JetClass_kin"])
def test_public_configs(name):
    path = shared(f"data/weaver/{name}.yaml")
    config = load_weaver_config(path)
    full = name == "JetClass_full"
    assert config.input_shapes == {"pf_points": (-1, 2, 128), "pf_features": (-1, 17 if full else 7, 128),
                                   "pf_vectors": (-1, 4, 128), "pf_mask": (-1, 1, 128)}  # fmt: skip
    assert config.parameters["part_logptrel"] == Parameters(128, True, -4.7, 0.7)
    assert config.parameters["part_px"] == Parameters(128, True, None)
    assert config.parameters["part_mask"] == Parameters(128, False, None)
    assert full == (config.parameters.get("part_dzerr") == Parameters(128, True, 0.0, 1.0, 0.0, 1.0))
    assert config.num_classes == 10
    assert all(expression.elementwise for expression in config.variables.values())
    assert is_weaver_config(read_yaml(path).data)


def test_what_is_no_weaver_config():
    assert not is_weaver_config({"data": {}, "model": {}})
    assert not is_weaver_config({"inputs": {}, "labels": {}, "jetlego": 1})
    assert not is_weaver_config(["inputs", "labels"])


FAULTS = [
    ("treename: tree", "tree_name: tree", "UNKNOWN-KEY", "config.yaml:2:1: unknown key 'tree_name'; .*'treename'"),
    ("  pf:\n    length: 12", "  pf:", "BAD-VALUE", ":9:3: group 'pf' has no 'length'"),
    ("length: null", "length: -1", "BAD-VALUE", "length -1 is not"),
    ("pad_mode: WRAP", "pad_mode: wrapped", "BAD-VALUE", "config.yaml:11:5: pad_mode 'wrapped'"),
    ("pad_mode: WRAP", "pad_mod: wrap", "UNKNOWN-KEY", "did you mean 'pad_mode'"),
    ("    vars: [[part_mask", "    pad_mode: wrap\n    vars: [[part_mask", "BAD-VALUE", "padded with a constant"),
    ("[part_energy, null]", "[part_energy, zero]", "BAD-VALUE", "config.yaml:14:9: center 'zero' is not a number"),
    ("[part_energy, null]", "[part_energy, 1, 2, 3, 4, 5, 6]", "BAD-VALUE", "neither a name nor"),
    ("vars: [jet_pt,", "vars: [part_energy,", "BAD-VALUE",
     "config.yaml:18:12: variable 'part_energy' .*config.yaml:14:9"),
    ("np.log(part_pt)", "np.load(part_pt)", "EXPR-REFUSED", "config.yaml:6:3: expression 'np.load"),
    ("(abs(jet_eta) < 2)", "open('x')", "EXPR-REFUSED", "config.yaml:3:1"),
    ("labels:\n  type: simple\n  value: [is_a, 1-is_a]", "", "BAD-VALUE", "'labels' with 'type' and 'value'"),
    ("value: [is_a, 1-is_a]", "value: {a: is_a}", "BAD-VALUE", "must be a list of 0/1 columns"),
    ("value: [is_a, 1-is_a]", "value: [is_a, lambda x]", "EXPR-REFUSED", "config.yaml:24"),
    ("observers: [jet_n]", "observers: [jet_n]\nmonitor_variables: [jet_pt]", "BAD-VALUE", "cannot be given together"),
    ("observers: [jet_n]", "observers: jet_n", "BAD-VALUE", "must be a list of names"),
    ("observers: [jet_n]", "preprocess: {methode: auto}", "UNKNOWN-KEY", "did you mean 'method'"),
    ("observers: [jet_n]", "preprocess: {data_fraction: 0}", "BAD-VALUE", "not in \\(0, 1\\]"),
    ("observers: [jet_n]", "preprocess: {params: {part_energy: {center: 0}}}", "BAD-VALUE",
     "'part_pt_log' is missing in preprocess.params"),
    ("observers: [jet_n]", "weights: {reweight_method: flat}", "BAD-VALUE", "use_precomputed_weights"),
    ("observers: [jet_n]", "weights: {use_precomputed_weights: true}", "BAD-VALUE", "weight_branches"),
    ("observers: [jet_n]", "weights: {use_precomputed_weights: false, reweight_method: round, reweight_classes: [a]}",
     "BAD-VALUE", "neither 'flat' nor 'ref'"),
    ("observers: [jet_n]", "weights: {use_precomputed_weights: false, reweight_method: flat, reweight_classes: [a], "
     "reweight_vars: {x: [1, 2], y: [3, 3]}}", "BAD-VALUE", "ascending bin edges"),
    ("observers: [jet_n]", "bucketing: 3", "BAD-VALUE", "'bucketing' must be"),
    ("observers: [jet_n]", "file_magic: {x: {'(': 1}}", "BAD-VALUE", "no regular expression"),
    ("observers: [jet_n]", "branch_magic: [a]", "BAD-VALUE", "branch_magic"),
    ("observers: [jet_n]", "observers: [jet_n]\nobservers: []", "YAML-SYNTAX", "stands already"),
    ("observers: [jet_n]", "observers: !!python/object/apply:os.system ['x']", "YAML-TAG", "refused"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "id", "words"), FAULTS, ids=[f[3][:40] for f in FAULTS])
def test_faults_are_told_with_their_place(tmp_path, old, new, id, words):
    assert old in GOOD
    with pytest.raises(ConfigError, match=words) as caught:
        load_weaver_config(write(tmp_path, GOOD.replace(old, new)))
    assert caught.value.id == id


def test_all_faults_of_a_file_are_listed(tmp_path):
    text = GOOD.replace("treename", "tree_name").replace("WRAP", "no").replace("np.log(", "np.foo(")
    with pytest.raises(ConfigError) as caught:
        load_weaver_config(write(tmp_path, text))
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert "tree_name" in lines[0]
    assert any("pad_mode 'false'" in line for line in lines)
    assert any("'foo' is not among" in line for line in lines)


def test_not_a_mapping_and_missing_file(tmp_path):
    with pytest.raises(ConfigError, match="is a mapping"):
        load_weaver_config(write(tmp_path, "- a"))
    with pytest.raises(ConfigError, match="no file"):
        load_weaver_config(tmp_path / "absent.yaml")


def test_measured_parameters_win_over_inline_numbers(tmp_path):
    params = "{part_pt_log: {length: 12, pad_mode: wrap, center: 5, scale: 2, min: -1, max: 1, pad_value: 9}"
    for name in ("part_energy", "part_pid", "jet_pt", "jet_mass", "part_mask"):
        params += f", {name}: {{center: null, scale: 1, min: -5, max: 5, pad_value: 0, length: 12}}"
    config = load_weaver_config(write(tmp_path, GOOD + f"preprocess: {{method: auto, params: {params}}}}}\n"))
    assert isinstance(config, WeaverConfig)
    assert not config.is_open
    assert config.parameters["part_pt_log"] == Parameters(12, True, 5.0, 2.0, -1.0, 1.0, 9.0)
