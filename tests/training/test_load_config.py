import pytest
from pydantic import ValidationError

from jetlego.errors import ConfigError
from jetlego.training.config import RunConfig
from jetlego.training.load_config import load_config, parse_config, to_yaml

GOOD = """\
data:
  train: [a.root, b.root]
  classes: {top: label_Tbqq, qcd: label_QCD}
structure: {tree: {algorithm: kt}}
model: {brick: recursive_tagger}
training: {epochs: 3, optimizer: {lr: 1e-3}}
"""


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "run.yaml"
        path.write_text(text)
        return path

    return write


def _fault(write, text, *words):
    with pytest.raises(ConfigError) as caught:
        load_config(write(text), words)
    return caught.value


def test_a_good_file_is_read_with_its_defaults(write):
    config = load_config(write(GOOD))
    assert config.name == "run"
    assert config.training.optimizer.lr == 1e-3
    assert config.training.batch_size == RunConfig.model_fields["training"].default.batch_size
    assert config.data.signal_index == 0


def test_the_resolved_configuration_reads_back_unchanged(write):
    config = load_config(write(GOOD))
    assert load_config(write(to_yaml(config.resolved()))) == config


def test_words_of_the_command_line_override_the_file(write):
    config = load_config(write(GOOD), ["training.epochs=7", "data.train=[c.root]", "training.gradient_clip="])
    assert (config.training.epochs, config.data.train, config.training.gradient_clip) == (7, ["c.root"], None)


@pytest.mark.parametrize(
    ("old", "new", "id", "place", "words"),
    [
        ("epochs: 3", "epoch: 3", "UNKNOWN-KEY", "run.yaml:6:12", ["training.epoch", "did you mean 'epochs'?"]),
        ("epochs: 3", "epochs: many", "BAD-VALUE", "run.yaml:6:12", ["training.epochs", "many", "integer"]),
        ("algorithm: kt", "algorithm: anti-kt", "BAD-VALUE", "run.yaml:4:20", ["anti-kt", "did you mean 'anti_kt'"]),
        ("lr: 1e-3", "lr: .inf", "BAD-VALUE", "run.yaml:6:35", ["training.optimizer.lr", "finite"]),
        ("lr: 1e-3", "lr: -1", "BAD-VALUE", "run.yaml:6:35", ["greater than 0"]),
        ("model: {brick: recursive_tagger}\n", "", "BAD-VALUE", "run.yaml:1:1", ["'model' is missing"]),
        (
            "classes: {top:",
            "signal: w\n  classes: {top:",
            "BAD-VALUE",
            "run.yaml",
            ["signal 'w' is none of", "top, qcd"],
        ),
    ],
)
def test_a_fault_is_told_with_its_place_and_the_nearest_name(write, old, new, id, place, words):
    assert old in GOOD
    error = _fault(write, GOOD.replace(old, new))
    assert error.id == id
    for word in [place, *words]:
        assert word in str(error)


def test_every_fault_of_a_file_is_listed(write):
    error = _fault(write, GOOD.replace("epochs: 3", "epoch: 3, batchsize: 2").replace("train:", "trian:"))
    lines = str(error).splitlines()
    assert len(lines) == 4  # two unknown keys of training, one of data, and data.train missing
    assert sum("did you mean" in line for line in lines) == 3


def test_a_fault_of_the_command_line_is_told_as_such(write):
    error = _fault(write, GOOD, "training.epoch=2")
    assert str(error).startswith("command line: unknown key 'training.epoch'; did you mean 'epochs'")
    assert "'epochs'" in _fault(write, GOOD, "training.epoch=2").hint
    assert "dotted.key=value" in str(_fault(write, GOOD, "training"))
    assert "is not a section" in str(_fault(write, GOOD, "training.epochs.more=1"))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.yaml"):
        load_config(tmp_path / "none.yaml")


def test_a_configuration_cannot_be_changed_after_the_fact(write):
    config = load_config(write(GOOD))
    with pytest.raises(ValidationError):
        config.training.epochs = 5


def test_plain_data_needs_no_file():
    with pytest.raises(ConfigError, match="'data' is missing"):
        parse_config({"model": {}})
