"""The figures of one epoch on the validation split: fast, without errors; no training randomness is consumed."""

from __future__ import annotations

import numpy as np
import torch

from jetlego.evaluation.roc import roc
from jetlego.training.batches import Batches
from jetlego.training.config import RunConfig
from jetlego.training.task import predict_batches, softmax


def validate(
    model: torch.nn.Module, jets: Batches, config: RunConfig, device: torch.device | str
) -> dict[str, float | None]:
    """Return loss, accuracy and AUC (signal class against the rest) of ``jets``; AUC is None where a side is empty."""
    found = predict_batches(model, jets.in_order(config.training.eval_batch_size), device=device)
    score, label = softmax(found.logits), found.label
    weight = np.ones(len(label)) if found.weight is None else found.weight
    truth = np.clip(score[np.arange(len(label)), label], 1e-300, None)
    is_signal = label == config.data.signal_index
    auc = None
    if is_signal.any() and not is_signal.all():
        auc = float(roc(is_signal, score[:, config.data.signal_index], weight=weight).auc)
    return {
        "loss": float(np.average(-np.log(truth), weights=weight)),
        "accuracy": float(np.average(score.argmax(axis=1) == label, weights=weight)),
        "auc": auc,
    }
