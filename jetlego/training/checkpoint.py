"""Checkpoints that survive a crash at any instant: built aside, synced, renamed, then pointed to.

A checkpoint is a folder ``checkpoints/step-<10 digits>/`` of ``model.safetensors``, ``state.pt`` (optimizer, schedule,
random state) and ``meta.json`` with the SHA-256 of each. ``latest.json`` and ``best.json`` name one of them by the
hash of its ``meta.json``. Hashes are verified before anything is parsed, since neither ``torch.load`` nor safetensors
notices a flipped bit.
"""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from jetlego.atomic import write_atomic, write_folder
from jetlego.errors import ConfigError, DataError, JetlegoWarning

FORMAT_VERSION = 1


class CheckpointStore:
    """The ``checkpoints/`` folder of one run.

    Parameters
    ----------
    folder
        The ``checkpoints`` folder; made on the first save.
    keep
        How many of the newest to keep, beside the best.
    """

    def __init__(self, folder: Path, *, keep: int = 2) -> None:
        self.folder, self.keep = folder, keep

    def save(
        self, *, step: int, weights: dict[str, torch.Tensor], state: dict[str, Any], meta: dict[str, Any], best: bool
    ) -> Path:
        """Write the checkpoint of ``step``, move the pointers, prune; an error leaves the previous state valid."""
        buffer = io.BytesIO()
        torch.save(state, buffer)
        parts = {
            "model.safetensors": save_tensors({k: v.detach().contiguous().cpu() for k, v in weights.items()}),
            "state.pt": buffer.getvalue(),
        }
        files = {name: {"size": len(data), "sha256": _sha256(data)} for name, data in parts.items()}
        meta_bytes = json.dumps({"format": FORMAT_VERSION, "step": step, **meta, "files": files}, indent=1).encode()
        target = self.folder / f"step-{step:010d}"
        if not target.exists():
            write_folder(target, {**parts, "meta.json": meta_bytes})
        pointer = json.dumps({"name": target.name, "sha256": _sha256((target / "meta.json").read_bytes())}).encode()
        write_atomic(self.folder / "latest.json", pointer)
        if best:
            write_atomic(self.folder / "best.json", pointer)
        self._prune()
        return target

    def latest(self) -> Checkpoint | None:
        """Return the newest whole checkpoint, or None if there was never one; damaged ones are passed with a warning.

        Raises
        ------
        DataError
            ``CKPT-CORRUPT`` if checkpoints exist and none is whole.
        """
        candidates = dict.fromkeys(sorted(self.folder.glob("step-*"), reverse=True), "")
        named, sha256 = self._pointed("latest.json")
        if named:
            candidates = {named: sha256, **{path: "" for path in candidates if path != named}}
        for path, meta_sha256 in candidates.items():
            try:
                return Checkpoint.open(path, meta_sha256=meta_sha256)
            except DataError as error:
                warnings.warn(JetlegoWarning("CKPT-CORRUPT", f"{error.what}: passed over"), stacklevel=2)
        if candidates:
            raise DataError("CKPT-CORRUPT", f"{self.folder}: no whole checkpoint is left")
        return None

    def best(self) -> Checkpoint | None:
        """Return the checkpoint of the best epoch, or None if none has been marked."""
        path, sha256 = self._pointed("best.json")
        return Checkpoint.open(path, meta_sha256=sha256) if path else None

    def _pointed(self, pointer: str) -> tuple[Path | None, str]:
        try:
            content = json.loads((self.folder / pointer).read_bytes())
            path, sha256 = self.folder / Path(str(content["name"])).name, str(content["sha256"])
        except (OSError, ValueError, KeyError, TypeError):
            return None, ""
        return (path, sha256) if path.is_dir() else (None, "")

    def _prune(self) -> None:
        newest_first = sorted(self.folder.glob("step-*"), reverse=True)
        kept = {*newest_first[: self.keep], self._pointed("best.json")[0], self._pointed("latest.json")[0]}
        for path in newest_first:
            if path not in kept:
                shutil.rmtree(path)


class Checkpoint:
    """One verified checkpoint folder: its ``meta``, and its tensors on demand."""

    def __init__(self, path: Path, meta: dict[str, Any], parts: dict[str, bytes]) -> None:
        self.path, self.meta, self._parts = path, meta, parts

    @classmethod
    def open(cls, path: Path, *, meta_sha256: str = "") -> Checkpoint:
        """Read and verify a checkpoint folder.

        Parameters
        ----------
        path
            The ``step-*`` folder.
        meta_sha256
            Hash that ``meta.json`` must have, as a pointer file states it; empty where no pointer is left.

        Raises
        ------
        DataError
            ``CKPT-CORRUPT`` if a file is missing, short or altered.
        ConfigError
            ``CKPT-VERSION`` if a newer jetlego wrote it.
        """
        try:
            meta_bytes = (path / "meta.json").read_bytes()
            meta = json.loads(meta_bytes)
            version, listed = int(meta["format"]), dict(_listed_files(meta))
            parts = {name: (path / name).read_bytes() for name in listed}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError("CKPT-CORRUPT", f"{path}: {error}") from error
        if version > FORMAT_VERSION:
            raise ConfigError("CKPT-VERSION", f"{path} has format {version}, this jetlego reads up to {FORMAT_VERSION}")
        parts["meta.json"] = meta_bytes
        for name, sha256 in {**listed, "meta.json": meta_sha256}.items():
            if sha256 and _sha256(parts[name]) != sha256:
                raise DataError("CKPT-CORRUPT", f"{path / name} does not have the content it was saved with")
        return cls(path, meta, parts)

    def weights(self) -> dict[str, torch.Tensor]:
        """Return the model's tensors, on the CPU."""
        return load_tensors(self._parts["model.safetensors"])

    def state(self) -> dict[str, Any]:
        """Return optimizer, schedule and random state.

        Raises
        ------
        DataError
            ``UNSAFE-PICKLE`` if the file asks for anything but plain data; nothing of it is run.
        """
        try:
            return torch.load(io.BytesIO(self._parts["state.pt"]), weights_only=True, map_location="cpu")
        except pickle.UnpicklingError as error:
            what = f"{self.path / 'state.pt'} holds more than plain data; not loaded"
            raise DataError("UNSAFE-PICKLE", what) from error


def _listed_files(meta: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name in ("model.safetensors", "state.pt"):
        yield name, meta["files"][name]["sha256"]


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
