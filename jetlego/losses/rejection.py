"""Background rejection at a fixed signal efficiency, as a loss.

The threshold t is the soft quantile of the signal scores at 1 - efficiency, the false-positive rate
f = sum w_b sigmoid((s_b - t) / tau) / sum w_b over the background, and the loss is log f. Scores are measured in
standard deviations of the signal scores, so that a network cannot lower f by scaling its output.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jetlego.bricks.soft_order import Negative, masses, soft_quantile
from jetlego.errors import ConfigError
from jetlego.losses.cross_entropy import cross_entropy
from jetlego.losses.reduce import REDUCTIONS, autocast_off, blank
from jetlego.losses.registry import loss

MIN_BACKGROUND = 20.0
"""Fewest soft background counts above threshold: the relative error of f is then about 22 %."""


@loss("rejection_at")
def rejection_at(
    prediction: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    reduction: str = "weighted_mean",
    signal_efficiency: float = 0.5,
    temperature: float = 0.1,
    signal: int = 1,
    width: float = 0.04,
    epsilon: float = 1e-2,
    min_background: float = MIN_BACKGROUND,
    negative: Negative = "error",
) -> Tensor:
    """Return log of the background efficiency at a fixed signal efficiency; minus it is the log of the rejection.

    Parameters
    ----------
    prediction
        (B,) scores, or (B, K) logits, whose score is the log odds of class ``signal`` against the rest.
    target
        (B,) labels: ``signal`` is signal, other classes are background, negative ones are left out.
    weight
        (B,) weights; they enter the threshold and the rate.
    mask
        (B,) bool, True = real.
    reduction
        One number comes out of a batch whatever the reduction; ``none`` is refused.
    signal_efficiency
        In (0, 1).
    temperature
        Width tau of the step at the threshold, in standard deviations of the signal scores.
    signal
        Number of the signal class.
    width
        Share of the signal that the threshold averages.
    epsilon
        Blur of the threshold's quantile.
    min_background
        A batch with fewer background items above threshold, softly counted, gives 0 and no gradient.
    negative
        What to do with negative weights: see :func:`jetlego.bricks.soft_order.soft_rank`.

    Notes
    -----
    Start from a model trained with cross-entropy, or mix; see :class:`RejectionBank`, which also remembers scores, as
    a rejection of 1000 needs more background than one batch has.
    """
    _check(signal_efficiency, reduction)
    sample = _sample(prediction, target, weight, mask, signal, negative)
    rate, count = _rate(sample, signal_efficiency, temperature, width, epsilon)
    return torch.where(count >= min_background, rate.clamp(min=torch.finfo(rate.dtype).tiny).log(), 0.0 * rate)


class Sample(NamedTuple):
    """Scores (n,) with the masses of each as signal and as background, and how many are background at all."""

    score: Tensor
    signal: Tensor
    background: Tensor
    counted: Tensor


def _check(signal_efficiency: float, reduction: str) -> None:
    if not 0.0 < signal_efficiency < 1.0:
        raise ConfigError("BAD-VALUE", f"signal_efficiency {signal_efficiency} is outside (0, 1)")
    if reduction not in REDUCTIONS or reduction == "none":
        raise ConfigError("BAD-VALUE", f"a rejection has no reduction '{reduction}': it is one number a batch")


def _sample(prediction: Tensor, target: Tensor, weight: Tensor | None, mask: Tensor | None, signal: int,
            negative: Negative) -> Sample:  # fmt: skip
    if prediction.shape[:1] != target.shape or prediction.ndim > 2:
        shapes = tuple(prediction.shape), tuple(target.shape)
        raise ConfigError("SHAPE", f"rejection_at: prediction {shapes[0]}, target {shapes[1]}")
    known = target >= 0 if mask is None else mask & (target >= 0)
    score = _score(blank(prediction, known), signal)
    mass = torch.ones_like(score) if weight is None else masses(weight.to(score.dtype), known, negative)
    mass, is_signal = mass.masked_fill(~known, 0), target == signal
    background = mass.masked_fill(is_signal, 0)
    return Sample(score, mass.masked_fill(~is_signal, 0), background, (background > 0).to(score.dtype))


def _score(prediction: Tensor, signal: int) -> Tensor:
    """Return (B,) scores of (B,) or (B, 1) scores, or the log odds of one class in (B, K) logits."""
    if prediction.ndim == 1 or prediction.shape[1] == 1:
        return prediction.reshape(-1)
    others = [k for k in range(prediction.shape[1]) if k != signal]
    rest = torch.stack([prediction[:, k] for k in others]).logsumexp(0)
    return prediction[:, signal] - rest


def _rate(whole: Sample, efficiency: float, temperature: float | Tensor, width: float,
          epsilon: float) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Return the false-positive rate and the soft number of background items above threshold.

    The mean and spread of the scores are a unit, not something to learn.
    """
    with torch.no_grad():
        share = whole.signal / whole.signal.sum().clamp(min=torch.finfo(whole.score.dtype).tiny)
        mean = (share * whole.score).sum()
        spread = (share * (whole.score - mean).square()).sum().sqrt()
        spread = torch.where(spread > 0, spread, torch.ones_like(spread))
    score = (whole.score - mean) / spread
    threshold = soft_quantile(
        score, 1.0 - efficiency, width=width, weight=whole.signal, mask=whole.signal > 0, epsilon=epsilon
    )
    passing = torch.sigmoid((score - threshold) / temperature)
    total = whole.background.sum()
    rate = (whole.background * passing).sum() / torch.where(total > 0, total, torch.ones_like(total))
    return rate, (whole.counted * passing).sum().detach()


