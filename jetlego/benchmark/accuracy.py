"""Architectures side by side: every entry and seed trained on the same jets, resumable, summed up in one table."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from jetlego.atomic import write_atomic
from jetlego.benchmark.accuracy_config import BenchConfig, Entry
from jetlego.benchmark.boosted_tree import train_boosted_tree
from jetlego.benchmark.cost import cost_of
from jetlego.errors import JetlegoWarning
from jetlego.training.config import DataConfig, RunConfig
from jetlego.training.load_config import load_config
from jetlego.training.observer import Observer
from jetlego.training.recipe import Recipe, build_model
from jetlego.training.splits import Splits, read_labeled, read_splits
from jetlego.training.task import Classification
from jetlego.training.train import train

_FIGURES = ("auc", "accuracy")


def compare(
    config: BenchConfig,
    source: Path,
    out: Path,
    *,
    observer: Observer | None = None,
    tell: Callable[[list[dict[str, Any]]], None] | None = None,
) -> list[dict[str, Any]]:
    """Train whatever is not trained yet and return one row an entry.

    Parameters
    ----------
    config
        The comparison.
    source
        Its YAML file: the entries' paths are relative to it.
    out
        Folder with one run folder an entry and seed; an entry that is there is not trained again. All entries are
        trained with the first seed, then with the next.
    observer
        Told of progress.
    tell
        Called with the rows so far after each run, so that a table can grow.

    Returns
    -------
    list of dict
        ``name, auc, auc_spread, background_rejection_0.3, ..., parameters, flops_per_jet, train_rate, rate, unit`` with
        the mean over seeds and, as ``*_spread``, their standard deviation. Rates are jets a second of processor time.
    """
    observer = observer or Observer()
    splits: dict[str, Splits] = {}
    results: dict[str, list[dict[str, Any]]] = {}
    for seed, (data, entry) in product(config.seeds, config.expanded()):
        folder = out / f"{_slug(entry.name)}-seed{seed}"
        if entry.boosted_tree is None:
            result = _network(config, data, entry, source, folder, seed, observer)
        else:
            key = data.model_dump_json()
            splits[key] = splits.get(key) or read_splits(data)
            result = _boosted(splits[key], data, entry, folder, seed)
        results.setdefault(entry.name, []).append(result)
        if tell is not None:
            tell(_rows(results))
    return _rows(results)


def _rows(results: Mapping[str, Sequence[dict[str, Any]]]) -> list[dict[str, Any]]:
    return [_summary(name, of_entry) for name, of_entry in results.items()]


def _network(
    bench: BenchConfig, jets: DataConfig, entry: Entry, source: Path, folder: Path, seed: int, observer: Observer
) -> dict[str, Any]:
    words = [f"{key}={json.dumps(value)}" for key, value in entry.change.items()]
    base = load_config(source.parent / str(entry.config), [*words, f"training.seed={seed}"])
    # everything of the jets is shared but what a model is told of each constituent
    shared = {key: getattr(jets, key) for key in DataConfig.model_fields if key != "features"}
    equal = {"minutes": bench.minutes, "threads": bench.threads}
    data = base.data.model_copy(update=shared)
    training = base.training.model_copy(update={key: value for key, value in equal.items() if value is not None})
    config = RunConfig.model_validate(
        {
            **base.resolved(),
            "data": data.model_dump(by_alias=True),
            "training": training.model_dump(),
            "name": entry.name,
        }
    )
    if not (folder / "metrics.json").exists():
        _warm_up(config)
    run = train(config, folder, resume=True, observer=observer)
    assert run is not None, "a comparison runs on one rank"
    last, cost = run.history()[-1], cost_of(run)
    trained = last["step"] * config.training.batch_size / last["cpu_seconds"]
    metrics = run.metrics()
    metrics["train"]["seconds"] = last["cpu_seconds"]
    return {**metrics, "train_rate": trained, "rate": cost.jets_per_second, "flops_per_jet": cost.flops_per_jet}


def _warm_up(config: RunConfig) -> None:
    """Have everything compiled before a run's clock starts: a step on a few jets, thrown away."""
    few = read_labeled(config.data.train, config.data.model_copy(update={"max_jets": 64}))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", JetlegoWarning)  # of columns that are constant among so few
        recipe, store = Recipe.fit_apply(config, few)
    batch = store.batch(np.arange(few.num_jets))
    Classification.from_config(config).loss(build_model(config, recipe), batch).backward()


def _boosted(splits: Splits, data: DataConfig, entry: Entry, folder: Path, seed: int) -> dict[str, Any]:
    kept = folder / "metrics.json"
    if not kept.exists():
        result = train_boosted_tree(splits, entry.boosted_tree or [], data, seed=seed)
        write_atomic(kept, json.dumps(result, indent=1))
    return json.loads(kept.read_text())


def _summary(name: str, results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    row: dict[str, Any] = {"name": name, "seeds": len(results), "parameters": results[0]["train"]["parameters"]}
    figures = {figure: [r["test"][figure] for r in results] for figure in _FIGURES}
    for efficiency in results[0]["test"]["background_rejection"]:
        figures[f"background_rejection_{efficiency}"] = [r["test"]["background_rejection"][efficiency] for r in results]
    chosen_on = [r["train"]["best"]["val_auc"] for r in results if "best" in r["train"]]
    if chosen_on:
        figures["val_auc"] = chosen_on
    flat = [r["test"]["flat_pt"] for r in results if "flat_pt" in r["test"]]
    if flat:
        figures["auc_flat_pt"] = [part["auc"] for part in flat]
        figures["background_rejection_0.5_flat_pt"] = [part["background_rejection"].get("0.5") for part in flat]
    for figure, values in figures.items():
        known = [v for v in values if v is not None]
        row[figure] = float(np.mean(known)) if known else None
        row[f"{figure}_spread"] = float(np.std(known, ddof=1)) if len(known) > 1 else None
    row["train_seconds"] = float(np.mean([r["train"]["seconds"] for r in results]))
    for key in ("train_rate", "rate", "flops_per_jet"):
        row[key] = float(np.mean([r[key] for r in results])) if key in results[0] else None
    row["unit"] = "jets/s of processor time"
    return row


def _slug(name: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in name.lower()).strip("-")
