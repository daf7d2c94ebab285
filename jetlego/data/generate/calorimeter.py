"""Calorimeters: cells of pseudorapidity and azimuth that merge, smear and drop what falls into them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from jetlego.conventions import FloatArray, IntArray
from jetlego.data.generate.smear import log_normal
from jetlego.physics.kinematics import eta, phi

_MIDDLE = 1 << 19
"""Added to the number of a cell in pseudorapidity, so that it is positive and fits 20 bits."""


@dataclass(frozen=True)
class Calorimeter:
    """A grid of cells of equal size.

    Parameters
    ----------
    cell_eta, num_phi
        Width of a cell in pseudorapidity, and number of cells around the beam.
    sigma
        Resolution in GeV as a function of energy in GeV and pseudorapidity.
    lowest, significance
        A cell is read out above ``lowest`` GeV and above ``significance`` times its resolution.
    """

    cell_eta: float
    num_phi: int
    sigma: Callable[[FloatArray, FloatArray], FloatArray]
    lowest: float
    significance: float

    def resolution(self, p4: FloatArray) -> FloatArray:
        """Return the energy resolution in GeV of particles (P, 4)."""
        return self.sigma(p4[:, 3], eta(p4))

    def measure(self, p4: FloatArray, event: IntArray, rng: np.random.Generator) -> tuple[FloatArray, IntArray]:
        """Return massless momenta (C, 4) of the cells that are read out, and the event (C,) of each.

        Parameters
        ----------
        p4
            (P, 4) momenta in GeV of the particles that deposit all their energy.
        event
            (P,) number of the event of each.
        rng
            Source of the smearing: energies are log-normal, positions uniform within the cell, so that no two
            distances are equal.
        """
        cell, row = self._cells(p4, event)
        true: FloatArray = np.bincount(row, weights=p4[:, 3], minlength=len(cell)).astype(np.float64)
        at_eta = (cell[:, 1] + rng.random(len(cell))) * self.cell_eta
        at_phi = (cell[:, 2] + rng.random(len(cell))) * (2 * np.pi / self.num_phi) - np.pi
        energy = log_normal(true, self.sigma(true, at_eta), rng)
        read = (energy > self.lowest) & (energy > self.significance * self.sigma(energy, at_eta))
        return _massless(energy, at_eta, at_phi)[read], cell[read, 0]

    def _cells(self, p4: FloatArray, event: IntArray) -> tuple[IntArray, IntArray]:
        in_eta = np.floor(eta(p4) / self.cell_eta).astype(np.int64)
        in_phi = np.floor((phi(p4) + np.pi) * (self.num_phi / (2 * np.pi))).astype(np.int64) % self.num_phi
        number, row = np.unique(((event << 20) + in_eta + _MIDDLE) * self.num_phi + in_phi, return_inverse=True)
        rest, in_phi = np.divmod(number, self.num_phi)
        return np.column_stack([rest >> 20, (rest & (1 << 20) - 1) - _MIDDLE, in_phi]), row.reshape(-1)


def _massless(energy: FloatArray, eta: FloatArray, phi: FloatArray) -> FloatArray:
    transverse = energy / np.cosh(eta)
    return np.column_stack([transverse * np.cos(phi), transverse * np.sin(phi), energy * np.tanh(eta), energy])


def _fine_sigma(energy: FloatArray, eta: FloatArray) -> FloatArray:
    central = np.sqrt((0.008 * energy) ** 2 + 0.11**2 * energy + 0.40**2)
    far = np.abs(eta)
    shape = np.where(far <= 1.5, 1 + 0.64 * eta**2, 2.16 + 5.6 * (far - 2) ** 2)
    forward = np.sqrt((0.107 * energy) ** 2 + 2.08**2 * energy)
    return np.where(far <= 2.5, shape * central, forward)


def _coarse_sigma(energy: FloatArray, eta: FloatArray) -> FloatArray:
    return np.sqrt((0.05 * energy) ** 2 + 1.5**2 * energy)


FINE = Calorimeter(0.0174, 360, _fine_sigma, 0.5, 2.0)
"""For photons and electrons: 0.0174 x 1 degree (CMS, arXiv:1306.2016 and arXiv:1502.02701)."""

COARSE = Calorimeter(0.087, 72, _coarse_sigma, 1.0, 1.0)
"""For hadrons: 0.087 x 5 degrees, 150 % / sqrt(E) and 5 %; the barrel's cells are used up to |eta| = 3."""
