"""The whole vocabulary through the test kit: every brick has an example, every example passes every check."""

import pytest

from jetlego.bricks.homes import home_of
from jetlego.bricks.registry import bricks
from jetlego.testing.examples import all_examples
from jetlego.testing.kit import CHECKS, run_check

EXAMPLES = all_examples()
QUICK = ("spec_round_trip", "padding", "packed", "permutation", "causality", "steps")
"""What tells variants of a brick apart at little cost: whether they build, and their symmetries."""


def _cases():
    """Every check of every example; those of a brick's variants (``name/variant``) but for the cheapest are slow."""
    for name in EXAMPLES:
        for check in CHECKS:
            late = "/" in name and check not in QUICK
            yield pytest.param(name, check, id=f"{name}-{check}", marks=[pytest.mark.slow] if late else [])


@pytest.mark.parametrize(("name", "check"), list(_cases()))
def test_brick(name, check):
    run_check(check, name, EXAMPLES[name])


def test_every_brick_has_an_example():
    shown = {name.partition("/")[0] for name in EXAMPLES}
    missing = {entry.name for entry in bricks().values() if entry.kind == "brick"} - shown
    assert not missing


def test_the_table_of_homes_is_what_the_modules_register():
    registered = {e.name: e.make.__module__ for e in bricks().values() if e.make.__module__.startswith("jetlego")}
    assert registered == home_of()


def test_reasons_for_skipping_are_reasons():
    for name, example in EXAMPLES.items():
        assert set(example.skip) <= set(CHECKS), name
        assert all(len(reason) > 15 for reason in example.skip.values()), name
