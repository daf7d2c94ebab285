"""Specs: built, refused with path and nearest names, read back; the same weights every time."""

import functools
import json
from typing import Annotated

import pytest
import torch
from torch import nn

import jetlego
from jetlego.bricks import registry
from jetlego.bricks.build import build, spec_of
from jetlego.bricks.feedforward import MLP
from jetlego.bricks.initial import path_seed
from jetlego.bricks.part import Part, fit
from jetlego.bricks.plan import check_spec
from jetlego.bricks.registry import brick, bricks, find_brick, import_bricks
from jetlego.errors import ConfigError, JetlegoWarning


@pytest.fixture
def box(monkeypatch):
    """The vocabulary, with two words more that are forgotten after the test."""
    bricks()
    monkeypatch.setattr(registry, "_REGISTRY", dict(registry._REGISTRY))

    @brick("two_parts", takes={"x": "set[in_dim]"}, gives={"y": "vector[out_dim]"})
    class TwoParts(nn.Module):
        """Two parts and a list of parts (arXiv:1234.56789)."""

        def __init__(self, *, in_dim: int, num_classes: int = 2, body: Annotated[Part, "set -> vector"],
                     head: Annotated[Part, "vector -> vector"] | None = None, more: list[Part] = (),
                     named: dict[str, Part] | None = None, rate: float = 0.5) -> None:  # fmt: skip
            super().__init__()
            self.body = fit(body, in_dim=in_dim)
            self.head = None if head is None else fit(head, in_dim=self.body.out_dim, out_dim=num_classes)
            self.more = nn.ModuleList(fit(m, in_dim=in_dim, out_dim=3) for m in more)
            self.named = nn.ModuleDict({k: fit(v, in_dim=in_dim, out_dim=1) for k, v in (named or {}).items()})

    @brick("wide_mlp", takes={"x": "any[in_dim]"}, gives={"y": "same[out_dim]"})
    def wide_mlp(*, in_dim: int, out_dim: int, factor: int = 2) -> nn.Module:
        """A function that returns a module."""
        return MLP(in_dim=in_dim, hidden=[factor * in_dim], out_dim=out_dim)

    return TwoParts


SPEC = {
    "brick": "two_parts",
    "body": {"brick": "deepsets", "phi": {"brick": "mlp", "hidden": [4, 6]}},
    "head": {"brick": "mlp", "hidden": [5]},
    "more": ["logistic", {"brick": "wide_mlp", "factor": 3}],
    "named": {"a": "logistic"},
}


def test_sizes_flow_from_parent_to_part(box):
    module = build(SPEC, in_dim=3, num_classes=7, seed=0)
    assert module.body.phi.layers[0].linear.in_features == 3
    assert (module.head.layers[0].linear.in_features, module.head.out_dim) == (6, 7)
    assert module.more[1].layers[0].linear.out_features == 9


def test_spec_round_trip(box):
    module = build(SPEC, in_dim=3, seed=0)
    assert spec_of(module) == SPEC == json.loads(json.dumps(spec_of(module)))
    assert spec_of(module.more[1]) == {"brick": "wide_mlp", "factor": 3}
    made_in_python = box(in_dim=3, body=MLP(in_dim=3, hidden=(2,)), head=functools.partial(MLP, hidden=[4]))
    with pytest.raises(ConfigError, match=r"two_parts.head holds partial, which a spec cannot say"):
        spec_of(made_in_python)
    again = build(spec_of(made_in_python.body))
    assert again.out_dim == 2
    with pytest.raises(ConfigError, match="Linear is no brick"):
        spec_of(nn.Linear(1, 1))


