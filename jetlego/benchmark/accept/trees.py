"""Tasks of trees: expressions to evaluate, news from the root, a shower whose likelihood is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from jetlego.benchmark.accept.registry import task
from jetlego.benchmark.accept.training import fit, generator, r_squared
from jetlego.bricks.build import build
from jetlego.structures.forest import Forest

DIGITS, OPERATORS = 10, 3
MAXIMUM, MINIMUM, SUM = range(OPERATORS)
_SOURCE = "exact; Tree-LSTM on the true trees of ListOps 98.7 % (arXiv:1804.06028, unverified)"
POOL = 4000
"""Trees that are grown once; each step draws new digits and operators for some of them."""


class Shapes:
    """Random binary trees of 2 to 12 leaves, every split of the leaves equally likely."""

    def __init__(self, seed: int, count: int = POOL, most: int = 12) -> None:
        rng = np.random.default_rng(seed)
        trees = [_children(rng, int(leaves)) for leaves in rng.integers(2, most + 1, count)]
        self.node_ptr = np.cumsum([0, *(len(tree) for tree in trees)])
        self.forest = Forest.from_children(np.concatenate(trees), self.node_ptr)

    def draw(self, rng: torch.Generator, trees: int) -> tuple[Any, Tensor]:
        """Return a level plan of some trees, and for each row the rows of its children (T, 2), -1 at leaves."""
        index = torch.randint(self.forest.num_jets, (trees,), generator=rng).numpy()
        plan = self.forest.plan(index)
        below = torch.full((plan.num_rows, 2), -1)
        below[plan.inner_row] = plan.num_roots + torch.arange(2 * plan.num_inner).view(-1, 2)
        return plan, below


def _children(rng: np.random.Generator, leaves: int) -> np.ndarray:
    """Return children (2 leaves - 1, 2) of one tree, the root first, as node numbers."""
    rows: list[tuple[int, int]] = [(-1, -1)]
    waiting = [(0, leaves)]
    while waiting:
        node, size = waiting.pop()
        if size == 1:
            continue
        left = int(rng.integers(1, size))
        rows[node] = len(rows), len(rows) + 1
        waiting += [(len(rows), left), (len(rows) + 1, size - left)]
        rows += [(-1, -1), (-1, -1)]
    return np.array(rows)


def expressions(shapes: Shapes, rng: torch.Generator, trees: int) -> tuple[Any, Tensor, Tensor]:
    """Return a plan, one-hot features (T, 13) of digits at leaves and operators at inner nodes, and values (T,)."""
    plan, below = shapes.draw(rng, trees)
    leaf = below[:, 0] < 0
    digit = torch.randint(DIGITS, (plan.num_rows,), generator=rng)
    operator = torch.randint(OPERATORS, (plan.num_rows,), generator=rng)
    features = torch.nn.functional.one_hot(torch.where(leaf, digit, DIGITS + operator), DIGITS + OPERATORS).float()
    value = digit.clone()
    for level in reversed(range(plan.num_levels)):  # children stand on later levels than their parents
        rows = plan.inner_row[plan.inner_ptr[level] : plan.inner_ptr[level + 1]]
        left, right = value[below[rows]].unbind(1)
        results = torch.stack([torch.maximum(left, right), torch.minimum(left, right), (left + right) % DIGITS])
        value[rows] = results.gather(0, operator[rows].unsqueeze(0)).squeeze(0)
    return plan, features, value


def evaluate_expressions(cell: str, seed: int, *, hidden: int, steps: int, lr: float) -> float:
    """Return the share of unseen expressions whose value a cell gets right after training at every node."""
    rng, shapes = generator(seed), Shapes(seed)
    net = build({"brick": cell, "hidden": hidden}, in_dim=DIGITS + OPERATORS, seed=seed)
    head = build("logistic", in_dim=hidden, out_dim=DIGITS, seed=seed)

    def loss(step: int) -> Tensor:
        plan, features, value = expressions(shapes, rng, 64)
        return cross_entropy(head(net(features, plan)), value)

    fit([*net.parameters(), *head.parameters()], loss, steps=steps, lr=lr, clip=1.0, warmup=50)
    right, unseen = [], Shapes(seed + 1000, 1000)
    with torch.no_grad():
        for _ in range(8):
            plan, features, value = expressions(unseen, rng, 500)
            answer = head(net(features, plan, roots_only=True)).argmax(-1)
            right.append((answer == value[: plan.num_roots]).double().mean())
    return float(torch.stack(right).mean())


def _expression_task(cell: str, gate: str, **settings: Any) -> None:
    @task(f"{cell}_listops", published=1.0, source=_SOURCE, gate=gate, minutes=3, figure="accuracy", bricks=[cell])
    def learn_expressions(seed: int) -> float:
        """Value of expressions of maximum, minimum and sum modulo 10 over 2 to 12 digits, unseen trees."""
        return evaluate_expressions(cell, seed, **settings)


_expression_task("recnn_simple", ">= 0.95", hidden=128, steps=5000, lr=3e-3)
_expression_task("recnn_gated", ">= 0.95", hidden=64, steps=2500, lr=3e-3)
_expression_task("tree_lstm", ">= 0.95", hidden=64, steps=2500, lr=5e-3)
_expression_task("tree_gru", ">= 0.95", hidden=64, steps=2500, lr=5e-3)
_expression_task("tree_nin", ">= 0.95", hidden=64, steps=2500, lr=3e-3)
_expression_task("tree_attention", ">= 0.95", hidden=64, steps=2500, lr=3e-3)


@task("tree_scan", published=1.0, source="exact", gate=">= 0.98", minutes=1, figure="R2", bricks=["tree_scan"])
def learn_trunk(seed: int) -> float:
    """Read a number from each declustering along the trunk, damped by the gates of all nodes above it."""
    rng, shapes = generator(seed), Shapes(seed)
    net = build({"brick": "tree_scan", "hidden": 32}, in_dim=2, seed=seed)
    head = build("logistic", in_dim=32, seed=seed)

    def draw(trees: int) -> tuple[Any, Tensor, Tensor]:
        plan, below = shapes.draw(rng, trees)
        x = torch.randn(plan.num_rows, 2, generator=rng)
        value = x[:, 0].clone()
        for level in reversed(range(plan.num_levels)):
            rows = plan.inner_row[plan.inner_ptr[level] : plan.inner_ptr[level + 1]]
            value[rows] = torch.sigmoid(x[rows, 1]) * value[below[rows, 0]] + 0.5 * x[rows, 0]
        return plan, x, value[: plan.num_roots]

    def loss(step: int) -> Tensor:
        plan, x, value = draw(256)
        return (head(net(x, plan, roots_only=True)).squeeze(-1) - value).square().mean()

    fit([*net.parameters(), *head.parameters()], loss, steps=1500, lr=5e-3, clip=1.0)
    plan, x, value = draw(4000)
    with torch.no_grad():
        return r_squared(head(net(x, plan, roots_only=True)).squeeze(-1), value)


@task(
    "both_ways",
    published={"below a mark": 1.0, "holds the largest": 1.0},
    source="exact",
    gate={"below a mark": ">= 0.995", "holds the largest": ">= 0.98"},
    minutes=3,
    bricks=["top_down", "both_ways", "tree_leaves"],
)
def learn_at_leaves(seed: int) -> dict[str, float]:
    """Each leaf tells whether a node above it is marked (news from above), and whether it holds the tree's largest."""
    return {"below a mark": _leaf_accuracy("top_down", _below_mark, seed),
            "holds the largest": _leaf_accuracy("both_ways", _largest, seed)}  # fmt: skip


