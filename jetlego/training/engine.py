"""Devices, ranks and precision through Lightning Fabric."""

from __future__ import annotations

import importlib.metadata

import torch
from lightning_fabric import Fabric

from jetlego.errors import EnvironmentFault
from jetlego.training.config import TrainingConfig

_COMPROMISED = ("2.6.2", "2.6.3")


def make_fabric(config: TrainingConfig) -> Fabric:
    """Return a launched Fabric for the configured device.

    Raises
    ------
    EnvironmentFault
        ``NO-DEVICE`` if a GPU is asked for and there is none; ``DEPENDENCY`` beside a compromised release of the
        ``lightning`` package (GHSA-w37p-236h-pfx3).
    """
    _refuse_compromised_release()
    if config.device == "cuda" and not torch.cuda.is_available():
        raise EnvironmentFault(
            "NO-DEVICE",
            "training.device is cuda, and this machine offers no CUDA device",
            "set training.device=cpu or auto",
        )
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    accelerator = "cuda" if config.device != "cpu" and torch.cuda.is_available() else "cpu"
    strategy = "ddp" if config.devices > 1 else "auto"
    fabric = Fabric(accelerator=accelerator, devices=config.devices, strategy=strategy, precision=config.precision)
    fabric.launch()
    return fabric


def _refuse_compromised_release() -> None:
    for package in ("lightning", "lightning-fabric"):
        try:
            version = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
        if version in _COMPROMISED:
            raise EnvironmentFault(
                "DEPENDENCY",
                f"{package} {version} is a compromised release (GHSA-w37p-236h-pfx3)",
                f"pip install '{package}!=2.6.2,!=2.6.3'",
            )
