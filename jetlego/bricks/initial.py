"""How parameters start: one generator for each module path, seeded by a stable hash of (seed, path).

So two builds are bit-equal, the global random state stays as it was, and adding a head does not change the
backbone's start. A brick with parameters of its own defines ``reset(self, generator=None)`` and calls it at the end
of ``__init__``; modules of torch and PyG have ``reset_parameters``. Parts start before the brick that holds them, so
a brick may overwrite them (zero-init, scale).
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
from collections.abc import Iterator

import torch
from torch import nn


def path_seed(seed: int, path: str) -> int:
    """Return the 63-bit seed of one module path; the same on every machine."""
    digest = hashlib.blake2b(f"{seed}/{path}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


@contextlib.contextmanager
def seeded(seed: int, path: str) -> Iterator[None]:
    """Seed torch's default generator for a while, then put its state back."""
    state = torch.default_generator.get_state()
    torch.default_generator.manual_seed(path_seed(seed, path))
    try:
        yield
    finally:
        torch.default_generator.set_state(state)


def initialise(module: nn.Module, seed: int) -> None:
    """Start every parameter of ``module`` anew, parts before the bricks that hold them."""
    for path, part in reversed(list(module.named_modules())):
        if takes_generator(part):
            part.reset(torch.Generator("cpu").manual_seed(path_seed(seed, path)))
        elif callable(getattr(part, "reset_parameters", None)):
            with seeded(seed, path):
                part.reset_parameters()


def takes_generator(part: nn.Module) -> bool:
    """Return whether a module has our ``reset(generator)``, and not a foreign method of that name."""
    reset = getattr(type(part), "reset", None)
    return callable(reset) and "generator" in inspect.signature(reset).parameters
