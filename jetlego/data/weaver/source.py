"""Files as a weaver configuration sees them: its selection, labels and weights, jets with its inputs as columns."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from jetlego.conventions import FloatArray
from jetlego.data.files import Paths
from jetlego.data.held import short_lived
from jetlego.data.jets import Jets
from jetlego.data.screen import capped
from jetlego.data.stream.source import Block, BlockReader, DiskSource, add_up
from jetlego.data.tally import Tally
from jetlego.data.weaver.as_jets import as_jets, without_truth
from jetlego.data.weaver.config import WeaverConfig
from jetlego.data.weaver.finite import WeaverNonfinite, finite_frame
from jetlego.data.weaver.plan import Mode, Plan
from jetlego.data.weaver.reader import FrameReader, Piece
from jetlego.data.weaver.sampling import ACCEPTANCE, jet_weights, stored_table
from jetlego.data.weaver.tensors import Chunk, new_tally, to_numpy, warn_non_finite
from jetlego.data.weights import WeightTable
from jetlego.errors import DataError


@dataclass
class WeaverSource(DiskSource):
    """The jets of some files through a finished weaver configuration.

    Parameters
    ----------
    config
        Without open numbers, see :mod:`jetlego.data.weaver.measured`; without groups of inputs jets are only counted.
    paths
        ROOT, Parquet or HDF5 files.
    mode
        ``"train"``, where jets come with their weight, for the loss or as the column ``weaver_acceptance``;
        ``"validate"``; or ``"predict"``, where labels are not checked.
    extra_selection
        A further cut.
    skip_bad
        Leave out unreadable files; they are noted in ``skipped``.
    nonfinite
        What to do with NaN and infinite inputs, see :func:`jetlego.data.weaver.finite.finite_frame`.
    max_constituents
        Keep so many of the hardest of each jet (the first ones, without four-momenta); None: all.
    tally
        Where oddities and skipped files are counted.
    """

    config: WeaverConfig
    paths: Paths
    mode: Mode = "train"
    extra_selection: str | None = None
    skip_bad: bool = False
    nonfinite: WeaverNonfinite = "weaver"
    max_constituents: int | None = None
    tally: Tally = field(default_factory=Tally)
    files: list[Path] = field(init=False)

    def __post_init__(self) -> None:
        self.find(self.paths)
        observers = self.config.options["observers"]
        if self.mode == "predict":
            self.config = without_truth(self.config)
        spec = self.config.weight_spec
        if self.mode == "predict" or (self.mode == "validate" and (spec is None or not spec.validate_too)):
            spec = None
        self.weights = spec
        self.table: WeightTable | None = None if spec is None else stored_table(spec)
        observed = () if self.mode == "train" else tuple(observers)
        more = (*observed, *(spec.names if spec is not None else ()))
        self.observed = [name for name in observed if name not in self.config.label_names]
        self.plan = Plan(self.config, self.mode, self.extra_selection, more)
        self.odd = new_tally(self.plan)
        self.reader = FrameReader(self.config, self.files, self.plan.branches, training=self.mode == "train")

    @property
    def skipped(self) -> list[str]:  # type: ignore[override]
        """Unreadable files, each with its reason."""
        return self.tally.bad_files

    def blocks(self, size: int) -> list[Block]:
        """Return all blocks; each file is opened once, for the layout of its storage."""
        out: list[Block] = []
        for number, path in enumerate(self.files):
            one = FrameReader(self.config, [path], self.plan.branches, training=self.mode == "train")
            try:
                with short_lived(), closing(one.tables()) as tables:
                    out += [Block(number, piece.start, piece.stop) for piece in one.pieces(size, tables)]
            except DataError as error:
                if not self.skip(number, error):
                    raise
        return out

    def open(self, *, first: bool = False) -> BlockReader:
        """Return a reader with some files open."""
        return _WeaverBlocks(self, first)

    def tell(self) -> None:
        """Warn of files that were left out, and of NaN and infinite inputs."""
        self.tally.warn()
        warn_non_finite(self.odd)


class _WeaverBlocks(BlockReader):
    def __init__(self, source: WeaverSource, first: bool) -> None:
        self.source, self.first, self.tables = source, first, source.reader.tables()
        self.odd, self.tally = new_tally(source.plan), Tally()

    def read(self, block: Block) -> Jets:
        source = self.source
        path = source.files[block.file]
        source.stamps[block.file].require(path)  # each time: what is held is where things lie, not the file itself
        assert block.stop is not None
        raw = source.reader.read_held(self.tables, Piece(path, block.start, block.stop, 0))
        frame = finite_frame(source.plan.selected(raw), source.config, source.nonfinite, path, self.tally)
        observed = {name: to_numpy(frame.columns[name], f"observer '{name}'") for name in source.observed}
        places: dict[str, np.ndarray] = {
            "file_index": np.full(frame.length, block.file, np.int64),
            "event_index": frame.rows.astype(np.int64),
            "jet_index": np.zeros(frame.length, np.int64),
        }
        if not source.config.groups:
            return Jets(np.zeros((0, 4)), np.zeros(frame.length + 1, np.int64), jet=places)
        chunk = Chunk(source.plan, frame, self.odd)
        weight: FloatArray | None = None
        if source.weights is not None:
            weight = jet_weights(frame, source.weights, source.table)
            if not source.weights.for_loss:
                places[ACCEPTANCE], weight = weight, None
        jets = as_jets(source.config, chunk, {**observed, **places}, weight)
        self.tally.jets, self.tally.constituents = self.tally.jets + raw.length, self.tally.constituents + len(jets.p4)
        return capped(jets, source.max_constituents, self.tally)

    def close(self) -> None:
        self.tables.close()
        if self.first:
            add_up(self.source.tally, self.tally)
            for name, numbers in self.odd.items():
                for at, number in enumerate(numbers):
                    self.source.odd[name][at] += number
