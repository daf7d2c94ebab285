"""What the whitelist accepts gives what Python itself gives with numpy and awkward."""

import math

import awkward as ak
import numpy as np
import pytest
import vector

from jetlego.data.expressions import parse_expression
from jetlego.data.expressions.functions import FUNCTIONS
from jetlego.data.expressions.helpers import Context

vector.register_awkward()


def columns():
    rng = np.random.default_rng(5)
    counts = np.array([3, 0, 1, 5, 2])

    def jagged(values, dtype):
        return ak.unflatten(values.astype(dtype), counts)

    return {
        "pt": jagged(rng.exponential(20, 11), "f4"), "eta": jagged(rng.normal(0, 1, 11), "f4"),
        "pid": jagged(rng.choice([211, -211, 22, 321], 11), "i4"), "flag": jagged(rng.integers(0, 2, 11), "?"),
        "jet_pt": rng.uniform(500, 1000, 5).astype("f4"), "label": rng.integers(0, 2, 5).astype("i4"),
        "ok": np.array([True, False, True, True, False]), "onehot": np.eye(5, dtype="i4")[[3, 1, 4, 0, 0]],
    }  # fmt: skip


def python(text, table):
    with np.errstate(all="ignore"):
        return eval(text, {"np": np, "ak": ak, "math": math, "len": len, "pi": math.pi, "inf": math.inf}, table)


def assert_same(ours, expected):
    if isinstance(expected, ak.Array):
        assert str(ak.type(ours)) == str(ak.type(expected))
        assert ak.to_list(ak.is_none(ours)) == ak.to_list(ak.is_none(expected))
        ours, expected = (np.asarray(ak.flatten(values, axis=None)) for values in (ours, expected))
        np.testing.assert_array_equal(ours, expected)
    else:
        assert np.asarray(ours).dtype == np.asarray(expected).dtype
        np.testing.assert_array_equal(ours, expected)


SAME_AS_PYTHON = """
np.log(pt / jet_pt) ; np.hypot(pt, eta) ; np.tanh(eta) ; ak.ones_like(pt)
(np.abs(pid)==211) + (np.abs(pid)==321)*0.5 ; 1-label ; label*2+1 ; pt**2 ; 2**eta ; pt//3 ; pt%3 ; -pt ; +eta
~flag ; flag & (pt > 3) ; flag ^ (eta < 0) ; pt*3 + 1.5 ; np.float32(2)*jet_pt ; jet_pt*np.float64(2) ; pt == 0
pt != eta ; eta >= 0 ; ak.sum(pt, axis=1) ; ak.num(pt) ; ak.max(pt, axis=1) ; ak.mean(pt, axis=-1)
ak.any(flag, axis=1) ; ak.all(flag, axis=1) ; ak.prod(eta, axis=1) ; ak.sum(pt * flag, axis=1) / ak.sum(pt, axis=1)
ak.argmax(pt, axis=1) ; ak.argsort(pt, axis=1, ascending=False) ; ak.sort(pt, axis=1) ; ak.firsts(pt)
ak.fill_none(ak.firsts(pt), -1) ; ak.fill_none(ak.pad_none(pt, 2, clip=True), 0) ; pt[:, :1] ; pt[flag]
pt[ak.argsort(pt)] ; pt[..., ::2] ; jet_pt[:, np.newaxis] ; onehot[:, 2] ; onehot.argmax(1) ; onehot[-1]
np.where(eta > 0, pt, 0.0) ; np.where(ok, jet_pt, 0) ; ak.where(flag, pt, eta) ; np.full_like(pt, 3)
np.zeros_like(jet_pt) ; np.ones_like(pid, dtype="float32") ; ak.values_astype(pt, to="int32")
ak.values_astype(pt, np.float64) ; np.round(pt, 1) ; np.sum(jet_pt) ; np.mean(pt, axis=1) ; np.max(jet_pt)
np.stack([jet_pt, jet_pt], axis=1) ; np.concatenate([pt, eta], axis=1) ; np.digitize(jet_pt, [600, 800])
np.nan_to_num(np.log(eta), nan=-1) ; np.isfinite(np.log(eta)) ; np.isnan(np.log(eta)) ; ak.flatten(pt)
ak.count(pt, axis=1) ; ak.count_nonzero(flag, axis=1) ; ak.local_index(pt) ; ak.isclose(pt, pt + 1e-9)
ak.drop_none(ak.mask(pt, flag)) ; ak.unflatten(ak.flatten(pt), ak.num(pt)) ; ak.is_none(ak.firsts(pt))
ak.to_numpy(jet_pt) ; ak.broadcast_arrays(pt, jet_pt)[1] ; math.log(2) * pt ; math.pi * eta ; np.pi ; pi * label
np.e ; jet_pt if len(jet_pt) > 3 else 0 ; np.minimum(pt, 5) ; np.maximum(pt, jet_pt) ; np.fmin(pt, eta)
np.arctan2(eta, pt) ; np.power(pt, 2) ; np.sqrt(pt) ; np.rint(eta) ; np.logical_and(flag, ok) ; np.logical_not(flag)
np.sign(eta) ; np.floor(eta) ; np.exp(eta) ; np.log1p(pt) ; np.deg2rad(pt) ; ak.singletons(ak.firsts(pt))
ak.zeros_like(flag) ; np.inf * jet_pt ; label == 1 ; True ; 3 ; flag * ok
"""


