"""Pythia 8: its settings, its start, batches of events, and a veto before the costly shower.

One event costs a hundred times more to shower and hadronize than to draw, so events whose decay products cannot give
a jet in the window are dropped right after the hard process (:class:`HardVeto`). The veto's window is wider than the
jet's by what initial-state radiation and the jet radius can move.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from jetlego.conventions import FloatArray, IntArray
from jetlego.data.generate.directions import Direction
from jetlego.data.generate.events import Events, daughter_rows, events_from_batch
from jetlego.data.generate.processes import Process
from jetlego.data.generate.selection import Selection
from jetlego.data.generate.truth import Candidate, Record, candidate, hard_parton
from jetlego.errors import EnvironmentFault, JetlegoError

COMMON = (
    "Beams:idA = 2212",
    "Beams:idB = 2212",
    "Beams:eCM = 13000.",
    # What decays beyond the pixel and inner strip layers leaves no track: it reaches the calorimeter whole.
    "ParticleDecays:limitCylinder = on",
    "ParticleDecays:xyMax = 300.",
    "ParticleDecays:zMax = 1000.",
    "PhaseSpace:bias2Selection = on",
    "PhaseSpace:bias2SelectionRef = 500.",
    "Print:quiet = on",
    "Random:setSeed = on",
)
"""Settings of every process, beside the defaults of Pythia 8.3 (Monash tune, underlying event, both showers)."""

SOFTER, HARDER, WIDER, FORWARD = 0.88, 1.2, 0.08, 0.15
"""The veto's margins: factors on the pT window, then distance of a decay product from the axis, and pseudorapidity.
With much wider ones, 0.3 % of the top jets (1.1 % of the QCD jets) come from below the lower factor, 1.2 % (1.3 %) from
above the upper, 0.3 % have products farther apart, and less than 0.1 % lie more forward."""


def load_pythia() -> Any:
    """Return the module ``pythia8mc``.

    Raises
    ------
    EnvironmentFault
        ``DEPENDENCY`` if it is not installed.
    """
    try:
        return importlib.import_module("pythia8mc")
    except ImportError as error:
        hint = "pip install 'jetlego[generate]'"
        raise EnvironmentFault("DEPENDENCY", "generating jets needs pythia8mc, which is not installed", hint) from error


@dataclass(frozen=True)
class Generator:
    """A running Pythia, and its veto, which Python must keep alive."""

    pythia: Any
    veto: Any

    def next_events(self, count: int) -> Events:
        """Return the next ``count`` events that pass the veto."""
        return events_from_batch(self.pythia.nextBatch(count))

    def charge_of(self, pid: IntArray) -> IntArray:
        """Return the charge of each PDG code in units of e."""
        codes, inverse = np.unique(pid, return_inverse=True)
        table = self.pythia.particleData
        return np.array([round(table.charge(int(code))) for code in codes], np.int8)[inverse]


@cache
def _fresh() -> Any:
    """Return a Pythia of default settings that never runs: copying from it is quicker than reading its tables again."""
    return load_pythia().Pythia("", False)


def start_pythia(process: Process, selection: Selection, *, seed: int) -> Generator:
    """Return a Pythia that is ready to run.

    Parameters
    ----------
    process, selection
        What to generate, and the window of the jets.
    seed
        1 to 900,000,000, Pythia's range.

    Raises
    ------
    JetlegoError
        ``PYTHIA`` if a setting is refused or the start fails.
    """
    module, fresh = load_pythia(), _fresh()
    pythia = module.Pythia(fresh.settings, fresh.particleData, False)
    for setting in (*COMMON, *process.settings, *window_settings(process, selection), f"Random:seed = {seed}"):
        if not pythia.readString(setting):
            raise JetlegoError("PYTHIA", f"Pythia refuses the setting '{setting}'")
    veto = _veto(module, process, selection)
    pythia.setUserHooksPtr(veto)
    if not pythia.init():
        raise JetlegoError("PYTHIA", f"Pythia does not start for {process.label}")
    return Generator(pythia, veto)


def window_settings(process: Process, selection: Selection) -> tuple[str, ...]:
    """Return the settings that follow from the jets' pT window."""
    return (
        f"PhaseSpace:pTHatMin = {SOFTER * selection.pt_min:.6g}",
        f"PhaseSpace:pTHatMax = {process.reach * HARDER * selection.pt_max:.6g}",
        f"PhaseSpace:bias2SelectionPow = {process.bias:.6g}",
    )


class ProcessRecord:
    """Pythia's own record of the hard process and its decays, seen row by row."""

    def __init__(self, process: Any) -> None:
        self._process = process
        self._pid = [process[row].id() for row in range(process.size())]

    def pid(self, row: int) -> int:
        """Return the PDG code of a row."""
        return self._pid[row]

    def daughters(self, row: int) -> range | tuple[int, ...]:
        """Return the rows of the daughters."""
        entry = self._process[row]
        return daughter_rows(entry.daughter1(), entry.daughter2())

    def p4(self, row: int) -> FloatArray:
        """Return (px, py, pz, E) in GeV."""
        entry = self._process[row]
        return np.array([entry.px(), entry.py(), entry.pz(), entry.e()])


def may_give_jet(one: Candidate, selection: Selection) -> bool:
    """Return whether the decay products of a hard process can still end in a jet of the window."""
    visible = Direction.of(one.products.sum(axis=0).tolist())
    if not SOFTER * selection.pt_min < visible.pt < HARDER * selection.pt_max:
        return False
    if abs(visible.eta) > selection.eta_max + FORWARD:
        return False
    reach = selection.radius + WIDER
    return all(visible.distance(product) < reach for product in one.products.tolist())


def _veto(module: Any, process: Process, selection: Selection) -> Any:
    class HardVeto(module.UserHooks):
        """Drop a hard process none of whose products can give a jet of the window."""

        def canVetoProcessLevel(self) -> bool:
            return True

        def doVetoProcessLevel(self, record: Any) -> bool:
            found = hard_candidates(ProcessRecord(record), record.size(), process)
            return not any(may_give_jet(one, selection) for one in found)

    return HardVeto()


FIRST_OUTGOING = 5
"""Rows 1-4 of Pythia's hard process are the beams and the incoming partons."""


def hard_candidates(record: Record, size: int, process: Process) -> list[Candidate]:
    """Return what the jets of a hard process may be matched to."""
    outgoing = range(FIRST_OUTGOING, size)
    if process.resonance == 0:
        return [hard_parton(record, row) for row in outgoing]
    found = (candidate(record, row, process) for row in outgoing if abs(record.pid(row)) == process.resonance)
    return [one for one in found if one is not None]
