"""Charge, particle type and impact parameters of constituents.

Types come from the stored flags or, where a file has PDG codes instead, from those. An impact parameter error of 0
means "no track" (formats.md): its significance is 0.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from jetlego.data.features.columns import Array, Transform, column, stored_column
from jetlego.data.features.constituent import ratio
from jetlego.data.features.view import JetView

_ERROR = Transform(0.0, 1.0, 0.0, 1.0)

FLAG_NAMES = ("part_isChargedHadron", "part_isNeutralHadron", "part_isPhoton", "part_isElectron", "part_isMuon")

PHOTON, ELECTRON, MUON = 22, 11, 13
_LEPTONS = range(11, 19)

CHARGE_OF_PDGID = {
    11: -1, 13: -1, 15: -1, 211: 1, 321: 1, 411: 1, 431: 1, 521: 1, 541: 1, 2212: 1,
    3112: -1, 3222: 1, 3312: -1, 3334: -1, 4122: 1,
}  # fmt: skip
"""Electric charge of the particles that live long enough to be constituents, for positive codes (PDG numbering)."""

ENERGYFLOW_ID = {
    22: 0.0, 211: 0.1, -211: 0.2, 321: 0.3, -321: 0.4, 130: 0.5, 2112: 0.6, -2112: 0.7, 2212: 0.8, -2212: 0.9,
    11: 1.0, -11: 1.1, 13: 1.2, -13: 1.3,
}  # fmt: skip
"""Particle code as one small number (Komiske, Metodiev, Thaler, arXiv:1810.05165, "PFN-ID"); others 0."""


@column("part_pdgid", "particle code of the PDG, 0 = unknown; some files call it part_pid")
def _pdgid(view: JetView) -> Array:
    return view["part_pid"]


@column("part_charge", "electric charge, from the PDG code where it is not stored")
def _charge(view: JetView) -> Array:
    code = view["part_pdgid"]
    return np.sign(code) * mapped(np.abs(code), CHARGE_OF_PDGID)


@column("part_isPhoton", "1 for photons")
def _is_photon(view: JetView) -> Array:
    return view["part_pdgid"] == PHOTON


@column("part_isElectron", "1 for electrons and positrons")
def _is_electron(view: JetView) -> Array:
    return np.abs(view["part_pdgid"]) == ELECTRON


@column("part_isMuon", "1 for muons")
def _is_muon(view: JetView) -> Array:
    return np.abs(view["part_pdgid"]) == MUON


@column("part_isChargedHadron", "1 for charged particles that are no leptons")
def _is_charged_hadron(view: JetView) -> Array:
    return (view["part_charge"] != 0) & ~np.isin(np.abs(view["part_pdgid"]), _LEPTONS)


@column("part_isNeutralHadron", "1 for neutral particles of known type other than photons and neutrinos")
def _is_neutral_hadron(view: JetView) -> Array:
    code = np.abs(view["part_pdgid"])
    return (view["part_charge"] == 0) & (code != 0) & (code != PHOTON) & ~np.isin(code, _LEPTONS)


@column("part_efpid", "particle type as EnergyFlow's small number")
def _efpid(view: JetView) -> Array:
    if view.stores("part_pdgid") or view.stores("part_pid"):
        return mapped(view["part_pdgid"], ENERGYFLOW_ID)
    return _efpid_from_flags(view)


@column("part_d0", "tanh of the transverse impact parameter in mm")
def _d0(view: JetView) -> Array:
    return np.tanh(view["part_d0val"])


@column("part_dz", "tanh of the longitudinal impact parameter in mm")
def _dz(view: JetView) -> Array:
    return np.tanh(view["part_dzval"])


@column("part_d0sig", "transverse impact parameter over its error, 0 without a track", transform=Transform(0.0, 1.0))
def _d0sig(view: JetView) -> Array:
    return ratio(view["part_d0val"], view["part_d0err"])


@column("part_dzsig", "longitudinal impact parameter over its error, 0 without a track", transform=Transform(0.0, 1.0))
def _dzsig(view: JetView) -> Array:
    return ratio(view["part_dzval"], view["part_dzerr"])


stored_column("part_d0val", "transverse impact parameter, mm")
stored_column("part_dzval", "longitudinal impact parameter, mm")
stored_column("part_d0err", "error of the transverse impact parameter, mm", transform=_ERROR)
stored_column("part_dzerr", "error of the longitudinal impact parameter, mm", transform=_ERROR)


def _efpid_from_flags(view: JetView) -> Array:
    """Read the type off flags and charge, hadrons being pions or K_L, as particle-flow reconstruction sees them."""
    negative = view["part_charge"] < 0
    codes = (np.where(negative, -211, 211), 130, PHOTON, np.where(negative, ELECTRON, -ELECTRON),
             np.where(negative, MUON, -MUON))  # fmt: skip
    flags = [view[name] != 0 for name in FLAG_NAMES]
    return mapped(np.select(flags, [np.asarray(code) for code in codes], PHOTON), ENERGYFLOW_ID)


def mapped(code: Array, table: Mapping[int, float]) -> Array:
    """Return ``table[code]`` for an array of codes, 0 for those not listed, float32."""
    keys = np.array(sorted(table))
    values = np.array([table[k] for k in sorted(table)], np.float32)
    code = np.asarray(code).astype(np.int64)
    at = np.minimum(np.searchsorted(keys, code), len(keys) - 1)
    return np.where(keys[at] == code, values[at], np.float32(0))
