"""Small labelled jets without a file: class 0 has two prongs, class 1 one, and scores that tell them apart partly."""

import numpy as np

from jetlego.data.jets import Jets
from jetlego.physics.kinematics import jet_p4, mass, p4_from_pt_eta_phi_mass, pt


def toy_jets(num_jets=200, *, classes=("top", "qcd"), seed=0):
    rng = np.random.default_rng(seed)
    label = np.arange(num_jets) % len(classes)
    counts = rng.integers(5, 30, size=num_jets)
    ptr = np.concatenate([[0], np.cumsum(counts)])
    owner = np.repeat(np.arange(num_jets), counts)
    axis = rng.uniform(-np.pi, np.pi, num_jets)[owner]
    prong = np.where((label[owner] == 0) & (rng.uniform(size=owner.size) < 0.4), 0.4, 0.0)
    eta = rng.normal(0, 1, num_jets)[owner] + prong * np.cos(axis) + rng.normal(0, 0.08, owner.size)
    phi = rng.uniform(-3, 3, num_jets)[owner] + prong * np.sin(axis) + rng.normal(0, 0.08, owner.size)
    p4 = p4_from_pt_eta_phi_mass(rng.exponential(20, owner.size) + 0.5, eta, phi, 0.14)
    kind = rng.integers(3, size=owner.size)
    names = ("part_isChargedHadron", "part_isNeutralHadron", "part_isPhoton")
    constituents = {name: (kind == k).astype(np.float32) for k, name in enumerate(names)}
    constituents["part_d0val"] = np.where(kind == 0, rng.normal(0, 0.1, owner.size), 0.0)
    total = jet_p4(p4, ptr)
    jet = {"jet_pt": pt(total), "jet_mass": mass(total), "jet_nparticles": counts.astype(np.float64)}
    return Jets(p4, ptr, constituents, jet, label, tuple(classes))


def toy_scores(label, *, num_classes=2, seed=1):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(len(label), num_classes))
    logits[np.arange(len(label)), label] += 1.5
    weights = np.exp(logits)
    return weights / weights.sum(axis=1, keepdims=True)
