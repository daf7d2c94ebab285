"""From files to padded tensors: our reading of a weaver configuration beside uproot's bare decoding, and weaver itself.

uproot's rate is that of reading the same branches and doing nothing with them. weaver-core is timed too where a Python
that has it is given (``JETLEGO_WEAVER_PYTHON``, or ``.peer/bin/python`` in the working folder); everything takes turns
in one run. A worker of ours is one process of two threads, one that decodes and one that transforms and pads; weaver's
is a process that does both, beside one that collects its batches; uproot decodes in one thread. Prepared shards are
read in one thread, batch after batch: packed jets with all their columns, momenta in double precision, and the float32
inputs of their constituents, standardised.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import uproot

from jetlego.benchmark.loader_memory import measure_memory
from jetlego.data.files import container_of, find_files
from jetlego.data.shards.prepare import prepare
from jetlego.data.shards.shards import Shards
from jetlego.data.weaver import WeaverConfig, iterate_weaver, load_weaver_config
from jetlego.data.weaver.plan import Plan
from jetlego.errors import ConfigError, DataError, EnvironmentFault, JetlegoWarning

DECODING = "uproot decoding the same branches"
WEAVER_DEFAULT = "weaver, fetch_step 0.01 (its default)"
WEAVER_BEST = "weaver, best fetch_step"
BATCH = 512
SHARDS = f"jetlego, prepared shards in batches of {BATCH}"

_REPEATS, _PEER_DEFAULT = (1, 10), "0.01"
_PEER = Path(__file__).with_name("weaver_peer.py")
_CONFIG = Path(__file__).with_name("loader.yaml")


def measure_files(
    paths: Sequence[str], *, config: str | Path | None = None, peer: str | Path | None = None, rounds: int = 3,
    memory: bool = True,
) -> list[dict[str, Any]]:
    """Return rows ``{name, rate, unit, reference, ratio, spread}`` in jets per second of wall time, best of ``rounds``.

    ``ratio`` is the median of the ratios of each round, ``spread`` their least and largest. The last rows are peak
    memory in MB, of the files once and ten times over.

    Parameters
    ----------
    paths
        ROOT files with JetClass names; a weaver configuration among them (``.yaml``) is used as ``config``.
    config
        Weaver configuration; default: the 17 features of JetClass, computed from momenta.
    peer
        Python with weaver-core.
    memory
        Whether to measure memory as well.
    """
    config = next((path for path in paths if str(path).endswith(".yaml")), config)
    files = find_files([path for path in paths if not str(path).endswith(".yaml")])
    if any(container_of(path) != "root" for path in files):
        raise ConfigError("BAD-VALUE", "the loader is measured on ROOT files")
    loaded = load_weaver_config(config or _CONFIG)
    with tempfile.TemporaryDirectory() as folder:
        _prepare(files, folder)
        contestants = {**_contestants(loaded, files), SHARDS: lambda: _mapped(Shards(folder))}
        rates = _rates(contestants, lambda: _peer_rates(_peer_python(peer), loaded.path, files), rounds)
    rows = _rows(rates)
    return rows + measure_memory(loaded.path, files, batch=BATCH, repeats=_REPEATS) if memory else rows


def _rates(
    contestants: Mapping[str, Callable[[], int]], peers: Callable[[], Mapping[str, float]], rounds: int
) -> list[dict[str, float]]:
    """Return {name: rate} of each round, in which everything takes its turn."""
    return [{**{name: _rate(run) for name, run in contestants.items()}, **peers()} for _ in range(rounds)]


def _prepare(files: Sequence[Path], folder: str) -> None:
    """Write shards with the 17 inputs of JetClass, or with the 7 that follow from momenta where columns are missing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", JetlegoWarning)  # flags have no spread, and that is no news here
        try:
            prepare(files, folder, features="full")
        except DataError as error:
            if error.id != "NO-BRANCH":
                raise
            prepare(files, folder, features="kin", overwrite=True)


