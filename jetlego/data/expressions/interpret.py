"""The interpreter: walks a checked tree over arrays. It can call nothing that the whitelist does not hold."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from jetlego.data.expressions import arrays
from jetlego.data.expressions.functions import CONSTANTS, FUNCTIONS, METHODS, MODULES, Function
from jetlego.data.expressions.grammar import MAX_INTEGER, MAX_POWER
from jetlego.data.expressions.helpers import HELPERS, Context
from jetlego.data.expressions.refusal import Source
from jetlego.data.expressions.vectors import FourVectors
from jetlego.errors import DataError, did_you_mean

BINARY_CALLS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: operator.pow, ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_, ast.BitXor: operator.xor,
}  # fmt: skip
UNARY_CALLS: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.UAdd: operator.pos, ast.USub: operator.neg, ast.Invert: operator.invert
}  # fmt: skip
COMPARE_CALLS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}  # fmt: skip

FAILURES = (TypeError, ValueError, ArithmeticError, IndexError, AttributeError)


class Interpreter:
    """Evaluates one expression on one table."""

    def __init__(self, source: Source, columns: Mapping[str, Any], context: Context) -> None:
        self.source, self.columns, self.context = source, columns, context
        self._handlers: dict[type[ast.AST], Callable[[Any], Any]] = {
            ast.Constant: lambda node: node.value, ast.Name: self._name, ast.Attribute: self._attribute,
            ast.UnaryOp: self._unary, ast.BinOp: self._binary, ast.Compare: self._compare, ast.Call: self._call,
            ast.Subscript: self._subscript, ast.IfExp: self._conditional, ast.List: self._items, ast.Tuple: self._items,
            ast.Slice: self._slice,
        }  # fmt: skip

    def run(self, tree: ast.expr, length: int | None) -> Any:
        """Return the value of the tree; see :meth:`Expression.evaluate`."""
        with np.errstate(all="ignore"):
            value = self.value(tree)
        rows = len(value) if getattr(value, "ndim", 0) else 0
        if length is not None and rows > length:
            raise self.source.refuse(tree, f"the result has {rows} rows, the table only {length}")
        return value

    def value(self, node: ast.expr) -> Any:
        """Return the value of one node."""
        try:
            result = self._handlers[type(node)](node)
            arrays.check_size(arrays.count_elements(result))
        except arrays.TooLarge as error:
            raise self.source.refuse(node, str(error)) from None
        except FAILURES as error:
            raise self._failed(node, error) from error
        if type(result) is int and abs(result) >= MAX_INTEGER:
            raise self.source.refuse(node, "integers must be below 2^63")
        return result

    def _failed(self, node: ast.expr, error: Exception) -> Exception:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        text = ast.get_source_segment(self.source.text, node) or self.source.text
        return self.source.fault("EXPR-FAILED", f"'{text}': {lines[0] if lines else type(error).__name__}")

    def _name(self, node: ast.Name) -> Any:
        if node.id in CONSTANTS:
            return CONSTANTS[node.id]
        try:
            return self.columns[node.id]
        except KeyError:
            origin = f"{self.source.where}: " if self.source.where else ""
            what = f"{origin}expression '{self.source.text}': there is no column '{node.id}'"
            raise DataError("NO-BRANCH", what, did_you_mean(node.id, self.columns)) from None

    def _attribute(self, node: ast.Attribute) -> Any:
        if isinstance(node.value, ast.Name) and node.value.id in MODULES:
            module = MODULES[node.value.id]
            constant = CONSTANTS.get((module, node.attr))
            return getattr(np, node.attr) if constant is None and node.attr != "newaxis" else constant
        owner = self.value(node.value)
        if not isinstance(owner, FourVectors):
            raise self.source.refuse(node, f"'.{node.attr}' belongs to values of the _p4_from_ functions")
        return getattr(owner, node.attr)

    def _unary(self, node: ast.UnaryOp) -> Any:
        operand = self.value(node.operand)
        if isinstance(node.op, ast.Invert) and isinstance(operand, bool):
            return not operand  # ~True is -2 in Python
        return UNARY_CALLS[type(node.op)](operand)

    def _binary(self, node: ast.BinOp) -> Any:
        left, right = self.value(node.left), self.value(node.right)
        if isinstance(left, FourVectors) != isinstance(right, FourVectors):
            raise TypeError("four-vectors can only be added to four-vectors")
        if isinstance(left, FourVectors) and not isinstance(node.op, ast.Add):
            raise TypeError("four-vectors can only be added")
        if isinstance(node.op, ast.Pow) and isinstance(right, int | float) and abs(right) > MAX_POWER:
            raise self.source.refuse(node, f"powers above {MAX_POWER} are not allowed")
        arrays.check_broadcast((left, right))
        return BINARY_CALLS[type(node.op)](left, right)

    def _compare(self, node: ast.Compare) -> Any:
        operands = [self.value(part) for part in (node.left, *node.comparators)]
        arrays.check_broadcast(operands)
        result: Any = None
        for at, operation in enumerate(node.ops):
            holds = COMPARE_CALLS[type(operation)](operands[at], operands[at + 1])
            result = holds if result is None else result & holds
        return result

    def _conditional(self, node: ast.IfExp) -> Any:
        test = self.value(node.test)
        if np.ndim(test) or arrays.is_jagged(test):
            raise self.source.refuse(node, "'if' needs one number, not an array", "write np.where(condition, a, b)")
        return self.value(node.body if test else node.orelse)

    def _call(self, node: ast.Call) -> Any:
        function, given = self._callee(node.func)
        positional = [*given, *(self.value(argument) for argument in node.args)]
        keywords = {keyword.arg: self.value(keyword.value) for keyword in node.keywords if keyword.arg}
        arrays.check_broadcast(positional)
        return function.call(*positional, **keywords)

    def _callee(self, node: ast.expr) -> tuple[Function, list[Any]]:
        """Return the function and the arguments it gets before those that are written."""
        if isinstance(node, ast.Name):
            function = HELPERS.get(node.id) or FUNCTIONS["builtin"][node.id]
            return function, [self.context] if function.needs_context else []
        assert isinstance(node, ast.Attribute)  # the checker lets nothing else pass
        if isinstance(node.value, ast.Name) and node.value.id in MODULES:
            return FUNCTIONS[MODULES[node.value.id]][node.attr], []
        return METHODS[node.attr], [self.value(node.value)]

    def _subscript(self, node: ast.Subscript) -> Any:
        return self.value(node.value)[self._index(node.slice)]

    def _index(self, node: ast.expr) -> Any:
        return tuple(self.value(item) for item in node.elts) if isinstance(node, ast.Tuple) else self.value(node)

    def _slice(self, node: ast.Slice) -> slice:
        bounds = (node.lower, node.upper, node.step)
        return slice(*(None if bound is None else self.value(bound) for bound in bounds))

    def _items(self, node: ast.List | ast.Tuple) -> list[Any]:
        return [self.value(item) for item in node.elts]
