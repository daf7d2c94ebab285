"""Tasks of the bricks that work on several time scales: a waveform, long memory, words without blanks."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from jetlego.benchmark.accept.registry import task
from jetlego.benchmark.accept.training import fit, generator
from jetlego.bricks.build import build
from jetlego.losses import cross_entropy

SAMPLES, UNITS = 320, 36
LAG = 200
"""Steps between what must be kept and where it is asked for."""
GROWING, LEARNED = (12, 25, 50, 100, LAG), 0.02
"""Lengths at which the sum of two numbers is learned in turn, and the error that lets the next one begin."""


@task(
    "clockwork",
    published={"nmse": 0.007, "plain over clockwork": None},
    source="arXiv:1402.3511, section 4.1, on music: SRN 0.46, LSTM 0.04, clockwork 0.007 (unverified)",
    gate={"nmse": "<= 0.05", "plain over clockwork": "> 1"},
    minutes=4,
)
def learn_wave(seed: int) -> dict[str, float]:
    """Normalised squared error of 320 samples of a chord, played from memory without input; a plain net beside it."""
    wave = chord(generator(seed))
    clockwork = {"brick": "clockwork", "hidden": UNITS, "periods": [2**i for i in range(9)]}
    found = {name: wave_error(spec, wave, seed, steps) for name, spec, steps in (
        ("clockwork", clockwork, 500), ("plain", {"brick": "rnn", "hidden": UNITS}, 1000))}  # fmt: skip
    return {"nmse": found["clockwork"], "plain over clockwork": found["plain"] / found["clockwork"]}


def chord(rng: torch.Generator) -> Tensor:
    """Return (320,) samples between -1 and 1: four partials of random frequency and phase, each with its own swell."""
    t = torch.arange(SAMPLES) / SAMPLES
    frequency = torch.tensor([3.0, 7.0, 13.0, 29.0]) * (0.9 + 0.2 * torch.rand(4, generator=rng))
    phase, height = torch.rand(2, 4, 1, generator=rng)
    swell = 1 + 0.8 * torch.sin(2 * math.pi * (torch.tensor([[1.0], [2.0], [1.5], [0.5]]) * t + height))
    wave = (swell * torch.sin(2 * math.pi * (frequency.unsqueeze(1) * t + phase))).sum(0)
    return wave / wave.abs().max()


def wave_error(spec: Any, wave: Tensor, seed: int, steps: int) -> float:
    """Return the squared error of a net that learned one wave, over the wave's variance."""
    net = build({"brick": "chain", "parts": [spec, {"brick": "logistic"}]}, seed=seed, in_dim=1)
    silence = torch.zeros(1, SAMPLES, 1)

    def loss(step: int) -> Tensor:
        return (net(silence)[0, :, 0] - wave).square().mean() / wave.var()

    fit(net.parameters(), loss, steps=steps, lr=5e-3, warmup=20, clip=1.0)
    with torch.no_grad():
        return float(loss(0))


@task(
    "wavenet",
    published={"adding": 1 / 6, "copying": 10 * math.log(8) / (LAG + 20)},
    source="best answers without memory (the squared error 1/6 of answering 1, and ten guesses among eight letters)",
    gate={"adding": "<= 0.01", "copying": "<= 0.02"},
    minutes=4,
    bricks=("wavenet", "conv1d"),
)
def learn_long_memory(seed: int) -> dict[str, float]:
    """Sum of two marked numbers among 200 (squared error), ten letters repeated 200 steps later (nats a step).

    The ten letters weigh as much as the 210 blanks while copying is learned (the figure is the plain mean): otherwise
    the blanks saturate every gate within 25 steps, and the letters never come through.
    """
    return {"adding": adding_error(seed), "copying": copying_loss(seed)}


def _stack(seed: int, in_dim: int, out_dim: int) -> nn.Module:
    spec = {"brick": "wavenet", "hidden": 24, "kernel": 3, "layers": 7}
    return build(spec, seed=seed, in_dim=in_dim, out_dim=out_dim)


def adding_error(seed: int) -> float:
    """Return the mean squared error on 1000 new sequences of 200.

    They are 12 long at first and grow as soon as the sum is learned: that a mark lets its number through shows within
    120 steps among twelve numbers, and not within 800 among two hundred.
    """
    net, rng, lengths, errors = _stack(seed, 2, 1), generator(seed), list(GROWING), list[float]()

    def loss(step: int, count: int = 32) -> Tensor:
        x, total = marked_numbers(rng, count, lengths[0])
        error = (net(x)[:, -1, 0] - total).square().mean()
        errors.append(float(error.detach()))
        if len(lengths) > 1 and len(errors) > 20 and sum(errors[-20:]) < 20 * LEARNED:
            del lengths[0], errors[:]
        return error

    fit(net.parameters(), loss, steps=1000, lr=6e-3, warmup=20, clip=1.0)
    x, total = marked_numbers(generator(seed + 1000), 1000, LAG)
    with torch.no_grad():
        return float((net(x)[:, -1, 0] - total).square().mean())


def marked_numbers(rng: torch.Generator, count: int, length: int = LAG) -> tuple[Tensor, Tensor]:
    """Return x (B, T, 2), uniform numbers and two marks, one in each half; and the sum of the marked numbers."""
    value, mark = torch.rand(count, length, generator=rng), torch.zeros(count, length)
    place = torch.randint(length // 2, (count, 2), generator=rng) + torch.tensor([0, length // 2])
    mark.scatter_(1, place, 1.0)
    return torch.stack([value, mark], -1), (value * mark).sum(1)


def copying_loss(seed: int) -> float:
    """Return the cross-entropy a step, over all steps, on 1000 new sequences."""
    net, rng = _stack(seed, 10, 10), generator(seed)

    def loss(step: int) -> Tensor:
        letters, wanted = letters_to_copy(rng, 16)
        y = net(nn.functional.one_hot(letters, 10).float())
        return cross_entropy(y[:, -10:], wanted[:, -10:]) + cross_entropy(y[:, :-10], wanted[:, :-10])

    fit(net.parameters(), loss, steps=800, lr=2e-3, warmup=20, clip=1.0)
    letters, wanted = letters_to_copy(rng, 1000)
    with torch.no_grad():
        return float(cross_entropy(net(nn.functional.one_hot(letters, 10).float()), wanted))


def letters_to_copy(rng: torch.Generator, count: int) -> tuple[Tensor, Tensor]:
    """Return letters (B, 220), ten of 1..8, blanks 0, a sign 9, nine blanks; and the answer, the ten at the end."""
    letters = torch.zeros(count, LAG + 20, dtype=torch.int64)
    letters[:, :10] = torch.randint(1, 9, (count, 10), generator=rng)
    letters[:, -10] = 9
    wanted = torch.zeros_like(letters)
    wanted[:, -10:] = letters[:, :10]
    return letters, wanted
