"""What a tagger costs: floating-point operations a jet, and jets a second of processor time."""

from __future__ import annotations

import contextlib
import functools
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from jetlego.atomic import write_atomic
from jetlego.bricks.recursive.walk import TreeCell
from jetlego.data.jets import Jets
from jetlego.structures.store import JetStore
from jetlego.training.run import Run
from jetlego.training.splits import read_splits

_BATCH, _JETS = 128, 512


@dataclass(frozen=True)
class Cost:
    """``flops_per_jet`` of a forward pass; ``jets_per_second`` of processor time, from raw jets to scores."""

    flops_per_jet: float
    jets_per_second: float


def cost_of(run: Run) -> Cost:
    """Return the cost of a run on its test jets, measured once and kept in its folder as ``cost.json``."""
    kept = run.folder / "cost.json"
    if not kept.exists():
        jets = read_splits(run.config.data).test
        some = jets.select(np.linspace(0, jets.num_jets - 1, min(_JETS, jets.num_jets)).astype(np.int64))
        store = run.recipe.apply(some)
        cost = Cost(flops_per_jet(run.model, store), _prediction_rate(run, jets))
        write_atomic(kept, json.dumps(asdict(cost)))
    return Cost(**json.loads(kept.read_text()))


def flops_per_jet(model: nn.Module, store: JetStore) -> float:
    """Return floating-point operations of a forward pass for each jet, a multiply-add counted as two.

    Counted are matrix products and convolutions, with the padding that batches of 128 jets bring; not counted is what
    is done element by element, and the preparation of jets. Kernels that hide their products (the recursion written by
    hand, fused recurrent nets, fused attention) are replaced by the plain products they stand for.
    """
    model.eval()
    with torch.no_grad(), plain_products(model), FlopCounterMode(display=False) as counter:
        for first in range(0, store.num_jets, _BATCH):
            model(store.batch(np.arange(first, min(first + _BATCH, store.num_jets))))
    return counter.get_total_flops() / store.num_jets


@contextlib.contextmanager
def plain_products(model: nn.Module) -> Iterator[None]:
    """Have a model do its matrix products where a counter sees them; its outputs stay the same."""
    # the counter's hooks stumble over parameters that flow through a forward without a gradient
    learned = [parameter.requires_grad_(False) for parameter in model.parameters() if parameter.requires_grad]
    cells = [module for module in model.modules() if isinstance(module, TreeCell)]
    for cell in cells:
        cell.forward = functools.partial(TreeCell.forward, cell)  # type: ignore[method-assign]
    try:
        with torch.backends.mkldnn.flags(enabled=False, allow_tf32=None), sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        for cell in cells:
            del cell.forward
        for parameter in learned:
            parameter.requires_grad_(True)


def _prediction_rate(run: Run, jets: Jets) -> float:
    """Return jets a second of processor time, so that what else runs on the machine does not count."""
    run.predict(jets.select(np.arange(min(_JETS, jets.num_jets))))  # compiles
    began = time.process_time()
    run.predict(jets)
    return jets.num_jets / (time.process_time() - began)
