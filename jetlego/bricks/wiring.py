"""The small language of assemblies: ``logits = head(pool(body(embed(x), pair=bias)))``.

A step is one assignment; to the right stand parts, methods of parts (``backbone.features(image)``), verbs and streams,
nested as one likes; constants go to verbs alone. Text is parsed with :mod:`ast`, never run.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from jetlego.errors import ConfigError


@dataclass(frozen=True)
class Step:
    """One call: what comes out, who is called, with which streams and constants."""

    gives: tuple[str, ...]
    calls: str
    method: str = ""
    streams: tuple[str, ...] = ()
    named: tuple[tuple[str, str], ...] = ()
    constants: dict[str, Any] = field(default_factory=dict)
    text: str = ""


def parse_steps(lines: Iterable[str]) -> list[Step]:
    """Return the calls of all lines in order, inner ones first, with streams such as ``@1`` between them.

    Raises
    ------
    ConfigError
        ``BAD-VALUE`` naming the line.
    """
    steps: list[Step] = []
    for line in lines:
        _Line(line, steps).read()
    return steps


class _Line:
    """Reads one line; every call in it becomes a step."""

    def __init__(self, text: str, steps: list[Step]) -> None:
        self.text, self.steps = text, steps

    def read(self) -> None:
        try:
            (statement,) = ast.parse(self.text).body
        except (SyntaxError, ValueError) as error:
            raise self._wrong("is no step") from error
        if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
            raise self._wrong("assigns nothing")
        target = statement.targets[0]
        names = target.elts if isinstance(target, ast.Tuple) else [target]
        gives = tuple(self._name(n) for n in names)
        if not isinstance(statement.value, ast.Call):
            raise self._wrong("calls nothing")
        self._call(statement.value, gives)

    def _call(self, call: ast.Call, gives: tuple[str, ...]) -> None:
        method = ""
        caller: ast.expr = call.func
        if isinstance(caller, ast.Attribute):
            caller, method = caller.value, caller.attr
        streams = tuple(self._stream(a) for a in call.args)
        named, constants = [], {}
        for word in call.keywords:
            if word.arg is None:
                raise self._wrong("has a **")
            if isinstance(word.value, ast.Constant):
                constants[word.arg] = word.value.value
            else:
                named.append((word.arg, self._stream(word.value)))
        step = Step(gives, self._name(caller), method, streams, tuple(named), constants, self.text)
        self.steps.append(step)

    def _stream(self, node: ast.expr) -> str:
        if isinstance(node, ast.Call):
            name = f"@{len(self.steps)}.{node.col_offset}"
            self._call(node, (name,))
            return name
        return self._name(node)

    def _name(self, node: ast.expr) -> str:
        if not isinstance(node, ast.Name):
            raise self._wrong(f"wants a name where '{ast.unparse(node)}' stands")
        return node.id

    def _wrong(self, what: str) -> ConfigError:
        return ConfigError("BAD-VALUE", f"step '{self.text}' {what}", "write 'y = part(x, stream=other)'")
