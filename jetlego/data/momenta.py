"""Four-momenta from any accepted set of quantities, and what is odd about them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from jetlego.conventions import BoolArray, FloatArray
from jetlego.physics import kinematics

_SPACELIKE = 1e-3
"""E^2 - p^2 below -1e-3 E^2 is no rounding: files that keep 10 mantissa bits stay above."""


def four_momenta(form: tuple[str, ...], values: Mapping[str, np.ndarray]) -> FloatArray:
    """Return (P, 4) float64 (px, py, pz, E), in the unit of the input.

    Parameters
    ----------
    form
        One of :data:`jetlego.data.schemas.schema.FORMS`.
    values
        {quantity: (P,)} for every quantity of the form; particles without energy or mass are massless.
    """
    get = {name: np.asarray(values[name], np.float64) for name in form}
    if form[0] == "px":
        p4 = np.empty((len(get["px"]), 4))
        for i, name in enumerate(("px", "py", "pz")):
            p4[:, i] = get[name]
        p4[:, 3] = get["energy"] if "energy" in get else np.sqrt((p4[:, :3] ** 2).sum(axis=1) + get["mass"] ** 2)
        return p4
    mass = get.get("mass", 0.0)
    if "rapidity" in get:
        return kinematics.p4_from_pt_rapidity_phi_mass(get["pt"], get["rapidity"], get["phi"], mass)
    if "energy" in get:
        return kinematics.p4_from_pt_eta_phi_energy(get["pt"], get["eta"], get["phi"], get["energy"])
    return kinematics.p4_from_pt_eta_phi_mass(get["pt"], get["eta"], get["phi"], mass)


def oddities(p4: FloatArray) -> dict[str, BoolArray]:
    """Return {what: (P,) bool} of momenta that no particle has, apart from rounding."""
    squares = p4 * p4  # one pass over rows: columns of them are far apart in memory
    pt2 = squares[:, 0] + squares[:, 1]
    spacelike = pt2 + squares[:, 2] > (1 + _SPACELIKE) * squares[:, 3]
    return {"pT = 0": pt2 == 0, "E <= 0": p4[:, 3] <= 0, "E < p": spacelike}
