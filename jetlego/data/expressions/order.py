"""In which order variables that use each other are evaluated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from jetlego.data.expressions.expression import Expression
from jetlego.errors import ConfigError


def evaluation_order(wanted: Iterable[str], variables: Mapping[str, Expression]) -> tuple[list[str], list[str]]:
    """Return the variables to evaluate, each after those it uses, and the branches that they read.

    Parameters
    ----------
    wanted
        Names of branches and variables.
    variables
        {name: expression} of all defined variables.

    Returns
    -------
    variables, branches
        Names in topological order, and names of branches, both in order of first need.

    Raises
    ------
    ConfigError
        ``EXPR-CYCLE`` if variables need each other in a circle; the message shows it.
    """
    ordered: dict[str, None] = {}
    branches: dict[str, None] = {}
    open_names: list[str] = []

    def visit(name: str) -> None:
        if name in ordered or name in branches:
            return
        if name not in variables:
            branches[name] = None
            return
        if name in open_names:
            circle = " -> ".join([*open_names[open_names.index(name) :], name])
            raise variables[name].source.fault("EXPR-CYCLE", f"variables need each other in a circle: {circle}")
        if len(open_names) > _MAX_CHAIN:
            raise ConfigError("EXPR-REFUSED", f"variable '{name}': a chain of more than {_MAX_CHAIN} variables")
        open_names.append(name)
        for used in variables[name].names:
            visit(used)
        open_names.pop()
        ordered[name] = None

    for name in wanted:
        visit(name)
    return list(ordered), list(branches)


_MAX_CHAIN = 200
