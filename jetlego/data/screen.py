"""What every jet passes on its way in, whatever its format: finite momenta, sane units, sums, selection."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np

from jetlego.conventions import BoolArray
from jetlego.data.formats.reader import Request
from jetlego.data.jets import Jets
from jetlego.data.momenta import oddities
from jetlego.data.schemas.schema import Schema
from jetlego.data.tally import Tally
from jetlego.errors import DataError, JetlegoWarning, NonFiniteError, quoted
from jetlego.physics import kinematics

UNIT_RANGE = (0.5, 1e4)
"""GeV; a median jet pT outside is told, since it is most often a matter of units."""


def screen(jets: Jets, path: Path, schema: Schema, request: Request) -> Jets:
    """Return jets with finite momenta only, and with every jet column that constituents give."""
    tally = request.tally
    tally.jets += jets.num_jets
    tally.constituents += len(jets.p4)
    jets = _finite(jets, path, schema, request)
    for what, odd in oddities(jets.p4).items():
        tally.add("KINEMATICS", f"{{n}} constituents ({{share}} of all) have {what}", odd.sum())
    _tell_columns(jets, tally)
    _check_weights(jets, path, tally)
    return _wrapped(with_sums(jets), tally)


def _finite(jets: Jets, path: Path, schema: Schema, request: Request) -> Jets:
    bad: BoolArray = np.logical_not(np.isfinite(jets.p4).all(axis=1))
    if not bad.any():
        return jets
    how = request.nonfinite
    if how == "error":
        raise _nonfinite_error(jets, bad, path, schema)
    text = {"drop-particle": "dropped", "zero": "set to zero", "drop-jet": "dropped with their jets"}[how]
    request.tally.add("NONFINITE", f"{{n}} constituents with NaN or infinite momentum were {text}", bad.sum())
    if how == "drop-particle":
        return jets.select_constituents(~bad)
    if how == "drop-jet":
        owner = np.repeat(np.arange(jets.num_jets), jets.num_constituents)
        return jets.select(np.bincount(owner[bad], minlength=jets.num_jets) == 0)
    return replace(jets, p4=np.where(bad[:, None], 0.0, jets.p4))


def _nonfinite_error(jets: Jets, bad: BoolArray, path: Path, schema: Schema) -> NonFiniteError:
    row = int(np.flatnonzero(bad)[0])
    jet = int(np.searchsorted(jets.jet_ptr, row, side="right")) - 1
    component = int(np.flatnonzero(~np.isfinite(jets.p4[row]))[0])
    event, place = (int(jets.jet[name][jet]) for name in ("event_index", "jet_index"))
    what = (f"{quoted(path)}: {_branch(schema, component)} of constituent {row - jets.jet_ptr[jet]} of entry {event}, "
            f"jet {place}, is {jets.p4[row, component]}; {bad.sum()} constituents of the chunk not finite")  # fmt: skip
    return NonFiniteError(what)


def _branch(schema: Schema, component: int) -> str:
    names = ("px", "py", "pz", "energy")
    particles = schema.particles
    if particles is None or particles.form is None:
        return names[component]
    if names[component] in particles.form:
        column = particles.quantities[names[component]]
        return "'" + quoted(column.column or column.expr) + "'"
    return "momentum from " + ", ".join(f"'{quoted(particles.quantities[key].column)}'" for key in particles.form)


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


def _tell_columns(jets: Jets, tally: Tally) -> None:
    for kind in (jets.constituents, jets.jet):
        for name, values in kind.items():
            if values.dtype.kind == "f":
                bad = len(values) - int(np.isfinite(values).sum())
                tally.add("NONFINITE", f"column '{quoted(name)}' holds {{n}} NaN or infinite values", bad)


def with_sums(jets: Jets) -> Jets:
    """Return jets with ``jet_pt, jet_eta, jet_phi, jet_energy, jet_mass`` (float32), summed where not stored."""
    missing = {"jet_pt", "jet_eta", "jet_phi", "jet_energy", "jet_mass"} - set(jets.jet)
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
