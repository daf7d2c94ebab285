"""The training loop, readable from top to bottom.

The order of jets is a pure function of (seed, epoch, position) and the learning rate one of the step, so the state that
a checkpoint must hold is small: weights, optimizer, random state, position, and the best epoch so far.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from lightning_fabric import Fabric

from jetlego.errors import JetlegoError, Preempted
from jetlego.structures.batch import JetBatch
from jetlego.training.batches import Batches, Place
from jetlego.training.checkpoint import Checkpoint, CheckpointStore
from jetlego.training.config import RunConfig
from jetlego.training.observer import Observer
from jetlego.training.optimizers import WeightAverage, learning_rate_factor, make_optimizer
from jetlego.training.preemption import StopRequest
from jetlego.training.task import Classification
from jetlego.training.validation import validate


@dataclass
class Progress:
    """Where a run stands: everything of a checkpoint that is not a tensor."""

    epoch: int = 0
    batch: int = 0
    step: int = 0
    best_value: float = -math.inf
    best_epoch: int = -1
    validated: int = 0
    bad_steps: int = 0
    skipped_steps: int = 0
    loss_sum: float = 0.0
    jets_seen: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)
    stream: dict[str, Any] = field(default_factory=dict)

    def start_next_epoch(self) -> None:
        """Count the epoch."""
        self.epoch, self.batch = self.epoch + 1, 0

    def start_next_row(self) -> None:
        """Clear what is summed over one row of the log; ``cpu_seconds`` runs on."""
        self.validated = self.step
        self.loss_sum, self.jets_seen, self.seconds = 0.0, 0, 0.0


class _Clock:
    """Adds wall and processor time to a :class:`Progress`, step by step."""

    def __init__(self, progress: Progress) -> None:
        self.progress, self.wall, self.cpu = progress, time.perf_counter(), time.process_time()

    def tick(self) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        self.progress.seconds += wall - self.wall
        self.progress.cpu_seconds += cpu - self.cpu
        self.wall, self.cpu = wall, cpu


class Trainer:
    """Trains one model on one prepared data set into one run folder.

    Parameters
    ----------
    config
        The run's configuration.
    model
        Takes a :class:`JetBatch`, gives logits (B, K).
    train, val
        Prepared jets of the two splits, in memory or streamed.
    fabric
        Devices, precision and ranks.
    folder
        Run folder; ``log.jsonl`` and ``checkpoints/`` are written there.
    observer
        Told of progress.
    notes
        What each line of the log shall say besides.
    """

    def __init__(
        self,
        config: RunConfig,
        model: torch.nn.Module,
        train: Batches,
        val: Batches,
        *,
        fabric: Fabric,
        folder: Path,
        observer: Observer,
        notes: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self.config, self.train, self.val, self.fabric, self.observer = config, train, val, fabric, observer
        self.notes = notes
        self.task = Classification.from_config(config)
        self.model, self.optimizer = fabric.setup(model, make_optimizer(model, config.training.optimizer))
        decay = config.training.average
        self.average = WeightAverage(self.bare_model, decay) if decay is not None else None
        self.progress = Progress()
        self.checkpoints = CheckpointStore(folder / "checkpoints", keep=config.training.keep_checkpoints)
        self.log_path = folder / "log.jsonl"
        self.batches_per_epoch = max(1, train.num_jets // config.training.batch_size)
        self.total_steps = self.batches_per_epoch * config.training.epochs

    @property
    def bare_model(self) -> torch.nn.Module:
        """The model without Fabric's wrapper: its weights carry the names that a checkpoint stores."""
        return self.model.module

    def fit(self, stop: StopRequest) -> Progress:
        """Train to the last epoch, from wherever ``progress`` stands.

        Raises
        ------
        Preempted
            If a stop was asked for; the state is saved.
        JetlegoError
            ``DIVERGED`` after too many non-finite losses in a row.
        """
        settings = self.config.training
        while self.fraction_done < 1.0:
            self._train_epoch(stop)
            self.progress.start_next_epoch()
            if self.fraction_done >= 1.0 or self.progress.step - self.progress.validated >= settings.validate_after:
                self._validate()
        return self.progress

    @property
    def fraction_done(self) -> float:
        """Share of the run behind us: of its CPU minutes if it has a budget, else of its steps."""
        minutes = self.config.training.minutes
        if minutes is not None:
            return self.progress.cpu_seconds / (60.0 * minutes)
        return self.progress.step / self.total_steps

    def _train_epoch(self, stop: StopRequest) -> None:
        progress, clock = self.progress, _Clock(self.progress)
        last = "" if self.config.training.minutes else f"/{self.config.training.epochs}"
        self.observer.stage(f"epoch {progress.epoch + 1}{last}", self.batches_per_epoch)
        self.observer.advance(progress.batch)
        self.model.train()
        for batch in self._batches():
            loss = self._step(batch)
            progress.batch += 1
            progress.step += 1
            clock.tick()
            if self.config.training.minutes is not None:  # all ranks must find the budget spent at the same step
                progress.cpu_seconds = self._over_ranks(progress.cpu_seconds)
            self.observer.advance(1, loss=loss)
            if stop.requested(self.fabric):
                path = self._save(best=False)
                raise Preempted("PREEMPT", f"stopped at step {progress.step}, saved as {path}", "add --resume to go on")
            if self.fraction_done >= 1.0:
                break

    def _batches(self) -> Iterator[JetBatch]:
        """Yield the rest of this epoch; rank r takes rows r, r + R, ... of each global batch."""
        settings, progress = self.config.training, self.progress
        ranks = {"rank": self.fabric.global_rank, "ranks": self.fabric.world_size}
        place = Place(settings.seed, progress.epoch, progress.batch, settings.batch_size, **ranks)
        for batch in self.train.shuffled(place):
            yield batch.to(self.fabric.device)

    def _step(self, batch: JetBatch) -> float:
        settings, progress = self.config.training, self.progress
        rate = learning_rate_factor(self.fraction_done, settings.schedule) * settings.optimizer.lr
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.task.loss(self.model, batch)
        value = self._over_ranks(float(loss.detach()))
        if not math.isfinite(value):
            self._skip(value)
            return value
        self.fabric.backward(loss)
        if settings.gradient_clip is not None:
            self.fabric.clip_gradients(
                self.model, self.optimizer, max_norm=settings.gradient_clip, error_if_nonfinite=False
            )
        self.optimizer.step()
        if self.average is not None:
            self.average.update(self.bare_model)
        progress.bad_steps = 0
        jets = batch.num_jets * self.fabric.world_size
        progress.loss_sum += value * jets
        progress.jets_seen += jets
        return value

    def _over_ranks(self, value: float) -> float:
        """Return the mean over the ranks, the same for all, so that they act as one; not finite if it is so for one."""
        if self.fabric.world_size == 1:
            return value
        total = torch.tensor(value, dtype=torch.float64, device=self.fabric.device)
        return float(self.fabric.all_reduce(total, reduce_op="mean"))

    def _skip(self, value: float) -> None:
        self.progress.bad_steps += 1
        self.progress.skipped_steps += 1
        if self.progress.bad_steps >= self.config.training.max_bad_steps:
            raise JetlegoError(
                "DIVERGED",
                f"the loss was {value} for {self.progress.bad_steps} steps in a row, last at step {self.progress.step}",
                "lower training.optimizer.lr; the last checkpoint stands",
            )

    def _validate(self) -> None:
        """Look at the validation jets, save, and write a row of the log, for all epochs since the last one."""
        progress = self.progress
        with self._averaged():
            figures = validate(self.bare_model, self.val, self.config, self.fabric.device)
        row = {
            "epoch": progress.epoch,
            "step": progress.step,
            "train_loss": progress.loss_sum / max(1, progress.jets_seen),
            **{f"val_{name}": value for name, value in figures.items()},
            "lr": self.optimizer.param_groups[0]["lr"],
            "seconds": round(progress.seconds, 3),
            "cpu_seconds": round(progress.cpu_seconds, 3),
            "jets_per_second": round(progress.jets_seen / max(progress.seconds, 1e-9), 1),
            "skipped": progress.skipped_steps,
            **self.train.figures(),
            **self.notes,
        }
        chosen = figures[self.config.training.select]
        value = -math.inf if chosen is None else (-chosen if self.config.training.select == "loss" else chosen)
        best = value > progress.best_value or progress.best_epoch < 0
        if best:
            progress.best_value, progress.best_epoch = value, progress.epoch - 1
        progress.history.append(row)
        progress.start_next_row()
        self._save(best=best)
        self._log()
        self.observer.epoch({**row, "best": best})

    def _log(self) -> None:
        """Write the log anew from the history, so that a resumed run leaves no line twice."""
        if self.fabric.is_global_zero:
            self.log_path.write_text("".join(json.dumps(row) + "\n" for row in self.progress.history))

    def _save(self, *, best: bool) -> Path:
        state = {
            "optimizer": self.optimizer.state_dict(),
            "random": _random_state(),
            "raw": self.bare_model.state_dict() if self.average else None,
            "average_updates": self.average.updates if self.average else 0,
        }
        weights = self.average.weights if self.average else self.bare_model.state_dict()
        self.progress.stream = self.train.state()
        path = self.checkpoints.folder
        if self.fabric.is_global_zero:
            path = self.checkpoints.save(
                step=self.progress.step,
                weights=weights,
                state=state,
                meta={"progress": asdict(self.progress)},
                best=best,
            )
        self.fabric.barrier()
        return path

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go back to the state that a checkpoint holds."""
        state = checkpoint.state()
        self.progress = Progress(**checkpoint.meta["progress"])
        self.train.restore(self.progress.stream)
        if self.average is not None:
            self.average.updates = state["average_updates"]
            for name, tensor in checkpoint.weights().items():
                self.average.weights[name].copy_(tensor)
        self.bare_model.load_state_dict(state["raw"] or checkpoint.weights())
        self.optimizer.load_state_dict(state["optimizer"])
        _set_random_state(state["random"])

    def _averaged(self) -> _Borrowed:
        return _Borrowed(self.bare_model, self.average.weights if self.average else None)


class _Borrowed:
    """Let a model carry other weights inside a ``with`` block."""

    def __init__(self, model: torch.nn.Module, weights: dict[str, torch.Tensor] | None) -> None:
        self.model, self.weights = model, weights

    def __enter__(self) -> None:
        if self.weights is not None:
            self.own = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
            self.model.load_state_dict(self.weights)

    def __exit__(self, *_: object) -> None:
        if self.weights is not None:
            self.model.load_state_dict(self.own)


def _random_state() -> dict[str, Any]:
    return {"cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []}


def _set_random_state(state: dict[str, Any]) -> None:
    torch.set_rng_state(state["cpu"])
    if state["cuda"]:
        torch.cuda.set_rng_state_all(state["cuda"])
