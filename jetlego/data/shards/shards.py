"""`Shards`: a prepared folder as one long row of jets, any range of which is there at once."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from jetlego.clustering.history import History
from jetlego.clustering.packed import offsets_of
from jetlego.conventions import FloatArray
from jetlego.data.features import resolve_features
from jetlego.data.jets import Jets
from jetlego.data.scaling import Scaler, scaler_from_dict
from jetlego.data.shards.codec import decode, stored_inputs
from jetlego.data.shards.file import ShardFile
from jetlego.data.shards.manifest import folder_of, read_manifest
from jetlego.data.shards.standardise import standardised
from jetlego.errors import ConfigError, DataError, did_you_mean, quoted

_OPEN = 256
"""Shards that are mapped at a time; each holds a file descriptor."""


class Shards:
    """The jets of a prepared folder.

    Parameters
    ----------
    folder
        What :func:`~jetlego.data.shards.prepare.prepare` wrote, or its ``manifest.json``.
    verify
        Compare every shard with its SHA-256 first.

    Raises
    ------
    DataError
        ``SHARD-MISSING``, ``SHARD-HASH``.

    Notes
    -----
    Arrays are views of mapped files wherever the type on disk is that in memory. The order of the jets is that of the
    files that were prepared.
    """

    def __init__(self, folder: str | os.PathLike[str], *, verify: bool = False) -> None:
        self.folder = folder_of(Path(folder))
        self.manifest: dict[str, Any] = read_manifest(self.folder)
        self._shards = [shard for shard in self.manifest["shards"] if shard["jets"]]
        self._first = offsets_of(np.array([shard["jets"] for shard in self._shards], np.int64))
        self._open: OrderedDict[int, ShardFile] = OrderedDict()
        if verify:
            self.verify()

    def __len__(self) -> int:
        return self.num_jets

    def __repr__(self) -> str:
        return f"Shards({quoted(self.folder)}: {self.num_jets} jets in {len(self._shards)} shards)"

    @property
    def num_jets(self) -> int:
        """Number of jets."""
        return int(self._first[-1])

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, in the order of the label."""
        return tuple(self.manifest["classes"])

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all constituent and jet columns."""
        return tuple(self.manifest["columns"])

    @property
    def histories(self) -> tuple[str, ...]:
        """Clustering algorithms whose histories are stored."""
        return tuple(self.manifest["parameters"]["histories"])

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """Names of the F inputs; empty if none are stored."""
        features = self.manifest["parameters"]["features"]
        return () if features is None else tuple(feature.name for feature in resolve_features(features))

    @cached_property
    def standardisation(self) -> Scaler | None:
        """Center and scale of the inputs over all jets of the folder; None where inputs have fixed transforms."""
        stored = self.manifest["standardisation"]
        return None if stored is None else scaler_from_dict(stored)

    def read(self, start: int = 0, stop: int | None = None, *, columns: Sequence[str] | None = None) -> Jets:
        """Return jets ``start:stop``, with these columns beside momenta, labels, weights and histories.

        Raises
        ------
        DataError
            ``NO-BRANCH`` for a column that is not there, ``BAD-INDEX`` for jets beyond the last.
        """
        for name in columns or ():
            if name not in self.columns:
                what = f"{quoted(self.folder)} has no column '{quoted(name)}'"
                raise DataError("NO-BRANCH", what, did_you_mean(name, self.columns))
        wanted = None if columns is None else frozenset(columns).__contains__
        parts = [decode(file, a, b, wanted=wanted) for file, a, b in self._pieces(start, stop)]
        return Jets.concatenate(parts)

    def inputs_of(
        self, start: int = 0, stop: int | None = None, *, scaler: Scaler | None = None
    ) -> FloatArray:
        """Return (P, F) float32 inputs of the constituents of jets ``start:stop``, standardised, ready for a network.

        Parameters
        ----------
        scaler
            To be used in place of the folder's own: validation and test jets take that of the training jets.

        Raises
        ------
        ConfigError
            ``BAD-VALUE`` if the shards were prepared without inputs, or the scaler is of others.
        """
        if not self.inputs:
            raise ConfigError("BAD-VALUE", f"{quoted(self.folder)} was prepared without inputs", "give --features")
        scaler = scaler or self.standardisation
        if scaler is not None and scaler.names != self.inputs:
            what = f"the inputs of {quoted(self.folder)} are {', '.join(self.inputs)}"
            raise ConfigError("BAD-VALUE", what, f"the scaler is for {', '.join(scaler.names)}")
        parts = [stored_inputs(file, a, b) for file, a, b in self._pieces(start, stop)]
        table = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return table if scaler is None else standardised(table, scaler)

    def history(self, start: int = 0, stop: int | None = None, *, algorithm: str | None = None) -> History:
        """Return the stored clustering history of jets ``start:stop``.

        Parameters
        ----------
        algorithm
            May be left out where one is stored.

        Raises
        ------
        ConfigError
            ``BAD-VALUE`` if it is not stored.
        """
        stored = self.histories
        chosen = algorithm if algorithm is not None or len(stored) != 1 else stored[0]
        history = self.read(start, stop, columns=()).history(chosen or "")
        if history is None:
            what = f"{quoted(self.folder)} holds no history '{quoted(chosen or '')}'"
            raise ConfigError("BAD-VALUE", what, did_you_mean(chosen or "", stored) or "prepare it by --history")
        return history

    def verify(self) -> None:
        """Compare every shard with the SHA-256 of the manifest; raises ``DataError`` ``SHARD-HASH``."""
        for at, shard in enumerate(self._shards):
            file = self._file(at)
            if file.verify() != shard["sha256"]:
                raise DataError("SHARD-HASH", f"{quoted(file.path)} is not the shard that the manifest names")

    def _pieces(self, start: int, stop: int | None) -> Iterator[tuple[ShardFile, int, int]]:
        """Yield (shard, first, last) of its jets that lie in ``start:stop``; one piece at least."""
        end = self.num_jets if stop is None else stop
        if not 0 <= start <= end <= self.num_jets:
            raise DataError("BAD-INDEX", f"jets {start} to {end} of {self.num_jets}")
        at = min(int(np.searchsorted(self._first, start, side="right")) - 1, len(self._shards) - 1)
        yield self._file(at), start - int(self._first[at]), min(end, int(self._first[at + 1])) - int(self._first[at])
        while end > self._first[at + 1]:
            at += 1
            yield self._file(at), 0, min(end, int(self._first[at + 1])) - int(self._first[at])

    def _file(self, at: int) -> ShardFile:
        if at not in self._open:
            self._open[at] = ShardFile(self.folder / self._shards[at]["name"])
            if len(self._open) > _OPEN:
                self._open.popitem(last=False)
        self._open.move_to_end(at)
        return self._open[at]