@loss("rejection_bank")
class RejectionBank(nn.Module):
    """Cross-entropy plus a growing share of :func:`rejection_at`, with a memory of recent scores.

    Remembered scores, detached, take part in threshold and rate; only the current batch carries gradient.

    Parameters
    ----------
    signal_efficiency, signal, width, epsilon, min_background, negative
        See :func:`rejection_at`.
    bank
        Number of remembered jets; 0 remembers none. A rejection of 1000 wants 10^4 background jets or more.
    temperature
        (first, last) width of the step, falling geometrically over ``steps`` training calls.
    share
        (first, last) factor of the rejection, rising linearly over ``steps``.
    steps
        Training calls until both have reached their last value.
    cross_entropy_share
        Factor of the cross-entropy; 0 leaves it out. Needs (B, K) logits otherwise.
    """

    def __init__(self, *, signal_efficiency: float = 0.5, bank: int = 8192, signal: int = 1,
                 temperature: Sequence[float] = (0.4, 0.05), share: Sequence[float] = (0.0, 1.0), steps: int = 1000,
                 cross_entropy_share: float = 1.0, width: float = 0.04, epsilon: float = 1e-2,
                 min_background: float = MIN_BACKGROUND, negative: Negative = "error") -> None:  # fmt: skip
        super().__init__()
        _check(signal_efficiency, "weighted_mean")
        if len(temperature) != 2 or len(share) != 2 or min(temperature) <= 0 or steps < 1 or bank < 0:
            raise ConfigError("BAD-VALUE", "rejection_bank: temperature and share are (first, last), steps >= 1")
        self.signal_efficiency, self.signal, self.width, self.epsilon = signal_efficiency, signal, width, epsilon
        self.temperature, self.share, self.steps = tuple(temperature), tuple(share), steps
        self.cross_entropy_share, self.min_background, self.negative = cross_entropy_share, min_background, negative
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))
        self.register_buffer("refused", torch.zeros((), dtype=torch.int64))
        self.register_buffer("memory", torch.zeros(4, bank))
        self.step: Tensor
        self.refused: Tensor
        self.memory: Tensor

    def forward(self, prediction: Tensor, target: Tensor, *, weight: Tensor | None = None,
                mask: Tensor | None = None, reduction: str = "weighted_mean") -> Tensor:  # fmt: skip
        """Return the mixture of losses for one batch; ``refused`` counts batches with too little background."""
        _check(self.signal_efficiency, reduction)
        with autocast_off(prediction.device.type):
            sample = _sample(prediction.float(), target, weight, mask, self.signal, self.negative)
            whole = Sample(*(torch.cat([s, m.to(s)]) for s, m in zip(sample, self.memory, strict=True)))
            done = (self.step / self.steps).clamp(max=1.0)
            first, last = self.temperature
            temperature = first * torch.exp(done * math.log(last / first))
            rate, count = _rate(whole, self.signal_efficiency, temperature, self.width, self.epsilon)
            enough = count >= self.min_background
            log_rate = torch.where(enough, rate.clamp(min=torch.finfo(rate.dtype).tiny).log(), 0.0 * rate)
        if self.training:
            self._remember(sample, enough)
        total = (self.share[0] + done * (self.share[1] - self.share[0])) * log_rate
        if self.cross_entropy_share == 0.0:
            return total
        logits = prediction if prediction.ndim == 2 and prediction.shape[1] > 1 else _pair(prediction, self.signal)
        entropy = cross_entropy(logits, target, weight=weight, mask=mask, reduction=reduction)
        return total + self.cross_entropy_share * entropy

    @torch.no_grad()
    def _remember(self, sample: Sample, enough: Tensor) -> None:
        """Push the batch in at the front of the memory, and count."""
        self.step += 1
        self.refused += (~enough).to(self.refused.dtype)
        if size := self.memory.shape[1]:
            self.memory.copy_(torch.cat([torch.stack(sample).to(self.memory), self.memory], dim=1)[:, :size])


def _pair(score: Tensor, signal: int) -> Tensor:
    """Return scores as logits of two classes, the signal's being the score."""
    if signal not in (0, 1):
        raise ConfigError("BAD-VALUE", f"scores have two classes, signal cannot be {signal}")
    score = score.reshape(-1, 1)
    return F.pad(score, (1, 0) if signal == 1 else (0, 1))
