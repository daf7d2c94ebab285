"""Element-wise expressions written out as one list of steps, to be run on short blocks of flat columns.

A step calls the very function that the interpreter would call on the same operands, so the numbers are the same bit for
bit. But the tree is walked once and not for each block, what several expressions have in common is computed once, and
in blocks that fit the cache intermediate results never reach memory.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from jetlego.data.expressions.expression import Expression
from jetlego.data.expressions.functions import CONSTANTS, FUNCTIONS, MODULES
from jetlego.data.expressions.grammar import MAX_INTEGER, MAX_POWER
from jetlego.data.expressions.hypot import hypot
from jetlego.data.expressions.interpret import BINARY_CALLS, COMPARE_CALLS, FAILURES, UNARY_CALLS

_FASTER: dict[Callable[..., Any], Callable[..., Any]] = {np.hypot: hypot}


class Step(NamedTuple):
    """``registers[result] = function(*operands)``, after which the registers ``spent`` are needed no more."""

    function: Callable[..., Any]
    operands: tuple[int, ...]
    result: int
    spent: tuple[int, ...]


@dataclass(frozen=True)
class Tape:
    """What :func:`write_tape` returns.

    Parameters
    ----------
    columns
        Names that the steps read.
    registers
        Values before the first step: constants, and None for what comes later.
    inputs
        Register of each column.
    steps
        In order.
    results
        Register of each wanted variable at the end.
    sources
        Columns that each wanted variable follows from.
    """

    columns: tuple[str, ...]
    registers: tuple[Any, ...]
    inputs: tuple[int, ...]
    steps: tuple[Step, ...]
    results: tuple[int, ...]
    sources: tuple[frozenset[str], ...]

    def run(self, columns: Sequence[np.ndarray]) -> list[Any]:
        """Return the wanted variables of flat columns of one length; raises what the functions raise."""
        registers = list(self.registers)
        for at, column in zip(self.inputs, columns, strict=True):
            registers[at] = column
        with np.errstate(all="ignore"):
            for function, operands, result, spent in self.steps:
                registers[result] = function(*[registers[at] for at in operands])
                for at in spent:
                    registers[at] = None
        return [registers[at] for at in self.results]


def write_tape(wanted: Sequence[str], variables: Mapping[str, Expression]) -> Tape | None:
    """Return the steps that give ``wanted``, variables or columns; None if an expression is not fit for that.

    Fit are arithmetic, comparisons, constants and element-wise functions without keywords.

    Parameters
    ----------
    wanted
        Names; those that are no variable are columns.
    variables
        {name: expression}, without circles.
    """
    writer = _Writer(variables)
    try:
        results = [writer.name(name) for name in wanted]
    except _Unfit:
        return None
    return writer.tape(results)


class _Unfit(Exception):
    """A part of an expression that needs the interpreter."""


class _Writer:
    def __init__(self, variables: Mapping[str, Expression]) -> None:
        self.variables = variables
        self.columns: dict[str, int] = {}
        self.registers: list[Any] = []
        self.constants: set[int] = set()
        self.steps: list[tuple[Callable[..., Any], tuple[int, ...], int]] = []
        self.sources: list[frozenset[str]] = []
        self.known: dict[Any, int] = {}
        self._handlers: dict[type[ast.AST], Callable[[Any], int]] = {
            ast.Constant: lambda node: self._constant(node.value), ast.Name: self._name, ast.Attribute: self._attribute,
            ast.UnaryOp: self._unary, ast.BinOp: self._binary, ast.Compare: self._compare, ast.Call: self._call,
        }  # fmt: skip

    def name(self, name: str) -> int:
        """Return the register of a variable or column."""
        if name in self.variables:
            if not self.variables[name].elementwise:
                raise _Unfit
            return self.visit(self.variables[name].tree)
        if name not in self.columns:
            self.columns[name] = self._register(None, frozenset([name]))
        return self.columns[name]

    def visit(self, node: ast.expr) -> int:
        """Return the register of the value of a node."""
        handler = self._handlers.get(type(node))
        if handler is None:
            raise _Unfit
        return handler(node)

    def tape(self, results: Sequence[int]) -> Tape:
        """Return what has been written; each register is let go of after its last use."""
        last = {at: number for number, (_, operands, _) in enumerate(self.steps) for at in operands}
        kept = {*results, *self.constants}
        steps = []
        for number, (function, operands, result) in enumerate(self.steps):
            spent = tuple({at for at in operands if last[at] == number and at not in kept})
            steps.append(Step(function, operands, result, spent))
        names, inputs = tuple(self.columns), tuple(self.columns.values())
        sources = tuple(self.sources[at] for at in results)
        return Tape(names, tuple(self.registers), inputs, tuple(steps), tuple(results), sources)

    def _register(self, value: Any, sources: frozenset[str]) -> int:
        self.registers.append(value)
        self.sources.append(sources)
        return len(self.registers) - 1

    def _constant(self, value: Any) -> int:
        if not isinstance(value, bool | int | float):
            raise _Unfit
        key = (type(value), repr(value))  # 1, 1.0 and True are equal but not the same operand
        if key not in self.known:
            self.known[key] = self._register(value, frozenset())
            self.constants.add(self.known[key])
        return self.known[key]

    def _name(self, node: ast.Name) -> int:
        return self._constant(CONSTANTS[node.id]) if node.id in CONSTANTS else self.name(node.id)

    def _attribute(self, node: ast.Attribute) -> int:
        if not (isinstance(node.value, ast.Name) and node.value.id in MODULES):
            raise _Unfit
        return self._constant(CONSTANTS.get((MODULES[node.value.id], node.attr)))

    def _unary(self, node: ast.UnaryOp) -> int:
        operand = self.visit(node.operand)
        if operand in self.constants and isinstance(node.op, ast.Invert):
            raise _Unfit  # the interpreter has a rule for ~True
        return self._step(UNARY_CALLS[type(node.op)], operand)

    def _binary(self, node: ast.BinOp) -> int:
        left, right = self.visit(node.left), self.visit(node.right)
        if isinstance(node.op, ast.Pow) and right in self.constants and abs(self.registers[right]) > MAX_POWER:
            raise _Unfit
        return self._step(BINARY_CALLS[type(node.op)], left, right)

    def _compare(self, node: ast.Compare) -> int:
        operands = [self.visit(part) for part in (node.left, *node.comparators)]
        pairs = zip(node.ops, operands[:-1], operands[1:], strict=True)
        holds = [self._step(COMPARE_CALLS[type(operation)], a, b) for operation, a, b in pairs]
        result = holds[0]
        for other in holds[1:]:
            result = self._step(operator.and_, result, other)
        return result

    def _call(self, node: ast.Call) -> int:
        if node.keywords:
            raise _Unfit
        if isinstance(node.func, ast.Name):
            function = FUNCTIONS["builtin"].get(node.func.id)
        else:
            assert isinstance(node.func, ast.Attribute)  # the checker lets nothing else pass
            assert isinstance(node.func.value, ast.Name)  # and methods are not element-wise
            function = FUNCTIONS[MODULES[node.func.value.id]][node.func.attr]
        if function is None or not function.elementwise:
            raise _Unfit
        return self._step(_FASTER.get(function.call, function.call), *map(self.visit, node.args))

    def _step(self, function: Callable[..., Any], *operands: int) -> int:
        if all(at in self.constants for at in operands):
            return self._constant(self._folded(function, [self.registers[at] for at in operands]))
        key = (function, operands)
        if key not in self.known:
            sources = frozenset().union(*(self.sources[at] for at in operands))
            self.known[key] = self._register(None, sources)
            self.steps.append((function, operands, self.known[key]))
        return self.known[key]

    def _folded(self, function: Callable[..., Any], values: Sequence[Any]) -> Any:
        """Return the value of constants alone, a Python number; what the interpreter would refuse is left to it."""
        try:
            with np.errstate(all="ignore"):
                value = function(*values)
        except FAILURES:
            raise _Unfit from None
        if type(value) is int and abs(value) >= MAX_INTEGER:
            raise _Unfit
        return value if type(value) in (bool, int, float) else None
