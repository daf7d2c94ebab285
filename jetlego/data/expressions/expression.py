"""A checked expression: parse once, evaluate on any number of chunks."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jetlego.data.expressions.functions import FUNCTIONS
from jetlego.data.expressions.grammar import Checker, parse_tree
from jetlego.data.expressions.helpers import HELPERS, Context
from jetlego.data.expressions.interpret import Interpreter
from jetlego.data.expressions.refusal import Source

_ELEMENTWISE = (ast.BinOp, ast.UnaryOp, ast.Compare, ast.Constant, ast.Name, ast.Call, ast.Attribute)


@dataclass(frozen=True)
class Expression:
    """What :func:`parse_expression` returns.

    Parameters
    ----------
    text
        The expression.
    names
        Columns it reads, in order of first use.
    elementwise
        True if each constituent's value follows from the same constituent's columns (and its jet's) alone, so that it
        may be evaluated on flat arrays.
    """

    text: str
    names: tuple[str, ...]
    elementwise: bool
    source: Source = field(repr=False, compare=False)
    tree: ast.expr = field(repr=False, compare=False)

    def evaluate(
        self, columns: Mapping[str, Any], *, length: int | None = None, context: Context | None = None
    ) -> Any:
        """Return the value of the expression.

        Parameters
        ----------
        columns
            {name: numpy or awkward array}; only the names in ``self.names`` are looked up.
        length
            Rows of the table; a longer result is refused.
        context
            Seed and first row number for the random helpers.

        Returns
        -------
        numpy array, awkward array, or a Python or numpy scalar; dtypes as numpy's and awkward's promotion gives them.
        Divisions by zero and logarithms of nothing give inf and NaN without a warning.

        Raises
        ------
        DataError
            ``NO-BRANCH`` for a column that is not there.
        ConfigError
            ``EXPR-FAILED`` if operands do not fit together, ``EXPR-REFUSED`` beyond the limits on size.
        """
        return Interpreter(self.source, columns, context or Context()).run(self.tree, length)


def parse_expression(text: str, *, where: str = "") -> Expression:
    """Check a text against the whitelist.

    Parameters
    ----------
    text
        A Python expression of columns, ``np`` / ``ak`` / ``math`` functions, weaver's helpers, ``+ - * / // % **``,
        ``& | ^ ~`` and comparisons.
    where
        Its origin (``file:line:col``), for messages.

    Raises
    ------
    ConfigError
        ``EXPR-REFUSED``, with the position and the offending text.
    """
    source = Source(" ".join(str(text).split("\n")).strip(), where)
    tree = parse_tree(source)
    checker = Checker(source)
    checker.check(tree)
    elementwise = _is_elementwise(tree, tuple(checker.functions))
    return Expression(source.text, tuple(checker.columns), elementwise, source, tree)


def _is_elementwise(tree: ast.expr, functions: tuple[str, ...]) -> bool:
    if not all(_is_elementwise_function(name) for name in functions):
        return False
    values = (node for node in ast.walk(tree) if isinstance(node, ast.expr))
    return all(isinstance(node, _ELEMENTWISE) for node in values)


def _is_elementwise_function(name: str) -> bool:
    module, dot, bare = name.rpartition(".")
    table = FUNCTIONS.get(module, {}) if dot else {**HELPERS, **FUNCTIONS["builtin"]}
    return bare in table and table[bare].elementwise
