"""Scores of jets as a table: ``predictions.root`` of a run, and what ``jetlego predict`` writes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from jetlego.data.jets import Jets
from jetlego.training.columns import CARRIED
from jetlego.training.streaming import StreamedSplit

if TYPE_CHECKING:
    from jetlego.training.run import Run

_PROVENANCE = ("file_index", "event_index", "jet_index")


def prediction_columns(jets: Jets, scores: np.ndarray, classes: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Return the columns of the predictions table, one row a jet in input order.

    ``score_<class>`` (float32, sum to one), ``label`` (index into the classes, -1 unlabelled), the usual jet columns as
    they were read, and ``event_index``, the jet's row in the input.
    """
    columns = {f"score_{name}": scores[:, k].astype(np.float32) for k, name in enumerate(classes)}
    if jets.label is not None:
        columns["label"] = jets.label
    if jets.weight is not None:
        columns["weight"] = jets.weight
    columns.update({name: jets.jet[name] for name in (*CARRIED, *_PROVENANCE) if name in jets.jet})
    columns.setdefault("event_index", np.arange(jets.num_jets))
    return columns


def scored(run: Run, split: Jets | StreamedSplit, *, device: str = "cpu") -> tuple[Jets, np.ndarray]:
    """Return the jets of a split and their scores (B, K); jets on disk come without constituents, block by block."""
    if isinstance(split, Jets):
        return split, run.predict(split, device=device)
    parts = [(_without_constituents(jets), run.predict(jets, device=device)) for jets in split.blocks()]
    return Jets.concatenate([jets for jets, _ in parts]), np.concatenate([scores for _, scores in parts])


def _without_constituents(jets: Jets) -> Jets:
    return replace(jets, p4=np.zeros((0, 4)), jet_ptr=np.zeros_like(jets.jet_ptr), constituents={}, merges={})
