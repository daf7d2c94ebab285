"""One inventory, three vehicles: a tagger, a groomer and an unroller of jets from the same six parts.

The vehicles are pages of YAML that wire parts of ``inventory.yaml``; none defines a parameter, so the weights of one
load in the others.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from jetlego.benchmark.vehicle_jets import VehicleJets
from jetlego.bricks.build import build
from jetlego.data.jets import Jets
from jetlego.data.read import read_jets
from jetlego.data.yaml_reader import read_yaml
from jetlego.errors import ConfigError
from jetlego.losses import cross_entropy

VEHICLES = ("tagger", "groomer", "unroller")
INVENTORY = Path("configs/demo")
"""Folder of the inventory and the vehicles, as shipped."""

STEPS = {"tagger": 500, "groomer": 250, "unroller": 600}
"""Training steps of 64 jets that show what a vehicle can: a minute of one core each, about."""

EVERY = 10
"""Steps over which losses are averaged, and after which progress is told."""

MEANING = {
    "tagger": "AUC",
    "groomer": "pT kept or dropped rightly",
    "unroller": "first prong found",
}
"""What the figure of a vehicle is."""


@dataclass(frozen=True)
class Vehicle:
    """A network built of the inventory, and what its wiring says."""

    name: str
    net: nn.Module
    steps: tuple[str, ...]

    def blueprint(self) -> str:
        """Return the parts with their parameters, and the wiring."""
        parts = {name: part for name, part in self.net.parts.named_children() if any(True for _ in part.parameters())}
        rows = [f"  {name:8s}{type(part).__name__:13s}{count(part):7,d}" for name, part in sorted(parts.items())]
        wiring = [f"    {step}" for step in self.steps]
        return "\n".join([self.name, *rows, f"  {'total':21s}{count(self.net):7,d}", *wiring])


def embedded(split: str, most: int) -> Jets:
    """Return embedded top and QCD jets of a split (train, val or test), at most so many, half of each."""
    parts = [read_jets(f"sample://{name}/{split}") for name in ("top", "qcd")]
    return Jets.concatenate([part.select(np.arange(min(part.num_jets, most // 2))) for part in parts])


def best_variable(jets: Jets) -> tuple[str, float]:
    """Return the one variable of the file that tells top from QCD best, and its AUC."""
    column = {name: jets.jet[name].astype(float) for name in ("jet_sdmass", "jet_mass", "jet_nparticles")}
    tau = [jets.jet[f"jet_tau{n}"].astype(float) for n in (1, 2, 3)]
    candidates = {
        "|soft drop mass - 173 GeV|": -np.abs(column["jet_sdmass"] - 173.0),
        "soft drop mass": column["jet_sdmass"],
        "mass": column["jet_mass"],
        "number of constituents": column["jet_nparticles"],
        "tau3 / tau2": -tau[2] / np.maximum(tau[1], 1e-9),
        "tau2 / tau1": -tau[1] / np.maximum(tau[0], 1e-9),
    }
    signal = jets.label != jets.classes.index("QCD")
    figures = {name: auc(score, signal) for name, score in candidates.items()}
    return max(figures.items(), key=lambda item: item[1])


def count(module: nn.Module) -> int:
    """Return the number of parameters."""
    return sum(p.numel() for p in module.parameters())


def build_vehicle(name: str, *, folder: Path = INVENTORY, seed: int = 1) -> Vehicle:
    """Build one of the vehicles in a folder.

    Raises
    ------
    ConfigError
        If a file is missing, or a vehicle says more than inventory, inputs, steps and outputs.
    """
    page = read_yaml(folder / f"{name}.yaml").data
    if not isinstance(page, dict) or page.keys() != {"inventory", "inputs", "steps", "outputs"}:
        what = f"{folder / name}.yaml: a vehicle has inventory, inputs, steps and outputs, and nothing else"
        raise ConfigError("BAD-VALUE", what)
    parts = read_yaml(folder / page["inventory"]).data
    spec = {"brick": "assembly", "parts": parts, **{k: page[k] for k in ("inputs", "steps", "outputs")}}
    net = build(spec, seed=seed)
    return Vehicle(name, net, tuple(page["steps"]))


def loss_of(name: str, net: nn.Module, jets: VehicleJets) -> Tensor:
    """Return what a vehicle minimises on some jets."""
    if name == "tagger":
        return cross_entropy(net(**jets.inputs()), jets.label)
    if name == "groomer":
        # weighted by pT: what a groomer does to the soft rim matters little
        return cross_entropy(net(**jets.inputs()), jets.kept.long(), weight=jets.share, mask=jets.mask)
    found = net(**jets.inputs(), order=jets.order)
    real = jets.order >= 0
    pointer = cross_entropy(open_scores(found["point"], jets), jets.order.clamp(min=0), mask=real)
    # the face is asked before every splitting, and once after the last
    asked = torch.cat([torch.ones_like(real[:, :1]), real[:, :-1]], 1)
    return pointer + cross_entropy(found["y"], real.long(), mask=asked)


def open_scores(score: Tensor, jets: VehicleJets) -> Tensor:
    """Return scores (B, T, N) of the hand, very low for padding and for what was pointed at before."""
    chosen = jets.order.unsqueeze(-1) == torch.arange(jets.mask.shape[1])
    before = chosen.long().cumsum(1) - chosen.long() > 0
    return score.masked_fill(before | ~jets.mask.unsqueeze(1), -1e9)


@torch.no_grad()
def figure_of(name: str, net: nn.Module, jets: VehicleJets) -> float:
    """Return a vehicle's figure on test jets: AUC, pT-weighted accuracy, or the share of right first pointers."""
    net.eval()
    pieces = np.array_split(np.arange(len(jets)), 1 + len(jets) // 250)
    values = torch.cat([_figure_parts(name, net, jets.take(rows)) for rows in pieces])
    net.train()
    if name == "tagger":
        return auc(values.numpy(), jets.label.numpy() == 0)
    return float(values.mean())


def _figure_parts(name: str, net: nn.Module, jets: VehicleJets) -> Tensor:
    if name == "tagger":
        logits = net(**jets.inputs())
        return logits[:, 0] - logits[:, 1]
    if name == "groomer":
        right = (net(**jets.inputs()).argmax(-1) == jets.kept.long()) & jets.mask
        return (right * jets.share).sum(1) / jets.share.sum(1)
    split = jets.order[:, 0] >= 0
    first = open_scores(net(**jets.inputs(), order=jets.order)["point"], jets)[:, 0].argmax(-1)
    return (first == jets.order[:, 0])[split].float()


def auc(score: np.ndarray, signal: np.ndarray) -> float:
    """Return the probability that a signal jet scores above a background jet, ties counting one half."""
    values, inverse = np.unique(score, return_inverse=True)
    below = np.bincount(inverse[~signal], minlength=len(values))
    above = np.cumsum(below) - below / 2
    return float(above[inverse[signal]].sum() / (signal.sum() * (~signal).sum()))


def train(
    name: str, net: nn.Module, jets: VehicleJets, *, steps: int, seed: int = 1, batch: int = 64, lr: float = 4e-3,
    every: int = EVERY, tell: Callable[[int, float], None] | None = None,
) -> list[tuple[int, float]]:  # fmt: skip
    """Train a vehicle with Adam and a cosine; return (step, loss) averaged over every ``every`` steps."""
    optimizer = torch.optim.Adam(net.parameters(), lr=lr)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps + 1, pct_start=0.1)
    rng, curve, sum_ = np.random.default_rng(seed), [], 0.0
    for step in range(1, steps + 1):
        loss = loss_of(name, net, jets.take(rng.integers(len(jets), size=batch)))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        sum_ += loss.item()
        if step % every == 0:
            curve.append((step, sum_ / every))
            sum_ = 0.0
            if tell is not None:
                tell(step, curve[-1][1])
    return curve


