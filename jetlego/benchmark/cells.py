"""Inputs times outputs: one assembly for each pair of kinds, and what it learns from toy jets."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from jetlego.benchmark.toy_jets import ToyJets
from jetlego.bricks.assembly import Assembly
from jetlego.bricks.build import build
from jetlego.bricks.verbs import Stream
from jetlego.data.yaml_reader import read_yaml
from jetlego.errors import ConfigError
from jetlego.losses import bce, chamfer, cross_entropy, mse

FOLDER = Path("configs/io")
KINDS = ("vector", "image", "sequence", "set", "graph", "tree", "table")

REALIZED: Mapping[str, frozenset[str]] = {
    "vector": frozenset({"vector", "logits"}),
    "image": frozenset({"image"}),
    "sequence": frozenset({"sequence", "logits"}),
    "set": frozenset({"set", "slots"}),
    "graph": frozenset({"graph"}),
    "tree": frozenset({"tree", "vector"}),
    "table": frozenset({"vector", "graph", "image"}),
}
"""Which streams are an output of a kind: choices in order (logits) are a sequence, a likelihood of trees is a tree."""


@dataclass(frozen=True)
class Cell:
    """One pair of kinds: its name, what goes in and out, and the spec of its assembly."""

    name: str
    takes: str
    gives: str
    spec: Mapping[str, Any]

    def build(self, *, seed: int = 1) -> Assembly:
        """Return the assembly; ConfigError if what it gives is not of the kind that the cell names."""
        net = build(self.spec, seed=seed)
        assert isinstance(net, Assembly)
        for name in net.outputs:
            if REALIZED[self.gives].isdisjoint(net.wires[name].kinds):
                raise ConfigError("BAD-JOIN", f"cell {self.name}: '{name}' is {net.wires[name]}, no {self.gives}")
        return net


def read_cells(folder: Path = FOLDER) -> dict[str, Cell]:
    """Return the cells of a folder by name, by kinds in and out."""
    cells = []
    for path in folder.glob("*.yaml"):
        page: Any = read_yaml(path).data
        if page.get("from") not in KINDS or page.get("to") not in KINDS:
            raise ConfigError("BAD-VALUE", f"{path}: from and to name two of {', '.join(KINDS)}")
        cells.append(Cell(path.stem, page["from"], page["to"], page["model"]))
    if not cells:
        raise ConfigError("NO-FILES", f"no cells in '{folder}'")
    order = sorted(cells, key=lambda c: (KINDS.index(c.takes), KINDS.index(c.gives)))
    return {cell.name: cell for cell in order}


def loss_of(net: Assembly, streams: Mapping[str, Stream], targets: Mapping[str, Tensor]) -> Tensor:
    """Return the sum of the losses of all outputs of a cell."""
    found = net.streams(**{name: streams[name] for name in net.inputs})
    terms = [LOSSES[name](found[name].value, targets) for name in net.outputs]
    return torch.stack(terms).sum()


def train(net: Assembly, jets: ToyJets, *, steps: int, seed: int, batch: int = 64, blind: bool = False) -> float:
    """Train a cell with Adam and return its mean loss over the last quarter of the jets, which it does not learn from.

    ``blind`` shows zeros, so that what is learnt is the best answer that does not look (beyond how many constituents
    there are, and how their tree branches).
    """
    rng = np.random.default_rng(seed)
    optimizer = torch.optim.Adam(net.parameters(), lr=_LR)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, steps))
    last = 3 * len(jets) // 4
    for _ in range(steps):
        optimizer.zero_grad()
        loss = _of_rows(net, jets, rng.integers(last, size=batch), blind)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        net.eval()
        pieces = np.array_split(np.arange(last, len(jets)), 1 + (len(jets) - last) // 250)
        return float(np.mean([float(_of_rows(net, jets, rows, blind)) for rows in pieces]))


_LR, _WARMUP = 5e-3, 20
"""Largest learning rate, and steps before it is reached: attention that starts at full rate may never recover."""


def _rate(step: int, steps: int) -> float:
    """Return the factor on the rate: a rise along a line, then a cosine to zero."""
    if step < _WARMUP:
        return (step + 1) / _WARMUP
    return 0.5 * (1 + math.cos(math.pi * (step - _WARMUP) / max(1, steps - _WARMUP)))


def _of_rows(net: Assembly, jets: ToyJets, rows: np.ndarray, blind: bool) -> Tensor:
    streams, targets = jets.batch(rows)
    if blind:
        streams = {name: _emptied(stream) for name, stream in streams.items() if name not in ASKED} | {
            name: stream for name, stream in streams.items() if name in ASKED
        }
    return loss_of(net, streams, targets)


ASKED = frozenset({"target", "order", "merges", "tree_p4"})
"""Streams that are the question or the answer, not the input."""


def _emptied(stream: Stream) -> Stream:
    """Return a stream that says nothing but how many items there are."""
    return stream._replace(value=torch.zeros_like(stream.value))


def _picture(y: Tensor, t: Mapping[str, Tensor]) -> Tensor:
    return mse(y, t["hardest"])


def _choices(y: Tensor, t: Mapping[str, Tensor]) -> Tensor:
    """The log-probability of the leading constituents of the prongs, one after the other, and of the end."""
    chosen = y.gather(2, (t["order"] + 1).unsqueeze(-1)).squeeze(-1)
    asked = torch.cat([torch.ones_like(t["order"][:, :1]) > 0, t["order"][:, :-1] >= 0], 1)
    asked = asked & t["mask"].any(1, keepdim=True)
    return -(chosen * asked).sum() / asked.sum()


def _members(y: Tensor, t: Mapping[str, Tensor]) -> Tensor:
    return bce(y.squeeze(-1), (t["prong_of"] == 0).float(), mask=t["mask"])


def _splittings(y: Tensor, t: Mapping[str, Tensor]) -> Tensor:
    there = torch.isfinite(t["splittings"])
    return ((y.squeeze(-1) - t["splittings"].nan_to_num()).square() * there).sum() / there.sum()


def _two(both: Tensor) -> Tensor:
    """Return pairs (B, N, N) of two: that an item is with itself is answered without a look, and not asked."""
    return both & ~torch.eye(both.shape[-1], dtype=torch.bool)


def _generations(same: Tensor) -> Tensor:
    """Return classes (B, N, N): 1 within a prong, 2 beyond; 0, the item itself, is not asked for."""
    return 2 - same.long()


LOSSES: Mapping[str, Callable[[Tensor, Mapping[str, Tensor]], Tensor]] = {
    "classes": lambda y, t: cross_entropy(y, t["classes"]),
    "log_prob": lambda y, t: -y.mean(),
    "picture": _picture,
    "prongs": lambda y, t: mse(y, t["prongs"], mask=t["prong_mask"].unsqueeze(-1).expand_as(y)),
    "points_of": lambda y, t: chamfer(y, t["prongs"], mask=(None, t["prong_mask"])),
    "near": lambda y, t: bce(y[:, 0], t["near"].float(), mask=_two(t["prong_both"])),
    "edges": lambda y, t: bce(y[:, 0], t["same"].float(), mask=_two(t["both"])),
    "patch_edges": lambda y, t: bce(y[:, 0], t["patch_same"].float(), mask=_two(t["patch_both"])),
    "lca": lambda y, t: cross_entropy(y.movedim(1, -1), _generations(t["same"]), mask=_two(t["both"])),
    "patch_lca": lambda y, t: (
        cross_entropy(y.movedim(1, -1), _generations(t["patch_same"]), mask=_two(t["patch_both"]))
    ),
    "tree_log_prob": lambda y, t: -y.mean(),
    "merge_log_prob": lambda y, t: -y.sum() / (t["merges"][..., 0] >= 0).sum().clamp(min=1),
    "choices": _choices,
    "members": _members,
    "splittings": _splittings,
}
"""Name of an output -> what it is asked."""


def each_cell(folder: Path = FOLDER, *, seed: int = 1) -> Iterator[tuple[Cell, Assembly, Tensor]]:
    """Yield every cell with its assembly and its loss on four jets, of which one is empty and one a single particle."""
    jets = ToyJets.make(4, seed=seed, odd=True)
    streams, targets = jets.batch(np.arange(4))
    for cell in read_cells(folder).values():
        net = cell.build(seed=seed)
        yield cell, net, loss_of(net, streams, targets)
