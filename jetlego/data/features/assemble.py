"""Columns side by side: the float32 arrays that a network takes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

import jetlego.data.features.constituent
import jetlego.data.features.jet
import jetlego.data.features.substructure
import jetlego.data.features.tracks  # noqa: F401  the four register their columns
from jetlego.conventions import FloatArray
from jetlego.data.features.columns import Array, Transform
from jetlego.data.features.sets import Feature, FeatureList, resolve_features
from jetlego.data.features.view import JetView
from jetlego.data.jets import Jets
from jetlego.errors import ConfigError, DataError


def constituent_features(
    jets: Jets, features: FeatureList, *, raw: bool = False, derived: Mapping[str, str] | None = None
) -> FloatArray:
    """Return the features of every constituent.

    Parameters
    ----------
    jets
        Jets; columns that the file stores win over those that could be derived from momenta.
    features
        A set (``"kin"``, ``"kinpid"``, ``"full"``, ...), a column, or a list of them, see :func:`resolve_features`.
        A jet column in the list is repeated for each constituent.
    raw
        Without the transforms ``clip((x - center) * scale, low, high)``.
    derived
        Further columns, ``{name: expression}``, see :mod:`jetlego.data.features.derived`.

    Returns
    -------
    FloatArray
        (P, F) float32, one row for each constituent, packed like ``jets.p4``.

    Raises
    ------
    ConfigError
        ``BAD-VALUE`` for a name that no column has; names the nearest.
    DataError
        ``NO-BRANCH`` if the jets lack what a column is computed from.
    """
    view = JetView(jets, derived=derived)
    return _table(resolve_features(features, raw=raw), view, length=len(jets.p4), per_constituent=True)


def jet_features(
    jets: Jets, features: FeatureList, *, raw: bool = False, derived: Mapping[str, str] | None = None
) -> FloatArray:
    """Return the features of every jet, (B, F) float32; parameters as in :func:`constituent_features`."""
    view = JetView(jets, derived=derived)
    return _table(resolve_features(features, raw=raw), view, length=jets.num_jets, per_constituent=False)


def _table(features: tuple[Feature, ...], view: JetView, *, length: int, per_constituent: bool) -> FloatArray:
    table = np.empty((length, len(features)), np.float32)
    for at, feature in enumerate(features):
        level = view.level(feature.name)
        if level == "constituent" and not per_constituent:
            raise ConfigError("BAD-VALUE", f"'{feature.name}' is a constituent column, not a jet column")
        values = view.per_constituent(feature.name) if level == "jet" and per_constituent else view[feature.name]
        if values.shape != (length,):
            raise DataError("BAD-SHAPE", f"column '{feature.name}' has shape {values.shape}, expected ({length},)")
        table[:, at] = transformed(values, feature.transform)
    return table


def transformed(values: Array, transform: Transform) -> Array:
    """Return ``clip((x - center) * scale, low, high)`` with NaN -> 0, or the values themselves if center is None."""
    if transform.center is None:
        return values
    scaled = (np.asarray(values, np.float64) - transform.center) * transform.scale
    return np.nan_to_num(np.clip(scaled, transform.low, transform.high), nan=0.0)
