"""The frame in which the original RecNN sees a jet (Louppe, Cho, Becot, Cranmer, arXiv:1702.00748, section 3.1).

The hardest kt subjet goes to eta = phi = 0, the second one below it, and a third one to the positive side. All jets at
once; a rotation, a boost along the beam and a reflection, so masses stay what they are.
"""

from __future__ import annotations

import numpy as np

from jetlego.clustering.find_jets import EventJets, find_jets
from jetlego.clustering.packed import checked_momenta, offsets_of
from jetlego.conventions import BoolArray, FloatArray, IntArray
from jetlego.errors import ConfigError
from jetlego.physics import kinematics


def recnn_frame(
    p4: FloatArray, jet_ptr: IntArray, *, radius: float = 0.3, f_cut: float = 0.0
) -> tuple[FloatArray, IntArray]:
    """Return the constituents of every jet in RecNN's frame, and the offsets (smaller where trimmed).

    Parameters
    ----------
    p4, jet_ptr
        (P, 4) four-momenta (px, py, pz, E) in GeV and (B + 1,) offsets.
    radius
        Of the kt subjets that fix the frame.
    f_cut
        Subjets with less than this fraction of the jet's pT are dropped with their constituents (published: 0.05
        for the trimmed jets, otherwise 0).

    Notes
    -----
    With one subjet only phi and eta are fixed, with two also the rotation about the x axis.
    """
    if not 0 <= f_cut < 1:
        raise ConfigError("BAD-VALUE", f"f_cut is {f_cut}", "it must be in [0, 1)")
    momenta, offsets = checked_momenta(p4, jet_ptr)
    subjets = find_jets(momenta, offsets, algorithm="kt", radius=radius)
    whole = kinematics.pt(kinematics.jet_p4(momenta, offsets))
    keep = kinematics.pt(subjets.p4) >= f_cut * whole[subjets.event]
    kept_rows = np.sort(subjets.members[np.repeat(keep, np.diff(subjets.jet_ptr))])
    new_ptr = np.searchsorted(kept_rows, offsets)
    jet = np.repeat(np.arange(len(offsets) - 1), np.diff(new_ptr))
    return _moved(momenta[kept_rows], jet, _three_hardest(subjets, keep, len(offsets) - 1)), new_ptr


def _three_hardest(subjets: EventJets, keep: BoolArray, num_jets: int) -> FloatArray:
    """Return (B, 3, 4) momenta of the hardest subjets that are kept; NaN where there are fewer."""
    event = subjets.event[keep]
    rank = np.arange(len(event)) - offsets_of(np.bincount(event, minlength=num_jets))[event]
    axes = np.full((num_jets, 3, 4), np.nan)
    first = rank < 3
    axes[event[first], rank[first]] = subjets.p4[keep][first]
    return axes


def _moved(p4: FloatArray, jet: IntArray, axes: FloatArray) -> FloatArray:
    """Rotate, boost, rotate and reflect constituents (P, 4) as the subjets (B, 3, 4) of their jets tell."""
    turn = -np.nan_to_num(kinematics.phi(axes[:, 0]))
    axes, p4 = _rotated(axes, turn[:, None], 0, 1), _rotated(p4, turn[jet], 0, 1)
    beta = _velocity(axes[:, 0, 2], axes[:, 0, 3])
    axes, p4 = _boosted(axes, beta[:, None]), _boosted(p4, beta[jet])
    alpha = -np.arctan2(axes[:, 0, 2] - axes[:, 1, 2], axes[:, 0, 1] - axes[:, 1, 1])
    alpha = np.nan_to_num(alpha)  # no second subjet: no rotation
    # turns sj1 - sj2 onto the y axis, so that sj2 lies below
    axes, p4 = _rotated(axes, alpha[:, None], 1, 2), _rotated(p4, alpha[jet], 1, 2)
    p4[(axes[:, 2, 2] < 0)[jet], 2] *= -1  # False where there is no third subjet
    return p4


def _rotated(p4: FloatArray, angle: FloatArray, first: int, second: int) -> FloatArray:
    """Return momenta turned by ``angle`` in the plane of two axes, from the first to the second."""
    turned = p4.copy()
    cos, sin = np.cos(angle), np.sin(angle)
    turned[..., first] = cos * p4[..., first] - sin * p4[..., second]
    turned[..., second] = sin * p4[..., first] + cos * p4[..., second]
    return turned


def _boosted(p4: FloatArray, beta: FloatArray) -> FloatArray:
    """Return momenta as seen by somebody who moves along the beam with velocity ``beta``."""
    gamma = 1 / np.sqrt(1 - beta * beta)
    boosted = p4.copy()
    boosted[..., 2] = gamma * (p4[..., 2] - beta * p4[..., 3])
    boosted[..., 3] = gamma * (p4[..., 3] - beta * p4[..., 2])
    return boosted


def _velocity(pz: FloatArray, energy: FloatArray) -> FloatArray:
    """Return pz / E; 0 where that is no velocity (no subjet, or one along the beam)."""
    return np.divide(pz, energy, out=np.zeros_like(pz), where=np.abs(pz) < energy)
