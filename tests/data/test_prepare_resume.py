"""The same bytes after kills, with any number of workers and on a cluster; other options or files are refused."""

from __future__ import annotations

import multiprocessing
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from oracles.jet_files import jetclass_arrays, write_tree
from oracles.prepared import FILES, OPTIONS, digests

from jetlego.atomic import FolderLock
from jetlego.data.convert import table_of
from jetlego.data.files import check_splits, find_files
from jetlego.data.generate.writer import write_jets
from jetlego.data.read import read_jets
from jetlego.data.shards.prepare import prepare
from jetlego.errors import ConfigError, DataError, EnvironmentFault, JetlegoWarning

SMALL = {**OPTIONS, "jets_per_shard": 50}
SCRIPT = """
import sys
from jetlego.data.shards.prepare import prepare
if __name__ == "__main__":
    prepare({files!r}, {folder!r}, workers={workers}, **{options!r})
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Return 12 files of 50 embedded jets each."""
    folder = tmp_path_factory.mktemp("jets")
    table = table_of(read_jets("sample://top/val", entries=(0, 600)))
    for i in range(12):
        write_jets(folder / f"{i:02d}.root", iter([table.select(np.arange(50 * i, 50 * i + 50))]))
    return sorted(map(str, folder.glob("*.root")))


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, files):
    folder = tmp_path_factory.mktemp("whole") / "shards"
    assert len(prepare(files, folder, **SMALL)["shards"]) == 12
    return digests(folder)


def start(script: Path, files: list[str], folder: Path, workers: int = 1) -> subprocess.Popen:
    script.write_text(SCRIPT.format(files=files, folder=str(folder), workers=workers, options=SMALL))
    return subprocess.Popen([sys.executable, str(script)], start_new_session=True)


def shards(folder: Path) -> dict[str, int]:
    """Return {shard: inode}; a shard that is written again is another file."""
    return {path.name: path.stat().st_ino for path in folder.glob("[0-9]*.shard")}


