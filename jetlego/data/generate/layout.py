"""The branches of a generated file: JetClass' names, types and units, and two of our own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jetlego.clustering.packed import offsets_of, rows_of
from jetlego.conventions import JETCLASS_LABELS, IntArray
from jetlego.data.generate.kinds import FLAGS

CONSTITUENT_TYPES = {
    **dict.fromkeys(("part_px", "part_py", "part_pz", "part_energy", "part_deta", "part_dphi"), np.float32),
    **dict.fromkeys(("part_d0val", "part_d0err", "part_dzval", "part_dzerr"), np.float32),
    "part_charge": np.int8,
    **{f"part_{flag}": np.bool_ for flag in FLAGS},
}
"""Branches with one value a constituent: GeV, radian, mm, e; constituents fall in pT."""

JET_TYPES = {
    **dict.fromkeys(("jet_pt", "jet_eta", "jet_phi", "jet_energy"), np.float32),
    "jet_nparticles": np.int32,
    **dict.fromkeys(("jet_sdmass", "jet_tau1", "jet_tau2", "jet_tau3", "jet_tau4"), np.float32),
    **dict.fromkeys(JETCLASS_LABELS, np.bool_),
    **dict.fromkeys(("aux_genpart_eta", "aux_genpart_phi", "aux_genpart_pt"), np.float32),
    "aux_genpart_pid": np.int32,
    "aux_truth_match": np.int32,
    "aux_event": np.int64,
    "aux_weight": np.float32,
}
"""Branches with one value a jet. ``aux_event`` numbers events, so that jets of one event can be kept together;
``aux_weight`` turns the generated pT spectrum into the physical one."""


@dataclass(frozen=True)
class JetTable:
    """Jets as they are stored: every branch as one flat array.

    Parameters
    ----------
    constituents
        {name: (P,)} for the names of ``CONSTITUENT_TYPES``.
    jet
        {name: (B,)} for the names of ``JET_TYPES``.
    jet_ptr
        (B + 1,) int64 offsets of the constituents.
    """

    constituents: dict[str, np.ndarray]
    jet: dict[str, np.ndarray]
    jet_ptr: IntArray

    @property
    def num_jets(self) -> int:
        """Number of jets B."""
        return len(self.jet_ptr) - 1

    def select(self, index: IntArray) -> JetTable:
        """Return some of the jets; ``index`` holds jet numbers or is a mask over jets."""
        chosen = np.arange(self.num_jets)[index]
        rows = rows_of(self.jet_ptr, chosen)
        return JetTable(
            {name: values[rows] for name, values in self.constituents.items()},
            {name: values[chosen] for name, values in self.jet.items()},
            offsets_of(np.diff(self.jet_ptr)[chosen]),
        )


def concatenate(tables: Sequence[JetTable]) -> JetTable:
    """Return the jets of all tables, one after the other; there must be at least one table."""
    first = tables[0]
    counts = np.concatenate([np.diff(table.jet_ptr) for table in tables])
    return JetTable(
        {name: np.concatenate([table.constituents[name] for table in tables]) for name in first.constituents},
        {name: np.concatenate([table.jet[name] for table in tables]) for name in first.jet},
        offsets_of(counts),
    )
