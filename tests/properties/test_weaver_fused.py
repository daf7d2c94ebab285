"""The fused pass against the interpreter on awkward arrays: the same bits for any configuration."""

import itertools

import awkward as ak
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.weaver_oracle import slow_tensor, toy_columns

from jetlego.data.expressions import hypot as hypot_module
from jetlego.data.expressions import parse_expression
from jetlego.data.expressions.tape import write_tape
from jetlego.data.weaver import fused
from jetlego.data.weaver.config import weaver_from_options
from jetlego.data.weaver.frame import Frame
from jetlego.data.weaver.plan import Plan
from jetlego.data.weaver.rows import Workspace
from jetlego.data.weaver.tensors import Chunk, new_tally
from jetlego.errors import ConfigError

COLUMNS = ["part_px", "part_py", "part_energy", "part_pid", "part_flag", "part_odd", "jet_pt", "jet_n", "jet_eta"]
UNARY = ["np.log", "np.tanh", "np.sqrt", "np.exp", "np.sin", "np.arctan", "abs", "-", "np.float32", "ak.ones_like"]
BINARY = ["+", "-", "*", "/", "%", "**", "<", "==", ">="]
leaf = st.sampled_from(COLUMNS) | st.sampled_from(["2", "0.5", "-1.5", "np.pi", "True", "1"])


def _grown(inner):
    pair = st.tuples(inner, inner)
    return (
        st.builds("{}({})".format, st.sampled_from(UNARY), inner)
        | st.builds("({1} {0} {2})".format, st.sampled_from(BINARY), inner, inner)
        | pair.map(lambda p: f"np.hypot({p[0]}, {p[1]})")
        | pair.map(lambda p: f"np.maximum({p[0]}, {p[1]})")
    )


expression = st.recursive(leaf, _grown, max_leaves=6)
number = st.floats(-3, 3, width=32)
parameters = st.tuples(st.none() | number, number, st.floats(-4, 0, width=32), st.floats(0, 4, width=32), number)


def _config(texts, numbers, wrap, length):
    variables = {f"v{at}": text for at, text in enumerate(texts)} | {"pt_again": "v0 * 1"}
    vars_ = [[f"v{at}", *row] for at, row in enumerate(numbers)] + ["pt_again", "part_px"]
    inputs = {"a": {"length": length, "pad_mode": "wrap" if wrap else "constant", "vars": vars_}}
    labels = {"type": "custom", "value": {"n": "jet_n"}}
    return weaver_from_options({"new_variables": variables, "inputs": inputs, "labels": labels}, "toy.yaml")


def _frame(columns, first, last):
    frame = Frame(last - first, rows=np.arange(first, last))
    for name, values in columns.items():
        frame.add(name, values[first:last])
    return frame


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@settings(max_examples=30, deadline=None)
@given(texts=st.lists(expression, min_size=1, max_size=4), data=st.data(), wrap=st.booleans(),
       length=st.integers(1, 9), cuts=st.sets(st.integers(1, 39), max_size=3),
       block=st.sampled_from([5, 40, 4096]))  # fmt: skip
def test_equals_the_interpreter_bit_for_bit(texts, data, wrap, length, cuts, block):
    texts = [f"part_px + ({text})" for text in texts]  # a value a constituent, whatever is drawn
    numbers = data.draw(st.lists(parameters, min_size=len(texts), max_size=len(texts)))
    config, columns = _config(texts, numbers, wrap, length), toy_columns()
    plan = Plan(config, "predict")
    edges = [0, *sorted(cuts), 40]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fused, "BLOCK", block)
        try:
            made = [plan.selected(_frame(columns, a, b)) for a, b in itertools.pairwise(edges)]
            tally = new_tally(plan)
            batch = Chunk(plan, Frame.concatenate(made), tally, space=Workspace()).batch(np.arange(39, -1, -1))
        except ConfigError:  # operands that do not fit: then the plain path must refuse as well
            with pytest.raises(ConfigError):
                [parse_expression(text).evaluate(columns) for text in texts]
            return
    columns["pt_again"] = parse_expression(texts[0]).evaluate(columns) * 1
    for at, group_row in enumerate(config.groups[0].variables):
        values = parse_expression(texts[at]).evaluate(columns) if at < len(texts) else columns[group_row]
        used = config.parameters[group_row]
        limits = {"center": used.center, "scale": used.scale, "low": used.low, "high": used.high}
        expected = slow_tensor(ak.to_list(ak.values_astype(values, "float32")), length=length, wrap=wrap,
                               pad_value=used.pad_value, **limits)  # fmt: skip
        np.testing.assert_array_equal(batch.inputs["a"][::-1, at], expected, err_msg=str(texts))
        flat = ak.to_numpy(ak.flatten(ak.values_astype(values, "float32")))
        assert tally[group_row] == [np.isnan(flat).sum(), np.isinf(flat).sum()]