@dataclass(frozen=True)
class Drive:
    """One training: which vehicle, how it started, its losses and its figure on test jets."""

    vehicle: str
    start: str
    curve: list[tuple[int, float]]
    figure: float


def drive(
    training: VehicleJets, test: VehicleJets, *, steps: Mapping[str, int] = STEPS, seed: int = 1,
    folder: Path = INVENTORY, tell: Callable[[str, str, int], None] | None = None,
) -> Iterator[Drive]:  # fmt: skip
    """Train the tagger, then the other two with its parts and from scratch for as many steps; yield as they end.

    Parameters
    ----------
    training, test
        Jets to learn from, and to judge by.
    steps
        {vehicle: training steps}.
    seed
        Of starts and batches.
    folder
        Inventory and vehicles.
    tell
        Told (vehicle, start, step) every few steps.
    """
    learned: Mapping[str, Any] = {}
    for name in VEHICLES:
        for start in ("tagger's parts", "scratch") if learned else ("scratch",):
            net = build_vehicle(name, folder=folder, seed=seed).net
            if start != "scratch":
                net.load_state_dict(learned)
            told = None if tell is None else partial(_told, tell, name, start)
            curve = train(name, net, training, steps=steps[name], seed=seed, tell=told)
            yield Drive(name, start, curve, figure_of(name, net, test))
        learned = learned or copy.deepcopy(net.state_dict())


def _told(tell: Callable[[str, str, int], None], name: str, start: str, step: int, loss: float) -> None:
    tell(name, start, step)
