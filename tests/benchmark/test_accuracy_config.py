"""A comparison's grid and tasks: every combination once, with its own jets and changes."""

from pathlib import Path

from jetlego.benchmark.accuracy_config import load_bench
from jetlego.training.load_config import load_config

STUDY = Path(__file__).parents[2] / "configs/studies/topologies.yaml"


def test_the_topology_study_trains_each_tree_and_cell_on_each_task():
    pairs = load_bench(STUDY).expanded()
    assert len(pairs) == len({entry.name for _, entry in pairs}) == 6 * 2 * 2
    seen = set()
    for data, entry in pairs:
        words = [f"{key}={value}" for key, value in entry.change.items()]
        run = load_config(STUDY.parent / entry.config, words)
        seen.add((next(iter(data.classes)), run.structure.tree.algorithm, run.model["cell"]["brick"]))
        assert Path(data.train[0]).stem == data.classes[next(iter(data.classes))].removeprefix("label_")
    assert len(seen) == 24