def _leaf_accuracy(brick: str, label_of: Any, seed: int) -> float:
    """Return the accuracy at the leaves of fresh trees; those with the rarer label count as much as the others."""
    rng, shapes = generator(seed), Shapes(seed)
    cell = {"cell": {"brick": "recnn_gated", "hidden": 32}} if brick == "both_ways" else {}
    net = build({"brick": brick, **cell}, in_dim=1, seed=seed)
    leaves = build("tree_leaves", in_dim=net.out_dim, seed=seed)
    head = build({"brick": "mlp", "hidden": [32], "out_dim": 2}, in_dim=net.out_dim, seed=seed)

    def draw(trees: int) -> tuple[Tensor, Tensor]:
        plan, below = shapes.draw(rng, trees)
        x, label = label_of(plan, below, rng)
        return head(leaves(net(x, plan), plan)), label[plan.leaf_row]

    def loss(step: int) -> Tensor:
        return cross_entropy(*draw(128))

    fit([*net.parameters(), *head.parameters()], loss, steps=2000, lr=5e-3, clip=1.0)
    with torch.no_grad():
        logits, label = draw(4000)
    right = (logits.argmax(-1) == label).double()
    return float(0.5 * (right[label == 1].mean() + right[label == 0].mean()))


def _below_mark(plan: Any, below: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    mark = (torch.rand(plan.num_rows, generator=rng) < 0.1).long()
    under = torch.zeros_like(mark)
    for level in range(plan.num_levels):
        rows = plan.inner_row[plan.inner_ptr[level] : plan.inner_ptr[level + 1]]
        under[below[rows]] = torch.maximum(mark[rows], under[rows]).unsqueeze(1).expand(-1, 2)
    return mark.float().unsqueeze(1), under


def _largest(plan: Any, below: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    leaf = below[:, 0] < 0
    x = torch.rand(plan.num_rows, generator=rng) * leaf
    top = x.clone()
    for level in reversed(range(plan.num_levels)):
        rows = plan.inner_row[plan.inner_ptr[level] : plan.inner_ptr[level + 1]]
        top[rows] = top[below[rows]].amax(1)
    for level in range(plan.num_levels):  # the root's news goes down
        rows = plan.inner_row[plan.inner_ptr[level] : plan.inner_ptr[level + 1]]
        top[below[rows]] = top[rows].unsqueeze(1).expand(-1, 2)
    return x.unsqueeze(1), (x == top).long()


@task("tree_decoder", published=0.0, source="the entropy of the decoder that drew the trees, on the same trees",
      gate="<= 0.25", minutes=3, figure="excess nats a tree")  # fmt: skip
def learn_showers(seed: int) -> float:
    """Negative log-likelihood above that of a shower with planted weights, whose trees are all that is known."""
    teacher, student = (build({"brick": "tree_decoder", "hidden": 16, "mass_cut": 2.0}, in_dim=1, seed=s)
                        for s in (seed + 77, seed))  # fmt: skip
    with torch.no_grad():  # a shower that splits often enough to have a shape
        teacher.split.bias.fill_(0.5)
    rng = generator(seed)
    trees = [_shower(teacher, rng, 3000) for _ in range(2)]

    def nll(decoder: nn.Module, sample: tuple[Forest, Tensor], index: np.ndarray) -> Tensor:
        forest, p4 = sample
        plan, some = forest.plan(index), forest.select(index)
        first = (forest.node_ptr[index] - some.node_ptr[:-1])[some.jet_of_node]
        rows = torch.as_tensor(np.arange(some.num_nodes) + first)[plan.node_of_row]
        return -decoder(torch.ones(len(index), 1), plan, p4[rows]).mean()

    def loss(step: int) -> Tensor:
        return nll(student, trees[0], torch.randint(3000, (128,), generator=rng).numpy())

    fit(student.parameters(), loss, steps=1500, lr=5e-3, clip=5.0)
    every = np.arange(3000)
    with torch.no_grad():
        return float(nll(student, trees[1], every) - nll(teacher, trees[1], every))


def _shower(decoder: Any, rng: torch.Generator, jets: int) -> tuple[Forest, Tensor]:
    momentum = torch.tensor([300.0, 0.0, 0.0]).expand(jets, 3)
    mass = 20.0 + 80.0 * torch.rand(jets, 1, generator=rng)
    energy = (momentum.square().sum(1, keepdim=True) + mass.square()).sqrt()
    drawn = decoder.generate(torch.ones(jets, 1), torch.cat([momentum, energy], dim=1), generator=rng)
    return Forest.from_children(drawn.children, drawn.node_ptr), torch.as_tensor(drawn.p4)
