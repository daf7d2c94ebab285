"""What every jet passes on its way in, whatever its format: finite momenta, sane units, sums, selection."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np

from jetlego.data.formats.reader import Request
from jetlego.data.jets import Jets
from jetlego.data.momenta import oddities
from jetlego.data.nonfinite import finite_jets
from jetlego.data.schemas.schema import Schema
from jetlego.data.tally import Tally
from jetlego.errors import DataError, JetlegoWarning, quoted
from jetlego.physics import kinematics

UNIT_RANGE = (0.5, 1e4)
"""GeV; a median jet pT outside is told, since it is most often a matter of units."""

SUMS = frozenset({"jet_pt", "jet_eta", "jet_phi", "jet_energy", "jet_mass", "jet_nparticles"})
"""Jet columns that follow from the constituents where a file does not store them, or nobody asks for what it stores."""


def screen(jets: Jets, path: Path, schema: Schema, request: Request) -> Jets:
    """Return jets of finite values, with every jet column that constituents give, and capped if that is asked for."""
    tally = request.tally
    tally.jets += jets.num_jets
    tally.constituents += len(jets.p4)
    jets = finite_jets(jets, path, schema, request)
    for what, odd in oddities(jets.p4).items():
        tally.add("KINEMATICS", f"{{n}} constituents ({{share}} of all) have {what}", odd.sum())
    _check_weights(jets, path, tally)
    return capped(_wrapped(with_sums(jets), tally), request.max_constituents, tally)


def capped(jets: Jets, most: int | None, tally: Tally) -> Jets:
    """Return jets with their hardest ``most`` constituents each, in the order of the file."""
    if most is None or jets.num_constituents.max(initial=0) <= most:
        return jets
    long = jets.num_constituents > most
    tally.add("TRUNCATED", f"{{n}} jets have more than {most} constituents; the hardest are kept", long.sum())
    owner = np.repeat(np.arange(jets.num_jets), jets.num_constituents)
    order = np.lexsort((-kinematics.pt(jets.p4), owner))  # stable: of equal ones the first
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order)) - np.repeat(jets.jet_ptr[:-1], jets.num_constituents)
    return jets.select_constituents(rank < most)


def _check_weights(jets: Jets, path: Path, tally: Tally) -> None:
    if jets.weight is None:
        return
    bad = int((~np.isfinite(jets.weight)).sum())
    if bad:
        raise DataError("WEIGHTS", f"{quoted(path)}: {bad} of {jets.num_jets} jet weights are NaN or infinite")
    tally.add("WEIGHTS", "{n} jets have negative weights", (jets.weight < 0).sum())


def _wrapped(jets: Jets, tally: Tally) -> Jets:
    """Return jets with azimuths in [-pi, pi], as some files count them from 0 to 2 pi."""
    phi = jets.jet["jet_phi"]
    outside = np.abs(phi) > np.float32(np.pi)
    if not outside.any():
        return jets
    tally.add("KINEMATICS", "{n} jets have phi outside [-pi, pi]; wrapped", outside.sum())
    wrapped = np.where(outside, kinematics.delta_phi(phi, np.float32(0)), phi)
    return replace(jets, jet={**jets.jet, "jet_phi": wrapped.astype(np.float32)})


def with_sums(jets: Jets) -> Jets:
    """Return jets with ``jet_pt, jet_eta, jet_phi, jet_energy, jet_mass`` (float32), summed where not stored."""
    missing = SUMS - {"jet_nparticles"} - set(jets.jet)
    new: dict[str, np.ndarray] = {}
    if missing:
        total = kinematics.jet_p4(jets.p4, jets.jet_ptr)
        sums = {"jet_pt": kinematics.pt, "jet_eta": kinematics.eta, "jet_phi": kinematics.phi,
                "jet_energy": kinematics.energy, "jet_mass": kinematics.mass}  # fmt: skip
        new = {name: sums[name](total).astype(np.float32) for name in sorted(missing)}
    if "jet_nparticles" not in jets.jet:
        new["jet_nparticles"] = jets.num_constituents.astype(np.int32)
    return replace(jets, jet={**jets.jet, **new})


def check_units(jets: Jets, path: Path) -> None:
    """Warn ``UNITS`` if the median jet pT is beyond what a collider gives in GeV."""
    if not jets.num_jets:
        return
    median = float(np.median(jets.jet["jet_pt"]))
    low, high = UNIT_RANGE
    if median > high or median < low:
        what = f"{quoted(path)}: median jet pT is {median:.3g} GeV; does the schema key momentum_unit fit?"
        warnings.warn(JetlegoWarning("UNITS", what), stacklevel=3)