@pytest.mark.parametrize("text", [t for line in SAME_AS_PYTHON.strip().splitlines() for t in line.split(" ; ")])
def test_same_as_python(text):
    table = columns()
    assert_same(parse_expression(text).evaluate(table), python(text, table))


@pytest.mark.parametrize(("text", "equal"), [
    ("numpy.log(awkward.sum(pt, axis=1))", "np.log(ak.sum(pt, axis=1))"),
    ("flag | ok", "np.logical_or(flag, ok)"), ("np.int32(pid)", "pid"), ("np.bool_(label)", "label == 1"),
    ("np.clip(pt, 2, 9)", "np.minimum(np.maximum(pt, 2), 9)"), ("_clip(jet_pt, 600, 700)", "np.clip(jet_pt, 600, 700)"),
    ("0 < eta < 1", "(0 < eta) & (eta < 1)"), ("np.float32(label)", "label.astype('f4')"), ("abs(eta)", "np.abs(eta)"),
    ("min(jet_pt)", "np.min(jet_pt)"), ("max(pt, 3, eta)", "np.maximum(np.maximum(pt, 3), eta)"),
    ("min(pt, jet_pt)", "np.minimum(pt, jet_pt)"), ("_batch_gather(pt, _batch_argsort(pt))", "ak.sort(pt)"),
    ("_concat([pt, eta], axis=1)", "ak.concatenate([pt, eta], axis=1)"),
    ("_stack([jet_pt, label])", "np.stack([jet_pt, label], axis=1)"),
    ("_stack([pt, eta])", "ak.concatenate([pt[:, np.newaxis], eta[:, np.newaxis]], axis=1)"),
    ("np.digitize(pt, [5, 10])", "ak.unflatten(np.digitize(ak.flatten(pt), [5, 10]), ak.num(pt))"),
    ("_pad(pt, 3)", "np.asarray(ak.fill_none(ak.pad_none(pt, 3, clip=True), 0)).astype('f4')"),
    ("_pad(pt, 2, -1)", "np.asarray(ak.fill_none(ak.pad_none(pt, 2, clip=True), -1)).astype('f4')"),
    ("_pad(jet_pt, 2)", "np.stack([jet_pt, np.zeros(5, 'f4')], axis=1)"), ("_pad(onehot, 5)", "onehot"),
    ("_pad(pid, 2, dtype='int32')", "np.asarray(ak.fill_none(ak.pad_none(pid, 2, clip=True), 0)).astype('i4')"),
])  # fmt: skip
def test_equal_to_another_way_of_writing(text, equal):
    assert_same(parse_expression(text).evaluate(columns()), python(equal, columns()))


