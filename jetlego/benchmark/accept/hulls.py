"""Convex hulls by pointing: an encoder reads points of the plane, a pointer names the corners in order."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from jetlego.benchmark.accept.registry import task
from jetlego.benchmark.accept.training import fit, generator
from jetlego.bricks.build import build

FEWEST, MOST, WIDTH = 5, 10, 64
# "from the lowest index" can only be known to an encoder that knows the places of the points
_PLACES = {"positions": "learned", "max_length": MOST}
_ENCODER = {"brick": "transformer", "hidden": WIDTH, "layers": 2, "heads": 4, "feedforward": 2, **_PLACES}
_POINTER = {"brick": "pointer", "hidden": WIDTH}


@task(
    "pointer",
    published={"sequences, 5 points": 0.92, "area, 5 points": 0.996},
    source="arXiv:1506.03134, table 1 (unverified), whose area counts polygons that do not cross themselves",
    gate={"sequences, 5 points": ">= 0.85", "area, 5 points": ">= 0.99", "convex, 5 points": ">= 0.95"},
    minutes=5,
)
def learn_hulls(seed: int) -> dict[str, float]:
    """Hulls of 5 to 10 points named corner by corner, counter-clockwise from the lowest index.

    The area is judged as in the paper: an answer that crosses itself or goes round the wrong way covers nothing. A
    point that lies just inside an edge and is named all the same makes a dent, which costs hardly any area; how many
    answers are without one is a figure of its own.
    """
    encoder, pointer = build(_ENCODER, in_dim=2, seed=seed), build(_POINTER, in_dim=WIDTH, seed=seed)
    rng = generator(seed)

    def loss(step: int) -> Tensor:
        points, mask = some_points(rng, 64)
        corner = hull(points, mask)
        log_prob = pointer(encoder(points, mask), mask, corner).gather(2, corner.unsqueeze(-1) + 1).squeeze(-1)
        wanted = torch.cat([torch.ones(len(corner), 1, dtype=torch.bool), corner[:, :-1] >= 0], 1)
        return -log_prob[wanted].sum() / len(corner)

    fit([*encoder.parameters(), *pointer.parameters()], loss, steps=3500, lr=2e-3, warmup=100, clip=1.0)
    found = judged(encoder, pointer, *some_points(rng, 2000, FEWEST))
    return {f"{name}, {FEWEST} points": value for name, value in found.items()}


@torch.no_grad()
def judged(encoder: nn.Module, pointer: nn.Module, points: Tensor, mask: Tensor) -> dict[str, float]:
    """Return shares of hulls named without a fault and of convex answers, and the mean share of the area covered."""
    answer, _ = pointer.choose(encoder(points, mask), mask, steps=MOST + 1)
    truth = hull(points, mask)
    right = (answer == torch.nn.functional.pad(truth, (0, 1), value=-1)).all(1)
    covered = (area(points, answer) / area(points, truth)).clamp(min=0) * simple(points, answer)
    shares = {"sequences": right, "area": covered, "convex": convex(points, answer)}
    return {name: float(share.double().mean()) for name, share in shares.items()}


def some_points(rng: torch.Generator, sets: int, count: int | None = None) -> tuple[Tensor, Tensor]:
    """Return sets of 5 to 10 points in the unit square, or of ``count``: (B, 10, 2), and their mask."""
    number = torch.randint(FEWEST, MOST + 1, (sets, 1), generator=rng)
    mask = torch.arange(MOST) < (number if count is None else count)
    mask = mask.expand(sets, MOST)
    return torch.rand(sets, MOST, 2, generator=rng) * mask.unsqueeze(-1), mask


def hull(points: Tensor, mask: Tensor) -> Tensor:
    """Return (B, N) indices of the corners, counter-clockwise from the lowest index, then -1.

    i -> j is an edge if no other point lies to the right of it.
    """
    count = points.shape[1]
    edge = points.unsqueeze(1) - points.unsqueeze(2)  # [b, i, j] from i to j
    side = edge[..., None, 0] * edge[:, :, None, :, 1] - edge[..., None, 1] * edge[:, :, None, :, 0]
    itself = torch.eye(count, dtype=torch.bool)
    passed = (side > 0) | ~mask[:, None, None, :] | itself[:, None, :] | itself[None, :, :]
    real = mask.unsqueeze(2) & mask.unsqueeze(1) & ~itself
    follows = passed.all(-1) & real
    corner = follows.any(2)
    place = corner.long().argmax(1)
    after = follows.long().argmax(2)
    first, found = place, [place]
    over = torch.zeros_like(place, dtype=torch.bool)
    for _ in range(count - 1):
        place = after.gather(1, place.unsqueeze(1)).squeeze(1)
        over = over | (place == first)
        found.append(torch.where(over, -1, place))
    return torch.stack(found, 1)


def area(points: Tensor, corner: Tensor) -> Tensor:
    """Return (B,) areas of polygons given by their corners, then -1; the shoelace formula."""
    a, b = _edges(points, corner)
    return 0.5 * (a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]).sum(1)


def simple(points: Tensor, corner: Tensor) -> Tensor:
    """Return (B,) whether no two edges of the polygon cross; edges that share an end never do."""
    a, b = _edges(points, corner)
    ahead, back = _side(a, b, a), _side(a, b, b)  # where the ends of edge j lie as seen from edge i
    apart = ahead * back < 0
    return ~(apart & apart.mT).flatten(1).any(1)


def _side(a: Tensor, b: Tensor, point: Tensor) -> Tensor:
    """Return (B, T, T): [i, j] is positive where point j lies to the left of the edge i, exactly 0 at its ends."""
    edge, away = (b - a).unsqueeze(2), point.unsqueeze(1) - a.unsqueeze(2)
    return edge[..., 0] * away[..., 1] - edge[..., 1] * away[..., 0]


def convex(points: Tensor, corner: Tensor) -> Tensor:
    """Return (B,) whether the polygon has three corners or more, turns left at each, and goes round once."""
    a, b = _edges(points, corner)
    step = b - a
    real = step.abs().sum(-1) > 0
    angle = torch.atan2(step[..., 1], step[..., 0])
    number = real.sum(1, keepdim=True)
    here = torch.arange(corner.shape[1])
    following = torch.where(here + 1 < number, here + 1, 0).expand_as(corner)
    turn = (angle.gather(1, following) - angle).remainder(2 * torch.pi) * real
    left = ((turn < torch.pi) | ~real).all(1)
    return left & (number.squeeze(1) > 2) & ((turn.sum(1) - 2 * torch.pi).abs() < 1e-3)


def _edges(points: Tensor, corner: Tensor) -> tuple[Tensor, Tensor]:
    """Return the two ends of each edge, (B, T, 2); what follows the last corner is an edge from it to itself."""
    number = (corner >= 0).sum(1, keepdim=True)
    here = torch.arange(corner.shape[1])
    first = points.gather(1, corner[:, :1].clamp(min=0).unsqueeze(-1).expand(-1, -1, 2))
    at = points.gather(1, corner.clamp(min=0).unsqueeze(-1).expand(-1, -1, 2))
    at = torch.where((here < number).unsqueeze(-1), at, first)
    return at, torch.cat([at[:, 1:], first], 1)
