"""What a report tells of one run: plain arrays and tables, with no knowledge of how the run was trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from jetlego.clustering.history import History
from jetlego.conventions import FloatArray, IntArray
from jetlego.data.jets import Jets
from jetlego.errors import DataError
from jetlego.evaluation.metrics import evaluate


@dataclass(frozen=True)
class ReportContents:
    """One run, or any other classifier, ready to be put on a page. Only the first four are needed.

    Attributes
    ----------
    title
        Name of the run.
    classes
        K class names.
    label
        (B,) int64 true classes of the test jets.
    scores
        (B, K) class scores of the test jets; rows sum to one.
    weight
        (B,) jet weights, or None.
    metrics
        What :func:`jetlego.evaluation.metrics.evaluate` gives for these jets; None: it is computed here.
    jet
        {name: (B,)} columns of the test jets. ``jet_pt`` gives the efficiency by pT, ``jet_mass`` (or
        ``jet_sdmass``) the sculpting; GeV.
    epochs
        One mapping an epoch: ``epoch``, ``train_loss``, ``val_loss``, ``val_auc``, ...
    best_epoch
        The epoch whose weights were kept.
    data
        Rows of the table of data sets, such as ``{"split": "train", "files": "...", "jets": 1000}``.
    model
        Facts about the model, such as ``{"parameters": 8061}``.
    model_text
        Its layers, as ``print(model)`` tells them.
    config
        The resolved configuration, YAML.
    environment
        Versions and hardware.
    jets
        Labelled jets to draw, a few thousand of each class at most; their classes are ``classes``.
    trees
        Clustering histories of ``jets``, to draw one of each class; None: Cambridge/Aachen.
    tree_name
        What made ``trees``, such as ``"kt"``.
    """

    title: str
    classes: tuple[str, ...]
    label: IntArray
    scores: FloatArray
    weight: FloatArray | None = None
    metrics: Mapping[str, Any] | None = None
    jet: Mapping[str, Any] = field(default_factory=dict)
    epochs: Sequence[Mapping[str, Any]] = ()
    best_epoch: int | None = None
    data: Sequence[Mapping[str, Any]] = ()
    model: Mapping[str, Any] = field(default_factory=dict)
    model_text: str = ""
    config: str = ""
    environment: Mapping[str, Any] = field(default_factory=dict)
    jets: Jets | None = None
    trees: History | None = None
    tree_name: str = "Cambridge/Aachen"

    def __post_init__(self) -> None:
        num_jets = len(self.label)
        if np.shape(self.scores) != (num_jets, len(self.classes)):
            what = f"scores have shape {np.shape(self.scores)} for {num_jets} jets of {len(self.classes)} classes"
            raise DataError("SHAPE", what)
        for name, values in self.jet.items():
            if np.shape(values) != (num_jets,):
                raise DataError("SHAPE", f"jet column '{name}' has shape {np.shape(values)} for {num_jets} jets")
        object.__setattr__(self, "scores", np.asarray(self.scores, dtype=np.float64))
        object.__setattr__(self, "label", np.asarray(self.label))
        if self.metrics is None:
            computed = evaluate(self.label, self.scores, classes=self.classes, weight=self.weight, kind="scores")
            object.__setattr__(self, "metrics", computed)

    @property
    def figures(self) -> Mapping[str, Any]:
        """The metrics, which are never None once the object is made."""
        assert self.metrics is not None
        return self.metrics

    @property
    def signal(self) -> int:
        """Number of the signal class."""
        return self.classes.index(self.figures["signal"])

    @property
    def background(self) -> int:
        """Number of the background class."""
        return self.classes.index(self.figures["background"])
