"""The strict YAML reader: values of YAML 1.2, places, refusals and limits."""

from __future__ import annotations

import math

import pytest

from jetlego.data.yaml_reader import parse_yaml, read_yaml
from jetlego.errors import ConfigError


@pytest.mark.parametrize(("text", "value"), [
    ("1e-3", 0.001), ("1.5E+2", 150.0), (".5", 0.5), ("-3", -3), ("010", 10), ("0o17", 15), ("0x1F", 31),
    ("no", "no"), ("yes", "yes"), ("on", "on"), ("1_000", "1_000"), ("true", True), ("False", False), ("~", None),
    ("null", None), ("", None), ("1:30", "1:30"), ("2024-01-01", "2024-01-01"), ("'1'", "1"), ('"true"', "true"),
    (".inf", math.inf), ("-.INF", -math.inf), ("1e", "1e"), ("+", "+"), (".", "."), ("sample://top", "sample://top"),
])  # fmt: skip
def test_plain_scalars_follow_the_core_schema(text: str, value: object) -> None:
    got = parse_yaml(f"key: {text}").data["key"]
    assert got == value
    assert type(got) is type(value)


def test_nan_is_a_number() -> None:
    assert math.isnan(parse_yaml("a: .nan").data["a"])


def test_weaver_words_and_merge_keys_on_request() -> None:
    text = "base: &b {x: yes, y: off}\nnew: {<<: *b, y: 3}\n"
    assert parse_yaml(text, yaml11_words=True).data["new"] == {"x": True, "y": 3}
    with pytest.raises(ConfigError, match="merge keys"):
        parse_yaml(text)


def test_places_of_keys_and_list_items() -> None:
    document = parse_yaml("a:\n  b: 1\n  c: [x, y]\n", name="run.yaml")
    assert document.where("a.b") == "run.yaml:2:3"
    assert document.where(("a", "c", 1)) == "run.yaml:3:10"
    assert document.where("a.b.absent") == "run.yaml:2:3", "the nearest enclosing part"
    assert document.where() == "run.yaml:1:1"


def test_an_alias_is_a_copy() -> None:
    data = parse_yaml("a: &x {k: 1}\nb: *x\n").data
    data["a"]["k"] = 2
    assert data["b"] == {"k": 1}


@pytest.mark.parametrize(("text", "id", "words"), [
    ("a: 1\nb:\n  c: 1\n  c: 2\n", "YAML-SYNTAX", "f.yaml:4:3: the key 'c' stands already at 3:3"),
    ("a:\n\t- 1\n", "YAML-SYNTAX", "f.yaml:2:1:"),
    ("a: 1\n---\nb: 2\n", "YAML-SYNTAX", "f.yaml:2:1: a second document"),
    ("a: [1, 2\nb: 3\n", "YAML-SYNTAX", "f.yaml:2:"),
    ("[1]: 2", "YAML-SYNTAX", "a key must be a plain word"),
    ("a: *b", "YAML-SYNTAX", "no anchor '&b'"),
    ("a: &b [*b]", "YAML-SYNTAX", "contains itself"),
    ("a: !!python/object/apply:os.system ['touch canary']", "YAML-TAG", "f.yaml:1:4: the tag"),
    ("a: !!str 3", "YAML-TAG", "no tags are allowed"),
    ("a: !mine {b: 1}", "YAML-TAG", "no tags are allowed"),
    ("a: " + "[" * 1000 + "]" * 1000, "YAML-LIMIT", "deeper than 64"),
    ("".join(" " * i + "a:\n" for i in range(200)), "YAML-LIMIT", "deeper than 64"),
    ("a: &x 1\nb: [" + ", ".join(["*x"] * 101) + "]", "YAML-LIMIT", "more than 100 aliases"),
    ("- a: " + "x" * 2**20, "YAML-LIMIT", "more than 1048576 bytes"),
])  # fmt: skip
def test_refusals_say_where(text: str, id: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_yaml(text, name="f.yaml")
    assert caught.value.id == id
    assert words in str(caught.value)


def test_an_alias_bomb_stops_at_the_node_limit() -> None:
    lines = ["a: &a [" + ",".join("1" * 10) + "]"]
    lines += [f"b{i}: &b{i} [{','.join(['*a' if i == 0 else f'*b{i - 1}'] * 10)}]" for i in range(9)]
    with pytest.raises(ConfigError) as caught:
        parse_yaml("\n".join(lines))
    assert caught.value.id == "YAML-LIMIT"


def test_a_huge_file_is_refused_unread(tmp_path) -> None:
    path = tmp_path / "huge.yaml"
    with path.open("wb") as file:
        file.truncate(100 * 2**20)
    with pytest.raises(ConfigError, match="104857600 bytes"):
        read_yaml(path)


def test_bytes_that_are_no_text_and_absent_files(tmp_path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"a: 1\nb: \xe9\n")
    with pytest.raises(ConfigError, match=r"latin\.yaml:2: not UTF-8"):
        read_yaml(path)
    with pytest.raises(ConfigError, match="there is no file"):
        read_yaml(tmp_path / "absent.yaml")
