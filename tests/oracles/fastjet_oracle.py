"""FastJet asked directly, without the package's own wrapper in between."""

from __future__ import annotations

import fastjet._ext
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


def softdrop(p4: np.ndarray, *, z_cut: float, beta: float, radius: float, mu_cut: float = np.inf) -> dict:
    """Return momentum, z, Delta and number of constituents of one jet after fjcontrib's soft drop."""
    columns = [np.ascontiguousarray(column) for column in p4.T]
    ends = np.array([0], np.int32), np.array([len(p4)], np.int32)
    found = fastjet._ext.interfacemulti(*columns, *ends, fj.JetDefinition(fj.cambridge_algorithm, 1000.0))
    out = found.to_numpy_softdrop_grooming(1, beta, z_cut, "scalar_z", radius, "larger_pt", mu_cut)
    px, py, pz, energy, count = out[:5]
    return {"p4": np.array([c.sum() for c in (px, py, pz, energy)]), "count": int(count[0]),
            "delta": float(out[11][0]), "z": float(out[12][0])}  # fmt: skip


def transformed(p4: np.ndarray, transformer: object) -> tuple[np.ndarray, np.ndarray]:
    """Return momentum and constituent rows of one jet after a FastJet transformer (Filter, Pruner)."""
    particles = []
    for row, momentum in enumerate(p4.tolist()):
        particle = fj.PseudoJet(*momentum)
        particle.set_user_index(row)
        particles.append(particle)
    clusters = fj.ClusterSequence(fj.vectorPJ(particles), fj.JetDefinition(fj.cambridge_algorithm, 1000.0))
    jet = transformer(clusters.inclusive_jets()[0])
    rows = sorted(c.user_index() for c in jet.constituents())
    return np.array([jet.px(), jet.py(), jet.pz(), jet.E()]), np.array(rows)