def wait_until(condition, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_killed_in_the_midst_and_run_again(tmp_path, files, uninterrupted) -> None:
    folder = tmp_path / "shards"
    process = start(tmp_path / "run.py", files, folder)
    wait_until(lambda: len(shards(folder)) >= 3)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    before = shards(folder)
    assert 3 <= len(before) < 12
    assert not (folder / "manifest.json").exists()
    with pytest.raises(DataError, match="prepared only in part") as caught:
        read_jets(folder)
    assert caught.value.id == "SHARD-MISSING"
    (folder / f".tmp-{process.pid}-0-00000-003.shard").write_bytes(b"half")
    damaged = min(before)
    data = bytearray((folder / damaged).read_bytes())
    data[-100] ^= 1
    (folder / damaged).write_bytes(bytes(data))
    prepare(files, folder, **SMALL)
    assert digests(folder) == uninterrupted
    after = shards(folder)
    kept = [name for name, inode in before.items() if after[name] == inode]
    assert len(kept) >= 2, "finished tasks are not done again"
    prepare(files, folder, **SMALL)
    assert shards(folder) == after, "a finished folder is left as it is"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_killed_at_random_instants_with_two_workers(tmp_path, files, uninterrupted, seed) -> None:
    folder, rng = tmp_path / "shards", random.Random(seed)
    for _ in range(3):
        process = start(tmp_path / "run.py", files, folder, workers=2)
        time.sleep(rng.uniform(0.5, 9))
        process.send_signal(signal.SIGKILL)
        process.wait()
        wait_until(lambda group=process.pid: not group_lives(group))
    prepare(files, folder, **SMALL)
    assert digests(folder) == uninterrupted, f"seed {seed}"


def group_lives(group: int) -> bool:
    """Return whether workers outlive the process that began them."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
def test_workers_give_the_same_bytes(tmp_path, files, uninterrupted) -> None:
    prepare(files, tmp_path / "three", workers=3, **SMALL)
    assert digests(tmp_path / "three") == uninterrupted


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_dask_cluster_gives_the_same_bytes(tmp_path, files, uninterrupted) -> None:
    distributed = pytest.importorskip("distributed", reason="needs the extra 'cluster'")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=2, host="127.0.0.1", dashboard_address=None, local_directory=tmp_path / "dask"
    ) as cluster:
        address = cluster.scheduler_address.removeprefix("tcp://")
        prepare(files, tmp_path / "shards", executor=f"dask://{address}", **SMALL)
        assert digests(tmp_path / "shards") == uninterrupted
        with pytest.raises(DataError) as caught:
            prepare(files, tmp_path / "none", executor=f"dask://{address}", where="jet_pt > 1e9")
        assert caught.value.id == "NO-JETS"


@pytest.mark.slow
def test_a_worker_that_dies_is_told_with_what_it_was_at(tmp_path, files) -> None:
    folder = tmp_path / "shards"

    def kill_one() -> None:
        wait_until(lambda: len(shards(folder)) >= 1, seconds=300)
        multiprocessing.active_children()[0].kill()

    killer = threading.Thread(target=kill_one)
    killer.start()
    with pytest.raises(DataError, match=r"\d\d\.root entries 0 to 50") as caught:
        prepare(files, folder, workers=2, **SMALL)
    killer.join()
    assert caught.value.id == "WORKER-LOST"


def test_other_options_and_files_are_refused_unless_overwritten(tmp_path) -> None:
    source, folder = write_tree(tmp_path / "a.root", jetclass_arrays([2, 3, 4])), tmp_path / "shards"
    prepare(source, folder)
    first = digests(folder)
    (folder / "notes.txt").write_text("mine")
    for change, id in (({"histories": ["kt"]}, "RESUME-MISMATCH"), ({"values": "float16"}, "RESUME-MISMATCH")):
        with pytest.raises(ConfigError, match=r"other options: .* -> ") as caught:
            prepare(source, folder, **change)
        assert caught.value.id == id
    moved = shutil.copy(source, tmp_path / "moved.root")
    prepare(moved, folder)  # the same bytes elsewhere are the same file
    write_tree(tmp_path / "a.root", jetclass_arrays([2, 3, 4], seed=1))
    with pytest.raises(DataError) as changed:
        prepare(source, folder)
    assert changed.value.id == "FILE-CHANGED"
    prepare(source, folder, overwrite=True)
    assert digests(folder)["manifest.json"] != first["manifest.json"]
    assert (folder / "notes.txt").read_text() == "mine"
    inner = shutil.copy(source, folder / "b.root")
    with pytest.raises(ConfigError, match="lies in the folder"):
        prepare(inner, folder, overwrite=True)


def test_damaged_files_stop_or_are_noted(tmp_path) -> None:
    good = write_tree(tmp_path / "a.root", jetclass_arrays([2, 3, 4]))
    bad = tmp_path / "b.root"
    bad.write_bytes(good.read_bytes()[:200])
    with pytest.raises(DataError) as caught:
        prepare([good, bad], tmp_path / "stop")
    assert caught.value.id in ("BAD-FILE", "NO-TREE")
    with pytest.warns(JetlegoWarning, match=r"skipped: .*b\.root"):
        manifest = prepare([bad, good], tmp_path / "skip", on_bad_file="skip")
    assert [warning["id"] for warning in manifest["warnings"]] == ["BAD-FILE"]
    assert read_jets(tmp_path / "skip").jet["file_index"].tolist() == [1, 1, 1]


def test_executors_that_are_not_there(tmp_path, monkeypatch) -> None:
    for executor, error, id in (
        ("slurm://x", ConfigError, "BAD-VALUE"), ("dask://", ConfigError, "BAD-VALUE"),
    ):  # fmt: skip
        with pytest.raises(error) as caught:
            prepare(FILES, tmp_path / "a", executor=executor)
        assert caught.value.id == id
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(EnvironmentFault, match=r"jetlego\[cluster\]") as missing:
        prepare(FILES, tmp_path / "a", executor="dask://127.0.0.1:1")
    assert missing.value.id == "DEPENDENCY"
    assert not (tmp_path / "a").exists(), "told before any work"


def test_options_are_checked_with_their_place(tmp_path) -> None:
    (tmp_path / "p.yaml").write_text("features: kin\nhistorys: [kt]\n")
    with pytest.raises(ConfigError, match=r"p\.yaml:2:1.*did you mean 'histories'") as caught:
        prepare(FILES, tmp_path / "a", config=tmp_path / "p.yaml")
    assert caught.value.id == "UNKNOWN-KEY"
    for wrong in ({"histories": ["ktt"]}, {"momenta": "float16"}, {"jets_per_shard": 0}, {"schema": "nothing"}):
        with pytest.raises(ConfigError) as fault:
            prepare(FILES, tmp_path / "a", **wrong)
        assert fault.value.id == "BAD-VALUE"
    assert not (tmp_path / "a").exists()


def test_one_process_in_a_folder_and_a_full_disk(tmp_path) -> None:
    folder, source = tmp_path / "shards", write_tree(tmp_path / "a.root", jetclass_arrays([2, 3, 4] * 40), baskets=3)
    with FolderLock(folder), pytest.raises(EnvironmentFault) as locked:
        prepare(source, folder)
    assert locked.value.id == "LOCKED"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (6000, limits[1]))
    try:
        with pytest.raises(EnvironmentFault) as full:
            prepare(source, folder, jets_per_shard=40)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert full.value.id == "DISK-FULL"
    assert [path.name for path in folder.iterdir()] == [".plan.json"], "nothing half-written stays"
    assert prepare(source, folder, jets_per_shard=40)["jets"] == 120


def test_shards_of_a_test_file_do_not_pass_for_training_jets(tmp_path) -> None:
    a, b = (write_tree(tmp_path / f"{i}.root", jetclass_arrays([2, 3, 4], seed=i)) for i in range(2))
    for name, where in (("all", None), ("odd", "event_index % 2 == 1"), ("even", "event_index % 2 == 0")):
        prepare([a], tmp_path / name, where=where)
    found = {name: find_files(tmp_path / name) for name in ("all", "odd", "even")}
    check_splits({"train": found["odd"], "test": found["even"], "val": [b]})
    for train, test in ((found["all"], [a]), (found["odd"], found["all"]), ([b, a], found["even"])):
        with pytest.raises(DataError, match="hold jets of the same file") as caught:
            check_splits({"train": train, "test": test})
        assert caught.value.id == "SPLIT-LEAK"
    assert find_files(tmp_path / "o*") == found["odd"]
    assert find_files(tmp_path / "odd" / "*") == found["odd"]
