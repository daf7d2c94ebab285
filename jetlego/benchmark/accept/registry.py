"""Acceptance tasks: each brick and loss learns something whose answer is known, and must reach a stated figure.

A task is a function of the seed that makes its data, trains for at most a few minutes on two cores, and returns a
figure (or several, by name)::

    @task("gaussian_nll", published=-0.5650, source="exact entropy", gate="<= -0.555", minutes=0.2)
    def gaussian_nll(seed: int) -> float:
        '''NLL in nats of y = sin 3x + (0.05 + 0.2 |x|) n.'''

Tasks live in the modules of this package, which are imported on the first look-up.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from jetlego.benchmark.accept.gate import Gate
from jetlego.errors import ConfigError, did_you_mean

Figures = float | Mapping[str, float]
_TASKS: dict[str, Task] = {}


@dataclass(frozen=True)
class Task:
    """One learning task: what it teaches, the figure known for it, and the gate.

    ``published`` and ``gates`` are by figure name; ``source`` says where the published figure is from (a paper, a
    reference code, or that it is exact); ``bricks`` are the bricks and losses that it proves.
    """

    name: str
    function: Callable[[int], Figures]
    published: Mapping[str, float | None]
    source: str
    gates: Mapping[str, Gate]
    minutes: float
    summary: str
    bricks: tuple[str, ...]

    def figures(self, seed: int) -> dict[str, float]:
        """Run the task and return its figures by name."""
        found = self.function(seed)
        values = dict(found) if isinstance(found, Mapping) else {next(iter(self.gates)): found}
        if values.keys() != self.gates.keys():
            found_names, gate_names = sorted(values), sorted(self.gates)
            raise ConfigError("BAD-TASK", f"task '{self.name}' returned {found_names}, gates are {gate_names}")
        return {figure: float(value) for figure, value in values.items()}


def task(
    name: str,
    *,
    published: float | Mapping[str, float | None] | None,
    source: str,
    gate: str | Mapping[str, str],
    minutes: float,
    figure: str = "value",
    bricks: Sequence[str] = (),
) -> Callable[[Callable[[int], Figures]], Callable[[int], Figures]]:
    """Register a function of the seed as the acceptance task ``name``.

    Parameters
    ----------
    published
        The exact or published figure, None where there is none; {figure: value} for several figures.
    source
        Where it is from. A figure remembered and not read again carries "(unverified)".
    gate
        What must be reached, such as ``">= 0.95"``; {figure: gate} for several. Comparisons between two networks are
        a figure of their own (their difference).
    minutes
        Expected time on two cores.
    figure
        Name of the figure where there is one.
    bricks
        Bricks and losses that the task proves; default: the one of its own name.
    """

    def register(function: Callable[[int], Figures]) -> Callable[[int], Figures]:
        if name in _TASKS:
            raise ConfigError("DUPLICATE-NAME", f"an acceptance task '{name}' exists already")
        gates = {k: Gate(g) for k, g in (gate.items() if isinstance(gate, Mapping) else [(figure, gate)])}
        known = published if isinstance(published, Mapping) else {figure: published}
        summary = (inspect.getdoc(function) or "").partition("\n")[0]
        references = {k: known.get(k) for k in gates}
        frozen = MappingProxyType(references), source, MappingProxyType(gates)
        _TASKS[name] = Task(name, function, *frozen, minutes, summary, tuple(bricks) or (name,))
        return function

    return register


def tasks() -> Mapping[str, Task]:
    """Return all tasks by name, importing every module of this package first."""
    package = importlib.import_module("jetlego.benchmark.accept")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return MappingProxyType(dict(sorted(_TASKS.items())))


def find_task(name: str) -> Task:
    """Return one task; an unknown name is answered with the nearest."""
    known = tasks()
    if name not in known:
        raise ConfigError("UNKNOWN-TASK", f"there is no acceptance task '{name}'", did_you_mean(name, known))
    return known[name]


def find_tasks(name: str) -> list[Task]:
    """Return the task of that name, or else all tasks that prove the brick or loss of that name.

    Raises
    ------
    ConfigError
        ``UNKNOWN-TASK``, with the nearest name of a task or of a brick that a task proves.
    """
    known = tasks()
    if name in known:
        return [known[name]]
    found = [item for item in known.values() if name in item.bricks]
    if not found:
        names = {*known, *(brick for item in known.values() for brick in item.bricks)}
        raise ConfigError("UNKNOWN-TASK", f"there is no acceptance task '{name}'", did_you_mean(name, names))
    return found
