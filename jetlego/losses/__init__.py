"""Every loss, with weights and masks in each.

All are called as ``loss(prediction, target, *, weight=None, mask=None, reduction="weighted_mean")``; all compute in
float32 or better inside autocast; none lets padding reach a value or a gradient. ``get(name)`` and
``build_loss(spec)`` find them by name.
"""

from __future__ import annotations

from jetlego.losses.bce import bce
from jetlego.losses.cross_entropy import cross_entropy
from jetlego.losses.flow import flow_nll
from jetlego.losses.focal import focal, focal_bce, focal_peaks
from jetlego.losses.gaussian import gaussian_nll, gaussian_parameters
from jetlego.losses.mixture import mdn_nll, mixture_parameters
from jetlego.losses.pinball import pinball
from jetlego.losses.registry import FunctionLoss, build_loss, get, loss, losses
from jetlego.losses.regression import huber, log_cosh, mae, mse

__all__ = [
    "FunctionLoss",
    "bce",
    "build_loss",
    "cross_entropy",
    "flow_nll",
    "focal",
    "focal_bce",
    "focal_peaks",
    "gaussian_nll",
    "gaussian_parameters",
    "get",
    "huber",
    "log_cosh",
    "loss",
    "losses",
    "mae",
    "mdn_nll",
    "mixture_parameters",
    "mse",
    "pinball",
]
