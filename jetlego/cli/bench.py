"""``jetlego bench``: speed side by side with what users have today, or architectures side by side on one data set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

Room = Literal["clustering", "recursion", "loader"]


def bench(
    *paths: str,
    speed: Room | None = None,
    accuracy: bool = False,
    out: Path | None = None,
    runs: Path | None = None,
    jets: int = 2000,
) -> None:
    """Measure one room against its references (--speed), or train architectures side by side (a CONFIG).

    A comparison may be stopped and started again: a run that is done is not done again. Its table and its picture grow
    in the folder of its runs, as results.json, table.md and comparison.png.

    Examples: jetlego bench --speed clustering; jetlego bench --accuracy configs/bench/quick.yaml

    Parameters
    ----------
    paths
        With --speed: jets to measure on (default: the embedded ones). Else: the comparison's YAML file.
    speed
        Room to measure: rates and ratios, all from one run.
    accuracy
        Say that paths names a comparison; without --speed this is understood.
    out
        Also write the rows as JSON.
    runs
        Folder of the comparison's runs; default: runs/bench-NAME.
    jets
        With --speed: at most this many jets.
    """

    from jetlego.atomic import write_atomic
    from jetlego.cli.bench_table import accuracy_table, speed_table
    from jetlego.cli.console import results_console
    from jetlego.errors import ConfigError
    from jetlego.training.environment import environment

    if speed is not None and accuracy:
        raise ConfigError("USAGE", "--speed and --accuracy are two measurements", "give one of them")
    if speed is None and len(paths) != 1:
        raise ConfigError(
            "USAGE",
            "jetlego bench needs --speed ROOM or one comparison",
            "for example jetlego bench configs/bench/baseline.yaml",
        )
    rows = _measure(speed, list(paths), jets) if speed else _compare(Path(paths[0]), runs)
    results_console().print(speed_table(rows) if speed else accuracy_table(rows))
    if out is not None:
        write_atomic(out, json.dumps({"environment": environment(), "results": rows}, indent=1))


def _measure(room: Room, files: list[str], jets: int) -> list[dict[str, Any]]:
    from jetlego.benchmark.speed import measure

    return [dict(row) for row in measure(room, files, max_jets=jets)]


def _compare(path: Path, runs: Path | None) -> list[dict[str, Any]]:
    from jetlego.benchmark.accuracy import compare
    from jetlego.benchmark.accuracy_config import load_bench
    from jetlego.benchmark.accuracy_page import write_results
    from jetlego.cli.progress import TerminalObserver

    folder, config = runs or Path("runs") / f"bench-{path.stem}", load_bench(path)

    def tell(rows: list[dict[str, Any]]) -> None:
        write_results(folder, rows, title=config.title)

    with TerminalObserver() as observer:
        return compare(config, path, folder, observer=observer, tell=tell)