@pytest.mark.parametrize(
    ("change", "id", "message"),
    [
        ({"hed": 3}, "UNKNOWN-KEY", "model.hed: two_parts has no argument 'hed'; did you mean 'head'?"),
        (
            {"head": {"brick": "mlp", "hiden": [40, 40]}},
            "UNKNOWN-KEY",
            "model.head.hiden: mlp has no argument 'hiden'; did you mean 'hidden'?",
        ),
        (
            {"more": ["logistic", {"brick": "mpl"}]},
            "UNKNOWN-BRICK",
            "model.more[1].brick: no brick 'mpl'; did you mean 'mlp'?",
        ),
        ({"named": {"b": "logistik"}}, "UNKNOWN-BRICK", "model.named.b: no brick 'logistik'; did you mean 'logistic'?"),
        ({"rate": "high"}, "BAD-VALUE", "model.rate: two_parts wants a finite number, not 'high'"),
        ({"rate": float("nan")}, "BAD-VALUE", "model.rate: two_parts wants a finite number, not nan"),
        ({"rate": True}, "BAD-VALUE", "model.rate: two_parts wants a finite number, not True"),
        ({"head": 3}, "BAD-VALUE", "model.head: wants a spec or a brick's name, not 3"),
        ({"head": {"hidden": [3]}}, "BAD-VALUE", "model.head: has no brick"),
        (
            {"body": {"brick": "pool", "how": "product"}},
            "BAD-VALUE",
            "model.body.how: pool wants one of 'sum', 'mean', 'max' or a list, not 'product'",
        ),
        (
            {"head": {"brick": "mlp", "hidden": [2], "norm": "bach"}},
            "BAD-VALUE",
            "model.head.norm: mlp wants one of 'batch', 'layer', 'rms' or null, not 'bach'",
        ),
        (
            {"body": {"brick": "mlp", "hidden": [3]}},
            "BAD-JOIN",
            "model.body: mlp gives set[out_dim], which two_parts cannot take: it takes vector; "
            "insert pool or set2set or class_attention or pointer",
        ),
        (
            {"head": "deepsets"},
            "BAD-JOIN",
            "model.head: two_parts feeds vector, which deepsets cannot take: it takes set[in_dim]; "
            "insert broadcast or cross",
        ),
        ({"head": {"brick": "mlp", "hidden": [0]}}, "BAD-VALUE", "model.head: mlp: widths must be positive"),
        ({"body": "score"}, "BAD-JOIN", "model.body: score gives pair, which two_parts cannot take"),
        ({"in_dim": 4}, "BAD-VALUE", "model.in_dim: two_parts is fed in_dim 3, its spec says 4; leave 'in_dim' out"),
        ({"head": {"brick": "embed"}}, "BAD-JOIN", "model.head: two_parts feeds vector, which embed cannot take"),
    ],
)
def test_faults_have_a_path_and_the_nearest_names(box, change, id, message):
    with pytest.raises(ConfigError) as caught:
        build({**SPEC, **change}, in_dim=3)
    assert caught.value.id == id
    assert str(caught.value).startswith(message)


def test_a_lacking_size_is_named(box):
    with pytest.raises(ConfigError, match=r"model: two_parts needs 'in_dim'; known from outside: num_classes=2"):
        build(SPEC, num_classes=2)


def test_all_faults_are_listed(box):
    spec = {"brick": "two_parts", "body": {"brick": "pool", "hwo": "sum"}, "head": "mpl", "rate": None}
    with pytest.raises(ConfigError) as caught:
        build({"model": spec}, in_dim=1)
    assert str(caught.value).splitlines() == [
        "model.body.hwo: pool has no argument 'hwo'; did you mean 'how'?",
        "model.head: no brick 'mpl'; did you mean 'mlp'?",
        "model.rate: two_parts wants a finite number, not None",
    ]
    faults = check_spec(spec, path=("model",))[1]
    assert [f.path for f in faults] == [("model", "body", "hwo"), ("model", "head"), ("model", "rate")]


