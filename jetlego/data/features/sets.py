"""Named feature sets, and how one entry of a feature list is read.

``kin``, ``kinpid`` and ``full`` are the inputs of the JetClass taggers, in their order and with their constants (Qu,
Li, Qian, arXiv:2202.03772). ``pfn``, ``pfn_id`` are EnergyFlow's (arXiv:1810.05165), ``mpnn`` the seven per-constituent
quantities of recursive networks (Louppe, Cho, Becot, Cranmer, arXiv:1702.00748), to be robust-scaled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from jetlego.data.features.columns import RAW, Transform, find_column
from jetlego.data.features.tracks import FLAG_NAMES
from jetlego.errors import ConfigError, did_you_mean

_MOMENTA = ("part_pt_log", "part_e_log", "part_logptrel", "part_logerel", "part_deltaR")
_TYPES = ("part_charge", *FLAG_NAMES)
_TRACKS = ("part_d0", "part_d0err", "part_dz", "part_dzerr")
_AXES = ("part_deta", "part_dphi")

FEATURE_SETS: dict[str, tuple[str, ...]] = {
    "kin": (*_MOMENTA, *_AXES),
    "kinpid": (*_MOMENTA, *_TYPES, *_AXES),
    "full": (*_MOMENTA, *_TYPES, *_TRACKS, *_AXES),
    "points": _AXES,
    "vectors": ("part_px", "part_py", "part_pz", "part_energy"),
    "pfn": ("part_z", "part_y_centered", "part_phi_centered"),
    "pfn_id": ("part_z", "part_y_centered", "part_phi_centered", "part_efpid"),
    "mpnn": ("part_p", "part_eta", "part_phi", "part_energy", "part_erel", "part_pt", "part_theta"),
}
"""Constituent columns of each named set."""

FeatureList: TypeAlias = "str | Sequence[str | Sequence[Any] | Feature]"


@dataclass(frozen=True)
class Feature:
    """A column and the transform applied to it."""

    name: str
    transform: Transform = RAW


def resolve_features(features: FeatureList, *, raw: bool = False) -> tuple[Feature, ...]:
    """Return the features that a set name or a list means.

    Parameters
    ----------
    features
        Name of a set, name of one column, or a list. An entry is a column name (with its default transform), a list
        ``[name, center, scale, low, high]`` whose trailing items may be left out and whose center may be null (no
        transform), as in weaver's files, the name of a set, or a :class:`Feature`.
    raw
        Drop every transform, for features that are standardised on the training data instead.

    Raises
    ------
    ConfigError
        ``BAD-VALUE`` for an entry of another form.
    """
    entries = [features] if isinstance(features, str) else features
    found = [feature for entry in entries for feature in _read_entry(entry)]
    if not found:
        raise ConfigError("BAD-VALUE", "the list of features is empty", did_you_mean("", FEATURE_SETS))
    return tuple(Feature(f.name) for f in found) if raw else tuple(found)


def _read_entry(entry: str | Sequence[Any] | Feature) -> list[Feature]:
    if isinstance(entry, Feature):
        return [entry]
    if isinstance(entry, str):
        return [_default(name) for name in FEATURE_SETS.get(entry, (entry,))]
    parts: list[Any] = list(entry)
    name, numbers = (parts[0] if parts else None), parts[1:]
    if not isinstance(name, str) or len(numbers) > 4 or not all(_is_number(x) for x in numbers[1:]):
        raise ConfigError("BAD-VALUE", f"feature {entry!r} is not [name, center, scale, low, high]")
    if numbers and numbers[0] is not None and not _is_number(numbers[0]):
        raise ConfigError("BAD-VALUE", f"feature '{name}': center is a number or null, not {numbers[0]!r}")
    return [Feature(name, Transform(*numbers))]


def _default(name: str) -> Feature:
    found = find_column(name)
    return Feature(name, found.transform if found else RAW)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
