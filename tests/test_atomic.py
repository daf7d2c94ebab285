import os
import resource
import subprocess
import sys

import pytest

from jetlego.atomic import process_lives, remove_leftovers, require_writable, write_atomic, write_folder
from jetlego.errors import EnvironmentFault


def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path):
    path = tmp_path / "new" / "file.json"
    write_atomic(path, "one")
    write_atomic(path, b"two")
    assert path.read_bytes() == b"two"
    assert os.listdir(path.parent) == ["file.json"]


def test_a_folder_appears_whole_and_is_never_written_over(tmp_path):
    write_folder(tmp_path / "step", {"a": b"1", "b": b"2"})
    assert {p.name: p.read_bytes() for p in (tmp_path / "step").iterdir()} == {"a": b"1", "b": b"2"}
    with pytest.raises(EnvironmentFault, match="step: "):
        write_folder(tmp_path / "step", {"a": b"other"})
    assert (tmp_path / "step" / "a").read_bytes() == b"1"
    assert os.listdir(tmp_path) == ["step"]


def test_a_write_past_the_file_size_limit_keeps_the_old_file(tmp_path):
    path = tmp_path / "file"
    write_atomic(path, b"old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(EnvironmentFault) as caught:
            write_atomic(path, b"x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.id == "DISK-FULL"
    assert caught.value.exit_code == 4
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_folder_that_cannot_be_made_is_told_before_any_work(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(EnvironmentFault, match=r"file.*run"):
        require_writable(tmp_path / "file" / "run")


def test_leftovers_of_dead_processes_go_and_those_of_living_ones_stay(tmp_path):
    command = [sys.executable, "-c", "import os; print(os.getpid())"]
    dead = subprocess.run(command, capture_output=True, text=True, check=True)
    pid = int(dead.stdout)
    assert not process_lives(pid)
    (tmp_path / f".tmp-{pid}-aa-x").write_text("")
    (tmp_path / f".tmp-{os.getpid()}-aa-x").write_text("")
    assert remove_leftovers(tmp_path) == [f".tmp-{pid}-aa-x"]
    assert os.listdir(tmp_path) == [f".tmp-{os.getpid()}-aa-x"]
