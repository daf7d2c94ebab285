"""FastJet asked directly, without the package's own wrapper in between."""

from __future__ import annotations

import fastjet._swig as fj
import numpy as np

fj.ClusterSequence.set_fastjet_banner_stream(None)


def sequence(p4: np.ndarray, algorithm: str, *, radius: float = 1.0) -> fj.ClusterSequence:
    """Return FastJet's cluster sequence of one event or jet, by FastJet's own algorithm name."""
    kind = getattr(fj, algorithm)
    definition = fj.JetDefinition(kind) if algorithm == "ee_kt_algorithm" else fj.JetDefinition(kind, radius)
    return fj.ClusterSequence(fj.vectorPJ([fj.PseudoJet(*p) for p in p4.tolist()]), definition)


def exclusive_momenta(
    p4: np.ndarray,
    algorithm: str,
    *,
    radius: float = 1.0,
    num_jets: int | None = None,
    d_cut: float | None = None,
) -> np.ndarray:
    """Return the momenta of the exclusive jets, hardest first; FastJet tells the two by int and float."""
    clusters = sequence(p4, algorithm, radius=radius)
    jets = clusters.exclusive_jets(int(num_jets)) if num_jets is not None else clusters.exclusive_jets(float(d_cut))
    return np.array([(j.px(), j.py(), j.pz(), j.E()) for j in fj.sorted_by_pt(jets)]).reshape(-1, 4)
