"""From a configuration to a run folder: read, prepare, fit, evaluate, write."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric

from jetlego.atomic import write_atomic
from jetlego.data.table import write_table
from jetlego.errors import ConfigError
from jetlego.training.checkpoint import CheckpointStore
from jetlego.training.config import RunConfig
from jetlego.training.engine import make_fabric
from jetlego.training.environment import environment
from jetlego.training.figures import score_metrics
from jetlego.training.folder import FolderLock
from jetlego.training.load_config import to_yaml
from jetlego.training.loop import Trainer
from jetlego.training.observer import Observer
from jetlego.training.predictions import prediction_columns
from jetlego.training.preemption import StopRequest
from jetlego.training.recipe import Recipe, build_model
from jetlego.training.run import Run, load_run
from jetlego.training.splits import Splits, read_splits


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
            splits = read_splits(config.data)
            _fit(config, folder, splits, fabric, resume=resume, observer=observer)
            if fabric.is_global_zero:
                observer.stage("evaluating")
                write_test_results(load_run(folder), splits)
        fabric.barrier()
        observer.done()
    return load_run(folder) if fabric.is_global_zero else None


def _fit(
    config: RunConfig, folder: Path, splits: Splits, fabric: Fabric, *, resume: bool, observer: Observer
) -> None:
    observer.stage("growing trees and features" if config.structure.named_trees else "preparing features")
    recipe, train_store = Recipe.fit_apply(config, splits.train)
    stores = train_store, recipe.apply(splits.val)
    torch.manual_seed(config.training.seed + fabric.global_rank)
    model = build_model(config, recipe)
    if fabric.is_global_zero:
        write_atomic(folder / "config.yaml", to_yaml(config.resolved()))
        write_atomic(folder / "preprocessing.json", json.dumps(recipe.to_dict()))
    trainer = Trainer(config, model, *stores, fabric=fabric, folder=folder, observer=observer)
    checkpoint = CheckpointStore(folder / "checkpoints").latest() if resume else None
    if checkpoint is not None:
        trainer.restore(checkpoint)
    with StopRequest() as stop:
        trainer.fit(stop)


def write_test_results(run: Run, splits: Splits) -> None:
    """Write ``predictions.root`` and ``metrics.json`` of the test split; ``train`` figures stand beside them."""
    scores = run.predict(splits.test)
    write_table(run.folder / "predictions.root", prediction_columns(splits.test, scores, run.classes))
    history = run.history()
    best = max(range(len(history)), key=lambda i: (_selected(history[i], run.config), -i))
    metrics = {
        "test": score_metrics(run, splits.test, scores),
        "train": {
            "epochs": len(history),
            "best_epoch": history[best]["epoch"],
            "best": history[best],
            "skipped_steps": history[-1]["skipped"],
            "seconds": sum(row["seconds"] for row in history),
            "parameters": sum(p.numel() for p in run.model.parameters()),
            "jets": {name: getattr(splits, name).num_jets for name in ("train", "val", "test")},
            "seed": run.config.training.seed,
        },
        "environment": environment(),
    }
    write_atomic(run.folder / "metrics.json", json.dumps(metrics, indent=1))


def _selected(row: dict[str, Any], config: RunConfig) -> float:
    value = row[f"val_{config.training.select}"]
    if value is None:
        return float("-inf")
    return -value if config.training.select == "loss" else value


def _require_same_run(config: RunConfig, folder: Path) -> None:
    from jetlego.data.yaml_reader import read_yaml

    if not (folder / "config.yaml").exists():
        return
    before, now = _flat(read_yaml(folder / "config.yaml").data), _flat(config.resolved())
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