NEEDS_MORE = {"stack", "concatenate", "unflatten", "digitize", "full_like", "broadcast_arrays", "fill_none",
              "values_astype"}  # fmt: skip
TWO_AXES = {"num", "local_index", "firsts", "singletons", "flatten", "from_regular"}
NOT_JAGGED = {"singletons", "to_regular", "from_regular", "to_numpy"}


@pytest.mark.parametrize("module", ["np", "ak"])
def test_every_function_of_one_argument_takes_flat_and_jagged_arrays(module):
    table = columns()
    for name in {name for name, function in FUNCTIONS[module].items() if function.minimum == 1} - NEEDS_MORE:
        flat = "onehot" if name in TWO_AXES else "jet_pt"
        for column in [flat] if name in NOT_JAGGED else [flat, "pt"]:
            if (name, column) != ("to_regular", "jet_pt"):
                assert parse_expression(f"{module}.{name}({column})").evaluate(table) is not None


def test_repeat_pad():
    rows = ak.to_list(columns()["pt"])
    padded = parse_expression("_repeat_pad(pt, 4)").evaluate(columns())
    assert padded.dtype == np.float32
    for row, out in zip(rows, padded, strict=True):
        assert out.tolist() == ([row[i % len(row)] for i in range(4)] if row else [0] * 4)


def vectors(table, **names):
    return ak.zip({component: table[name] for component, name in names.items()}, with_name="Momentum4D")


def test_four_vectors_against_vector_package():
    table = columns()
    table["phi"], table["energy"] = table["eta"] * 2 + 1, table["pt"] * np.cosh(table["eta"]) * 1.2
    total = "(_p4_from_ptetaphie(pt, eta, phi, energy) + _p4_from_ptetaphim(pt, phi, eta, jet_pt))"
    ours = {name: parse_expression(f"{total}.{name}")
            for name in ("pt", "eta", "phi", "mass", "energy", "px", "py", "pz", "rapidity", "p", "theta")}  # fmt: skip
    exact = {k: ak.values_astype(v, "float64") for k, v in table.items()}
    exact["jet_pt"] = ak.broadcast_arrays(exact["jet_pt"], exact["pt"])[0]
    first = vectors(exact, pt="pt", eta="eta", phi="phi", energy="energy")
    other = vectors(exact, pt="pt", eta="phi", phi="eta", mass="jet_pt")
    total = first + other
    for name, expression in ours.items():
        expected = ak.flatten(getattr(total, name))
        np.testing.assert_allclose(ak.flatten(expression.evaluate(exact)), expected, rtol=1e-6, atol=1e-9)
    for method in ("deltaphi", "deltaeta", "deltaR"):
        text = f"_p4_from_ptetaphie(pt, eta, phi, energy).{method}(_p4_from_ptetaphim(pt, phi, eta, jet_pt))"
        value = ak.flatten(parse_expression(text).evaluate(exact))
        expected = ak.flatten(getattr(first, method)(other))
        np.testing.assert_allclose(np.cos(value) if method == "deltaphi" else value,
                                   np.cos(expected) if method == "deltaphi" else expected, rtol=1e-9, atol=1e-12)
    p4 = parse_expression("_p4_from_pxpypze(pt, eta, phi, energy)").evaluate(exact)
    assert ak.to_list([p4.x, p4.y, p4.z]) == ak.to_list([exact["pt"], exact["eta"], exact["phi"]])


