"""The whitelist: which syntax trees are expressions. Everything not named here is refused.

Limits: 4,096 characters, 256 nodes, depth 32, 64 calls, integers below 2^63, powers up to 64.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from jetlego.data.expressions.functions import (
    CONSTANTS,
    DTYPES,
    FUNCTIONS,
    METHODS,
    MODULES,
    VECTOR_ATTRIBUTES,
    Function,
)
from jetlego.data.expressions.helpers import HELPERS
from jetlego.data.expressions.refusal import Source
from jetlego.errors import did_you_mean

MAX_CHARACTERS, MAX_NODES, MAX_DEPTH, MAX_CALLS = 4096, 256, 32, 64
MAX_INTEGER, MAX_POWER = 2**63, 64

BINARY = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.BitAnd, ast.BitOr, ast.BitXor)
UNARY = (ast.UAdd, ast.USub, ast.Invert)
COMPARE = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE)

_REASONS: dict[type[ast.AST], tuple[str, str]] = {
    ast.BoolOp: ("'and' and 'or' do not work on arrays", "write & and |, with brackets around comparisons"),
    ast.Lambda: ("functions cannot be defined", ""),
    ast.Starred: ("arguments cannot be unpacked", ""),
    ast.NamedExpr: ("nothing can be assigned", ""),
    ast.JoinedStr: ("text cannot be formatted", ""),
    ast.Dict: ("dictionaries are not allowed", ""),
    ast.Set: ("sets are not allowed", ""),
}


def parse_tree(source: Source) -> ast.expr:
    """Return the syntax tree of a text within the limits of size; it is not yet checked.

    Raises
    ------
    ConfigError
        ``EXPR-REFUSED`` for a text that is too long or no expression.
    """
    if len(source.text) > MAX_CHARACTERS:
        raise source.refuse(MAX_CHARACTERS, f"longer than {MAX_CHARACTERS} characters")
    if not source.text:
        raise source.fault("EXPR-REFUSED", "it is empty")
    try:
        return ast.parse(source.text, mode="eval").body
    except SyntaxError as error:
        raise source.refuse(max((error.offset or 1) - 1, 0), f"not an expression ({error.msg})") from None
    except (ValueError, RecursionError, MemoryError):
        raise source.refuse(0, "not an expression that can be parsed") from None


class Checker:
    """Walks a tree once, refuses what is not whitelisted, and collects the names of columns."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.columns: dict[str, None] = {}
        self.functions: dict[str, None] = {}
        self.nodes = self.calls = 0
        self._handlers: dict[type[ast.AST], Callable[[Any, int], None]] = {
            ast.Constant: self._constant, ast.Name: self._name, ast.Attribute: self._attribute,
            ast.UnaryOp: self._unary, ast.BinOp: self._binary, ast.Compare: self._compare, ast.Call: self._call,
            ast.Subscript: self._subscript, ast.IfExp: self._conditional,
        }  # fmt: skip

    def check(self, node: ast.expr, depth: int = 1) -> None:
        """Check a node that stands for a value.

        Raises
        ------
        ConfigError
            ``EXPR-REFUSED`` with the position.
        """
        self._count(node, depth)
        handler = self._handlers.get(type(node))
        if handler is None:
            word = type(node).__name__
            reason, hint = _REASONS.get(type(node), (f"{word} is not allowed in an expression", ""))
            raise self.source.refuse(node, reason, hint)
        handler(node, depth + 1)

    def _count(self, node: ast.expr, depth: int) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise self.source.refuse(node, f"the expression has more than {MAX_NODES} parts")
        if depth > MAX_DEPTH:
            raise self.source.refuse(node, f"nested deeper than {MAX_DEPTH}")

    def _constant(self, node: ast.Constant, depth: int) -> None:
        value = node.value
        if isinstance(value, str):
            raise self.source.refuse(node, "text is allowed only as the value of a keyword, such as dtype='int32'")
        if not (value is None or isinstance(value, bool | int | float)):
            raise self.source.refuse(node, f"a constant of type {type(value).__name__} is not allowed")
        if isinstance(value, int) and abs(value) >= MAX_INTEGER:
            raise self.source.refuse(node, "integers must be below 2^63")

    def _name(self, node: ast.Name, depth: int) -> None:
        name = node.id
        if name in CONSTANTS:
            return
        if name in HELPERS or name in MODULES or name in FUNCTIONS["builtin"]:
            raise self.source.refuse(node, "is a function or module, not a value", f"call it: {name}(...)")
        if name.startswith("_"):
            raise self.source.refuse(node, "names that begin with '_' are not columns", did_you_mean(name, HELPERS))
        self.columns[name] = None

    def _attribute(self, node: ast.Attribute, depth: int) -> None:
        if isinstance(node.value, ast.Name) and node.value.id in MODULES:
            module = MODULES[node.value.id]
            if (module, node.attr) not in CONSTANTS:
                if node.attr in FUNCTIONS[module]:
                    raise self.source.refuse(node, "is a function, not a value", "call it")
                raise self._unknown_function(node, module)
            self._count(node.value, depth)
            return
        if node.attr not in VECTOR_ATTRIBUTES:
            raise self._unknown_attribute(node, "attribute")
        self.check(node.value, depth)

    def _unknown_attribute(self, node: ast.Attribute, kind: str) -> Exception:
        hint = "" if node.attr.startswith("_") else did_you_mean(node.attr, [*VECTOR_ATTRIBUTES, *METHODS])
        return self.source.refuse(node, f"the {kind} '{node.attr}' is not allowed", hint)

    def _unknown_function(self, node: ast.Attribute, module: str) -> Exception:
        hint = did_you_mean(node.attr, FUNCTIONS[module])
        return self.source.refuse(node, f"'{node.attr}' is not among the allowed functions of {module}", hint)

    def _unary(self, node: ast.UnaryOp, depth: int) -> None:
        if not isinstance(node.op, UNARY):
            raise self.source.refuse(node, "'not' does not work on arrays", "write ~")
        self.check(node.operand, depth)

    def _binary(self, node: ast.BinOp, depth: int) -> None:
        if not isinstance(node.op, BINARY):
            raise self.source.refuse(node, f"the operator {type(node.op).__name__} is not allowed")
        self.check(node.left, depth)
        self.check(node.right, depth)
        if isinstance(node.op, ast.Pow) and abs(_number(node.right)) > MAX_POWER:
            raise self.source.refuse(node, f"powers above {MAX_POWER} are not allowed")

    def _compare(self, node: ast.Compare, depth: int) -> None:
        for operator in node.ops:
            if not isinstance(operator, COMPARE):
                raise self.source.refuse(node, "'in' and 'is' are not allowed", "compare with == and combine with |")
        for operand in (node.left, *node.comparators):
            self.check(operand, depth)

    def _conditional(self, node: ast.IfExp, depth: int) -> None:
        for part in (node.test, node.body, node.orelse):
            self.check(part, depth)

    def _call(self, node: ast.Call, depth: int, *, indexed: bool = False) -> None:
        self.calls += 1
        if self.calls > MAX_CALLS:
            raise self.source.refuse(node, f"more than {MAX_CALLS} calls")
        function = self._callee(node.func, depth)
        if function.only_indexed and not indexed:
            raise self.source.refuse(node, "gives several arrays", "pick one with an index, such as [0]")
        self._check_number(node, function)
        for argument in node.args:
            self._argument(argument, depth)
        for keyword in node.keywords:
            self._keyword(node, keyword, function, depth)

    def _check_number(self, node: ast.Call, function: Function) -> None:
        if len(node.args) > function.positional:
            raise self.source.refuse(node, f"takes at most {function.positional} positional arguments")
        if len(node.args) + len(node.keywords) < function.minimum:
            raise self.source.refuse(node, f"needs {function.minimum} arguments")

    def _keyword(self, node: ast.Call, keyword: ast.keyword, function: Function, depth: int) -> None:
        if keyword.arg is None:
            raise self.source.refuse(node, "arguments cannot be unpacked")
        if keyword.arg not in function.keywords:
            hint = did_you_mean(keyword.arg, function.keywords)
            raise self.source.refuse(node, f"the keyword '{keyword.arg}' is not allowed here", hint)
        value = keyword.value
        if not (isinstance(value, ast.Constant) and isinstance(value.value, str)):
            self._argument(value, depth)
            return
        self._count(value, depth)
        if keyword.arg not in ("dtype", "to") or value.value not in DTYPES:
            raise self.source.refuse(value, "is not a number type", did_you_mean(value.value, DTYPES))

    def _callee(self, node: ast.expr, depth: int) -> Function:
        self._count(node, depth)
        if isinstance(node, ast.Name):
            function = HELPERS.get(node.id) or FUNCTIONS["builtin"].get(node.id)
            if function is None:
                known = [*HELPERS, *FUNCTIONS["builtin"], *(f"np.{name}" for name in FUNCTIONS["np"])]
                raise self.source.refuse(node, "is not a function that may be called", did_you_mean(node.id, known))
            self.functions[node.id] = None
            return function
        if not isinstance(node, ast.Attribute):
            raise self.source.refuse(node, "only named functions may be called")
        if isinstance(node.value, ast.Name) and node.value.id in MODULES:
            module = MODULES[node.value.id]
            if node.attr not in FUNCTIONS[module]:
                raise self._unknown_function(node, module)
            self._count(node.value, depth)
            self.functions[f"{module}.{node.attr}"] = None
            return FUNCTIONS[module][node.attr]
        if node.attr not in METHODS:
            raise self._unknown_attribute(node, "method")
        self.check(node.value, depth + 1)
        self.functions[f".{node.attr}"] = None
        return METHODS[node.attr]

    def _argument(self, node: ast.expr, depth: int) -> None:
        if isinstance(node, ast.List | ast.Tuple):
            self._count(node, depth)
            for item in node.elts:
                self._argument(item, depth + 1)
        elif not self._is_type(node):
            self.check(node, depth)

    def _is_type(self, node: ast.expr) -> bool:
        """Tell ``np.float32`` as an argument, which is a type there and not a call."""
        if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in MODULES):
            return False
        function = FUNCTIONS[MODULES[node.value.id]].get(node.attr)
        return function is not None and function.is_type

    def _subscript(self, node: ast.Subscript, depth: int) -> None:
        if isinstance(node.value, ast.Call):
            self._count(node.value, depth)
            self._call(node.value, depth + 1, indexed=isinstance(node.slice, ast.Constant))
        else:
            self.check(node.value, depth)
        items = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        for item in items:
            self._index(item, depth)

    def _index(self, node: ast.expr, depth: int) -> None:
        if isinstance(node, ast.Slice):
            self._count(node, depth)
            for bound in (node.lower, node.upper, node.step):
                if bound is not None:
                    self.check(bound, depth + 1)
        elif isinstance(node, ast.Constant) and node.value is Ellipsis:
            self._count(node, depth)
        else:
            self.check(node, depth)


def _number(node: ast.expr) -> float:
    """Return a literal number, its sign aside, or 0 for anything else."""
    while isinstance(node, ast.UnaryOp):
        node = node.operand
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, int | float) else 0
