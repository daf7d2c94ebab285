"""Scores of jets as a table: ``predictions.root`` of a run, and what ``jetlego predict`` writes."""

from __future__ import annotations

import numpy as np

from jetlego.data.jets import Jets

_CARRIED = ("jet_pt", "jet_eta", "jet_phi", "jet_mass", "jet_energy", "jet_sdmass", "jet_nparticles")
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
    columns.update({name: jets.jet[name] for name in (*_CARRIED, *_PROVENANCE) if name in jets.jet})
    columns.setdefault("event_index", np.arange(jets.num_jets))
    return columns
