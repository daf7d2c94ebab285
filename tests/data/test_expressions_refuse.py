"""What the whitelist refuses, where it says so, and that nothing happens on the way."""

import time

import awkward as ak
import numpy as np
import pytest

from jetlego.data.expressions import evaluation_order, parse_expression
from jetlego.errors import ConfigError, DataError

REFUSED = [
    ("__import__('os').system('touch canary')", 1, "only named functions|not allowed|may be called"),
    ("x + __builtins__", 5, "begin with '_'"),
    ("_x", 1, "begin with '_'"),
    ("x.__class__", 1, "'__class__' is not allowed"),
    ("().__class__.__bases__[0].__subclasses__()", 1, "not allowed"),
    ("np.__loader__", 1, "not among"),
    ("np.load('file')", 1, "'load' is not among"),
    ("np.fromfile('file')", 1, "not among"),
    ("np.memmap('file')", 1, "not among"),
    ("np.vectorize(x)", 1, "not among"),
    ("np.frompyfunc(x, 1, 1)", 1, "not among"),
    ("np.core.multiarray.scalar(x)", 1, "not allowed"),
    ("ak.from_parquet('file')", 1, "not among"),
    ("ak.to_parquet(x, 'file')", 1, "not among"),
    ("ak.behavior", 1, "not among"),
    ("np.random.rand(3)", 1, "not allowed"),
    ("open('file')", 1, "may be called"),
    ("eval('1')", 1, "may be called"),
    ("getattr(x, 'y')", 1, "may be called"),
    ("x.tolist()", 1, "'tolist' is not allowed"),
    ("x.tofile('file')", 1, "not allowed"),
    ("(lambda: 1)()", 2, "only named functions"),
    ("lambda: 1", 1, "functions cannot be defined"),
    ("[y for y in x]", 1, "not allowed"),
    ("sum(y for y in x)", 1, "may be called"),
    ("np.sum(y for y in x)", 7, "not allowed"),
    ("await x", 1, "not an expression|not allowed"),
    ("(yield x)", 2, "not allowed"),
    ("f'{x}'", 1, "formatted"),
    ("(y := x)", 2, "assigned"),
    ("x = 1", 3, "not an expression"),
    ("import os", 1, "not an expression"),
    ("x; y", 2, "not an expression"),
    ("np.sum(*x)", 8, "unpacked"),
    ("np.sum(**x)", 1, "unpacked"),
    ("x and y", 1, "write & and |"),
    ("not x", 1, "write ~"),
    ("x in y", 1, "'in' and 'is'"),
    ("x is None", 1, "'in' and 'is'"),
    ("x << 2", 1, "LShift"),
    ("x @ x", 1, "MatMult"),
    ("{1: 2}", 1, "dictionaries"),
    ("{1, 2}", 1, "sets"),
    ("[1, 2]", 1, "List is not allowed"),
    ("x + (1, 2)", 5, "Tuple is not allowed"),
    ("'text'", 1, "text is allowed only"),
    ("x['field']", 3, "text is allowed only"),
    ("b'bytes'", 1, "bytes"),
    ("1j", 1, "complex"),
    ("...", 1, "ellipsis"),
    ("9**9**9", 1, "powers above 64"),
    ("2**-65", 1, "powers above 64"),
    ("x**(64+1)", 1, "powers above 64"),
    ("2**63", 1, "below 2\\^63"),
    ("2**62*4", 1, "below 2\\^63"),
    ("9223372036854775808", 1, "below 2\\^63"),
    ("np.log", 1, "is a function, not a value"),
    ("np", 1, "is a function or module"),
    ("abs", 1, "is a function or module"),
    ("np.logg(x)", 1, "did you mean 'log'"),
    ("np.log(x, x)", 1, "at most 1 positional"),
    ("np.log(x, out=x)", 1, "keyword 'out' is not allowed"),
    ("np.log(x, where=x)", 1, "keyword 'where'"),
    ("np.sum(x, 0, None, x)", 1, "at most 2 positional"),
    ("np.clip(x, 0, 1, x)", 1, "at most 3 positional"),
    ("np.nan_to_num(x, copy=False)", 1, "keyword 'copy'"),
    ("np.full_like(x, 1, shape=10)", 1, "keyword 'shape'"),
    ("np.ones_like(x, dtype='object')", 23, "not a number type"),
    ("np.ones_like(x, dtype='V1000000000')", 23, "not a number type"),
    ("np.sum(x, axis='a')", 16, "not a number type"),
    ("np.where(x)", 1, "needs 3 arguments"),
    ("ak.broadcast_arrays(x, x)", 1, "pick one"),
    ("ak.broadcast_arrays(x, x)[x]", 1, "pick one"),
    ("ak.pad_none(j, 10**9)", 1, "too long"),
    ("_pad(j, 10**9)", 1, "too long"),
    ("_repeat_pad(j, 10**9)", 1, "too long"),
    ("big[:, np.newaxis] * big", 1, "too large"),
    ("np.hypot(big[:, np.newaxis], big)", 1, "too large"),
    ("big[:, np.newaxis] < big", 1, "too large"),
    ("x if x else 1", 1, "np.where"),
    ("x.pt", 1, "_p4_from_"),
    ("x.foo", 1, "'foo' is not allowed"),
    ("np.concatenate([x, x])", 1, "6 rows, the table only 3"),
    ("x +", 1, "not an expression"),
    ("", None, "empty"),
    ("\0", 1, "not an expression"),
    ("x" * 5000, 4097, "4096 characters"),
    ("(" * 300 + "x", None, "not an expression"),
    ("-" * 4000 + "x", None, "not an expression|deeper"),
    ("-" * 40 + "x", 33, "deeper than 32"),
    ("+".join(["x"] * 140), None, "deeper|parts"),
    ("np.concatenate([" + ",".join(["x"] * 300) + "])", None, "more than 256 parts"),
    ("np.concatenate([" + ",".join(["np.abs(x)"] * 65) + "])", None, "more than"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "column", "words"), REFUSED, ids=[r[0][:40] for r in REFUSED])
