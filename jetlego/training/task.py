"""What is learnt: class probabilities of jets. The loss of a batch, and the logits of a whole store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from jetlego.losses.registry import build_loss
from jetlego.structures.batch import JetBatch
from jetlego.structures.store import JetStore
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


@torch.no_grad()
def predict_logits(
    model: torch.nn.Module, store: JetStore, *, batch_size: int, device: torch.device | str = "cpu"
) -> np.ndarray:
    """Return the logits of every jet of ``store`` in its order, (B, K) float32; the model is left in its mode."""
    was_training = model.training
    model.eval()
    try:
        parts = [model(batch.to(device)).float().cpu().numpy() for batch in in_order(store, batch_size)]
    finally:
        model.train(was_training)
    return np.concatenate(parts) if parts else np.zeros((0, 0), np.float32)


def in_order(store: JetStore, batch_size: int) -> Iterator[JetBatch]:
    """Yield the whole store in order, batch by batch."""
    for start in range(0, store.num_jets, batch_size):
        yield store.batch(np.arange(start, min(start + batch_size, store.num_jets)))


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return class scores (B, K) float64 that sum to one."""
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)
