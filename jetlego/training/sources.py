"""What a configuration's files are read through: a layout known to `read_jets`, or a weaver configuration."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from jetlego.conventions import IntArray
from jetlego.data.files import find_files
from jetlego.data.formats.reader import Nonfinite, Request
from jetlego.data.jets import Jets
from jetlego.data.read import read_jets
from jetlego.data.selection import parsed
from jetlego.data.stream import BlockIndex, FileSource, Source, read_all, scan
from jetlego.data.tally import Tally
from jetlego.data.weaver import WeaverConfig, load_weaver_config
from jetlego.data.weaver.finite import WeaverNonfinite
from jetlego.data.weaver.measured import TrainingJets, finished_on_files, is_unfinished, provisional, weighted_by
from jetlego.data.weaver.sampling import bare
from jetlego.data.weaver.source import WeaverSource
from jetlego.errors import DataError, JetlegoWarning
from jetlego.structures.store import JetStore
from jetlego.training.columns import SUMS, needed_columns
from jetlego.training.config import DataConfig

Use = Literal["train", "validate", "predict"]

_WEAVER_STEP = 8_000


@dataclass(frozen=True)
class Origin:
    """How the files of a run are read.

    Parameters
    ----------
    config
        The data section.
    weaver
        The weaver configuration; None for other layouts. Its open numbers are filled in by :meth:`finished`.
    columns
        What is read beside the momenta; None for all that the layout knows.
    tally
        Counts what reading found odd, and the files that were skipped.
    """

    config: DataConfig
    weaver: WeaverConfig | None = None
    columns: tuple[str, ...] | None = None
    tally: Tally = field(default_factory=Tally)

    @classmethod
    def of(cls, config: DataConfig) -> Origin:
        """Return the origin of a new run."""
        if config.weaver is None:
            return cls(config)
        return cls(config, weighted_by(load_weaver_config(config.weaver), config.weaver_weights))

    def finished(self, paths: Sequence[str], chosen: Callable[[int], IntArray] | None) -> Origin:
        """Return the origin with what its weaver configuration leaves open, measured on the training jets alone.

        Parameters
        ----------
        paths
            What is read as ``data.train``.
        chosen
            From the number of all its jets to the places of the training jets among them; None: all.
        """
        weaver, config = self.weaver, self.config
        if weaver is None or not is_unfinished(weaver):
            return self
        files, skip = find_files(paths), config.on_bad_file == "skip"
        if chosen is None and not skip:
            return replace(self, weaver=finished_on_files(weaver, files, extra_selection=config.where))
        nonfinite = _of_weaver(config)
        full = skip or nonfinite.startswith("drop")  # inputs are read too, to find damage, or jets to drop for theirs
        counted = provisional(weaver) if full else bare(replace(weaver, weight_spec=None))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", JetlegoWarning)  # the same is told when all are read
            source = WeaverSource(counted, paths, "train", config.where, skip, nonfinite)
            index = scan(source, size=_WEAVER_STEP)
        mask = np.ones(index.total, bool)
        if chosen is not None:
            mask[:] = False
            mask[chosen(index.total)] = True
        return replace(self, weaver=TrainingJets(files, config.where, index, mask, nonfinite).finished(weaver))

    def provisional(self) -> Origin:
        """Return an origin to count jets with, before a training split is known to measure on."""
        return self if self.weaver is None else replace(self, weaver=provisional(self.weaver))

    def finished_on(self, paths: Sequence[str], index: BlockIndex) -> Origin:
        """Return the origin with open numbers measured on some blocks of ``paths``."""
        if self.weaver is None or not is_unfinished(self.weaver):
            return self
        return replace(self, weaver=self.training_jets(paths, index).finished(self.weaver))

    def training_jets(self, paths: Sequence[str], index: BlockIndex) -> TrainingJets:
        """Return the jets of some blocks of ``paths`` as a weaver configuration sees them."""
        nonfinite = _of_weaver(self.config)
        return TrainingJets(find_files(paths), self.config.where, index, nonfinite=nonfinite)

    @property
    def skipped(self) -> list[str]:
        """Files that were left out as unreadable, each with its reason."""
        return self.tally.bad_files

    @property
    def oddities(self) -> list[dict[str, Any]]:
        """What reading dropped, set to zero, cut short or found odd, with the number of cases over all splits."""
        return [
            {"id": id, "what": text.removeprefix("{n} "), "number": number}
            for (id, text), number in self.tally.found.items()
        ]

    def source(self, paths: Sequence[str], use: Use) -> Source:
        """Return files as a source of blocks."""
        config, skip = self.config, self.config.on_bad_file == "skip"
        if self.weaver is not None:
            return WeaverSource(
                self.weaver, paths, use, config.where, skip, _of_weaver(config), config.max_constituents, self.tally
            )
        names = parsed(config.where).names if config.where is not None else ()
        request = Request(
            columns=self.columns, classes=self._classes(use), cut_columns=tuple(names), nonfinite=_of_ours(config),
            max_constituents=config.max_constituents, tally=self.tally,
        )  # fmt: skip
        return FileSource(list(paths), config.schema_, config.where, request, skip_bad=skip)

    def read(self, paths: Sequence[str], use: Use) -> Jets:
        """Return all jets of some files."""
        config = self.config
        if self.weaver is None:
            return read_jets(
                list(paths), schema=config.schema_, classes=self._classes(use), where=config.where,
                columns=self.columns, nonfinite=_of_ours(config), max_constituents=config.max_constituents,
                on_bad_file=config.on_bad_file, tally=self.tally,
            )  # fmt: skip
        return read_all(self.source(paths, use), size=_WEAVER_STEP)

    def narrowed(self, prepare: Callable[[Jets], JetStore]) -> Origin:
        """Return an origin that reads no more columns than ``prepare`` needs and every run keeps."""
        if self.weaver is not None:
            return self
        try:
            wanted = needed_columns(self._first_jets(None), prepare)
        except DataError:
            return self  # what is wrong with a file is told when all are read
        # a sum over constituents that the file does not store is not asked for: reading fills it in
        columns = tuple(name for name in wanted if name not in SUMS or self._stores(name))
        return replace(self, columns=columns) if self._stores(*columns) else self

    def _stores(self, *columns: str) -> bool:
        """Whether the first training file has these columns."""
        try:
            self._first_jets(columns)
        except DataError:
            return False
        return True

    def _first_jets(self, columns: tuple[str, ...] | None, number: int = 50) -> Jets:
        """Return a few jets of the first training file, unselected and without truth."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the same is told when all are read
            first = find_files(self.config.train)[0]
            return read_jets(
                first, schema=self.config.schema_, entries=(0, number), columns=columns,
                nonfinite=_of_ours(self.config),
            )  # fmt: skip

    def _classes(self, use: Use) -> Any:
        return None if use == "predict" else self.config.classes


def _of_weaver(config: DataConfig) -> WeaverNonfinite:
    return "zero" if config.nonfinite == "impute" else config.nonfinite  # a configuration with both is refused


def _of_ours(config: DataConfig) -> Nonfinite:
    return "error" if config.nonfinite == "weaver" else config.nonfinite
