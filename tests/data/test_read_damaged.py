"""Damaged files of every container give jets or one of our errors, never another exception, a hang or a crash."""

from __future__ import annotations

import gzip
import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from oracles.jet_files import jetclass_arrays, write_rntuple, write_tree

from jetlego.data.convert import convert

READ_ALL = """
import resource, sys, warnings
from pathlib import Path
sys.path.insert(0, sys.argv[4])
from oracles.mutations import mutated
from jetlego.data.check import check
from jetlego.data.read import read_jets
from jetlego.errors import JetlegoError
warnings.simplefilter("ignore")
path, count, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_CPU, (20 + 3 * count, 30 + 3 * count))
copy = path.with_name("damaged" + path.suffix)
outcomes = {"read": 0, "refused": 0}
for told, data in mutated(path.read_bytes(), count, seed=seed):
    copy.write_bytes(data)
    print(told, file=sys.stderr, flush=True)
    try:
        read_jets(copy)
        outcomes["read"] += 1
    except JetlegoError as error:
        assert "\\n" not in str(error), repr(error)
        outcomes["refused"] += 1
    check(copy)
print(outcomes["refused"])
"""


def made(folder: Path, kind: str) -> Path:
    """Write a small good file of one container."""
    arrays = jetclass_arrays([3, 1, 5, 2, 4] * 4)
    if kind in ("ttree", "rntuple"):
        return (write_tree if kind == "ttree" else write_rntuple)(folder / f"{kind}.root", arrays)
    source = write_tree(folder / "source.root", arrays)
    if kind in ("parquet", "h5"):
        convert(source, folder / f"a.{kind}")
        return folder / f"a.{kind}"
    if kind == "npz":
        np.savez_compressed(folder / "a.npz", X=np.random.default_rng(0).uniform(1, 2, (9, 4, 4)), y=np.arange(9) % 2)
        return folder / "a.npz"
    texts = {
        "hepmc": "HepMC::Version 3.0\nHepMC::Asciiv3-START_EVENT_LISTING\nE 0 1 2\nU GEV MM\n"
                 "P 1 0 211 30 1 2 40 0.1 1\nP 2 0 22 20 1 9 50 0 1\nHepMC::Asciiv3-END_EVENT_LISTING\n",
        "json": "\n".join(json.dumps([{}, {"px": 30.0 + i, "py": 1.0, "pz": 2.0, "E": 50.0}]) for i in range(9)),
        "dat": "".join(f"{30 + i} 1 2 {50 + i}\n#END\n" for i in range(9)),
    }  # fmt: skip
    path = folder / (f"a.{kind}" if kind != "json" else "a_QCD_.json.gz")
    if kind == "pickle":
        tree = {"tree": np.array([[1, 2], [-1, -1], [-1, -1]]), "root_id": 0, "content": np.array(
            [[60.0, 1, 1, 80], [30, 0, 1, 40], [30, 1, 0, 40]])}  # fmt: skip
        path.write_bytes(b"".join(pickle.dumps(tree, protocol=2) for _ in range(5)))
    else:
        data = texts[kind].encode()
        path.write_bytes(gzip.compress(data) if kind == "json" else data)
    return path


KINDS = ["ttree", "rntuple", "parquet", "h5", "npz", "hepmc", "json", "dat", "pickle"]


def refused(path: Path, count: int, seed: int) -> int:
    """Read damaged copies in a process of its own and return how many were refused."""
    here = str(Path(__file__).parents[1])
    command = [sys.executable, "-c", READ_ALL, str(path), str(count), str(seed), here]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"exit {done.returncode}\n{done.stderr[-3000:]}"
    return int(done.stdout)


def test_some_damaged_files(tmp_path) -> None:
    assert refused(made(tmp_path, "ttree"), 12, 1) > 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_many_damaged_files(tmp_path, kind) -> None:
    assert refused(made(tmp_path, kind), 250, 2) > 25
