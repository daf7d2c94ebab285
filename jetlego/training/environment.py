"""What a run ran on: versions and hardware, for ``metrics.json`` and the report. No secrets: a closed list of facts."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

import jetlego

_PACKAGES = ("torch", "numpy", "numba", "uproot", "awkward", "fastjet", "lightning-fabric", "torch-geometric")


def environment() -> dict[str, str | int]:
    """Return versions, platform, processor, cores and, inside a git checkout of jetlego, its commit."""
    facts: dict[str, str | int] = {
        "jetlego": jetlego.__version__,
        "commit": _commit(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
    }
    for package in _PACKAGES:
        try:
            facts[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            facts[package] = "not installed"
    return facts


def _commit() -> str:
    root = Path(jetlego.__file__).parent.parent
    if not (root / ".git").exists():
        return "release"
    try:
        words = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=10"]
        return subprocess.run(words, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
