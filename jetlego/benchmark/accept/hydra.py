"""Five questions about made-up jets with pile-up, asked of one network and of five."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from jetlego.benchmark.accept.registry import task
from jetlego.benchmark.accept.training import fit, generator
from jetlego.bricks.build import build
from jetlego.bricks.convert import Pixelise
from jetlego.bricks.masks import Packing, segment_index
from jetlego.losses import bce, cross_entropy, focal_peaks, gaussian_nll
from jetlego.models.inputs import angles_to_jet
from jetlego.models.jet_targets import HALF_WIDTH, ln_mass, peaks
from jetlego.structures.batch import JetBatch
from jetlego.training.load_config import load_config

PRONGS, SPRAY, PILE_UP = 3, 8, 20
"""Most prongs of a jet, most particles of a prong, most of pile-up."""
HEADS = ("logits", "mass", "soft", "prongs", "core")
STEPS, JOINT, BATCH, TEST = 220, 660, 32, 1500
"""Steps of a net of one head, and of the joint net, which so learns for less time than the five others together."""

Truth = dict[str, Any]


@task(
    "hydra",
    published={"classes lost (points)": None, "particles lost (points)": None, "mass": None, "pile-up": None,
               "peaks": None, "share of time": None},
    source="none: each head of the joint net against a net of its own, which starts from the same weights",
    gate={"classes lost (points)": "<= 1", "particles lost (points)": "<= 1", "mass": "<= 0.02", "pile-up": "<= 0.02",
          "peaks": "<= 0.02", "share of time": "<= 0.40"},
    minutes=5,
    bricks=("many_heads", "bifpn", "scatter_connection", "gather_connection", "image_head", "global_pool",
            "heat_map_head"),
)  # fmt: skip
def learn_all_at_once(seed: int) -> dict[str, float]:
    """Joint net of five heads against five nets of one: points lost, relative excess of losses, share of their time.

    One to three prongs of up to eight particles and up to twenty particles of pile-up; the heads tell the number of
    prongs, the mass of the hard particles, the share of pile-up of each pixel, where prongs are, and whose each
    particle is. All nets begin with the same jets in the same order; the joint net goes on for three times as many
    steps as each of the others. A step of it costs 1.3 times as much, so that its learning takes less time than theirs
    together. With no more steps than one of the five it was behind by 10 % (mass), 7 % (pile-up) and 29 % (peaks).
    """
    nets = {"all": trained(HEADS, seed, JOINT), **{head: trained((head,), seed, STEPS) for head in HEADS}}
    jets, truth = toy_jets(generator(seed + 1000), TEST)
    with torch.no_grad():
        joint = scores(nets["all"].heads(jets, HEADS), truth)
        single = {head: scores(nets[head].heads(jets, (head,)), truth)[head] for head in HEADS}
    spent = [seconds(nets["all"], HEADS, jets), sum(seconds(nets[head], (head,), jets) for head in HEADS)]
    return {
        "classes lost (points)": 100 * (single["logits"] - joint["logits"]),
        "particles lost (points)": 100 * (single["core"] - joint["core"]),
        "mass": joint["mass"] / single["mass"] - 1,
        "pile-up": joint["soft"] / single["soft"] - 1,
        "peaks": joint["prongs"] / single["prongs"] - 1,
        "share of time": spent[0] / spent[1],
    }


def trained(heads: tuple[str, ...], seed: int, steps: int) -> Any:
    """Return the net of ``configs/expert/hydra_jet.yaml`` with some of its heads trained on toy jets."""
    spec = {**_spec(), "learn": {}}
    net, rng = build({"model": spec}, seed=seed, in_dim=4, num_classes=PRONGS).train(), generator(seed)

    def loss(step: int) -> Tensor:
        jets, truth = toy_jets(rng, BATCH)
        parts = losses(net.heads(jets, heads), truth)
        return torch.stack([parts[head] for head in heads]).sum()

    fit([p for p in net.parameters() if p.requires_grad], loss, steps=steps, lr=4e-3, warmup=20, clip=5.0)
    return net.eval()


def _spec() -> dict[str, Any]:
    return load_config(Path(__file__).parents[3] / "configs" / "expert" / "hydra_jet.yaml").model


def losses(found: dict[str, Tensor], truth: Truth) -> dict[str, Tensor]:
    """Return the loss of each head that was computed."""
    by_head = {
        "logits": lambda y: cross_entropy(y, truth["label"]),
        "mass": lambda y: gaussian_nll(y, truth["mass"], beta=0.5),
        "soft": lambda y: bce(y, truth["soft"], mask=truth["filled"]),
        "prongs": lambda y: 0.8 * focal_peaks(y, truth["peaks"]),
        "core": lambda y: bce(y, truth["hard"], mask=truth["mask"]),
    }
    return {head: by_head[head](y) for head, y in found.items()}


def scores(found: dict[str, Tensor], truth: Truth) -> dict[str, float]:
    """Return accuracy of classes and of particles, error of the mass, and the losses of the two images."""
    values = {head: float(value) for head, value in losses(found, truth).items()}
    if "logits" in found:
        values["logits"] = float((found["logits"].argmax(1) == truth["label"]).double().mean())
    if "mass" in found:
        values["mass"] = float((found["mass"][:, :1] - truth["mass"]).square().mean().sqrt())
    if "core" in found:
        right = (found["core"][..., 0] > 0) == (truth["hard"] > 0.5)
        values["core"] = float(right[truth["mask"]].double().mean())
    return values


def seconds(net: nn.Module, heads: tuple[str, ...], jets: JetBatch) -> float:
    """Return the shortest of three processor times that some heads take on the same jets.

    Not wall time: whoever else uses the machine would be part of the share.
    """
    times = []
    for _ in range(3):
        start = time.process_time()
        with torch.no_grad():
            net.heads(jets, heads)
        times.append(time.process_time() - start)
    return min(times)


def toy_jets(rng: torch.Generator, count: int) -> tuple[JetBatch, Truth]:
    """Return jets with pile-up and the truth about them.

    Particles know ln pT, both angles to the jet's axis, and a vertex number that is 1 for hard ones and 0 for pile-up,
    smeared by 0.7.
    """
    label = torch.randint(PRONGS, (count,), generator=rng)
    axes = (torch.rand(count, PRONGS, 2, generator=rng) - 0.5) * 1.0
    live = torch.arange(PRONGS) <= label.unsqueeze(1)
    pt = 60 * (0.5 + torch.rand(count, PRONGS, 1, generator=rng)) * torch.rand(count, PRONGS, SPRAY, generator=rng) ** 2
    pt = (pt + 1) * live.unsqueeze(-1) * (torch.rand(pt.shape, generator=rng) < 0.8)
    spread = axes.unsqueeze(2) + 0.06 * torch.randn(count, PRONGS, SPRAY, 2, generator=rng)
    dirt = -2.0 * torch.rand(count, PILE_UP, generator=rng).log() * (torch.rand(count, PILE_UP, generator=rng) < 0.7)
    place = (2 * torch.rand(count, PILE_UP, 2, generator=rng) - 1) * HALF_WIDTH
    pt = torch.cat([pt.flatten(1), dirt], 1)
    angles = torch.cat([spread.flatten(1, 2), place], 1)
    hard = (torch.arange(pt.shape[1]) < PRONGS * SPRAY).expand_as(pt)
    mask = pt > 0
    momenta = _massless(pt[mask], angles[mask])
    vertex = hard[mask].float() + 0.7 * torch.randn(len(momenta), generator=rng)
    jets = _batch(momenta, mask.sum(1))
    points = angles_to_jet(momenta, jets.jet_ptr)
    features = torch.cat([(pt[mask].log() - 1).unsqueeze(1), 2 * points, vertex.unsqueeze(1)], 1)
    jets = JetBatch(**{**vars(jets), "constituents": features, "label": label})
    return jets, _truth(jets, hard[mask], axes - (angles[mask] - points)[jets.jet_ptr[:-1]].unsqueeze(1), live)


def _truth(jets: JetBatch, hard: Tensor, axes: Tensor, live: Tensor) -> Truth:
    packing = Packing.of(jets.jet_ptr, len(hard), jets.max_constituents)
    signal = JetBatch(**{**vars(jets), "p4": jets.p4 * hard.unsqueeze(1)})
    share, filled = _pile_up(jets, hard)
    return {
        "label": jets.label,
        "mass": ln_mass(signal, share).value,
        "soft": share,
        "filled": filled,
        "peaks": peaks(axes, live, torch.zeros(jets.num_jets, 1, 16, 16)),
        "hard": packing.pad(hard.float()),
        "mask": packing.mask,
    }


def _pile_up(jets: JetBatch, hard: Tensor) -> tuple[Tensor, Tensor]:
    """Return the share (B, 1, 32, 32) of pile-up in each pixel, and which pixels hold anything."""
    pt = torch.hypot(jets.p4[:, 0], jets.p4[:, 1])
    columns = torch.stack([pt, pt * ~hard], 1)
    made = Pixelise(in_dim=2, size=32, half_width=HALF_WIDTH)
    image = made(columns, angles_to_jet(jets.p4, jets.jet_ptr), ptr=jets.jet_ptr)
    filled = image[:, :1] > 0
    return image[:, 1:] / image[:, :1].masked_fill(~filled, 1), filled


def _massless(pt: Tensor, angles: Tensor) -> Tensor:
    eta, phi = angles.unbind(1)
    return torch.stack([pt * phi.cos(), pt * phi.sin(), pt * eta.sinh(), pt * eta.cosh()], 1)


def _batch(momenta: Tensor, counts: Tensor) -> JetBatch:
    ptr = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    owner = segment_index(ptr, len(momenta))
    return JetBatch(len(counts), int(counts.max()), ptr, owner, p4=momenta, counts=counts.numpy())