def test_the_fused_pass_is_what_ran():
    config, columns = _config(["np.log(part_energy / jet_pt)"], [(None, 1, -5, 5, 0)], True, 8), toy_columns()
    plan = Plan(config, "predict")
    frame = plan.selected(_frame(columns, 0, 40))
    assert set(frame.deferred) == {"v0", "pt_again"}
    Chunk(plan, frame, new_tally(plan))
    assert set(frame.deferred) == {"v0", "pt_again"}  # no column was made on the way
    assert frame.column("v0").content.dtype == np.float32
    assert set(frame.deferred) == {"pt_again"}


@pytest.mark.parametrize("text", [
    "np.sum(part_px)", "part_px[:, 0]", "np.where(part_px > 0, 1, 2)", "np.ones_like(part_px, dtype='int32')",
    "part_px * (2**62 * 8)", "part_px * ~True", "np.clip(part_px, 0, 1)", "part_px * np.log(2)",
    "1 if 2 > 1 else part_px",
])  # fmt: skip
def test_what_a_tape_cannot_say_is_left_to_the_interpreter(text):
    assert write_tape(["x"], {"x": parse_expression(text)}) is None


def test_common_parts_are_computed_once_and_let_go():
    texts = {"pt": "np.hypot(part_px, part_py)", "a": "np.log(pt / jet_pt)", "b": "np.log(pt / jet_pt) + 1 * 2"}
    tape = write_tape(["a", "b"], {name: parse_expression(text) for name, text in texts.items()})
    assert tape.columns == ("part_px", "part_py", "jet_pt")
    assert len(tape.steps) == 4
    spent = [at for step in tape.steps for at in step.spent]
    assert len(spent) == len(set(spent)) == 5  # the three columns, pt, and pt over jet_pt; constants and results stay
    assert tape.sources == (frozenset(tape.columns),) * 2


@given(st.lists(st.tuples(*[st.floats(width=32)] * 2), max_size=40))
def test_hypot_is_numpys(pairs):
    x, y = np.array(pairs, np.float32).reshape(-1, 2).T.copy()
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(hypot_module.hypot(x, y), np.hypot(x, y))
    assert hypot_module.hypot(x.astype("f8"), y).dtype == np.float64


def test_errors_of_expressions_stay_clear():
    config = _config(["part_px + np.hypot(part_flag, ~part_py)"], [(None, 1, -5, 5, 0)], True, 8)
    plan = Plan(config, "predict")
    with pytest.raises(ConfigError, match=r"~part_py.: ufunc"):
        Chunk(plan, plan.selected(_frame(toy_columns(), 0, 40)), new_tally(plan))


def test_jet_columns_and_rows_of_other_lengths_take_the_other_path():
    config = _config(["jet_pt * 2"], [(None, 1, -5, 5, 7)], False, 3)
    plan = Plan(config, "predict")
    columns = toy_columns()
    made = Chunk(plan, plan.selected(_frame(columns, 0, 40)), new_tally(plan)).batch().inputs["a"]
    np.testing.assert_array_equal(made[:, 0], np.stack([columns["jet_pt"] * 2, *[np.full(40, 7)] * 2], 1).astype("f4"))
