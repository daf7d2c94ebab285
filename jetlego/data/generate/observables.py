"""What a jet is described by: momentum, number of constituents, groomed mass, N-subjettiness."""

from __future__ import annotations

import numpy as np

from jetlego.clustering.cluster import cluster
from jetlego.clustering.nsubjettiness import nsubjettiness
from jetlego.clustering.soft_drop import softdrop
from jetlego.conventions import FloatArray, IntArray
from jetlego.physics.kinematics import energy, eta, jet_p4, phi, pt

SOFT_DROP_CUT = 0.1
"""z_cut of soft drop with beta = 0, as in JetClass."""


def jet_columns(p4: FloatArray, jet_ptr: IntArray, *, radius: float) -> dict[str, np.ndarray]:
    """Return the ``jet_*`` branches of jets made of these constituents.

    Parameters
    ----------
    p4
        (P, 4) constituents in GeV.
    jet_ptr
        (B + 1,) offsets.
    radius
        R of the jets, by which N-subjettiness is divided.

    Notes
    -----
    The axes of N-subjettiness are the exclusive subjets of kT with winner-take-all recombination, which lie close to
    the minimum for beta = 1 (Larkoski, Neill, Thaler, arXiv:1401.2158); JetClass moves them there by one step of
    minimization. One thread, since workers are processes.
    """
    axis = jet_p4(p4, jet_ptr)
    history = cluster(p4, jet_ptr, algorithm="cambridge_aachen", threads=1)
    tau = nsubjettiness(p4, jet_ptr, radius=radius, threads=1)
    return {
        "jet_pt": pt(axis), "jet_eta": eta(axis), "jet_phi": phi(axis), "jet_energy": energy(axis),
        "jet_nparticles": np.diff(jet_ptr), "jet_sdmass": softdrop(history, z_cut=SOFT_DROP_CUT).mass,
        **{f"jet_tau{number}": column for number, column in enumerate(tau.T, start=1)},
    }  # fmt: skip