def test_neighbours_against_brute_force():
    rng = np.random.default_rng(0)
    table = {"s": rng.normal(size=(20, 2)), "q": rng.normal(size=(7, 2))}
    ours = parse_expression("_knn(s, q, 3)").evaluate(table)
    distance = np.linalg.norm(table["q"][:, None] - table["s"][None], axis=-1)
    np.testing.assert_array_equal(ours, np.argsort(distance, axis=1, kind="stable")[:, :3])
    few = parse_expression("_knn(s, q, 3)").evaluate({"s": np.zeros((2, 2)), "q": np.zeros((1, 2))})
    assert few.tolist() == [[0, 1, 2]]
    points = ak.Array([[[0.0, 0], [1, 0], [5, 0]], [], [[2.0, 2]]])
    batch = parse_expression("_batch_knn(x, x, 2, 4)").evaluate({"x": points})
    assert batch.shape == (3, 4, 2)
    assert batch.dtype == np.int32
    assert batch[0].tolist() == [[0, 1], [1, 0], [2, 1], [3, 3]]
    assert (batch[1] == 3).all()


def test_random_helpers_are_keyed_by_row():
    table = columns()
    order = parse_expression("_batch_permute_indices(pt)")
    whole = order.evaluate(table, context=Context(seed=3))
    assert ak.to_list(ak.sort(whole)) == ak.to_list(ak.local_index(table["pt"]))
    part = order.evaluate({"pt": table["pt"][2:]}, context=Context(seed=3, rows=np.arange(2, 5)))
    assert ak.to_list(whole[2:]) == ak.to_list(part)
    long = {"x": ak.unflatten(np.arange(40000.0), 40)}
    first, second = (order_of.evaluate(long, context=Context(seed)) for order_of, seed in ((parse_expression(
        "_batch_permute_indices(x)"), s) for s in (1, 2)))
    assert (np.asarray(first) == np.asarray(second)).mean() == pytest.approx(1 / 40, abs=0.01)
    assert np.asarray(first)[:, 0].mean() == pytest.approx(19.5, abs=1.5)


def test_dropping_constituents():
    table = {"x": ak.unflatten(np.arange(40000.0), 40)}
    text = "_batch_permute_and_drop_indices(x, True, 0.2, 0.6, 5)"
    index = parse_expression(text).evaluate(table)
    kept = ak.to_numpy(ak.num(index))
    assert kept.min() >= 16
    assert kept.max() <= 32
    assert kept.mean() == pytest.approx(24, abs=0.6)
    plain = parse_expression("_batch_permute_and_drop_indices(x, random_permute=False)").evaluate(table)
    assert ak.to_list(plain) == ak.to_list(ak.local_index(table["x"]))


def test_hash_is_fixed_and_splits_evenly():
    table = {"run": np.arange(10000), "event": np.arange(10000) % 7}
    value = parse_expression("_hash(run, event)").evaluate(table)
    assert value.dtype == np.int64
    assert len(np.unique(value)) == 10000
    assert np.bincount(value % 10).min() > 900
    as_floats = {name: values * 1.0 for name, values in table.items()}
    np.testing.assert_array_equal(value, parse_expression("_hash(run, event)").evaluate(as_floats))
    assert value[:2].tolist() == [1825907084063272085, 5606229687766825743]


def test_columns_and_elementwise_are_known_without_data():
    expression = parse_expression("np.log(part_pt / jet_pt) + part_eta * np.pi")
    assert expression.names == ("part_pt", "jet_pt", "part_eta")
    assert expression.elementwise
    for text in ("ak.sum(x, axis=1)", "x[:, :1]", "np.where(x > 0, x, 0)", "_pad(x, 3)", "max(x)", "len(x) * x",
                 "_p4_from_pxpypze(x, x, x, x).pt"):  # fmt: skip
        assert not parse_expression(text).elementwise


def test_expression_leaves_its_columns_alone():
    table = columns()
    before = {name: ak.to_list(values) for name, values in table.items()}
    for text in ("np.nan_to_num(jet_pt)", "np.log(pt)", "np.clip(jet_pt, 0, 1)", "_pad(onehot, 5)"):
        parse_expression(text).evaluate(table)
    assert {name: ak.to_list(values) for name, values in table.items()} == before
