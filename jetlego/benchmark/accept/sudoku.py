"""Mini-Sudoku by a quadratic program whose constraints are learned (Amos and Kolter, arXiv:1703.00443)."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from jetlego.benchmark.accept.registry import task
from jetlego.benchmark.accept.training import generator
from jetlego.benchmark.accept.watch import tell
from jetlego.bricks.initial import initialise
from jetlego.bricks.qp import OptNet
from jetlego.losses import mse

CELLS, DIGITS = 16, 4
STEPS = 320


@task(
    "optnet",
    published={"invalid, training": 0.0, "invalid, held out": 0.0},
    source="arXiv:1703.00443, figure 4: no invalid boards",
    gate={"invalid, training": "<= 0.0", "invalid, held out": "<= 0.01"},
    minutes=4,
)
def learn_sudoku(seed: int) -> dict[str, float]:
    """Share of answers to 4 x 4 boards of five clues that break a rule; 88 of 288 boards held out."""
    rng = generator(seed)
    boards = all_boards()
    boards = boards[torch.randperm(len(boards), generator=rng)]
    training, held_out = boards[:200], boards[200:]
    net = OptNet(in_dim=CELLS * DIGITS, equalities=40, steps=15)
    initialise(net, seed)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = 0.1 * min(1.0, 2.0 * (1.0 - step / STEPS))
        puzzle, solution = puzzles(training, boards, rng, 150)
        optimizer.zero_grad()
        mse(net(puzzle)[0], solution).backward()
        optimizer.step()
        tell(step, STEPS)
    unseen, _ = puzzles(held_out, boards, rng, 1000)
    return {"invalid, training": invalid(net, puzzle, boards), "invalid, held out": invalid(net, unseen, boards)}


def all_boards() -> Tensor:
    """Return the 288 complete boards (288, 16) of digits 0 to 3."""
    rows = list(itertools.permutations(range(DIGITS)))
    found = [a + b + c + d for a, b in itertools.product(rows, rows) if _pair_fits(a, b)
             for c, d in itertools.product(rows, rows) if _pair_fits(c, d) and _columns_fit(a, b, c, d)]  # fmt: skip
    return torch.tensor(found)


def _pair_fits(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    """Return whether two rows fill two blocks."""
    return len({*a[:2], *b[:2]}) == DIGITS and len({*a[2:], *b[2:]}) == DIGITS


def _columns_fit(*rows: tuple[int, ...]) -> bool:
    return all(len(set(column)) == DIGITS for column in zip(*rows, strict=True))


def puzzles(
    chosen: Tensor, boards: Tensor, rng: torch.Generator, count: int, clues: int = 5
) -> tuple[Tensor, Tensor]:
    """Return one-hot puzzles (B, 64), zero where empty, that have one solution, and these, on the chosen boards."""
    found: list[tuple[Tensor, Tensor]] = []
    while sum(len(f[0]) for f in found) < count:
        board = chosen[torch.randint(len(chosen), (count,), generator=rng)]
        given = torch.rand(count, CELLS, generator=rng).argsort(-1) < clues
        agrees = (boards == board.unsqueeze(1)) | ~given.unsqueeze(1)
        unique = agrees.all(-1).sum(-1) == 1
        solution = torch.nn.functional.one_hot(board, DIGITS).float()
        found.append(((solution * given.unsqueeze(-1))[unique].flatten(1), solution[unique].flatten(1)))
    return tuple(torch.cat(side)[:count] for side in zip(*found, strict=True))  # type: ignore[return-value]


def invalid(net: OptNet, puzzle: Tensor, boards: Tensor) -> float:
    """Return the share of answers that are no complete board."""
    with torch.no_grad():
        answer = net(puzzle)[0].unflatten(-1, (CELLS, DIGITS)).argmax(-1)
    valid = (answer.unsqueeze(1) == boards).all(-1).any(-1)
    return 1.0 - float(valid.double().mean())
