"""The AlphaStar-style assembly reads made-up jets and acts: class, mass, cut, constituents, leader and cell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from jetlego.benchmark.accept.registry import task
from jetlego.benchmark.accept.training import fit
from jetlego.bricks.build import build
from jetlego.bricks.verbs import Stream
from jetlego.data.jets import Jets
from jetlego.losses import cross_entropy
from jetlego.structures.batch import JetBatch
from jetlego.structures.store import prepare
from jetlego.training.load_config import load_config

CONFIG = Path(__file__).parents[3] / "configs" / "expert" / "alphastar_jet.yaml"
PRONGS, CELLS, BINS, MOST = 3, 32, 16, 10
"""Most prongs, cells along the map, bins of the mass, most constituents of a prong."""

Truth = dict[str, Tensor]


@task(
    "alphastar",
    published=dict.fromkeys(("class", "selected F1", "unit", "point")),
    source="none: made-up jets; the original is a game",
    gate={"class": ">= 0.95", "selected F1": ">= 0.95", "unit": ">= 0.95", "point": ">= 0.90"},
    minutes=5,
    bricks=["choice_head", "scatter_connection", "pointer", "jet_assembly", "heat_map_head"],
)
def learn_to_act(seed: int) -> dict[str, float]:
    """Number of prongs, constituents of the hardest prong, its leader and its cell (within one), chosen greedily.

    The gates are targets: no whole run at this size has been made yet.
    """
    rng = np.random.default_rng(seed)
    spec = load_config(CONFIG).model
    net = build(spec, seed=seed, in_dim=3, num_classes=PRONGS)

    def loss(step: int) -> Tensor:
        jets, truth = sprays(rng, 64)
        return action_loss(net, jets, truth)

    fit(net.parameters(), loss, steps=800, lr=1e-3, warmup=50, clip=5.0)
    net.eval()
    found = [figures(net, *sprays(rng, 250)) for _ in range(4)]
    return {name: sum(f[name] for f in found) / len(found) for name in found[0]}


def action_loss(net: Any, jets: JetBatch, truth: Truth) -> Tensor:
    """Return minus the log-probability of the true action, head by head, each told the true choices before it."""
    return -sum(head.mean() for head in log_probs(net, jets, truth).values())


def log_probs(net: Any, jets: JetBatch, truth: Truth) -> dict[str, Tensor]:
    """Return ln p (B,) of each part of the action ``truth``, given the parts before it."""
    asked = {name: Stream(truth[name]) for name in ("kind", "mass_bin", "heavy", "chosen")}
    found = {name: stream.value for name, stream in net.streams(jets, **asked).items()}
    heads = {"logits": "kind", "mass": "mass_bin", "groomed": "heavy"}
    terms = {name: -cross_entropy(found[name], truth[asks], reduction="none") for name, asks in heads.items()}
    picked = found["selected"].gather(2, (truth["chosen"] + 1).unsqueeze(-1)).squeeze(-1)
    asked_for = torch.cat([torch.ones_like(picked[:, :1]) > 0, truth["chosen"][:, :-1] >= 0], 1)
    terms["selected"] = (picked * asked_for).sum(1)
    terms["unit"] = unit_log_prob(found["unit"], jets).gather(1, truth["unit"].unsqueeze(1)).squeeze(1)
    cells = found["cell"].flatten(1).log_softmax(1)
    terms["cell"] = cells.gather(1, truth["cell"].unsqueeze(1)).squeeze(1)
    return terms


def unit_log_prob(score: Tensor, jets: JetBatch) -> Tensor:
    """Return (B, N) of scores (B, 1, N); padding is never chosen."""
    real = torch.arange(score.shape[2]) < jets.jet_ptr.diff().unsqueeze(1)
    return score[:, 0].masked_fill(~real, -1e9).log_softmax(1)


@torch.no_grad()
def act(net: Any, jets: JetBatch, *, steps: int = MOST + 1) -> tuple[Truth, Tensor]:
    """Return the likeliest action, choice by choice, and the log-probability (B,) of its constituents."""
    heads = {"kind": "logits", "mass_bin": "mass", "heavy": "groomed"}
    first = net.streams(jets, wanted=tuple(heads.values()))
    action = {name: first[head].value.argmax(1) for name, head in heads.items()}
    told = {name: Stream(choice) for name, choice in action.items()}
    found = net.streams(jets, wanted=("near", "unit", "cell"), **told)
    near = found["near"]
    action["chosen"], chosen = net.body.parts["units"].choose(near.value, near.mask, steps=steps)
    action["unit"] = unit_log_prob(found["unit"].value, jets).argmax(1)
    action["cell"] = found["cell"].value.flatten(1).argmax(1)
    return action, chosen.sum(1)


def figures(net: Any, jets: JetBatch, truth: Truth) -> dict[str, float]:
    """Return the shares of right classes, leaders and cells, and F1 of the selected constituents."""
    action, _ = act(net, jets)
    numbers = torch.arange(jets.max_constituents)
    mine, true = ((chosen.unsqueeze(-1) == numbers).any(1) for chosen in (action["chosen"], truth["chosen"]))
    f1 = 2 * (mine & true).sum(1) / (mine.sum(1) + true.sum(1))
    places = [torch.stack([a["cell"] // CELLS, a["cell"] % CELLS], 1) for a in (action, truth)]
    near = (places[0] - places[1]).abs().amax(1) <= 1
    right = {name: action[name] == truth[name] for name in ("kind", "unit")}
    shares = {"class": right["kind"], "selected F1": f1, "unit": right["unit"], "point": near}
    return {name: float(value.double().mean()) for name, value in shares.items()}


def sprays(rng: np.random.Generator, count: int) -> tuple[JetBatch, Truth]:
    """Return jets of 1 to 3 Gaussian sprays at least 0.4 apart, five soft particles of noise, and the true action.

    Prongs have pT 100 to 300 GeV, at least 15 % apart from each other, and 5 to 10 particles. The mass is in 16 bins
    of ln m, and heavy is a mass above 80 GeV; constituents are selected hardest first.
    """
    rows = [_one_jet(rng) for _ in range(count)]
    p4, places = np.concatenate([r[0] for r in rows]), np.concatenate([r[1] for r in rows])
    ptr = np.concatenate([[0], np.cumsum([len(r[0]) for r in rows])])
    features = np.column_stack([places, np.log(np.hypot(p4[:, 0], p4[:, 1])) / 3])
    jets = Jets(p4=p4, jet_ptr=ptr, constituents={}, jet={})
    store = prepare(jets, constituent_features=features, keep_p4=True)
    names = ("kind", "mass_bin", "heavy", "chosen", "unit", "cell")
    truth = {name: torch.from_numpy(np.array([r[2][name] for r in rows])) for name in names}
    return store.batch(np.arange(count)), truth


def _one_jet(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    prongs = int(rng.integers(1, PRONGS + 1))
    centre = _apart(rng, prongs)
    pt = 300 * 0.85 ** np.cumsum(1 + rng.exponential(0.7, prongs))
    owner = np.repeat(np.arange(prongs), rng.integers(5, MOST + 1, prongs))
    share = rng.exponential(size=len(owner)) + 0.3
    hard_pt = share / np.bincount(owner, share)[owner] * pt[owner]
    place = np.concatenate([centre[owner] + 0.05 * rng.normal(size=(len(owner), 2)), rng.uniform(-0.7, 0.7, (5, 2))])
    all_pt, owner = np.concatenate([hard_pt, rng.uniform(0.2, 1.0, 5)]), np.concatenate([owner, np.full(5, -1)])
    order = np.argsort(-all_pt)
    all_pt, place, owner = all_pt[order], place[order], owner[order]
    eta, phi = place.T
    p4 = all_pt[:, None] * np.column_stack([np.cos(phi), np.sin(phi), np.sinh(eta), np.cosh(eta)])
    total = p4.sum(0)
    mass = np.sqrt(max(total[3] ** 2 - (total[:3] ** 2).sum(), 1e-3))
    chosen = np.full(MOST + 1, -1)
    mine = np.flatnonzero(owner == 0)
    chosen[: len(mine)] = mine
    axis = np.array([np.arcsinh(total[2] / np.hypot(*total[:2])), np.arctan2(total[1], total[0])])
    cell = ((centre[0] - axis + 0.8) * CELLS / 1.6).astype(int).clip(0, CELLS - 1)
    return p4, place - axis, {
        "kind": prongs - 1, "mass_bin": int(np.clip((np.log(mass) - 1.5) * 4, 0, BINS - 1)), "heavy": int(mass > 80),
        "chosen": chosen, "unit": mine[0], "cell": int(cell[0] * CELLS + cell[1]),
    }  # fmt: skip


def _apart(rng: np.random.Generator, prongs: int) -> np.ndarray:
    """Return centres (K, 2) in a square of side one, no two nearer than 0.4."""
    while True:
        centre = rng.uniform(-0.5, 0.5, (prongs, 2))
        far = np.linalg.norm(centre[:, None] - centre, axis=-1) + 9 * np.eye(prongs)
        if far.min() > 0.4:
            return centre
