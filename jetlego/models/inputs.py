"""What models read off a `JetBatch` (features, angles to the jet's axis, momentum fractions), and how bricks get it."""

from __future__ import annotations

import functools
import inspect
import math
from typing import Any

import torch
from torch import Tensor, nn

from jetlego.bricks.masks import Packing, per_item, segment_sum
from jetlego.bricks.registry import find_brick
from jetlego.errors import ConfigError


def constituents_of(jets: Any) -> Tensor:
    """Return the features (P, F) of the constituents; ConfigError if the jets were prepared without."""
    if jets.constituents is None:
        raise ConfigError("NO-FEATURES", "the jets were prepared without constituent features", "set data.features")
    return jets.constituents


def momenta_of(jets: Any) -> Tensor:
    """Return the four-momenta (P, 4) in GeV; ConfigError if the jets were prepared without."""
    if jets.p4 is None:
        raise ConfigError("NO-P4", "the jets were prepared without four-momenta", "prepare them with keep_p4=True")
    return jets.p4


def transverse(p4: Tensor) -> Tensor:
    """Return pT (P,) in GeV."""
    return torch.hypot(p4[:, 0], p4[:, 1])


def azimuth_to(p4: Tensor, axis: Tensor) -> Tensor:
    """Return phi (P,) minus that of ``axis (P, 2+)``, wrapped to [-pi, pi)."""
    d_phi = torch.atan2(p4[:, 1], p4[:, 0]) - torch.atan2(axis[:, 1], axis[:, 0])
    return torch.remainder(d_phi + math.pi, 2 * math.pi) - math.pi


def angles_to_jet(p4: Tensor, ptr: Tensor) -> Tensor:
    """Return (P, 2): pseudorapidity and azimuth of each constituent, from those of its jet (the sum of all).

    Distances between constituents are those of JetClass's ``part_deta`` and ``part_dphi``, which differ by a sign.
    """
    axis = per_item(segment_sum(p4, ptr), p4, ptr)
    eta, eta_jet = (torch.asinh(v[:, 2] / transverse(v).clamp(min=1e-12)) for v in (p4, axis))
    return torch.stack([eta - eta_jet, azimuth_to(p4, axis)], -1)


def flow_inputs(p4: Tensor, ptr: Tensor) -> tuple[Tensor, Tensor]:
    """Return z (P,) = pT / sum pT, and (P, 2) rapidity and azimuth from their pT-weighted means.

    As in arXiv:1810.05165, section 4.1. The centre does not move when a particle splits into collinear ones or emits
    one of no momentum.
    """
    pt = transverse(p4)
    fraction = pt / per_item(segment_sum(pt, ptr), pt, ptr).clamp(min=1e-12)
    axis = per_item(segment_sum(p4, ptr), p4, ptr)
    rapidity = 0.5 * torch.log1p(2 * p4[:, 2] / (p4[:, 3] - p4[:, 2]).clamp(min=1e-20))
    angles = torch.stack([rapidity, azimuth_to(p4, axis)], -1)
    centre = segment_sum(fraction.unsqueeze(-1) * angles, ptr)
    return fraction, angles - per_item(centre, angles, ptr)


def kinematics_of(jets: Any) -> Tensor:
    """Return (P, 3): pT in GeV, pseudorapidity, azimuth, for a physics adjacency."""
    p4 = momenta_of(jets)
    pt = transverse(p4).clamp(min=1e-12)
    return torch.stack([pt, torch.asinh(p4[:, 2] / pt), torch.atan2(p4[:, 1], p4[:, 0])], -1)


def on_constituents(module: nn.Module, x: Tensor, jets: Any, **along: Tensor | None) -> Tensor:
    """Apply a set brick to packed items ``x (P, D)``, padding them only if the brick knows no packed view.

    ``along`` are further streams of the same items, (P, ...); pairs are given as they are, (B, H, N, N). The result is
    packed where the brick gives items, (B, ...) where it gives one thing a jet.
    """
    if "packed" in views_of(module):
        where = packed_view(jets)
        return module(x, **along, **{k: v for k, v in where.items() if k in arguments_of(type(module))})
    packing = Packing.of(jets.jet_ptr, x.shape[0], jets.max_constituents)
    padded = {k: v if v is None or v.dim() > 3 else packing.pad(v) for k, v in along.items()}
    result = module(packing.pad(x), packing.mask, **padded)
    return packing.unpad(result) if result.dim() == 3 else result


def packed_view(jets: Any) -> dict[str, Any]:
    """Return what tells a brick where the packed items of each jet lie."""
    return {"ptr": jets.jet_ptr, "n_max": jets.max_constituents, "counts": jets.counts}


def views_of(module: nn.Module) -> frozenset[str]:
    """Return the views of a brick; a module that is none acts item by item, so it does not care."""
    name = module.__dict__.get("_brick", ("",))[0]
    return find_brick(name).views if name else frozenset({"padded", "packed"})


@functools.cache
def arguments_of(module: type[nn.Module]) -> frozenset[str]:
    """Return the names of what a module's ``forward`` takes."""
    return frozenset(inspect.signature(module.forward).parameters)
