"""How an expression is refused: one line with the place, the offending text and the reason."""

from __future__ import annotations

import ast

from jetlego.errors import ConfigError, quoted


class Source:
    """The text of one expression and where it came from.

    Parameters
    ----------
    text
        The expression, on one line.
    where
        ``file:line:col`` or another word for its origin; may be empty.
    """

    def __init__(self, text: str, where: str = "") -> None:
        self.text, self.where = text, where

    def refuse(self, node: ast.AST | int, reason: str, hint: str = "") -> ConfigError:
        """Return the error for a node of the tree, or for a column counted from 0."""
        column, snippet = self._place(node)
        return self.fault("EXPR-REFUSED", f"column {column}: '{quoted(snippet)}': {reason}", hint)

    def fault(self, id: str, what: str, hint: str = "") -> ConfigError:
        """Return an error about the expression as a whole."""
        origin = f"{self.where}: " if self.where else ""
        shown = self.text if len(self.text) <= 120 else self.text[:117] + "..."
        return ConfigError(id, f"{origin}expression '{quoted(shown)}': {what}", hint)

    def _place(self, node: ast.AST | int) -> tuple[int, str]:
        if isinstance(node, int):
            return node + 1, self.text[node : node + 40]
        offset = getattr(node, "col_offset", 0)
        column = len(self.text.encode()[:offset].decode(errors="ignore"))
        snippet = ast.get_source_segment(self.text, node) or self.text[column : column + 40]
        return column + 1, snippet[:60]
