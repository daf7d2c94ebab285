"""Momentum, angle, rapidity and mass of four-vectors ``(..., 4)`` = (px, py, pz, E) in GeV.

Definitions are FastJet's, so that features and clustering speak of the same numbers: squared masses are clamped at
zero, rapidity and pseudorapidity along the beam are large but finite. Everything keeps the dtype of its input.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from jetlego.conventions import ENERGY, PX, PY, PZ, FloatArray, IntArray

MAX_RAPIDITY = 1e5
"""Rapidity of a particle along the beam (FastJet's ``MaxRap``); FastJet adds ``|pz|`` so that two of them differ."""


def pt(p4: FloatArray) -> FloatArray:
    """Return the transverse momentum in GeV."""
    return np.hypot(p4[..., PX], p4[..., PY])


def momentum(p4: FloatArray) -> FloatArray:
    """Return the absolute three-momentum in GeV."""
    return np.hypot(pt(p4), p4[..., PZ])


def energy(p4: FloatArray) -> FloatArray:
    """Return the energy in GeV (a view)."""
    return p4[..., ENERGY]


def phi(p4: FloatArray) -> FloatArray:
    """Return the azimuth in [-pi, pi]."""
    return np.arctan2(p4[..., PY], p4[..., PX])


def eta(p4: FloatArray) -> FloatArray:
    """Return the pseudorapidity; along the beam +-1e5, for a momentum of zero 0."""
    transverse, longitudinal = pt(p4), p4[..., PZ]
    along_beam = transverse == 0
    value = np.arcsinh(longitudinal / np.where(along_beam, 1, transverse))
    return np.where(along_beam, np.sign(longitudinal) * MAX_RAPIDITY, value).astype(value.dtype, copy=False)


def mass_squared(p4: FloatArray) -> FloatArray:
    """Return (E + pz)(E - pz) - pT^2 in GeV^2, unclamped: rounding makes it negative for light particles."""
    return (p4[..., ENERGY] + p4[..., PZ]) * (p4[..., ENERGY] - p4[..., PZ]) - _pt_squared(p4)


def mass(p4: FloatArray) -> FloatArray:
    """Return the invariant mass in GeV, its square clamped at zero."""
    return np.sqrt(np.maximum(mass_squared(p4), 0))


def rapidity(p4: FloatArray) -> FloatArray:
    """Return the rapidity as FastJet computes it.

    Notes
    -----
    ``|y| = ln((E + |pz|) / mT)`` with ``mT^2 = pT^2 + max(0, m^2)``, which keeps its digits at large rapidity.
    Where mT vanishes, ``|y| = 1e5 + |pz|``.

    References
    ----------
    Cacciari, Salam, Soyez, FastJet user manual, arXiv:1111.6097.
    """
    longitudinal = np.abs(p4[..., PZ])
    mt_squared = _pt_squared(p4) + np.maximum(mass_squared(p4), 0)
    along_beam = mt_squared == 0
    ratio = np.where(along_beam, 1, mt_squared) / np.where(along_beam, 1, (p4[..., ENERGY] + longitudinal) ** 2)
    size = np.where(along_beam, MAX_RAPIDITY + longitudinal, -0.5 * np.log(ratio))
    return np.where(p4[..., PZ] < 0, -size, size).astype(p4.dtype, copy=False)


def delta_phi(phi_a: npt.ArrayLike, phi_b: npt.ArrayLike) -> FloatArray:
    """Return ``phi_a - phi_b`` wrapped to [-pi, pi); differences already inside keep all their digits."""
    difference = np.asarray(phi_a) - np.asarray(phi_b)
    wrapped = difference - 2 * np.pi * np.floor((difference + np.pi) / (2 * np.pi))
    wrapped = np.where(wrapped >= np.pi, wrapped - 2 * np.pi, wrapped)
    return np.maximum(wrapped, -np.pi).astype(wrapped.dtype, copy=False)


def delta_r(eta_a: npt.ArrayLike, phi_a: npt.ArrayLike, eta_b: npt.ArrayLike, phi_b: npt.ArrayLike) -> FloatArray:
    """Return the distance in the plane of (pseudo)rapidity and azimuth."""
    return np.hypot(np.asarray(eta_a) - np.asarray(eta_b), delta_phi(phi_a, phi_b))


def opening_angle(p4_a: FloatArray, p4_b: FloatArray) -> FloatArray:
    """Return the angle between two three-momenta in [0, pi], accurate for small angles too."""
    a, b = p4_a[..., :3], p4_b[..., :3]
    return np.arctan2(np.linalg.norm(np.cross(a, b), axis=-1), np.sum(a * b, axis=-1))


def jet_p4(p4: FloatArray, jet_ptr: IntArray) -> FloatArray:
    """Return the E-scheme four-momentum of every jet.

    Parameters
    ----------
    p4
        (P, 4), all constituents concatenated.
    jet_ptr
        (B + 1,) offsets.

    Returns
    -------
    FloatArray
        (B, 4) float64; zero for a jet without constituents.
    """
    return sum_by_jet(np.asarray(p4, np.float64), jet_ptr)


def sum_by_jet(values: FloatArray, jet_ptr: IntArray) -> FloatArray:
    """Return the sum of packed ``values`` (P, ...) over the constituents of each jet, (B, ...); empty jets give 0."""
    total = np.zeros((len(jet_ptr) - 1, *values.shape[1:]), values.dtype)
    filled = np.diff(jet_ptr) > 0
    if filled.any():
        total[filled] = np.add.reduceat(values, jet_ptr[:-1][filled], axis=0)
    return total


def p4_from_pt_eta_phi_mass(pt: Any, eta: Any, phi: Any, mass: Any) -> FloatArray:
    """Return (..., 4) from transverse momentum, pseudorapidity, azimuth and mass (GeV, radian)."""
    px, py, pz = _cartesian(pt, eta, phi)
    return np.stack([px, py, pz, np.sqrt(px**2 + py**2 + pz**2 + np.square(mass))], axis=-1)


def p4_from_pt_eta_phi_energy(pt: Any, eta: Any, phi: Any, energy: Any) -> FloatArray:
    """Return (..., 4) from transverse momentum, pseudorapidity, azimuth and energy (GeV, radian)."""
    px, py, pz = _cartesian(pt, eta, phi)
    return np.stack([px, py, pz, np.broadcast_to(energy, px.shape)], axis=-1)


def p4_from_pt_rapidity_phi_mass(pt: Any, rapidity: Any, phi: Any, mass: Any) -> FloatArray:
    """Return (..., 4) from transverse momentum, rapidity, azimuth and mass (GeV, radian)."""
    transverse_mass = np.hypot(pt, mass)
    px, py = np.multiply(pt, np.cos(phi)), np.multiply(pt, np.sin(phi))
    pz, e = transverse_mass * np.sinh(rapidity), transverse_mass * np.cosh(rapidity)
    return np.stack(np.broadcast_arrays(px, py, pz, e), axis=-1)


def _pt_squared(p4: FloatArray) -> FloatArray:
    return p4[..., PX] ** 2 + p4[..., PY] ** 2


def _cartesian(pt: Any, eta: Any, phi: Any) -> tuple[FloatArray, FloatArray, FloatArray]:
    px, py, pz = np.multiply(pt, np.cos(phi)), np.multiply(pt, np.sin(phi)), np.multiply(pt, np.sinh(eta))
    px, py, pz = np.broadcast_arrays(px, py, pz)
    return px, py, pz