def test_equal_seeds_equal_weights_and_the_global_state_is_left_alone(box):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first, second, other = build(SPEC, in_dim=3, seed=1), build(SPEC, in_dim=3, seed=1), build(SPEC, in_dim=3, seed=2)
    assert torch.equal(torch.get_rng_state(), before)
    for a, b, c in zip(first.parameters(), second.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
        assert not torch.equal(a, c)
    unseeded = build(SPEC, in_dim=3)
    assert torch.equal(unseeded.head.last.weight, build(SPEC, in_dim=3, seed=3).head.last.weight)


def test_a_further_head_does_not_change_the_backbone(box):
    with_head = build(SPEC, in_dim=3, seed=1)
    without = build({"brick": "two_parts", "body": SPEC["body"]}, in_dim=3, seed=1)
    for a, b in zip(with_head.body.parameters(), without.body.parameters(), strict=True):
        assert torch.equal(a, b)


def test_seeds_of_paths_are_the_same_everywhere():
    assert path_seed(1, "body.phi") == 4740806168604430708
    assert len({path_seed(s, p) for s in range(20) for p in ("", "a", "b")}) == 60


def test_weights_keep_torchs_spread():
    weight = build({"brick": "mlp", "hidden": [400]}, in_dim=100, out_dim=1, seed=0).layers[0].linear.weight
    assert weight.abs().max() <= 0.1
    assert abs(weight.std().item() - 0.1 / 3**0.5) < 1e-3


def test_shapes_alone_on_the_meta_device(box):
    with torch.device("meta"):
        module = build(SPEC, in_dim=3)
    assert all(p.device.type == "meta" for p in module.parameters())


def test_spec_from_yaml(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("data: {}\nmodel:\n  brick: mlp\n  hidden: [3, 4]\n")
    assert build(path, in_dim=2).out_dim == build(str(path), in_dim=2).out_dim == 4
    path.write_text("model:\n  brick: mlp\n  brick: mlp\n")
    with pytest.raises(ConfigError, match=r"run.yaml:3:3: the key 'brick' stands already at 2:3") as caught:
        build(path)
    assert caught.value.id == "YAML-SYNTAX"
    with pytest.raises(ConfigError, match="no file"):
        build(tmp_path / "none.yaml")


def test_fit_takes_modules_classes_partials_names_and_specs():
    ready = MLP(in_dim=2, hidden=[3])
    assert fit(ready, in_dim=9) is ready
    assert fit(MLP, in_dim=2, out_dim=4, edge_dim=7).out_dim == 4
    assert fit(functools.partial(MLP, out_dim=5), in_dim=2, out_dim=4).out_dim == 5
    assert fit("mlp", in_dim=2, out_dim=6).out_dim == 6
    assert fit({"brick": "mlp", "out_dim": 7}, in_dim=2, out_dim=6).out_dim == 7
    with pytest.raises(ConfigError, match="mlp: mlp needs 'in_dim'"):
        fit("mlp")


def test_vocabulary_and_entries(box):
    assert jetlego.bricks()["mlp"].group == "feedforward"
    entry = find_brick("two_parts")
    assert (entry.kind, entry.paper) == ("brick", "arXiv:1234.56789")
    assert entry.summary == "Two parts and a list of parts (arXiv:1234.56789)."
    assert str(entry.takes["x"]) == "set[in_dim]"
    assert entry.arguments[:2] == ("in_dim", "num_classes")
    with pytest.raises(AttributeError):
        entry.name = "other"
    with pytest.raises(TypeError):
        jetlego.bricks()["new"] = entry


def test_names_are_unique_words_and_arguments_keyword_only(box):
    def register(name, make):
        return brick(name, takes={"x": "set"}, gives={"y": "set"})(make)

    with pytest.raises(ConfigError, match=r"registers 'mlp', which jetlego\.bricks.feedforward already gives"):
        register("mlp", lambda: None)
    with pytest.raises(ConfigError, match="no snake_case word"):
        register("My-Brick", lambda: None)
    with pytest.raises(TypeError, match="'x' must be keyword-only"):
        register("positional", lambda x: None)
    with pytest.raises(ValueError, match="'heap' is not a stud"):
        brick("heap", takes={"x": "heap"}, gives={"y": "set"})(lambda: None)


def test_import_of_a_package_of_bricks(box, tmp_path, monkeypatch):
    (tmp_path / "my_bricks.py").write_text(
        "from torch import nn\nfrom jetlego.bricks.registry import brick\n"
        "@brick('mine', takes={'x': 'set'}, gives={'y': 'set'})\nclass Mine(nn.Module):\n"
        "    def __init__(self, *, width: int = 1):\n        super().__init__()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert import_bricks("my_bricks") == ("mine",)
    assert build("mine") is not None
    with pytest.raises(ConfigError, match="--import no_such_package") as caught:
        import_bricks("no_such_package")
    assert caught.value.id == "PLUGIN"


def test_a_broken_plug_in_is_named_and_the_others_work(box, monkeypatch):
    class Point:
        name, dist = "broken", None

        def load(self):
            raise RuntimeError("no luck")

    monkeypatch.setattr(registry, "_plugins_loaded", False)
    monkeypatch.setattr(registry, "_BROKEN_PLUGINS", {})
    monkeypatch.setattr(registry.importlib.metadata, "entry_points", lambda group: [Point()])
    with pytest.warns(JetlegoWarning, match=r"plug-in 'broken' of \? could not be imported: RuntimeError: no luck"):
        assert "mlp" in bricks()
    with pytest.raises(ConfigError, match="no brick 'mine', and plug-in 'broken'") as caught:
        find_brick("mine")
    assert caught.value.id == "PLUGIN"
