"""From a configuration to a run folder: read, prepare, fit, evaluate, write."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric

from jetlego.atomic import write_atomic
from jetlego.data.augment import Augmentation, augmented
from jetlego.data.draw import Draw
from jetlego.data.jets import Jets
from jetlego.data.table import write_table
from jetlego.errors import ConfigError
from jetlego.structures.store import JetStore
from jetlego.training.batches import Batches, StoreBatches
from jetlego.training.checkpoint import CheckpointStore
from jetlego.training.config import RunConfig
from jetlego.training.engine import make_fabric
from jetlego.training.environment import environment
from jetlego.training.figures import score_metrics
from jetlego.training.folder import FolderLock
from jetlego.training.load_config import parse_config, to_yaml
from jetlego.training.loop import Trainer
from jetlego.training.observer import Observer
from jetlego.training.predictions import prediction_columns, scored
from jetlego.training.preemption import StopRequest
from jetlego.training.recipe import Recipe, build_model, prepared
from jetlego.training.run import Run, load_run
from jetlego.training.sources import Origin
from jetlego.training.splits import STREAM_RECORD, AnySplits, splits_of
from jetlego.training.streaming import StreamBatches
from jetlego.training.weights import weight_column


def train(config: RunConfig, folder: Path, *, resume: bool = False, observer: Observer | None = None) -> Run | None:
    """Train, choose the best epoch on the validation split, evaluate it on the test split, write the run folder.

    Parameters
    ----------
    config
        What to do.
    folder
        Where the run lives: ``config.yaml``, ``preprocessing.json``, ``log.jsonl``, ``checkpoints/``, then
        ``metrics.json`` and ``predictions.root``.
    resume
        Go on from the newest checkpoint; a finished run is returned as it is.
    observer
        Told of progress.

    Returns
    -------
    Run
        The trained tagger; None on every rank but the first of several.

    Raises
    ------
    ConfigError
        ``RESUME-MISMATCH`` if the folder holds a run of another configuration.
    Preempted
        If a signal asked for a stop; the state is saved.
    """
    fabric = make_fabric(config.training)
    observer = observer if observer and fabric.is_global_zero else Observer()  # one rank talks for all
    folder = Path(fabric.broadcast(str(folder)))  # ranks may have looked for a free folder at different times
    with FolderLock(folder) if fabric.is_global_zero else contextlib.nullcontext():
        fabric.barrier()
        if resume:
            _require_same_run(config, folder)
        if not (resume and (folder / "metrics.json").exists()):
            observer.stage("reading jets")
            splits = _splits(config, folder, fabric, resume=resume)
            _fit(config, folder, splits, fabric, resume=resume, observer=observer)
            if fabric.is_global_zero:
                observer.stage("evaluating")
                write_test_results(load_run(folder), splits)
        fabric.barrier()
        observer.done()
    return load_run(folder) if fabric.is_global_zero else None


def _splits(config: RunConfig, folder: Path, fabric: Fabric, *, resume: bool) -> AnySplits:
    """Return the splits: in memory or, streamed, counted by the first rank and remembered in the run folder."""
    origin = Origin.of(config.data)
    origin = origin.narrowed(lambda jets: _looked_at(config, jets))
    if fabric.is_global_zero and not resume:
        (folder / STREAM_RECORD).unlink(missing_ok=True)
    if config.data.stream is None or fabric.is_global_zero:
        splits = splits_of(config.data, origin=origin, folder=folder)
    fabric.barrier()
    if config.data.stream is not None and not fabric.is_global_zero:
        splits = splits_of(config.data, origin=origin, folder=folder)
    return splits


def _looked_at(config: RunConfig, jets: Jets) -> JetStore:
    """Return all that a run takes from jets of an ordinary layout, with the variables that weigh them."""
    flattening = config.data.flattening
    weighed_by = {} if flattening is None else {name: weight_column(jets, name) for name in flattening.columns}
    return replace(prepared(config, jets), jet=weighed_by)


def _fit(
    config: RunConfig, folder: Path, splits: AnySplits, fabric: Fabric, *, resume: bool, observer: Observer
) -> None:
    observer.stage("growing trees and features" if config.structure.named_trees else "preparing features")
    recipe, *batches = _batches(config, splits)
    torch.manual_seed(config.training.seed + fabric.global_rank)
    model = build_model(config, recipe)
    if fabric.is_global_zero:
        write_atomic(folder / "config.yaml", to_yaml(config.resolved()))
        write_atomic(folder / "preprocessing.json", json.dumps(recipe.to_dict()))
    notes = {"skipped_files": len(splits.origin.skipped)} if splits.origin.skipped else {}
    trainer = Trainer(config, model, *batches, fabric=fabric, folder=folder, observer=observer, notes=notes)
    checkpoint = CheckpointStore(folder / "checkpoints").latest() if resume else None
    if checkpoint is not None:
        trainer.restore(checkpoint)
    with StopRequest() as stop, contextlib.closing(batches[0]), contextlib.closing(batches[1]):
        trainer.fit(stop)


def _batches(config: RunConfig, splits: AnySplits) -> tuple[Recipe, Batches, Batches]:
    """Fit the recipe on training jets, or on a sample of those on disk, and return it with both kinds of batches."""
    train, val, weaver, change = splits.train, splits.val, splits.origin.weaver, _change(config)
    if isinstance(train, Jets):
        recipe, store = Recipe.fit_apply(config, train, weaver=weaver)
        renewed = None if change is None else lambda epoch: recipe.apply(change(train, epoch), training=True)
        return recipe, StoreBatches(store, splits.draw, renewed), StoreBatches(recipe.apply(val))
    sample = train.sample(train.settings.fit_jets, seed=config.training.seed)
    recipe, _ = Recipe.fit_apply(config, sample, weaver=weaver)
    train_batches = StreamBatches(train, partial(recipe.apply, training=True), splits.draw, change)
    streamed = train_batches, StreamBatches(val, recipe.apply)
    return recipe, *streamed


def _change(config: RunConfig) -> Callable[[Jets, int], Jets] | None:
    """Return what makes the jets of an epoch out of those that were read, or None."""
    if config.data.augment is None:
        return None
    how, seed = Augmentation(**config.data.augment.model_dump()), config.training.seed
    return lambda jets, epoch: augmented(jets, how, seed=seed, epoch=epoch)


def write_test_results(run: Run, splits: AnySplits) -> None:
    """Write ``predictions.root`` and ``metrics.json`` of the test split; ``train`` figures stand beside them."""
    test, scores = scored(run, splits.test)
    write_table(run.folder / "predictions.root", prediction_columns(test, scores, run.classes))
    history = run.history()
    best = max(range(len(history)), key=lambda i: (_selected(history[i], run.config), -i))
    metrics = {
        "test": score_metrics(run, test, scores),
        "train": {
            "epochs": history[-1]["epoch"],
            "best_epoch": history[best]["epoch"],
            "best": history[best],
            "skipped_steps": history[-1]["skipped"],
            "seconds": sum(row["seconds"] for row in history),
            "parameters": sum(p.numel() for p in run.model.parameters()),
            "jets": {name: getattr(splits, name).num_jets for name in ("train", "val", "test")},
            **({} if splits.draw is None else {"sampling": _sampling(splits.draw)}),
            "seed": run.config.training.seed,
            "skipped_files": len(splits.origin.skipped),
            "skipped_because": splits.origin.skipped,
            "odd_input": splits.origin.oddities,
        },
        "environment": environment(),
    }
    write_atomic(run.folder / "metrics.json", json.dumps(metrics, indent=1))


def _sampling(draw: Draw) -> dict[str, float]:
    return {"rounds": draw.rounds, "mean_jets_per_epoch": round(draw.expected, 1), "jets_of_every_epoch": draw.fewest}


def _selected(row: dict[str, Any], config: RunConfig) -> float:
    value = row[f"val_{config.training.select}"]
    if value is None:
        return float("-inf")
    return -value if config.training.select == "loss" else value


def _require_same_run(config: RunConfig, folder: Path) -> None:
    from jetlego.data.yaml_reader import read_yaml

    if not (folder / "config.yaml").exists():
        return
    stored = parse_config(read_yaml(folder / "config.yaml").data)  # with defaults for keys that came since
    before, now = _flat(stored.resolved()), _flat(config.resolved())
    harmless = {
        "training.epochs",
        "training.threads",
        "training.device",
        "training.devices",
        "training.keep_checkpoints",
        "training.eval_batch_size",
        "name",
        "evaluation.bootstrap",
        "evaluation.signal_efficiencies",
    }
    differs = [key for key in sorted({*before, *now}) if before.get(key) != now.get(key) and key not in harmless]
    if differs:
        what = "; ".join(f"{key}: {before.get(key)!r} there, {now.get(key)!r} now" for key in differs[:5])
        raise ConfigError(
            "RESUME-MISMATCH", f"{folder} was trained with another configuration: {what}", "train into another --out"
        )


def _flat(data: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(data, dict):
        return {prefix: data}
    return {
        key: value
        for name, inner in data.items()
        for key, value in _flat(inner, f"{prefix}.{name}".lstrip(".")).items()
    }
