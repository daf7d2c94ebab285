"""Assemblies of bricks that read jets: an architecture as a page of YAML."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from jetlego.bricks.assembly import Assembly
from jetlego.bricks.convert import Pixelise
from jetlego.bricks.masks import Packing, per_item, segment_max, segment_sum
from jetlego.bricks.part import Part
from jetlego.bricks.registry import brick
from jetlego.bricks.verbs import Stream
from jetlego.errors import ConfigError, did_you_mean
from jetlego.models.inputs import angles_to_jet, kinematics_of, momenta_of, transverse

_HALF_WIDTH = 0.8
"""Half the width of a jet image, the radius of JetClass jets."""


@brick("jet_assembly", takes={"jets": "batch"}, gives={"logits": "logits[num_classes]"}, dynamic=True)
class JetAssembly(nn.Module):
    """Logits of jets by an ``assembly``: parts and steps between streams that the jets give.

    Streams of jets are ``constituents`` (features; those of the leaves where jets come as trees), ``p4`` in GeV,
    ``points`` (angles to the jet's axis), ``kinematics`` (pT, eta, phi), ``image`` (summed pT in 32 x 32 cells, in
    units of the jet's), ``summary`` (eight numbers of the whole jet), ``tree.NAME`` and ``pairs.NAME`` (features of
    common ancestors). All but trees are padded. ``asked`` is no stream of jets but an index that whoever trains a head
    gives; without it the head chooses for itself.

    Parameters
    ----------
    in_dim, num_classes
        Known from the data, as are ``node_dims`` and ``pair_dim``.
    inputs
        {name in the steps: stream of the jets}.
    parts, steps
        As in ``assembly``; one step gives ``logits``.
    outputs
        Further outputs and their kinds, for heads that other tasks train; :meth:`streams` computes them.
    max_constituents
        Constituents beyond so many are left out (the last of each jet, the softest where jets are in order of pT).
    """

    def __init__(self, *, in_dim: int, num_classes: int, inputs: dict[str, str], steps: list[str],
                 parts: dict[str, Part] | None = None, outputs: dict[str, str] | None = None,
                 max_constituents: int = 64, node_dims: dict[str, int] | None = None,
                 pair_dim: int | None = None) -> None:  # fmt: skip
        super().__init__()
        self.sources, self.max_constituents = dict(inputs), max_constituents
        studs = {
            name: _stud(source, in_dim=in_dim, node_dims=node_dims or {}, pair_dim=pair_dim)
            for name, source in inputs.items()
        }
        self.body = Assembly(inputs=studs, parts=parts, steps=steps, outputs={"logits": "logits", **(outputs or {})},
                             out_dim=num_classes)  # fmt: skip

    def forward(self, jets: Any) -> Tensor:
        """Return logits (B, K) of a ``JetBatch``."""
        return self.streams(jets, wanted=("logits",))["logits"].value

    def streams(self, jets: Any, *, wanted: tuple[str, ...] = (), **more: Any) -> dict[str, Stream]:
        """Return the streams of the assembly, all or those that the wanted ones need; ``more`` are further inputs."""
        total, length = jets.num_constituents, min(jets.max_constituents, self.max_constituents)
        packing = Packing.of(jets.jet_ptr, total, length)
        needed = self.body.needed(wanted)
        given = {
            name: _given(source, jets, packing)
            for name, source in self.sources.items()
            if source != "asked" and name not in more and (not wanted or name in needed)
        }
        return self.body.streams(wanted=wanted, **given, **more)


def _constituents(jets: Any) -> Tensor:
    if jets.constituents is not None:
        return jets.constituents
    tree = next(iter(jets.trees.values()))
    return tree.features.index_select(0, tree.plan.leaf_row)


def _image(jets: Any) -> Tensor:
    """Return (B, 1, 32, 32), the share of the jet's pT in each cell."""
    p4 = momenta_of(jets)
    made = Pixelise(in_dim=1, size=32, half_width=_HALF_WIDTH)
    image = made(transverse(p4).unsqueeze(1), angles_to_jet(p4, jets.jet_ptr), ptr=jets.jet_ptr)
    return image / image.sum((1, 2, 3), keepdim=True).clamp(min=1e-12)


def _summary(jets: Any) -> Tensor:
    """Return (B, 8): ln of pT, mass and number; leading share; dispersion; girth; mean squares of the two angles."""
    p4, ptr = momenta_of(jets), jets.jet_ptr
    whole, pt, angle = segment_sum(p4, ptr), transverse(p4), angles_to_jet(p4, ptr)
    total = segment_sum(pt, ptr).clamp(min=1e-9)
    share = pt / per_item(total, pt, ptr)
    mass2 = whole[:, 3].square() - whole[:, :3].square().sum(1)
    sums = segment_sum(torch.cat([share.unsqueeze(1) ** 2, angle.norm(dim=1, keepdim=True) * share.unsqueeze(1),
                                  angle.square() * share.unsqueeze(1)], 1), ptr)  # fmt: skip
    count = ptr.diff().to(pt.dtype)
    logs = [(total.log() - 6), (mass2.clamp(min=1e-2).log() / 2 - 4), ((count + 1).log() - 3)]
    return torch.cat([torch.stack([*logs, segment_max(share, ptr)], 1), sums[:, :1], 5 * sums[:, 1:2],
                      20 * sums[:, 2:]], 1)  # fmt: skip


_SOURCES: Mapping[str, tuple[str, Callable[[Any], Tensor]]] = {
    "constituents": ("set[in_dim]", _constituents),
    "p4": ("set[4]", momenta_of),
    "points": ("along[2]", lambda jets: angles_to_jet(momenta_of(jets), jets.jet_ptr)),
    "kinematics": ("along[3]", kinematics_of),
    "image": ("image[1]", _image),
    "summary": ("vector[8]", _summary),
}
"""Stream of jets -> its stud, and how it is read off a batch."""


def _stud(source: str, *, in_dim: int, node_dims: Mapping[str, int], pair_dim: int | None) -> str:
    kind, _, name = source.partition(".")
    if source == "asked":
        return "index?"
    if kind == "tree" and name in node_dims:
        return f"tree[{node_dims[name]}]"
    if kind == "pairs" and pair_dim is not None:
        return f"any[{pair_dim}]"
    if source not in _SOURCES:
        known = [*_SOURCES, *(f"tree.{n}" for n in node_dims), *(f"pairs.{n}" for n in node_dims if pair_dim)]
        raise ConfigError("BAD-VALUE", f"jets give no stream '{source}'", did_you_mean(source, known))
    return _SOURCES[source][0].replace("in_dim", str(in_dim))


def _given(source: str, jets: Any, packing: Packing) -> Stream:
    kind, _, name = source.partition(".")
    if kind == "tree":
        tree = jets.tree(name)
        return Stream(tree.features, plan=tree.plan, packing=packing)
    if kind == "pairs":
        length = packing.mask.shape[1]
        return Stream(jets.tree(name).pairs[:, :length, :length], packing.mask)
    value = _SOURCES[source][1](jets)
    return Stream(value) if source in ("image", "summary") else Stream(packing.pad(value), packing.mask)
