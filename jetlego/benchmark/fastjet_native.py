"""Native FastJet as a peer: a small C++ program, built where FastJet's own development files are installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from jetlego.data.jets import Jets
from jetlego.errors import EnvironmentFault

PROGRAM_VARIABLE = "JETLEGO_FASTJET_NATIVE"
SOURCE = Path(__file__).with_name("fastjet_peer.cc")
_LINE = re.compile(r"fastjet (\w+) (\w+): (\d+) jets/s")


def native_rates(jets: Jets, *, program: Path | str | None = None) -> dict[tuple[str, str], float]:
    """Return {(algorithm, strategy): jets per second}, empty where there is no native FastJet.

    Parameters
    ----------
    jets
        Jets to recluster.
    program
        A program that takes a file (int64 B, int64 jet_ptr[B + 1], float64 p4[P][4]) and prints lines
        ``fastjet ALGORITHM STRATEGY: RATE jets/s``. By default the one that the variable JETLEGO_FASTJET_NATIVE names,
        else ``fastjet_peer.cc``, compiled if there are a compiler and ``fastjet-config``.

    Raises
    ------
    EnvironmentFault
        If the program does not run or compile.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        chosen = program or os.environ.get(PROGRAM_VARIABLE) or _compiled(folder)
        return {} if chosen is None else _run(Path(chosen), jets, folder / "jets.bin")


def _compiled(folder: Path) -> Path | None:
    config, compiler = shutil.which("fastjet-config"), shutil.which("c++") or shutil.which("g++")
    if config is None or compiler is None:
        return None
    flags = _output(config, "--cxxflags").split()
    folders = [flag for flag in _output(config, "--libs").split() if flag.startswith(("-L", "-Wl"))]
    program = folder / "fastjet_peer"
    _output(compiler, "-O3", "-march=native", *flags, str(SOURCE), *folders, "-lfastjet", "-o", str(program))
    return program


def _run(program: Path, jets: Jets, path: Path) -> dict[tuple[str, str], float]:
    arrays = np.array([jets.num_jets], np.int64), np.asarray(jets.jet_ptr, np.int64), np.asarray(jets.p4, "<f8")
    path.write_bytes(b"".join(array.tobytes() for array in arrays))
    found = _LINE.findall(_output(str(program), str(path)))
    return {(algorithm, strategy): float(rate) for algorithm, strategy, rate in found}


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as fault:
        detail = getattr(fault, "stderr", None) or str(fault)
        raise EnvironmentFault("NO-NATIVE", f"{command[0]} does not run: {detail.strip()[:400]}") from fault
