"""From candidates to stored jets: find, select, match to the generator's truth, describe."""

from __future__ import annotations

import numpy as np

from jetlego.clustering.find_jets import EventJets, find_jets
from jetlego.clustering.packed import offsets_of, rows_of
from jetlego.conventions import JETCLASS_LABELS, FloatArray, IntArray
from jetlego.data.generate.detector import Candidates
from jetlego.data.generate.directions import Direction
from jetlego.data.generate.kinds import FLAGS, MASS_OF_KIND
from jetlego.data.generate.layout import CONSTITUENT_TYPES, JET_TYPES, JetTable
from jetlego.data.generate.observables import jet_columns
from jetlego.data.generate.processes import Process
from jetlego.data.generate.selection import Selection
from jetlego.data.generate.truth import QCD_CODE, Candidate
from jetlego.physics.kinematics import delta_phi, eta, phi, pt

HARDEST_JETS = 2
"""Jets of an event that are looked at: further ones come from radiation, not from the hard process."""


def jets_of_events(
    candidates: Candidates,
    truth: list[list[Candidate]],
    process: Process,
    selection: Selection,
    *,
    event_number: IntArray,
    event_weight: FloatArray,
) -> JetTable:
    """Return the selected and matched jets of a batch of events, in order of event and falling pT.

    Parameters
    ----------
    candidates
        What the detector saw.
    truth
        For each event, what a jet may be matched to.
    process, selection
        The class of jets and their window.
    event_number, event_weight
        (E,) what ``aux_event`` and ``aux_weight`` shall hold.
    """
    found = find_jets(
        candidates.p4, candidates.event_ptr, algorithm="anti_kt", radius=selection.radius,
        pt_min=selection.pt_min, engine="fastjet",
    )  # fmt: skip
    jets = _in_window(found, selection).tolist()
    matches = {jet: _match(found.p4[jet], truth[found.event[jet]], process, selection.radius) for jet in jets}
    kept = np.array([jet for jet, match in matches.items() if match is not None], np.int64)
    rows, ptr = _members(candidates, found, kept)
    event = found.event[kept]
    return describe(
        candidates, rows, ptr, process, selection.radius,
        [match for match in matches.values() if match is not None], event_number[event], event_weight[event],
    )  # fmt: skip


def _in_window(found: EventJets, selection: Selection) -> IntArray:
    """Return the jets that are among the hardest of their event and inside the window."""
    rank = np.arange(found.num_jets) - found.event_ptr[found.event]
    hardness = pt(found.p4)
    inside = (selection.pt_min < hardness) & (hardness < selection.pt_max)
    return np.flatnonzero((rank < HARDEST_JETS) & inside & (np.abs(eta(found.p4)) < selection.eta_max))


def _match(p4: FloatArray, truth: list[Candidate], process: Process, radius: float) -> Candidate | None:
    """Return which of its event's candidates a jet is matched to, or None if nothing fits."""
    axis = Direction.of(p4.tolist())
    inside = [one for one in truth if _contained(one, axis, radius)]
    if not inside:
        return NO_PARTON if process.resonance == 0 else None
    return min(inside, key=lambda one: axis.distance(one.p4.tolist()))


NO_PARTON = Candidate(0, np.array([0.0, 0.0, 0.0, 0.0]), np.empty((0, 4)), QCD_CODE)
"""A QCD jet far from both hard partons, made by radiation: kept, with PDG code 0."""


def _contained(one: Candidate, axis: Direction, radius: float) -> bool:
    """Return whether the particle and all its visible decay products lie within ``radius`` of the jet axis."""
    return all(axis.distance(p4) < radius for p4 in (one.p4.tolist(), *one.products.tolist()))


def _members(candidates: Candidates, found: EventJets, kept: IntArray) -> tuple[IntArray, IntArray]:
    """Return the candidates that make up the kept jets; members keep their order, falling pT."""
    return found.members[rows_of(found.jet_ptr, kept)], offsets_of(np.diff(found.jet_ptr)[kept])


