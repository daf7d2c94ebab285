"""What is learnt: class probabilities of jets. The loss of a batch, and the logits of a whole store."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch

from jetlego.losses.registry import build_loss
from jetlego.structures.batch import JetBatch
from jetlego.structures.store import JetStore
from jetlego.training.batches import StoreBatches
from jetlego.training.config import RunConfig


@dataclass(frozen=True)
class Classification:
    """Tell each jet's class; logits (B, K) against ``batch.label`` with ``batch.weight``."""

    loss_function: Callable[..., torch.Tensor]

    @classmethod
    def from_config(cls, config: RunConfig) -> Classification:
        """Return the task with the configured loss."""
        return cls(build_loss(config.training.loss))

    def loss(self, model: torch.nn.Module, batch: JetBatch) -> torch.Tensor:
        """Return the scalar loss of a batch, differentiable."""
        return self.loss_function(model(batch), batch.label, weight=batch.weight)


@dataclass(frozen=True)
class Predictions:
    """Logits (B, K) float32 of some jets, with their label (B,) and weight (B,), None where unknown."""

    logits: np.ndarray
    label: np.ndarray | None
    weight: np.ndarray | None


@torch.no_grad()
def predict_batches(
    model: torch.nn.Module, batches: Iterable[JetBatch], *, device: torch.device | str = "cpu"
) -> Predictions:
    """Return the logits of all jets in their order; the model is left in its mode."""
    was_training = model.training
    model.eval()
    found: list[list[np.ndarray | None]] = []
    try:
        for batch in batches:
            logits = model(batch.to(device)).float().cpu().numpy()
            found.append([logits, *(None if t is None else t.numpy() for t in (batch.label, batch.weight))])
    finally:
        model.train(was_training)
    if not found:
        return Predictions(np.zeros((0, 0), np.float32), None, None)
    return Predictions(*(None if column[0] is None else np.concatenate(column) for column in zip(*found, strict=True)))


def predict_logits(
    model: torch.nn.Module, store: JetStore, *, batch_size: int, device: torch.device | str = "cpu"
) -> np.ndarray:
    """Return the logits of every jet of ``store`` in its order, (B, K) float32."""
    return predict_batches(model, StoreBatches(store).in_order(batch_size), device=device).logits


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return class scores (B, K) float64 that sum to one."""
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)
