"""Training jets told anew each epoch: turned, mirrored, smeared, thinned, as a detector might have seen them.

Which of these leave the class of a jet alone is physics put in by hand: QCD knows no preferred direction around a jet's
axis, and calorimeters smear (Dillon, Kasieczka, Olischlager, Plehn, Sorrenson, Vogel, arXiv:2108.04253, section 2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtri

from jetlego.conventions import BoolArray, FloatArray, IntArray
from jetlego.data.expressions.keyed import hash_rows, mix, to_unit
from jetlego.data.jets import Jets
from jetlego.errors import ConfigError
from jetlego.physics import kinematics

FROM_MOMENTA = frozenset({
    "part_pt", "part_eta", "part_phi", "part_rapidity", "part_mass", "part_p", "part_theta", "part_deta", "part_dphi",
    "part_drapidity", "part_deltaR", "part_pt_log", "part_e_log", "part_ptrel", "part_erel", "part_logptrel",
    "part_logerel", "part_z", "part_y_centered", "part_phi_centered",
})  # fmt: skip
"""Constituent columns that a file may store though they follow from momenta."""

_SCALING = {"jet_pt": kinematics.pt, "jet_mass": kinematics.mass, "jet_energy": kinematics.energy}

_TURN, _MIRROR, _DROP, _PT, _ETA, _PHI = range(6)  # purposes of random numbers


@dataclass(frozen=True)
class Augmentation:
    """What happens to the jets of each epoch.

    Parameters
    ----------
    rotate
        Turn each jet by a random angle about its axis, in pseudorapidity and azimuth.
    reflect
        Mirror every other jet, azimuth against azimuth.
    drop
        Probability that a constituent is lost; the hardest of a jet never is.
    smear_pt
        Width of the relative change of each momentum, which keeps direction and sign.
    smear_angle
        GeV; a constituent moves by a normal random number of width ``smear_angle / pT`` in pseudorapidity and azimuth.

    Raises
    ------
    ConfigError
        If ``drop`` is no probability below 1 or a width is negative.
    """

    rotate: bool = False
    reflect: bool = False
    drop: float = 0.0
    smear_pt: float = 0.0
    smear_angle: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.drop < 1:
            raise ConfigError("BAD-VALUE", f"drop is {self.drop}", "a probability, at least 0 and below 1")
        for name in ("smear_pt", "smear_angle"):
            if not 0 <= getattr(self, name) < np.inf:
                raise ConfigError("BAD-VALUE", f"{name} is {getattr(self, name)}", "a width, 0 or more")


def augmented(jets: Jets, how: Augmentation, *, seed: int, epoch: int) -> Jets:
    """Return the jets as one epoch shall see them.

    Parameters
    ----------
    jets
        Jets as they were read. Constituent columns that follow from momenta are left out, to be derived again; the
        momentum, mass and multiplicity of the jet follow its constituents; other columns (soft-drop mass, tau) stay.
    how
        What happens.
    seed, epoch
        With a jet's own momenta the key of its random numbers, so that they depend neither on its neighbors nor on
        threads, and a resumed run sees the same jets.
    """
    key = mix(mix(np.full(1, seed, np.uint64)) ^ np.uint64(epoch))
    grain = mix(hash_rows(list(jets.p4.T)).view(np.uint64) ^ key)
    p4 = _moved(jets, how, grain)
    lasting = {name: values for name, values in jets.constituents.items() if name not in FROM_MOMENTA}
    made = replace(jets, p4=p4, constituents=lasting, merges={})
    if how.drop:
        made = made.select_constituents(~_lost(jets, how.drop, grain))
    return replace(made, jet=_told_anew(jets, made))


def _uniform(key: IntArray, purpose: int) -> FloatArray:
    return to_unit(mix(key ^ np.uint64(purpose + 1)))


def _normal(key: IntArray, purpose: int) -> FloatArray:
    return ndtri(np.clip(_uniform(key, purpose), 1e-12, 1 - 1e-12))


def _of_jets(grain: IntArray, ptr: IntArray) -> IntArray:
    """Return one key a jet, whatever the order of its constituents."""
    before = np.zeros(len(grain) + 1, np.uint64)
    np.cumsum(grain, out=before[1:])  # wraps around, so differences are exact
    return mix(before[ptr[1:]] - before[ptr[:-1]])


def _moved(jets: Jets, how: Augmentation, grain: IntArray) -> FloatArray:
    """Return the momenta turned, mirrored and smeared; those along the beam stay."""
    if not (how.rotate or how.reflect or how.smear_pt or how.smear_angle):
        return jets.p4
    owner = np.repeat(np.arange(jets.num_jets), jets.num_constituents)
    axis = kinematics.jet_p4(jets.p4, jets.jet_ptr)
    pt, mass = kinematics.pt(jets.p4), kinematics.mass(jets.p4)
    free = (pt > 0) & (kinematics.pt(axis) > 0)[owner]
    about_eta, about_phi = kinematics.eta(axis)[owner], kinematics.phi(axis)[owner]
    x = np.where(free, kinematics.eta(jets.p4) - about_eta, 0.0)
    y = kinematics.delta_phi(kinematics.phi(jets.p4), about_phi)
    of_jet = _of_jets(grain, jets.jet_ptr)
    if how.rotate:
        turn = 2 * np.pi * _uniform(of_jet, _TURN)[owner]
        x, y = np.cos(turn) * x - np.sin(turn) * y, np.sin(turn) * x + np.cos(turn) * y
    if how.reflect:
        y = np.where((_uniform(of_jet, _MIRROR) < 0.5)[owner], -y, y)
    if how.smear_angle:
        width = np.minimum(how.smear_angle / np.where(free, pt, 1.0), 1.0)
        x, y = x + width * _normal(grain, _ETA), y + width * _normal(grain, _PHI)
    scale = np.exp(how.smear_pt * _normal(grain, _PT)) if how.smear_pt else np.ones(len(pt))
    moved = kinematics.p4_from_pt_eta_phi_mass(
        scale * np.where(free, pt, 1.0), np.where(free, about_eta, 0.0) + x, about_phi + y, scale * mass
    )
    return np.where(free[:, None], moved, jets.p4)


def _lost(jets: Jets, share: float, grain: IntArray) -> BoolArray:
    """Return which constituents go: each with the same probability, but for the hardest of a jet."""
    pt, ptr = kinematics.pt(jets.p4), jets.jet_ptr
    lost = _uniform(grain, _DROP) < share
    order = np.lexsort((pt, np.repeat(np.arange(jets.num_jets), jets.num_constituents)))
    lost[order[ptr[1:][jets.num_constituents > 0] - 1]] = False
    return lost


def _told_anew(before: Jets, after: Jets) -> Mapping[str, np.ndarray]:
    """Return the jets' columns, those of the summed momentum changed as the sums of the constituents are."""
    old, new = (kinematics.jet_p4(jets.p4, jets.jet_ptr) for jets in (before, after))
    columns: dict[str, np.ndarray] = dict(before.jet)
    for name, measure in _SCALING.items():
        if name in columns:
            was = measure(old)
            columns[name] = columns[name] * np.divide(measure(new), was, out=np.ones_like(was), where=was > 0)
    if "jet_eta" in columns:
        columns["jet_eta"] = columns["jet_eta"] + (kinematics.eta(new) - kinematics.eta(old))
    if "jet_phi" in columns:
        turned = kinematics.delta_phi(kinematics.phi(new), kinematics.phi(old))
        columns["jet_phi"] = kinematics.delta_phi(columns["jet_phi"] + turned, 0.0)
    if "jet_nparticles" in columns:
        columns["jet_nparticles"] = columns["jet_nparticles"] - (before.num_constituents - after.num_constituents)
    return {name: values.astype(before.jet[name].dtype) for name, values in columns.items()}
