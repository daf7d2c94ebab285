"""Named columns of constituents and of jets: what a tagger sees of a jet.

``constituent_features(jets, "kin")`` gives the (P, 7) float32 array of the reference taggers;
``jet_features(jets, ["jet_mass", "jet_tau32"])`` gives (B, 2). A feature set is a list of columns, and a column is a
function of one file of this folder, so a new one is a few lines and a decorator.
"""

from jetlego.data.features.assemble import constituent_features, jet_features
from jetlego.data.features.columns import Column, Transform, constituent_columns, jet_columns
from jetlego.data.features.derived import jet_mask
from jetlego.data.features.sets import FEATURE_SETS, Feature, resolve_features
from jetlego.data.features.view import JetView

__all__ = [
    "FEATURE_SETS",
    "Column",
    "Feature",
    "JetView",
    "Transform",
    "constituent_columns",
    "constituent_features",
    "jet_columns",
    "jet_features",
    "jet_mask",
    "resolve_features",
]
