"""Every shipped schema is sound, and a user's own may build on one."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest

from jetlego.data.formats.choose import _READERS, _reader_class
from jetlego.data.schemas.load import in_collection, list_schemas, load_schema, shipped_schemas
from jetlego.data.schemas.schema import JETCLASS_CLASSES, Schema
from jetlego.data.yaml_reader import parse_yaml
from jetlego.errors import ConfigError


def test_each_file_is_one_schema_of_its_name() -> None:
    folder = resources.files("jetlego.data.schemas")
    stems = sorted(f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith(".yaml"))
    assert sorted(shipped_schemas()) == stems
    assert len(stems) >= 18
    for name, title, reference in list_schemas():
        assert title, name
        assert reference, name


@pytest.mark.parametrize("name", sorted(shipped_schemas()))
def test_a_schema_can_be_read_by_a_reader(name) -> None:
    schema = load_schema(name)
    assert _reader_class(schema).__name__.endswith("Reader")
    assert schema.recognise is not None
    if schema.format == "ntuple":
        assert schema.recognise.columns
    text = str(schema.model_dump())
    assert "{collection}" not in text or schema.collection is None


def test_formats_and_readers_are_the_same_words() -> None:
    assert set(_READERS) == set(Schema.model_fields["format"].annotation.__args__)


def test_jetclass_has_the_order_of_the_paper() -> None:
    assert load_schema("jetclass").label.class_names == JETCLASS_CLASSES
    assert JETCLASS_CLASSES == ("QCD", "Hbb", "Hcc", "Hgg", "H4q", "Hqql", "Zqq", "Wqq", "Tbqq", "Tbl")


def test_two_layouts_do_not_claim_the_same_columns() -> None:
    seen: dict = {}
    for name, schema in shipped_schemas().items():
        rule = schema.recognise
        key = (tuple(sorted(rule.columns)), rule.tree, schema.containers)
        assert key not in seen or not rule.columns, f"{name} and {seen.get(key)}"
        seen[key] = name


def test_collections_name_columns() -> None:
    schema = load_schema("nanoaod:FatJet")
    assert schema.jets.pt.column == "FatJet_pt"
    assert schema.label.column.column == "FatJet_partonFlavour"
    assert in_collection(load_schema("delphes"), "Jet").jets.pt.column == "Jet.PT"


def test_a_base_is_changed_where_named(tmp_path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("base: jetclass\nmomentum_unit: MeV\njets: {columns: {mine: x}}\n"
                    "label: {column: y, classes: [a, b]}\n")
    schema = load_schema(path)
    assert schema.momentum_unit == "MeV"
    assert schema.particles == load_schema("jetclass").particles
    assert schema.jets.columns["mine"].column == "x"
    assert schema.jets.optional == load_schema("jetclass").jets.optional
    assert schema.label.one_hot is None
    assert schema.label.class_names == ("a", "b")
    assert load_schema({"base": "omnilearned", "label": {"offset": 2}}).label.offset == 2


@pytest.mark.parametrize(("schema", "words"), [
    ("nothing", "there is no schema 'nothing'"), ("nano:Jet", "or 'nanoaod'?"), ({"base": ["x"]}, "no schema"),
    ({"blocks": [{"array": "x"}]}, "blocks.0.names"), ({"jets": {"ptt": "x"}}, "did you mean 'pt'"),
    ({"particles": {"kind": "var", "pt": "a", "eta": "b", "phi": "c", "use_weight": "auto"}}, "needs the key weight"),
    ({"particles": {"kind": "padded", "pt": "a", "eta": "b", "phi": "c", "valid": {"column": "m"}}}, "above or equals"),
])  # fmt: skip
def test_faults(schema, words) -> None:
    with pytest.raises(ConfigError) as caught:
        load_schema(schema)
    assert words in str(caught.value)


def test_the_schema_in_the_guide_is_one() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "reading.md").read_text(encoding="utf-8")
    text = "format" + guide.partition("```yaml\nformat")[2].partition("```")[0]
    schema = load_schema(parse_yaml(text).data)
    assert schema.particles.kind == "table"
    assert schema.momentum_scale == 1e-3
    for name in shipped_schemas():
        assert f"`{name}`" in guide, name
