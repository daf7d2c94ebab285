"""The table of clustering algorithms, and how a user's words select a row of it.

    d_ij = min(w_i, w_j) Delta_ij^2 / R^2        d_iB = w_i

Longitudinally invariant family: w = pT^2p and Delta^2 = dy^2 + dphi^2 (Cacciari, Salam, Soyez, arXiv:0802.1189,
eq. 1). e+e- family: w = E^2p, and 1 - cos(theta_ij) takes the place of Delta^2 (FastJet user manual,
arXiv:1111.6097, section 4.5).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from jetlego.errors import ConfigError, did_you_mean


@dataclass(frozen=True)
class Algorithm:
    """One row of the table: its name, the exponent p of the weight, and the family."""

    name: str
    power: float | None
    spherical: bool = False


ALGORITHMS = {
    row.name: row
    for row in (
        Algorithm("kt", 1.0),
        Algorithm("cambridge_aachen", 0.0),
        Algorithm("anti_kt", -1.0),
        Algorithm("genkt", None),
        Algorithm("ee_kt", 1.0, spherical=True),
        Algorithm("ee_genkt", None, spherical=True),
    )
}
"""Sequential recombination; a power of None is the user's to give."""

TOPOLOGIES = ("random", "asc_pt", "desc_pt")
"""Binary trees over the same constituents that follow from no distance."""

SCHEMES = {"e_scheme": 0, "pt_scheme": 1, "wta_pt": 2}
"""Recombination schemes, and the number by which the kernel knows them."""

ENGINES = ("numba", "fastjet")

_ALIASES = {"antikt": "anti_kt", "akt": "anti_kt", "cambridge": "cambridge_aachen", "ca": "cambridge_aachen"}


def resolve_algorithm(name: str, power: float | None) -> Algorithm:
    """Return the algorithm ``name`` with its exponent filled in.

    Raises
    ------
    ConfigError
        If there is no such algorithm, or ``power`` is missing, not finite, or not the algorithm's own.
    """
    row = ALGORITHMS.get(_ALIASES.get(name, name))
    if row is None:
        hint = did_you_mean(name, [*ALGORITHMS, *TOPOLOGIES])
        raise ConfigError("BAD-VALUE", f"no clustering algorithm '{name}'", hint)
    if row.power is None:
        if power is None or not math.isfinite(power):
            raise ConfigError("BAD-VALUE", f"algorithm '{row.name}' needs a finite power", "1 is kt, -1 is anti_kt")
        return Algorithm(row.name, float(power), row.spherical)
    if power is not None and power != row.power:
        general = "ee_genkt" if row.spherical else "genkt"
        raise ConfigError("BAD-VALUE", f"algorithm '{row.name}' has the fixed power {row.power:g}", f"use {general}")
    return row


def check_choice(kind: str, name: str, valid: tuple[str, ...]) -> None:
    """Raise ``ConfigError`` with the nearest names unless ``name`` is one of ``valid``."""
    if name not in valid:
        raise ConfigError("BAD-VALUE", f"no {kind} '{name}'", did_you_mean(name, valid))


def distance_scale(algorithm: Algorithm, radius: float) -> float:
    """Return what the kernel's weighted distance is divided by: R^2, or its counterpart on the sphere.

    On the sphere the kernel measures 1 - cos(theta); ``ee_kt`` has no radius and a factor 2.
    """
    if algorithm.name == "ee_kt":
        return 0.5
    if not (math.isfinite(radius) and radius > 0):
        raise ConfigError("BAD-VALUE", f"radius is {radius}", "it must be positive and finite")
    if not algorithm.spherical:
        return radius * radius
    return 1 - math.cos(radius) if radius <= math.pi else 3 + math.cos(radius)
