"""Tasks of graphs: how far messages travel, planted adjacencies, pair masses."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from jetlego.benchmark.accept.registry import task
from jetlego.benchmark.accept.training import fit, generator, r_squared
from jetlego.bricks.adjacency import generalised_kt
from jetlego.bricks.build import build
from jetlego.losses import bce, mse

NODES, REACH = 24, 3


@task(
    "mpnn",
    published={"three rounds": 1.0, "three minus two rounds": None},
    source="exact; two rounds cannot see the third step",
    gate={"three rounds": ">= 0.995", "three minus two rounds": ">= 0.03"},
    minutes=2,
    bricks=["mpnn", "message_linear", "update_residual_mlp"],
)
def learn_reach(seed: int) -> dict[str, float]:
    """Whether a node is within three steps of the marked one, by three rounds of messages or two: accuracy."""
    three, two = (reach_accuracy(rounds, seed) for rounds in (REACH, REACH - 1))
    return {"three rounds": three, "three minus two rounds": three - two}


def reach_accuracy(rounds: int, seed: int) -> float:
    """Return the accuracy over all nodes of fresh graphs after so many rounds."""
    rng = generator(seed)
    spec = {"brick": "mpnn", "hidden": 32, "iterations": rounds, "message": "message_linear",
            "update": "update_residual_mlp"}  # fmt: skip
    net = build(spec, in_dim=1, seed=seed)
    head = build("logistic", in_dim=32, seed=seed)

    def logits(marked: Tensor, edge_index: Tensor) -> Tensor:
        return head(net(marked.unsqueeze(-1), edge_index=edge_index)).squeeze(-1)

    def loss(step: int) -> Tensor:
        marked, edge_index, near = marked_graphs(rng, 64)
        return bce(logits(marked, edge_index), near)

    fit([*net.parameters(), *head.parameters()], loss, steps=1200, lr=3e-3, clip=1.0)
    marked, edge_index, near = marked_graphs(rng, 1024)
    with torch.no_grad():
        return float(((logits(marked, edge_index) > 0) == near.bool()).double().mean())


def marked_graphs(rng: torch.Generator, graphs: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return marks (P,), links (2, E) both ways, and whether each node is within three steps of its graph's mark (P,).

    Random trees of 24 nodes, each node hanging from one of the three before it, with two more links anywhere.
    """
    child = torch.arange(1, NODES).expand(graphs, -1)
    parent = (child - torch.randint(1, 4, child.shape, generator=rng)).clamp(min=0)
    ends = torch.randint(NODES, (2, graphs, 2), generator=rng)
    one, other = torch.cat([child, ends[0]], 1), torch.cat([parent, ends[1]], 1)
    link = torch.zeros(graphs, NODES, NODES)
    rows = torch.arange(graphs).unsqueeze(1)
    link[rows, one, other] = 1.0
    link = ((link + link.mT) > 0).float()
    marked = torch.nn.functional.one_hot(torch.randint(NODES, (graphs,), generator=rng), NODES).float()
    near = marked.unsqueeze(-1)
    for _ in range(REACH):
        near = ((near + link @ near) > 0).float()
    graph, source, target = link.nonzero(as_tuple=True)
    return marked.flatten(), torch.stack([graph * NODES + source, graph * NODES + target]), near.flatten()


@task("adjacency", published=0.0, source="planted alpha -0.6 and radius 0.5", gate="<= 0.05", minutes=1,
      figure="largest error of alpha and R")  # fmt: skip
def learn_metric(seed: int) -> float:
    """Find the exponent and the radius of a generalised kT adjacency from what it made of random values."""
    alpha, radius, rng = -0.6, 0.5, generator(seed)
    spec = {"brick": "adjacency", "kind": "phys", "squash": "softmax", "learn": True, "alpha": 0.0, "radius": 1.0}
    net = build(spec, in_dim=1, seed=seed)

    def draw(jets: int) -> tuple[Tensor, Tensor, Tensor]:
        kinematics = particles(rng, jets, 12)
        value = torch.randn(jets, 12, 1, generator=rng)
        planted = (-generalised_kt(kinematics, alpha, radius)).softmax(-1)
        return kinematics, value, planted @ value + 0.01 * torch.randn(value.shape, generator=rng)

    def loss(step: int) -> Tensor:
        kinematics, value, heard = draw(256)
        return mse(net(value, None, kinematics) @ value, heard)

    fit([p for p in net.parameters() if p.requires_grad], loss, steps=600, lr=0.03)
    found = [float(constant) for constant in net.constants()]  # type: ignore[operator]
    return max(abs(found[0] - alpha), abs(found[1] - radius))


def particles(rng: torch.Generator, jets: int, count: int) -> Tensor:
    """Return (B, N, 3): pT log-normal around 1 GeV, eta and phi with a spread of 0.3 around a random axis."""
    pt = (0.7 * torch.randn(jets, count, generator=rng)).exp()
    axis = torch.tensor([2.0, 2.0 * math.pi]) * (torch.rand(jets, 1, 2, generator=rng) - 0.5)
    angles = axis + 0.3 * torch.randn(jets, count, 2, generator=rng)
    return torch.cat([pt.unsqueeze(-1), angles], dim=-1)


@task("interaction", published=1.0, source="exact", gate=">= 0.98", minutes=2, figure="R2")
def learn_masses(seed: int) -> float:
    """Sum of the invariant masses of all pairs among 2 to 6 massless particles."""
    rng = generator(seed)
    spec = {"brick": "interaction", "relation": [64, 64, 32], "object": [64, 32], "relation_activation": "gelu",
            "object_activation": "gelu"}  # fmt: skip
    net, head = build(spec, in_dim=3, seed=seed), build({"brick": "logistic"}, in_dim=32, seed=seed)

    def predict(kinematics: Tensor, mask: Tensor) -> Tensor:
        x = torch.cat([kinematics[..., :1].log(), kinematics[..., 1:]], dim=-1)
        return head((net(x, mask) * mask.unsqueeze(-1)).sum(1)).squeeze(-1)

    def draw(events: int) -> tuple[Tensor, Tensor, Tensor]:
        mask = torch.arange(6) < torch.randint(2, 7, (events, 1), generator=rng)
        pt = (0.5 * torch.randn(events, 6, 1, generator=rng)).exp()
        kinematics = torch.cat([pt, torch.randn(events, 6, 2, generator=rng)], dim=-1)
        return kinematics, mask, pair_masses(kinematics, mask)

    def loss(step: int) -> Tensor:
        kinematics, mask, total = draw(256)
        return mse(predict(kinematics, mask), total) / 100.0

    fit([*net.parameters(), *head.parameters()], loss, steps=3000, lr=3e-3, clip=1.0)
    kinematics, mask, total = draw(8192)
    with torch.no_grad():
        return r_squared(predict(kinematics, mask), total)


def pair_masses(kinematics: Tensor, mask: Tensor) -> Tensor:
    """Return (B,) sums over pairs of ``m^2 = 2 pT_i pT_j (cosh d_eta - cos d_phi)``, the root taken pair by pair."""
    pt, eta, phi = kinematics.unbind(-1)
    apart = (eta.unsqueeze(1) - eta.unsqueeze(2)).cosh() - (phi.unsqueeze(1) - phi.unsqueeze(2)).cos()
    mass = (2.0 * pt.unsqueeze(1) * pt.unsqueeze(2) * apart).clamp(min=0).sqrt()
    both = mask.unsqueeze(1) & mask.unsqueeze(2)
    return (mass * both).triu(1).sum((1, 2))
