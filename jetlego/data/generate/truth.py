"""Generator truth: the resonance of a jet, its decay products, and the code that JetClass gives to the decay.

An event record, be it Pythia's own or arrays, is seen through three functions of a row number (:class:`Record`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from jetlego.conventions import FloatArray
from jetlego.data.generate.processes import BOTTOM, CHARM, ELECTRON, HIGGS, MUON, TOP, W_BOSON, Z_BOSON, Process

GLUON = 21
QCD_CODE = 50
HARD_PROCESS = 23
"""Pythia's status of an outgoing particle of the hardest process (negative once it has radiated)."""


class Record(Protocol):
    """An event record: PDG code, daughters and four-momentum of each row."""

    def pid(self, row: int) -> int:
        """Return the PDG code."""
        ...

    def daughters(self, row: int) -> Sequence[int]:
        """Return the rows of the daughters."""
        ...

    def p4(self, row: int) -> FloatArray:
        """Return (px, py, pz, E) in GeV."""
        ...


@dataclass(frozen=True)
class Candidate:
    """What a jet may be matched to: one resonance (or, in QCD, one hard parton) of an event.

    Parameters
    ----------
    pid
        Its PDG code.
    p4
        (4,) its momentum just before it decays.
    products
        (K, 4) momenta of its visible decay products before they radiate.
    code
        JetClass' number of the decay, stored as ``aux_truth_match``.
    """

    pid: int
    p4: FloatArray
    products: FloatArray
    code: int


def last_copy(record: Record, row: int) -> int:
    """Return the row in which the particle decays, following the copies that recoil and radiation make."""
    while True:
        same = [d for d in record.daughters(row) if record.pid(d) == record.pid(row)]
        if not same:
            return row
        row = same[0]


def decay_products(record: Record, row: int) -> list[int]:
    """Return the rows of the fermions and gluons that the particle decays to, through W and Z bosons."""
    rows: list[int] = []
    for daughter in record.daughters(last_copy(record, row)):
        if abs(record.pid(daughter)) in (W_BOSON, Z_BOSON):
            rows += decay_products(record, daughter)
        else:
            rows.append(daughter)
    return rows


def candidate(record: Record, row: int, process: Process) -> Candidate | None:
    """Return the resonance at ``row`` if it decays as the process asks, else None."""
    final = last_copy(record, row)
    rows = [r for r in decay_products(record, final) if _is_parton(record.pid(r)) or _is_lepton(record.pid(r))]
    partons = [abs(record.pid(r)) for r in rows if _is_parton(record.pid(r))]
    leptons = [abs(record.pid(r)) for r in rows if _is_lepton(record.pid(r))]
    if (len(partons), len(leptons)) != process.decay:
        return None
    momenta = [record.p4(last_copy(record, r) if _is_lepton(record.pid(r)) else r) for r in rows]
    code = truth_code(process.resonance, partons, leptons)
    return Candidate(record.pid(row), record.p4(final), np.array(momenta), code)


def hard_parton(record: Record, row: int) -> Candidate:
    """Return an outgoing parton of a QCD process as what a jet may be matched to."""
    p4 = record.p4(row)
    return Candidate(record.pid(row), p4, p4[None], QCD_CODE)


def truth_code(resonance: int, partons: list[int], leptons: list[int]) -> int:
    """Return the number that JetClass stores as ``aux_truth_match``.

    11 t->bcq, 12 t->bqq, 15 t->be, 16 t->bmu, 21 W->cq, 22 W->qq, 31 Z->bb, 32 Z->cc, 33 Z->qq, 41 H->bb, 42 H->cc,
    44 H->gg, 45 H->4q, 46 H->qql, 50 QCD (the published ntuple writer of JetClass, class ``FatJetMatching``).
    """
    if resonance == TOP:
        if leptons:
            return {ELECTRON: 15, MUON: 16}[leptons[0]]
        light = list(partons)
        if BOTTOM in light:
            light.remove(BOTTOM)
        return 11 if max(light) >= CHARM else 12
    if resonance == W_BOSON:
        return 21 if max(partons) >= CHARM else 22
    if resonance == Z_BOSON:
        return {BOTTOM: 31, CHARM: 32}.get(partons[0], 33)
    if resonance == HIGGS:
        if len(partons) == 4:
            return 45
        return 46 if leptons else {BOTTOM: 41, CHARM: 42, GLUON: 44}[partons[0]]
    return QCD_CODE


def _is_parton(pid: int) -> bool:
    return 1 <= abs(pid) <= BOTTOM or pid == GLUON


def _is_lepton(pid: int) -> bool:
    return abs(pid) in (ELECTRON, MUON)
