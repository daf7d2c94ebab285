"""Groomers: functions from a history to the history of what is left, with what they found on the way."""

from jetlego.clustering.contraction import Groomed, contract
from jetlego.clustering.pruning import pruning
from jetlego.clustering.soft_drop import iterated_softdrop, lund_cuts, mmdt, recursive_softdrop, softdrop
from jetlego.clustering.subjets import Filtered, exclusive_subjets, filtering, trimming

__all__ = [
    "Filtered",
    "Groomed",
    "contract",
    "exclusive_subjets",
    "filtering",
    "iterated_softdrop",
    "lund_cuts",
    "mmdt",
    "pruning",
    "recursive_softdrop",
    "softdrop",
    "trimming",
]
