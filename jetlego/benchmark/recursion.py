"""Recursive networks: training speed on real trees beside the matrix products they cannot do without.

A walk over trees multiplies matrices; everything else is overhead. So each cell's forward and backward pass is set
against the same multiply-adds done as plain products of whole batches, and against ordinary autograd level by level.
One thread, processor time; every figure is the best of several rounds in which all contestants take turns.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from jetlego.bricks.recursive.recnn import RecNNGated, RecNNSimple
from jetlego.bricks.recursive.walk import TreeCell
from jetlego.data.jets import Jets
from jetlego.structures.batch import TreeBatch
from jetlego.structures.node_features import node_features
from jetlego.structures.store import JetStore, TreeSpec, prepare

ALGORITHMS = ("kt", "cambridge_aachen", "anti_kt")
CELLS: Mapping[str, type[TreeCell]] = {"simple": RecNNSimple, "gated": RecNNGated}
WIDTH, BATCH = 40, 256

PRODUCTS, AUTOGRAD = "the same matrix products alone", "autograd level by level"


def measure(jets: Jets, *, rounds: int = 12) -> list[dict[str, Any]]:
    """Return rows ``{name, rate, unit, reference, ratio}``: jets per second, and multiply-adds per second.

    Parameters
    ----------
    jets
        Jets to grow trees of; batches of 256.
    rounds
        How often each contestant runs.
    """
    specs = {name: TreeSpec(algorithm=name, features="recnn") for name in ALGORITHMS}
    store, threads = prepare(jets, trees=specs), torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        rows = [*_preparation_rows(jets, store, rounds)]
        rates = {}
        for algorithm in ALGORITHMS:
            trees = store.batch(np.arange(min(BATCH, jets.num_jets))).trees[algorithm]
            for name in CELLS:
                found = _cell_rows(f"{algorithm}, {name}", trees, CELLS[name], rounds)
                rates[algorithm, name] = found[0]["rate"]
                rows += found
        for name in CELLS:
            rows.append(_row(f"anti_kt, {name}", rates["anti_kt", name], "jets/s", "kt", rates["kt", name]))
    finally:
        torch.set_num_threads(threads)
    return rows


def _cell_rows(name: str, trees: TreeBatch, make: type[TreeCell], rounds: int) -> list[dict[str, Any]]:
    x, plan = trees.features, trees.plan
    cell: Any = make(in_dim=x.shape[1], hidden=WIDTH)  # type: ignore[call-arg]
    weights = list(cell.parameters())

    def ours() -> None:
        torch.autograd.grad(cell(x, plan, roots_only=True).sum(), weights)

    def slow() -> None:
        torch.autograd.grad(TreeCell.forward(cell, x, plan, roots_only=True).sum(), weights)

    def forward() -> None:
        with torch.no_grad():
            cell(x, plan, roots_only=True)

    products, work = _products(x, plan.num_inner, gated="gated" in name)
    seconds = _best({"ours": ours, "slow": slow, "forward": forward, "products": products}, rounds)
    rate = {contestant: plan.num_jets / value for contestant, value in seconds.items()}
    return [
        _row(f"{name}, forward + backward", rate["ours"], "jets/s", PRODUCTS, rate["products"]),
        _row(f"{name}, forward + backward", rate["ours"], "jets/s", AUTOGRAD, rate["slow"]),
        _row(f"{name}, forward", rate["forward"], "jets/s"),
        _row(f"{name}, forward + backward", 2e-9 * work / seconds["ours"], "GFLOP/s"),
    ]


def _products(x: Tensor, num_inner: int, *, gated: bool) -> tuple[Callable[[], None], float]:
    """Return a function that does a pass's matrix products on whole batches, and its number of multiply-adds.

    Forward: (rows, in) x (in, out). Backward: the transpose of the first times (rows, out) for the weights, and
    (rows, out) x (out, in) for the states, which x does not need.
    """
    rows, features, h = len(x), x.shape[1], WIDTH
    shapes = [(rows, features, h)]
    inner = [(7 * h, 3 * h), (h, 3 * h), (4 * h, h)] if gated else [(h, 3 * h)]
    shapes += [(num_inner, wide, out) for out, wide in inner]
    tasks = []
    for place, (count, wide, out) in enumerate(shapes):
        a, weight, c = torch.rand(count, wide), torch.rand(wide, out), torch.empty(count, out)
        tasks += [(a, weight, c), (a.T, c, torch.empty(wide, out))]
        if place:
            tasks.append((c, weight.T, torch.empty(count, wide)))

    def run() -> None:
        for left, right, out in tasks:
            torch.mm(left, right, out=out)

    return run, float(sum(left.shape[0] * left.shape[1] * right.shape[1] for left, right, _ in tasks))


def _preparation_rows(jets: Jets, store: JetStore, rounds: int) -> list[dict[str, Any]]:
    spec = TreeSpec(features="lund_kinematics")
    forest, history = store.trees["kt"].forest, spec.cluster(jets.p4, jets.jet_ptr)
    blocks = [np.arange(first, min(first + BATCH, jets.num_jets)) for first in range(0, jets.num_jets, BATCH)]
    single = JetStore(store.jet_ptr, trees={"kt": store.trees["kt"]})
    seconds = _best(
        {
            "level plan": lambda: [forest.plan(block) for block in blocks],
            "batch of kt trees": lambda: [single.batch(block) for block in blocks],
            "seven node features": lambda: node_features(history, forest, "recnn", threads=1),
            "fourteen node features": lambda: node_features(history, forest, spec.features, threads=1),
        },
        rounds,
    )
    return [_row(name, jets.num_jets / value, "jets/s") for name, value in seconds.items()]


def _best(contestants: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the shortest processor time of each, taking turns, after one run that compiles."""
    seconds = {}
    for name, run in contestants.items():
        run()
        seconds[name] = float("inf")
    for _ in range(rounds):
        for name, run in contestants.items():
            start = time.process_time()
            run()
            seconds[name] = min(seconds[name], time.process_time() - start)
    return seconds


def _row(name: str, rate: float, unit: str, reference: str | None = None, of: float | None = None) -> dict[str, Any]:
    ratio = None if of is None else rate / of
    return {"name": name, "rate": rate, "unit": unit, "reference": reference, "ratio": ratio}