def test_refused_with_position(text, column, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = {"x": np.ones(3, "f4"), "y": np.ones(3), "j": ak.Array([[1.0], [], [2]]), "big": np.ones(20000, "f4")}
    parse_expression("x", where="").evaluate(table, length=3)  # what is imported at first use is not measured
    start = time.process_time()
    with pytest.raises(ConfigError, match=words) as caught:
        parse_expression(text, where="config.yaml:3:7").evaluate(table, length=3)
    assert time.process_time() - start < 0.5
    assert caught.value.id == "EXPR-REFUSED"
    assert caught.value.what.startswith("config.yaml:3:7: expression '")
    assert len(str(caught.value)) < 1200
    if column is not None:
        assert f"column {column}:" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_operands_that_do_not_fit_are_told_in_one_line():
    table = {"a": ak.Array([[1, 2], []]), "b": ak.Array([[1], [2]]), "f": np.ones(2), "i": np.ones(2, int)}
    for text in ("a + b", "~f", "1/0", "i // 0 if 1 // 0 else 1", "math.log(f)", "math.exp(5000)", "f[7]", "f & f",
                 "_p4_from_pxpypze(f, f, f, f) * 2", "_p4_from_pxpypze(f, f, f, f) + f", "a.deltaphi(a)"):
        with pytest.raises(ConfigError) as caught:
            parse_expression(text).evaluate(table)
        assert caught.value.id == "EXPR-FAILED"
        assert "\n" not in str(caught.value)


def test_missing_column_names_the_nearest():
    with pytest.raises(DataError, match="no column 'part_ptt'; did you mean 'part_pt'") as caught:
        parse_expression("np.log(part_ptt)", where="cut").evaluate({"part_pt": np.ones(2), "jet_pt": np.ones(2)})
    assert caught.value.id == "NO-BRANCH"


def test_order_of_variables():
    variables = {name: parse_expression(text) for name, text in
                 {"c": "b + a", "a": "x * 2", "b": "a + y", "unused": "z"}.items()}  # fmt: skip
    assert evaluation_order(["c", "w"], variables) == (["a", "b", "c"], ["x", "y", "w"])
    loop = {name: parse_expression(text) for name, text in {"a": "b", "b": "c", "c": "a"}.items()}
    with pytest.raises(ConfigError, match="a -> b -> c -> a") as caught:
        evaluation_order(["a"], loop)
    assert caught.value.id == "EXPR-CYCLE"
