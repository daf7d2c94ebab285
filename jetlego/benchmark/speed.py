"""``jetlego bench --speed ROOM``: one room's work timed beside what users have today, in one run."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

from jetlego.data.jets import Jets
from jetlego.data.read import read_jets
from jetlego.errors import ConfigError, did_you_mean

_ROOMS = {
    "clustering": "jetlego.benchmark.clustering",
    "recursion": "jetlego.benchmark.recursion",
    "loader": "jetlego.benchmark.loader",
}
_DEFAULT_JETS = ("sample://top", "sample://qcd")


def measure(room: str, files: Sequence[str], *, max_jets: int) -> list[Mapping[str, Any]]:
    """Return rows ``{name, rate, unit, reference, ratio}``.

    Parameters
    ----------
    room
        ``clustering``, ``recursion`` or ``loader``: a module with ``measure(jets)`` or ``measure_files(files)``.
    files
        Jets to measure on; the embedded ones if empty.
    max_jets
        Keep at most this many jets, taken evenly.
    """
    if room not in _ROOMS:
        raise ConfigError("BAD-VALUE", f"there is no speed measurement '{room}'", did_you_mean(room, _ROOMS))
    module = importlib.import_module(_ROOMS[room])
    paths = list(files) or list(_DEFAULT_JETS)
    if hasattr(module, "measure_files"):
        return list(module.measure_files(paths))
    return list(module.measure(_evenly(read_jets(paths, schema="auto"), max_jets)))


def _evenly(jets: Jets, count: int) -> Jets:
    if jets.num_jets <= count:
        return jets
    return jets.select([i * jets.num_jets // count for i in range(count)])
