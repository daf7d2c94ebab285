"""The reference that every tagger must beat: gradient-boosted trees on a few columns of whole jets."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from jetlego.data.features import jet_features
from jetlego.errors import EnvironmentFault
from jetlego.evaluation.metrics import evaluate
from jetlego.training.config import DataConfig
from jetlego.training.splits import Splits


def train_boosted_tree(splits: Splits, columns: Sequence[str], data: DataConfig, *, seed: int) -> dict[str, Any]:
    """Train scikit-learn's histogram gradient boosting on the training jets and return its metrics on the test jets.

    Depth and learning rate are the library's; the number of trees is chosen on the validation jets.

    Returns
    -------
    dict
        ``{"test": metrics, "train": {"seconds", "parameters", ...}}`` in the form of a run's ``metrics.json``.
    """
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier
    except ImportError as error:
        raise EnvironmentFault(
            "DEPENDENCY", "a boosted tree needs scikit-learn", "pip install 'jetlego[bench]'"
        ) from error
    inputs = {name: jet_features(getattr(splits, name), list(columns)) for name in ("train", "val", "test")}
    began = time.process_time()
    best, best_loss = None, np.inf
    for num_trees in (50, 100, 200, 400):
        model = HistGradientBoostingClassifier(max_iter=num_trees, early_stopping=False, random_state=seed)
        model.fit(inputs["train"], splits.train.label, sample_weight=splits.train.weight)
        truth = model.predict_proba(inputs["val"])[np.arange(splits.val.num_jets), splits.val.label]
        loss = float(-np.log(np.clip(truth, 1e-12, None)).mean())
        if loss < best_loss:
            best, best_loss, chosen = model, loss, num_trees
    seconds = time.process_time() - began
    assert best is not None
    scores = best.predict_proba(inputs["test"])
    classes = list(data.classes)
    metrics = evaluate(
        splits.test.label,
        scores,
        classes=classes,
        signal=classes[data.signal_index],
        weight=splits.test.weight,
        kind="scores",
    )
    return {"test": metrics, "train": {"seconds": seconds, "parameters": None, "trees": chosen}}
