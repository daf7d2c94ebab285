"""The speed table of clustering: its rows and their ratios; how fast anything is, is not for a test to say."""

from __future__ import annotations

import shutil
import sys

import numpy as np
import pytest
from oracles.sample_jets import some_jets

from jetlego.benchmark.clustering import ALGORITHMS, WALKING, measure
from jetlego.benchmark.fastjet_native import PROGRAM_VARIABLE, native_rates
from jetlego.benchmark.scaling import rate_of_processes
from jetlego.data.jets import Jets
from jetlego.errors import EnvironmentFault

PROGRAM = """#!{python}
import struct, sys
data = open(sys.argv[1], "rb").read()
(jets,) = struct.unpack_from("<q", data)
ptr = struct.unpack_from(f"<{{jets + 1}}q", data, 8)
assert len(data) == 8 * (jets + 2 + 4 * ptr[-1])
print(f"fastjet kt Best: {{jets * 100}} jets/s (checksum 1)")
"""


def few_jets() -> Jets:
    p4, ptr = some_jets(5)
    return Jets(p4=np.array(p4), jet_ptr=ptr, constituents={}, jet={}, label=None, classes=(), weight=None)


def test_every_algorithm_beside_walked_objects(monkeypatch):
    monkeypatch.setenv("NUMBA_NUM_THREADS", "2")
    monkeypatch.setenv("PATH", "")  # no compiler, no native FastJet
    rows = measure(few_jets(), repeats=1, side_by_side=False)
    for algorithm in ALGORITHMS:
        mine = [row for row in rows if row["name"].startswith(algorithm + ",")]
        walked, one, two = mine
        assert walked["ratio"] is None
        assert one["reference"] == WALKING
        assert one["ratio"] == pytest.approx(one["rate"] / walked["rate"])
        assert two["name"].endswith("2 threads")
        assert all(row["rate"] > 0 and row["unit"] == "jets/s" for row in mine)


def test_a_native_program_gets_the_same_jets(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_NUM_THREADS", "1")
    program = tmp_path / "native"
    program.write_text(PROGRAM.format(python=sys.executable))
    program.chmod(0o755)
    rows = measure(few_jets(), native=program, repeats=1)
    native = [row for row in rows if row["reference"] == "native FastJet, Best"]
    assert len(native) == 1
    assert native[0]["rate"] / native[0]["ratio"] == pytest.approx(1000)


def test_the_program_that_the_environment_names(tmp_path, monkeypatch):
    program = tmp_path / "native"
    program.write_text(PROGRAM.format(python=sys.executable))
    program.chmod(0o755)
    monkeypatch.setenv(PROGRAM_VARIABLE, str(program))
    assert native_rates(few_jets()) == {("kt", "Best"): 1000.0}


@pytest.mark.slow
def test_processes_side_by_side(monkeypatch):
    monkeypatch.setenv("NUMBA_NUM_THREADS", "2")
    rows = measure(few_jets(), repeats=1)
    apart = [row for row in rows if row["reference"] == "2 processes"]
    assert len(apart) == len(ALGORITHMS)
    assert all(row["rate"] > 0 and row["ratio"] > 0 for row in apart)


@pytest.mark.slow
def test_a_process_that_dies_is_told():
    with pytest.raises(EnvironmentFault, match="one of 2 processes"):
        rate_of_processes(few_jets(), "no_such_algorithm", processes=2, repeats=1)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("fastjet-config") is None, reason="FastJet's development files are not installed")
def test_our_own_program_compiles():
    rates = native_rates(few_jets())
    assert {algorithm for algorithm, _ in rates} == set(ALGORITHMS)
    assert {strategy for _, strategy in rates} == {"Best", "N2Plain"}


def test_a_native_program_that_does_not_run(tmp_path):
    with pytest.raises(EnvironmentFault, match="does not run"):
        measure(few_jets(), native=tmp_path / "absent", repeats=1)