def _mapped(shards: Shards) -> int:
    """Return the number of jets after packed jets and ready inputs of each batch were made."""
    count = 0
    for start in range(0, shards.num_jets, BATCH):
        stop = min(start + BATCH, shards.num_jets)
        jets, inputs = shards.read(start, stop), shards.inputs_of(start, stop)
        assert len(inputs) == len(jets.p4)
        count += jets.num_jets
    return count


def _contestants(config: WeaverConfig, files: Sequence[Path]) -> dict[str, Callable[[], int]]:
    branches = frozenset(Plan(config, "train").branches)

    def decode() -> int:
        return sum(_decoded(path, branches) for path in files)

    def chunks() -> int:
        return sum(map(len, iterate_weaver(config, files)))

    def batches() -> int:
        return sum(map(len, iterate_weaver(config, files, mode="train", batch_size=BATCH, shuffle=True)))

    for run in (chunks, batches):  # compiles
        run()
    return {DECODING: decode, "jetlego, in order": chunks, f"jetlego, shuffled batches of {BATCH}": batches}


def _decoded(path: Path, branches: frozenset[str]) -> int:
    with uproot.open(path, object_cache=None, array_cache=None) as file:
        trees = [name for name, kind in file.classnames(cycle=False).items() if kind == "TTree"]
        tree = max((file[name] for name in trees), key=lambda t: len(branches & set(t.keys())))
        return len(tree.arrays(filter_name=lambda name: name in branches))


def _rate(run: Callable[[], int]) -> float:
    start = time.perf_counter()
    return run() / (time.perf_counter() - start)


def _peer_python(peer: str | Path | None) -> Path | None:
    if peer is None:
        given = os.environ.get("JETLEGO_WEAVER_PYTHON")
        return Path(given) if given else next(iter(Path.cwd().glob(".peer/bin/python")), None)
    return Path(peer)


def _peer_rates(python: Path | None, config: Path, files: Sequence[Path]) -> dict[str, float]:
    """Return {name: rate} of weaver at its best and at its default setting; nothing without a peer."""
    if python is None:
        return {}
    with tempfile.TemporaryDirectory() as folder:  # weaver writes beside its configuration
        copy = Path(folder) / "config.yaml"
        copy.write_bytes(config.read_bytes())
        command = [str(python), str(_PEER), str(copy), str(BATCH), *map(str, files)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        what = f"weaver could not be measured with {python}: {done.stderr.strip().splitlines()[-1:]}"
        raise EnvironmentFault("DEPENDENCY", what)
    return _peer_rows(json.loads(done.stdout.splitlines()[-1]))


def _peer_rows(rates: Mapping[str, float]) -> dict[str, float]:
    """Return the rows of {fetch_step: jets per second}; a setting with which weaver delivers nothing is left out."""
    empty = [step for step, rate in rates.items() if not rate > 0]
    what = f"weaver delivered no jet of these files with fetch_step {', '.join(empty)}"
    if len(empty) == len(rates):
        raise EnvironmentFault("DEPENDENCY", what, "see what weaver itself says of these files")
    if empty:
        warnings.warn(JetlegoWarning("PEER", what), stacklevel=4)
    rows = {WEAVER_BEST: max(rates.values()), WEAVER_DEFAULT: rates[_PEER_DEFAULT]}
    return {name: rate for name, rate in rows.items() if rate > 0}


def _rows(rounds: Sequence[Mapping[str, float]]) -> list[dict[str, Any]]:
    known = (DECODING, WEAVER_BEST, WEAVER_DEFAULT)
    references = [name for name in known if all(name in rates for rates in rounds)]
    rows = [_row(name, rounds) for name in references]
    ours = [name for name in rounds[0] if name.startswith("jetlego")]
    return rows + [_row(name, rounds, reference) for name in ours for reference in references]


def _row(name: str, rounds: Sequence[Mapping[str, float]], reference: str | None = None) -> dict[str, Any]:
    row = {"name": name, "rate": max(rates[name] for rates in rounds), "unit": "jets/s", "reference": reference}
    if reference is None:
        return {**row, "ratio": None, "spread": None}
    ratios = [rates[name] / rates[reference] for rates in rounds]
    return {**row, "ratio": float(np.median(ratios)), "spread": [min(ratios), max(ratios)]}
