"""The kinds of particles that the detector tells apart, in the order of JetClass' flags."""

from __future__ import annotations

import numpy as np

CHARGED_HADRON, NEUTRAL_HADRON, PHOTON, ELECTRON, MUON = range(5)

FLAGS = ("isChargedHadron", "isNeutralHadron", "isPhoton", "isElectron", "isMuon")
"""Names of the flags, by kind."""

MASS_OF_KIND = np.array([0.13957039, 0.0, 0.0, 0.51099895e-3, 0.1056583755])
"""GeV by kind (Particle Data Group, 2022): the pion's mass for every charged hadron, as in CMS particle flow."""