def describe(
    candidates: Candidates,
    rows: IntArray,
    jet_ptr: IntArray,
    process: Process,
    radius: float,
    matches: list[Candidate],
    event_number: IntArray,
    event_weight: FloatArray,
) -> JetTable:
    """Return all branches of jets whose constituents are the ``rows`` of ``candidates``."""
    kind = candidates.kind[rows]
    p4 = stored_momenta(candidates.p4[rows], MASS_OF_KIND[kind])
    jet = jet_columns(p4, jet_ptr, radius=radius)
    parton = np.array([match.p4 for match in matches]).reshape(-1, 4)
    jet |= {
        "aux_genpart_eta": eta(parton), "aux_genpart_phi": phi(parton), "aux_genpart_pt": pt(parton),
        "aux_genpart_pid": np.array([match.pid for match in matches], np.int32),
        "aux_truth_match": np.array([match.code for match in matches], np.int32),
        "aux_event": event_number, "aux_weight": event_weight,
    }  # fmt: skip
    jet |= {name: np.full(len(matches), name == f"label_{process.label}") for name in JETCLASS_LABELS}
    constituents = constituent_columns(p4, jet_ptr, jet)
    constituents |= dict(zip(IMPACT_NAMES, candidates.impact[rows].T, strict=True))
    constituents["part_charge"] = candidates.charge[rows]
    constituents |= {f"part_{flag}": kind == number for number, flag in enumerate(FLAGS)}
    return JetTable(
        {name: constituents[name].astype(dtype) for name, dtype in CONSTITUENT_TYPES.items()},
        {name: jet[name].astype(dtype) for name, dtype in JET_TYPES.items()},
        jet_ptr,
    )


IMPACT_NAMES = ("part_d0val", "part_d0err", "part_dzval", "part_dzerr")


def constituent_columns(p4: FloatArray, jet_ptr: IntArray, jet: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return momenta and the position relative to the jet axis; ``part_deta`` is mirrored for jets at eta < 0."""
    owner = np.repeat(np.arange(len(jet_ptr) - 1), np.diff(jet_ptr))
    side = np.where(jet["jet_eta"] >= 0, 1.0, -1.0)[owner]
    columns = dict(zip(("part_px", "part_py", "part_pz", "part_energy"), p4.T, strict=True))
    columns["part_deta"] = side * (eta(p4) - jet["jet_eta"][owner])
    columns["part_dphi"] = delta_phi(phi(p4), jet["jet_phi"][owner])
    return columns


def stored_momenta(p4: FloatArray, mass: FloatArray, *, momentum_bits: int = 23, energy_bits: int = 23) -> FloatArray:
    """Return momenta (P, 4) as float64 that survive storage as float32, none of them spacelike.

    Parameters
    ----------
    p4
        (P, 4) in GeV.
    mass
        (P,) mass in GeV that the energy is made from after the components have been rounded, so that rounding
        moves a particle a little but does not give it a mass that it has not.
    momentum_bits, energy_bits
        Bits of the mantissa that are kept, 23 for all of float32.
    """
    three = round_mantissa(p4[:, :3], momentum_bits)
    size = np.sqrt((three**2).sum(axis=1))
    energy = round_mantissa(np.hypot(size, mass), energy_bits)
    short = energy < size
    energy[short] = round_mantissa(size[short] * (1 + 2.0 ** -(energy_bits + 1)), energy_bits)
    return np.column_stack([three, energy])


def round_mantissa(values: FloatArray, bits: int) -> FloatArray:
    """Return ``values`` rounded to nearest with ``bits`` bits after the leading one."""
    fraction, exponent = np.frexp(values)
    scale = 2.0 ** (bits + 1)
    return np.ldexp(np.rint(fraction * scale) / scale, exponent)
