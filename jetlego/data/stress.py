"""Jets disturbed as no observable that perturbation theory can predict may notice: collinear splittings, soft emission.

An infrared and collinear safe quantity does not change when a constituent splits into two that fly the same way, nor
when particles of vanishing momentum are added. Recursive networks promise neither; how much a trained one moves is the
stress test of Louppe, Cho, Becot, Cranmer, arXiv:1702.00748.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from jetlego.clustering.packed import offsets_of
from jetlego.conventions import FloatArray, IntArray
from jetlego.data.jets import Jets
from jetlego.errors import ConfigError, did_you_mean
from jetlego.physics.kinematics import p4_from_pt_rapidity_phi_mass

CHOICES = ("hardest", "random")


def split_collinear(
    jets: Jets, *, count: int = 1, choice: str = "hardest", share: float = 0.5, seed: int = 0
) -> Jets:
    """Return the jets with some constituents replaced by two that fly the same way.

    Parameters
    ----------
    jets
        Jets; their own columns stay, except for ``jet_nparticles``.
    count
        Number of constituents of each jet that split; all of them in smaller jets.
    choice
        ``hardest`` in pT, or ``random``.
    share
        Part of the momentum that the first of two gets, between 0 and 1. The two stand side by side and share all
        other columns.
    seed
        Of ``random``.

    Raises
    ------
    ConfigError
        If ``choice`` or ``share`` is not valid.
    """
    if choice not in CHOICES:
        raise ConfigError("BAD-VALUE", f"there is no choice '{choice}' of constituents", did_you_mean(choice, CHOICES))
    if not 0 < share < 1:
        raise ConfigError("BAD-VALUE", f"share is {share}", "it must lie between 0 and 1")
    px, py = jets.p4[:, 0], jets.p4[:, 1]
    order = -np.hypot(px, py) if choice == "hardest" else np.random.default_rng(seed).random(len(px))
    split = _rank(order, jets.jet_ptr) < count
    row = np.repeat(np.arange(len(split)), 1 + split)
    twin = np.append(row[1:] == row[:-1], False)
    part = np.ones(len(row))
    part[twin], part[np.flatnonzero(twin) + 1] = share, 1 - share
    grown = jets.num_constituents + np.bincount(_owner(jets), weights=split, minlength=jets.num_jets).astype(np.int64)
    columns = {name: values[row] for name, values in jets.constituents.items()}
    return _with_constituents(jets, jets.p4[row] * part[:, None], columns, grown)


def add_soft(jets: Jets, *, count: int = 10, pt: float = 1e-5, radius: float = 0.8, seed: int = 0) -> Jets:
    """Return the jets with soft massless particles added, spread evenly over a disc about the jet axis.

    Parameters
    ----------
    jets
        Jets; their own columns stay, except for ``jet_nparticles``. Jets without constituents stay empty.
    count
        Number of particles added behind the constituents of each jet.
    pt
        Their transverse momentum in GeV.
    radius
        Of the disc, in rapidity and azimuth.
    seed
        Of the directions.

    Notes
    -----
    They are photons where a column tells; all other columns are 0, but those of the position in the jet.
    """
    added = np.where(jets.num_constituents > 0, count, 0)
    owner = np.repeat(np.arange(jets.num_jets), added)
    rng = np.random.default_rng(seed)
    distance, turn = radius * np.sqrt(rng.random(len(owner))), rng.uniform(0, 2 * np.pi, len(owner))
    d_rapidity, d_phi = distance * np.cos(turn), distance * np.sin(turn)
    rapidity, phi = _axes(jets)
    soft = p4_from_pt_rapidity_phi_mass(np.full(len(owner), pt), rapidity[owner] + d_rapidity, phi[owner] + d_phi, 0.0)
    place = np.repeat(jets.jet_ptr[1:], added)  # behind the last constituent
    known = {"part_isPhoton": 1, "part_deta": d_rapidity * np.sign(rapidity[owner]), "part_dphi": d_phi}
    columns = {
        name: np.insert(values, place, np.asarray(known.get(name, 0)).astype(values.dtype))
        for name, values in jets.constituents.items()
    }
    return _with_constituents(jets, np.insert(jets.p4, place, soft, axis=0), columns, jets.num_constituents + added)


def _owner(jets: Jets) -> IntArray:
    return np.repeat(np.arange(jets.num_jets), jets.num_constituents)


def _rank(value: FloatArray, ptr: IntArray) -> IntArray:
    """Return the place of each value in ascending order within its block."""
    owner = np.repeat(np.arange(len(ptr) - 1), np.diff(ptr))
    rank = np.empty(len(value), np.int64)
    rank[np.lexsort((value, owner))] = np.arange(len(value)) - ptr[owner]
    return rank


def _axes(jets: Jets) -> tuple[FloatArray, FloatArray]:
    """Return rapidity and azimuth of the sum of each jet's constituents, 0 for an empty jet."""
    total = np.zeros((jets.num_jets, 4))
    np.add.at(total, _owner(jets), jets.p4)
    px, py, pz, energy = total.T
    forward = np.divide(pz, energy, out=np.zeros_like(pz), where=energy > 0)
    return np.arctanh(np.clip(forward, -1 + 1e-12, 1 - 1e-12)), np.arctan2(py, px)


def _with_constituents(jets: Jets, p4: FloatArray, columns: dict[str, np.ndarray], count: IntArray) -> Jets:
    own = dict(jets.jet)
    if "jet_nparticles" in own:
        own["jet_nparticles"] = count.astype(own["jet_nparticles"].dtype)
    return replace(jets, p4=p4, jet_ptr=offsets_of(count), constituents=columns, jet=own, merges={})
