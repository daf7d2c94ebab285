"""jetlego: deep learning as an architectural language for jets.

Read jets from a file, let a clustering sequence give each jet its structure, snap bricks into a network, train it,
and report what it is worth as a tagger. Everything listed in ``__all__`` loads on first use (PEP 562), so that
``import jetlego`` costs nothing and reading ROOT files never imports torch.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "Jets": "data.jets",
    "read_jets": "data.read",
    "iterate_jets": "data.read",
    "Shards": "data.shards.shards",
    "cluster": "clustering.cluster",
    "find_jets": "clustering.find_jets",
    "History": "clustering.history",
    "grow_trees": "structures.forest",
    "Forest": "structures.forest",
    "JetBatch": "structures.batch",
    "build": "bricks.build",
    "bricks": "bricks.registry",
    "brick": "bricks.registry",
    "load_run": "training.run",
    "background_rejection": "evaluation.roc",
    "roc": "evaluation.roc",
    "weaver_tensors": "data.weaver",
    "load_recnn": "models.recnn",
    "load_weaver": "models.weaver",
}

__all__ = ["__version__", *sorted(_HOME)]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'jetlego' has no attribute '{name}'")
    module = importlib.import_module(f"jetlego.{_HOME[name]}")
    # the room jetlego.bricks is itself callable, so that the name means one thing whoever imported it first
    value = sys.modules["jetlego.bricks"] if name == "bricks" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
