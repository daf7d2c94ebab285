"""Variables that a file does not store but that follow from its momenta, such as ``part_deta`` and ``part_dphi``.

Weaver demands every branch; here a name of the features library is worked out where the file lacks it, in float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jetlego.clustering.packed import offsets_of
from jetlego.data.containers.table import Table
from jetlego.data.features import JetView
from jetlego.data.features.columns import find_column
from jetlego.data.jets import Jets
from jetlego.data.momenta import four_momenta
from jetlego.data.packing import ragged
from jetlego.data.screen import with_sums
from jetlego.data.weaver.frame import Jagged

_FORMS = (("px", "py", "pz", "energy"), ("pt", "eta", "phi", "energy"), ("pt", "eta", "phi", "mass"))
_JET = ("jet_pt", "jet_eta", "jet_phi", "jet_energy", "jet_mass")
_CONSTITUENT = ("part_charge", "part_pid", "part_pdgid", "part_d0val", "part_d0err", "part_dzval", "part_dzerr")
"""Stored columns that derived ones are computed from, beside the momenta of constituents."""


def is_derivable(name: str) -> bool:
    """Return whether the features library knows how to compute a column of this name."""
    found = find_column(name)
    return found is not None and found.compute is not None


def derived_columns(table: Table, names: Sequence[str], start: int, stop: int) -> dict[str, Any]:
    """Return {name: entries ``start:stop``} of columns that a table lacks, float32.

    Raises
    ------
    DataError
        ``NO-BRANCH`` if the table lacks what they follow from.
    """
    form = next((form for form in _FORMS if all(table.has(f"part_{key}") for key in form)), None)
    if form is None:  # say that the column itself is not there
        table.require(names[0])
        raise AssertionError("a column that is there was to be derived")
    view = JetView(_jets(table, form, start, stop))
    out: dict[str, Any] = {}
    for name in names:
        values = np.asarray(view[name], np.float32)
        out[name] = Jagged(view.jets.jet_ptr, values) if view.level(name) == "constituent" else values
    return out


def _jets(table: Table, form: tuple[str, ...], start: int, stop: int) -> Jets:
    momenta = [f"part_{key}" for key in form]
    jet, more = ([name for name in wanted if table.has(name)] for wanted in (_JET, _CONSTITUENT))
    arrays = table.read([*momenta, *jet, *more], start, stop)
    flat = {name: ragged(arrays[name], name) for name in (*momenta, *more)}
    counts = flat[momenta[0]][1][0]
    p4 = four_momenta(form, {key: flat[f"part_{key}"][0] for key in form})
    constituents = {name: flat[name][0] for name in more}
    return with_sums(Jets(p4, offsets_of(counts), constituents, {name: np.asarray(arrays[name]) for name in jet}))
