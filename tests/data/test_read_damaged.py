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
from oracles.shared_folder import shared

from jetlego.data.convert import convert

READ_ALL = """
import json, resource, sys, warnings
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from oracles.mutations import mutated
from jetlego.data.check import check
from jetlego.data.read import read_jets
from jetlego.errors import JetlegoError
warnings.simplefilter("ignore")
outcomes = []
jobs = json.loads(sys.argv[1])
total = sum(job["count"] for job in jobs)
resource.setrlimit(resource.RLIMIT_CPU, (60 + 5 * total, 90 + 5 * total))
for job in jobs:
    path, refused = Path(job["path"]), 0
    copy = path.with_name("damaged_" + path.name)
    for told, data in mutated(path.read_bytes(), job["count"], seed=job["seed"], kinds=job["kinds"]):
        copy.write_bytes(data)
        print(path.name, told, file=sys.stderr, flush=True)
        try:
            read_jets(copy, schema=job["schema"])
        except JetlegoError as error:
            assert str(error).isprintable(), repr(error)
            assert error.exit_code in (2, 3), repr(error)
            refused += 1
        if job["look"]:
            check(copy, schema=job["schema"])
    outcomes.append(refused)
print(json.dumps(outcomes))
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


CUTS, ALL = ("cut",), ("cut", "flip", "zero", "swap", "insert")


def job(path: Path, count: int, *, seed: int, kinds=ALL, schema="auto", look: bool = True) -> dict:
    """Return what the child process is to read ``count`` times, each time damaged in another way."""
    return {"path": str(path), "count": count, "seed": seed, "kinds": kinds, "schema": schema, "look": look}


def refused(*jobs: dict) -> list[int]:
    """Read damaged copies in a process of its own and return how many of each file were refused."""
    here = str(Path(__file__).parents[1])
    command = [sys.executable, "-c", READ_ALL, json.dumps(jobs), here]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"exit {done.returncode}\n{done.stderr[-3000:]}"
    return json.loads(done.stdout)


def test_some_damaged_files(tmp_path) -> None:
    kinds = ("ttree", "rntuple", "parquet", "h5", "npz")
    paths = [made(tmp_path, kind) for kind in kinds]
    cut = [job(path, 4, seed=1, kinds=CUTS, look=False) for path in paths]
    found = refused(*cut, *(job(path, 5, seed=2) for path in paths))
    assert found[:5] == [4] * 5, "nothing that was cut short may be read"
    assert min(found[5:]) > 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_many_damaged_files(tmp_path, kind) -> None:
    assert refused(job(made(tmp_path, kind), 250, seed=2))[0] > 25


HZZ = {
    "format": "ntuple", "tree": "events", "weight": "EventWeight",
    "jets": {"px": "Jet_Px", "py": "Jet_Py", "pz": "Jet_Pz", "energy": "Jet_E"},
}  # fmt: skip
REAL = {
    "golden/jetclass_mini.root": ("jetclass", 120), "data/formats/JetClassII_example.parquet": ("auto", 120),
    "data/formats/uproot-HZZ-zlib.root": (HZZ, 120), "data/formats/uproot-HZZ-zstd.root": (HZZ, 120),
    "data/formats/nano_dy_rntuple.root": ("nanoaod", 10), "data/formats/nano_dy.root": ("nanoaod", 10),
    "data/formats/events_delphes_higgs2p_example.root": ("delphes:JetPUPPIAK8", 25),
    "data/formats/testHepMC.dat": ("auto", 30), "data/formats/events-ee-Z.hepmc3.gz": ("auto", 20),
    "data/formats/Pythia-PtMin1000-LHC-10ev.dat": ("auto", 15),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_real_files_damaged(tmp_path, name) -> None:
    source = shared(name)
    copy = tmp_path / source.name
    copy.write_bytes(source.read_bytes())
    schema, count = REAL[name]
    cut, damaged = refused(
        job(copy, count, seed=3, kinds=CUTS, schema=schema, look=False),
        job(copy, count, seed=4, schema=schema, look=False),
    )  # fmt: skip
    assert damaged > 0
    if source.suffix in (".root", ".parquet", ".gz"):
        assert cut == count, "a file that ends too early is refused"
