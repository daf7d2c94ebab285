"""Reading streams: peak memory does not grow with the file (reliability, fault 56)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

READ = """
import resource, sys
from jetlego.data.read import iterate_jets
list(iterate_jets(sys.argv[1], entries=(0, 1)))
base = int(next(line for line in open("/proc/self/status") if line.startswith("VmSize")).split()[1]) * 1024
resource.setrlimit(resource.RLIMIT_AS, (base + 2 * 2**30,) * 2)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(sum(jets.num_jets for jets in iterate_jets(sys.argv[1], step=20_000)))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def write(path: Path, num_jets: int) -> Path:
    """Write jets of 12 constituents in blocks of 50,000."""
    rng = np.random.default_rng(0)
    draw = {f"part_p{axis}": rng.normal(5, 1, (50_000, 12)).astype(np.float32) for axis in "xyz"}
    block = {name: ak.from_regular(values) for name, values in draw.items()}
    block["part_energy"] = block["part_px"] * 10
    block["jet_pt"] = np.full(50_000, 600, np.float32)
    with uproot.recreate(path, compression=uproot.LZ4(1)) as file:
        tree = file.mktree("tree", {n: ak.type(a[:0]).content if n != "jet_pt" else a.dtype for n, a in block.items()})
        for _ in range(num_jets // 50_000):
            tree.extend(block)
    return path


def peak(path: Path) -> tuple[int, int]:
    """Return jets read and kB of memory beyond the start, in a process that may not take 2 GiB more."""
    done = subprocess.run([sys.executable, "-c", READ, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    jets, growth = map(int, done.stdout.split())
    return jets, growth


@pytest.mark.slow
def test_peak_memory_is_that_of_a_chunk(tmp_path) -> None:
    small, few = peak(write(tmp_path / "small.root", 100_000))
    large, many = peak(write(tmp_path / "large.root", 1_000_000))
    assert (small, large) == (100_000, 1_000_000)
    assert many < 1.1 * few + 8_192, "kB; 8 MiB for the longer list of baskets"
