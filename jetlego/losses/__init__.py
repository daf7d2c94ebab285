"""Every loss, with weights and masks in each.

All are called as ``loss(prediction, target, *, weight=None, mask=None, reduction="weighted_mean")``; all compute in
float32 or better inside autocast; none lets padding reach a value or a gradient. ``get(name)`` and
``build_loss(spec)`` find them by name.
"""

from __future__ import annotations

from jetlego.losses.assignment import assign
from jetlego.losses.bce import bce
from jetlego.losses.chamfer import chamfer
from jetlego.losses.cross_entropy import cross_entropy
from jetlego.losses.disco import disco
from jetlego.losses.emd import emd
from jetlego.losses.flow import flow_nll
from jetlego.losses.focal import focal, focal_bce, focal_peaks
from jetlego.losses.gaussian import gaussian_nll, gaussian_parameters
from jetlego.losses.geometry import Framed, distance, fape
from jetlego.losses.matching import hungarian, match
from jetlego.losses.mixture import mdn_nll, mixture_parameters
from jetlego.losses.multi_task import MultiTask
from jetlego.losses.pinball import pinball
from jetlego.losses.ranking import soft01, soft_topk_loss, spearman
from jetlego.losses.registry import FunctionLoss, build_loss, get, loss, losses
from jetlego.losses.regression import huber, log_cosh, mae, mse
from jetlego.losses.rejection import RejectionBank, rejection_at
from jetlego.losses.sinkhorn import sinkhorn

__all__ = [
    "Framed",
    "FunctionLoss",
    "MultiTask",
    "RejectionBank",
    "assign",
    "bce",
    "build_loss",
    "chamfer",
    "cross_entropy",
    "disco",
    "distance",
    "emd",
    "fape",
    "flow_nll",
    "focal",
    "focal_bce",
    "focal_peaks",
    "gaussian_nll",
    "gaussian_parameters",
    "get",
    "huber",
    "hungarian",
    "log_cosh",
    "loss",
    "losses",
    "mae",
    "match",
    "mdn_nll",
    "mixture_parameters",
    "mse",
    "pinball",
    "rejection_at",
    "sinkhorn",
    "soft01",
    "soft_topk_loss",
    "spearman",
]
