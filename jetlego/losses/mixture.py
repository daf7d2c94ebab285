"""Mixture density networks (Bishop 1994, NCRG/94/004, eqs. (22) and (29))."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from jetlego.errors import ConfigError
from jetlego.losses.gaussian import Parameters, log_normal, width
from jetlego.losses.reduce import average, blank
from jetlego.losses.registry import loss


@loss("mdn_nll")
def mdn_nll(
    prediction: Parameters,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    reduction: str = "weighted_mean",
    components: int | None = None,
) -> Tensor:
    """Return -log sum_k pi_k N(y; m_k, s_k^2) in nats, the mean over items.

    Parameters
    ----------
    prediction
        The triple (logit, mean, sigma), or a mapping with these names: logit (..., K) of the fractions pi; mean and
        sigma (..., K) for targets that are numbers, (..., K, D) for vectors with independent components. Or the raw
        tensor of a head, see :func:`mixture_parameters`.
    target
        (...,) or (..., D), standardised.
    weight, mask, reduction
        See :func:`jetlego.losses.reduce.average`.
    components
        K, needed for a raw tensor.

    Notes
    -----
    Start the means spread over the range of the targets and the widths wide; a default start falls into fewer
    components than it has.
    """
    if isinstance(prediction, Tensor):
        prediction = blank(prediction, mask)
    logit, mean, sigma = mixture_parameters(prediction, components)
    if mean.ndim == logit.ndim + 1 and target.ndim == logit.ndim - 1:
        mean, sigma = mean.squeeze(-1), sigma.squeeze(-1)
    target = blank(target, mask).to(mean.dtype)
    density = mixture_log_density(target, blank(logit, mask), blank(mean, mask), blank(sigma, mask, fill=1))
    return average(-density, weight=weight, mask=mask, reduction=reduction)


def mixture_log_density(target: Tensor, logit: Tensor, mean: Tensor, sigma: Tensor) -> Tensor:
    """Return the log density (...,) of ``target``; shapes as in :func:`mdn_nll`."""
    vector = mean.ndim == logit.ndim + 1
    expected = (*logit.shape[:-1], *mean.shape[logit.ndim :])
    if target.shape != expected or mean.shape != sigma.shape or mean.shape[: logit.ndim] != logit.shape:
        shapes = ", ".join(str(tuple(t.shape)) for t in (logit, mean, sigma, target))
        raise ConfigError("SHAPE", f"mixture: logit, mean, sigma, target have shapes {shapes}")
    density = log_normal(target.unsqueeze(-2 if vector else -1), mean, sigma)
    density = density.sum(-1) if vector else density
    return torch.logsumexp(F.log_softmax(logit, dim=-1) + density, dim=-1)


def mixture_parameters(prediction: Parameters, components: int | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """Return (logit, mean, sigma) from a head's output.

    A triple or mapping passes through. A raw tensor (..., K (1 + 2 D)) holds K logits, then K D means, then K D
    numbers r with sigma = softplus(r) + 1e-3; means and sigmas come back as (..., K, D).
    """
    if isinstance(prediction, Mapping):
        return prediction["logit"], prediction["mean"], prediction["sigma"]
    if not isinstance(prediction, Tensor):
        logit, mean, sigma = prediction
        return logit, mean, sigma
    if components is None or prediction.shape[-1] % components or prediction.shape[-1] // components % 2 == 0:
        given = f"width {prediction.shape[-1]}, components {components}"
        raise ConfigError("SHAPE", f"mdn_nll: a raw head has width K (1 + 2 D) with K = components, not {given}")
    dim = (prediction.shape[-1] // components - 1) // 2
    logit, mean, raw = prediction.split([components, components * dim, components * dim], dim=-1)
    shape = (*prediction.shape[:-1], components, dim)
    return logit, mean.reshape(shape), width(raw).reshape(shape)
