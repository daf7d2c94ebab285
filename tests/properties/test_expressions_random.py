"""A random expression of the grammar is worth what Python makes of it; random text never does anything but fail."""

import ast
import warnings

import awkward as ak
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from jetlego.data.expressions import parse_expression
from jetlego.errors import ConfigError, DataError

COUNTS = np.array([2, 0, 3, 1])
TABLE = {
    "a": ak.unflatten(np.array([0.5, -2.0, 3.0, 1e-3, 7.0, -1.0], "f4"), COUNTS),
    "b": ak.unflatten(np.array([1, 2, 3, 4, 5, 6], "i4"), COUNTS),
    "s": np.array([1.5, -2.5, 0.25, 4.0], "f4"),
    "n": np.array([1, 2, 3, 4]),
    "t": np.array([True, False, True, True]),
}
JAGGED = ("a", "b")
FLAT = {name: ak.to_numpy(ak.flatten(v)) if name in JAGGED else np.repeat(v, COUNTS) for name, v in TABLE.items()}

names = st.sampled_from(sorted(TABLE))
numbers = st.sampled_from(["0", "1", "2", "0.5", "1e-2", "3.0", "np.pi"])
functions = st.sampled_from(["abs", "exp", "tanh", "sqrt", "log1p", "floor", "square"])
pairs = st.sampled_from(["hypot", "minimum", "maximum", "arctan2"])


def grown(inner):
    return (
        st.builds("({} {} {})".format, inner, st.sampled_from(["+", "*", "/", "//", "%"]), inner)
        | st.builds("(-({} * 1))".format, inner)
        | st.builds("np.{}({})".format, functions, inner)
        | st.builds("np.{}({}, {})".format, pairs, inner, inner)
    )


numeric = st.recursive(names | numbers, grown, max_leaves=6)
comparison = st.builds("({} {} {})".format, numeric, st.sampled_from(["<", "<=", "==", "!=", ">", ">="]), names)
logic = st.builds("({} {} ~{})".format, comparison, st.sampled_from(["&", "|", "^"]), comparison)


def python(text, table):
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return eval(text, {"np": np}, table)


def outcome(function):
    try:
        return function()
    except (ConfigError, DataError, TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None


def flattened(value):
    return np.asarray(ak.flatten(value, axis=None)) if isinstance(value, ak.Array) else np.asarray(value)


@settings(max_examples=150, deadline=None)
@given(numeric | logic)
def test_random_expressions_equal_python(text):
    expected = outcome(lambda: python(text, dict(TABLE)))
    ours = outcome(lambda: parse_expression(text).evaluate(TABLE))
    assert (ours is None) == (expected is None)
    if expected is not None:
        assert flattened(ours).dtype == flattened(expected).dtype
        np.testing.assert_array_equal(flattened(ours), flattened(expected))


@settings(max_examples=150, deadline=None)
@given(numeric | logic)
def test_elementwise_expressions_are_the_same_flat(text):
    expression = outcome(lambda: parse_expression(text))
    if expression is None or not any(name in JAGGED for name in expression.names):
        return
    jagged = outcome(lambda: expression.evaluate(TABLE))
    if jagged is None or not expression.elementwise:
        return
    flat = expression.evaluate(FLAT)
    assert np.asarray(flat).dtype == flattened(jagged).dtype
    np.testing.assert_array_equal(flat, flattened(jagged))


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab_.()[]{}:,'\"+-*/<>=!&|~%@#\\ \n\t0123456789énp", max_size=40))
def test_random_text_is_refused_or_harmless(text):
    try:
        value = parse_expression(text).evaluate(TABLE)
    except (ConfigError, DataError) as error:
        assert error.id in ("EXPR-REFUSED", "EXPR-FAILED", "NO-BRANCH")  # noqa: PT017
        return
    ast.parse(" ".join(text.split("\n")).strip(), mode="eval")
    assert not callable(value)
