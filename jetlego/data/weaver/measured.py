"""Numbers that a configuration leaves open, measured on training jets alone: no validation or test jet counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from jetlego.clustering.packed import offsets_of
from jetlego.conventions import BoolArray, FloatArray
from jetlego.data.stream.index import BlockIndex
from jetlego.data.tally import Tally
from jetlego.data.weaver.config import WeaverConfig
from jetlego.data.weaver.finite import WeaverNonfinite, finite_frame
from jetlego.data.weaver.frame import Frame
from jetlego.data.weaver.plan import Plan
from jetlego.data.weaver.reader import FrameReader, Piece
from jetlego.data.weaver.sampling import bare, jet_weights, make_table, stored_table, table_of
from jetlego.data.weaver.standardise import measure_parameters, measured_on
from jetlego.errors import DataError

WeightUse = Literal["sampling", "loss", "none"]


def weighted_by(config: WeaverConfig, use: WeightUse | None) -> WeaverConfig:
    """Return a configuration whose ``weights`` are put to another use; None leaves it as the file says."""
    spec = config.weight_spec
    if spec is None or use is None:
        return config
    if use == "none":
        return replace(config, weight_spec=None, options={**config.options, "weights": None})
    options = {**config.options, "weights": {**config.options["weights"], "use": use}}
    return replace(config, weight_spec=replace(spec, for_loss=use == "loss"), options=options)


def is_unfinished(config: WeaverConfig) -> bool:
    """Return whether a center, a scale or a weight table is still to be measured."""
    spec = config.weight_spec
    return config.is_open or (spec is not None and not spec.branches and spec.histograms is None)


def provisional(config: WeaverConfig) -> WeaverConfig:
    """Return a configuration to count jets with: what is open stays untransformed, and nothing is weighted."""
    closed = {n: replace(p, center=None) if p.is_open else p for n, p in config.parameters.items()}
    return replace(config, parameters=closed, weight_spec=None)


def finished_on_files(
    config: WeaverConfig, files: Sequence[Path], *, extra_selection: str | None = None, step: int = 8_000
) -> WeaverConfig:
    """Return a configuration without open numbers, measured as weaver does: all jets of ``files`` train."""
    if config.is_open:
        config = config.with_parameters(measure_parameters(config, files, step=step))
    if not is_unfinished(config):
        return config
    return _with_table(config, make_table(config, files, extra_selection=extra_selection, step=step).table)


@dataclass(frozen=True)
class TrainingJets:
    """Those jets of some files that a network learns from.

    Parameters
    ----------
    files, extra_selection
        Where they are, and a further cut.
    index
        Blocks of the files, with the number of selected jets of each.
    chosen
        (index.total,) which of the selected jets, block after block, are meant; None: all.
    nonfinite
        What is done with NaN and infinite inputs.
    """

    files: Sequence[Path]
    extra_selection: str | None
    index: BlockIndex
    chosen: BoolArray | None = None
    nonfinite: WeaverNonfinite = "weaver"

    def finished(self, config: WeaverConfig) -> WeaverConfig:
        """Return ``config`` without open numbers: centers and scales of the first share of each file's training jets.

        The share is ``preprocess.data_fraction``; the table of weights takes all training jets.
        """
        if config.is_open:
            first = self._first_share(float(config.options["preprocess"]["data_fraction"]))
            config = config.with_parameters(measured_on(config, first._frames(config)))
        if not is_unfinished(config):
            return config
        seen = self._seen(config)
        return _with_table(config, table_of(config, lambda: self._frames(seen, of_weights=True)).table)

    def _seen(self, config: WeaverConfig) -> WeaverConfig:
        """Return what must be read to know which jets there are: no inputs, unless jets are dropped for theirs."""
        return config if self.nonfinite.startswith("drop") else bare(config)

    def weights(self, config: WeaverConfig) -> FloatArray:
        """Return the (jets,) float32 sampling weight of each jet, in order."""
        spec = config.weight_spec
        if spec is None:
            raise ValueError("there are no weights to ask for")
        table, frames = stored_table(spec), self._frames(self._seen(config), of_weights=True)
        return np.concatenate([jet_weights(frame, spec, table) for frame in frames])

    def _frames(self, config: WeaverConfig, *, of_weights: bool = False) -> Iterator[Frame]:
        """Yield the training jets of each block that has any, with all variables of the configuration."""
        spec = config.weight_spec if of_weights else None
        plan = Plan(config, "train", self.extra_selection, () if spec is None else spec.names)
        reader, ptr = FrameReader(config, self.files, plan.branches, training=True), offsets_of(self.index.num_jets)
        with closing(reader.tables()) as tables:
            for k, block in enumerate(self.index.blocks):
                own = None if self.chosen is None else np.flatnonzero(self.chosen[ptr[k] : ptr[k + 1]])
                if own is not None and not len(own):
                    continue
                path, stop = self.files[block.file], block.stop
                assert stop is not None
                raw = reader.read_held(tables, Piece(path, block.start, stop, 0))
                frame = finite_frame(plan.selected(raw), config, self.nonfinite, path, Tally())
                if frame.length != ptr[k + 1] - ptr[k]:
                    raise DataError("FILE-CHANGED", f"{path}: entries {block.start} to {stop} changed while read")
                yield frame if own is None else frame.take(own)

    def _first_share(self, share: float) -> TrainingJets:
        """Return the first jets of each file: ``share`` of them, and one at least."""
        counts = self.index.num_jets
        chosen = np.ones(int(counts.sum()), bool) if self.chosen is None else self.chosen
        file = np.repeat([block.file for block in self.index.blocks], counts)
        kept = np.zeros_like(chosen)
        for number in np.unique(file):
            own = np.flatnonzero(chosen & (file == number))
            kept[own[: max(1, int(share * len(own)))]] = True
        return replace(self, chosen=kept)


def _with_table(config: WeaverConfig, table: FloatArray) -> WeaverConfig:
    assert config.weight_spec is not None
    return config.with_weights(dict(zip(config.weight_spec.classes, table.tolist(), strict=True)))
