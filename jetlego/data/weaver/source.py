"""Jets as a weaver configuration sees them: its selection, labels and weights, and its inputs as columns.

What a network takes becomes a column of the constituents under the name of the input, transformed as the configuration
says but not padded, so that every model of ours may take it, whole or through a tree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from jetlego.conventions import FloatArray
from jetlego.data.features import JetView
from jetlego.data.files import Paths, check_duplicates, find_files
from jetlego.data.jets import Jets
from jetlego.data.read import unreadable
from jetlego.data.stamps import Stamp
from jetlego.data.stream.source import Block, BlockReader, Source
from jetlego.data.weaver.config import WeaverConfig
from jetlego.data.weaver.frame import Frame, Jagged
from jetlego.data.weaver.inputs import Group
from jetlego.data.weaver.labels import SIMPLE_LABEL, LabelSpec
from jetlego.data.weaver.plan import Mode, Plan
from jetlego.data.weaver.reader import FrameReader, Piece
from jetlego.data.weaver.sampling import jet_weights, make_table, stored_table
from jetlego.data.weaver.standardise import measure_parameters
from jetlego.data.weaver.tensors import Chunk, Packed, new_tally, to_numpy
from jetlego.data.weights import WeightTable
from jetlego.errors import ConfigError, DataError

PREFIX = "input:"
"""Of the columns that hold inputs, so that none is taken for the quantity of that name."""

_VECTORS, _FEATURES, _ASIDE = "vectors", "features", ("points", "mask", "vectors")


def finished_config(config: WeaverConfig, files: Paths, *, step: int = 8_000) -> WeaverConfig:
    """Return a configuration with every open number measured on training files, as weaver does before a training."""
    paths = find_files(files)
    if config.is_open:
        config = config.with_parameters(measure_parameters(config, paths, step=step))
    spec = config.weight_spec
    if spec is None or spec.branches or spec.histograms is not None:
        return config
    table = make_table(config, paths, step=step)
    return config.with_weights(dict(zip(spec.classes, table.table.tolist(), strict=True)))


def feature_group(config: WeaverConfig) -> Group:
    """Return the group that a model takes as features of constituents.

    It is the one whose name ends in ``features``, else the only one of constituents beside points, mask and vectors.

    Raises
    ------
    ConfigError
        ``BAD-VALUE`` if there is none, or more than one could be meant.
    """
    rows = [group for group in config.groups if group.length is not None]
    found = [group for group in rows if group.name.endswith(_FEATURES)]
    found = found or [group for group in rows if not group.name.endswith(_ASIDE)]
    if len(found) != 1:
        names = ", ".join(group.name for group in config.groups)
        what = f"{config.path}: {len(found)} groups of inputs could be the features of constituents ({names})"
        raise ConfigError("BAD-VALUE", what, "let the name of one end in 'features'")
    return found[0]


def vector_group(config: WeaverConfig) -> Group | None:
    """Return the group of four-momenta, whose name ends in ``vectors``; None if there is none.

    Raises
    ------
    ConfigError
        ``BAD-VALUE`` unless it holds px, py, pz and energy in this order, as they are.
    """
    found = next((g for g in config.groups if g.length is not None and g.name.endswith(_VECTORS)), None)
    if found is None:
        return None
    if len(found.variables) != 4 or any(config.parameters[name].center is not None for name in found.variables):
        what = f"{config.path}: group '{found.name}' holds {', '.join(found.variables)}"
        raise ConfigError("BAD-VALUE", what, "four-momenta are px, py, pz, energy, each with center null")
    return found


def input_names(config: WeaverConfig) -> tuple[str, ...]:
    """Return the names of the columns that hold the inputs."""
    return tuple(PREFIX + name for name in feature_group(config).variables)


def inputs_of(jets: Jets, config: WeaverConfig) -> FloatArray:
    """Return (P, F) float32, the inputs of jets that were read through a weaver configuration."""
    columns = [jets.constituents[name] for name in input_names(config)]
    return np.stack(columns, axis=1).astype(np.float32, copy=False)


def with_inputs(jets: Jets, config: WeaverConfig) -> Jets:
    """Return jets with the inputs as columns; those that were read in another way get them from their own columns.

    The jets are all kept, without selection, and their truth stays as it is. Rows longer than an input are cut.
    """
    if all(name in jets.constituents for name in input_names(config)):
        return jets
    blind = without_truth(config)
    view, plan, frame = JetView(jets), Plan(replace(blind, test_selection=None), "predict"), Frame(jets.num_jets)
    for name in plan.branches:
        values = np.asarray(view[name])
        values = values.astype(np.float32) if values.dtype.kind == "f" else values
        frame.add(name, Jagged(jets.jet_ptr, values) if view.level(name) == "constituent" else values)
    made = as_jets(blind, Chunk(plan, plan.selected(frame), new_tally(plan)), dict(jets.jet), jets.weight)
    return replace(made, label=jets.label, classes=jets.classes)


def without_truth(config: WeaverConfig) -> WeaverConfig:
    """Return a configuration that asks for no labels, observers or monitors: inputs alone."""
    options = {**config.options, "observers": [], "monitor_variables": []}
    return replace(config, options=options, label_spec=LabelSpec(simple=False, columns={}))


@dataclass
class WeaverSource(Source):
    """The jets of some files through a finished weaver configuration.

    Parameters
    ----------
    config
        Without open numbers, see :func:`finished_config`.
    paths
        ROOT, Parquet or HDF5 files.
    mode
        ``"train"``, ``"validate"``, or ``"predict"``, where labels are not checked.
    extra_selection
        A further cut.
    skip_bad
        Leave out unreadable files; they are noted in ``skipped``.
    """

    config: WeaverConfig
    paths: Paths
    mode: Mode = "train"
    extra_selection: str | None = None
    skip_bad: bool = False
    files: list[Path] = field(init=False)
    skipped: list[str] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.files = find_files(self.paths)
        check_duplicates(self.files)
        self.stamps = [Stamp.of(path) for path in self.files]
        observers = self.config.options["observers"]
        if self.mode == "predict":
            self.config = without_truth(self.config)
        spec = self.config.weight_spec if self.mode == "train" else None
        self.weights = spec
        self.table: WeightTable | None = None if spec is None else stored_table(spec)
        observed = () if self.mode == "train" else tuple(observers)
        more = (*observed, *(spec.names if spec is not None else ()))
        self.observed = [name for name in observed if name not in self.config.label_names]
        self.plan = Plan(self.config, self.mode, self.extra_selection, more)
        self.reader = FrameReader(self.config, self.files, self.plan.branches, training=self.mode == "train")

    @property
    def names(self) -> Sequence[str]:  # type: ignore[override]
        """Paths of the files."""
        return list(map(str, self.files))

    def marks(self) -> list[list[int]]:
        """Return size and time of change of each file."""
        return [[stamp.size, stamp.modified] for stamp in self.stamps]

    def blocks(self, size: int) -> list[Block]:
        """Return all blocks; each file is opened once, for the layout of its storage."""
        out: list[Block] = []
        for number, path in enumerate(self.files):
            one = FrameReader(self.config, [path], self.plan.branches, training=self.mode == "train")
            tables = one.tables()
            try:
                out += [Block(number, piece.start, piece.stop) for piece in one.pieces(size, tables)]
            except DataError as error:
                if not self.skip(number, error):
                    raise
            finally:
                tables.close()
        return out

    def open(self, *, first: bool = False) -> BlockReader:
        """Return a reader with some files open."""
        return _WeaverBlocks(self)

    def skip(self, file: int, error: DataError) -> bool:
        """Note an unreadable file; False if it must not be skipped, or the file is not at fault."""
        if not self.skip_bad or not unreadable(error):
            return False
        self.skipped.append(str(error))
        return True


class _WeaverBlocks(BlockReader):
    def __init__(self, source: WeaverSource) -> None:
        self.source, self.tables = source, source.reader.tables()

    def read(self, block: Block) -> Jets:
        source = self.source
        path = source.files[block.file]
        if path not in self.tables.tables:
            source.stamps[block.file].require(path)
        assert block.stop is not None
        raw = source.reader.read(self.tables.get(path), Piece(path, block.start, block.stop, 0))
        frame = source.plan.selected(raw)
        chunk = Chunk(source.plan, frame, new_tally(source.plan))
        weight = None if source.weights is None else jet_weights(frame, source.weights, source.table)
        observed = {name: to_numpy(frame.columns[name], f"observer '{name}'") for name in source.observed}
        places = {
            "file_index": np.full(len(chunk), block.file, np.int64),
            "event_index": frame.rows.astype(np.int64),
            "jet_index": np.zeros(len(chunk), np.int64),
        }
        return as_jets(source.config, chunk, {**observed, **places}, weight)

    def close(self) -> None:
        self.tables.close()


def as_jets(
    config: WeaverConfig, chunk: Chunk, jet: dict[str, np.ndarray], weight: FloatArray | None
) -> Jets:  # fmt: skip
    """Return a transformed chunk as jets: momenta from the vectors, inputs as columns, momenta of 0 without vectors."""
    batch = chunk.batch(packed=True)
    features: Packed = batch.inputs[feature_group(config).name]
    vectors = vector_group(config)
    p4 = np.zeros((len(features.values), 4))
    if vectors is not None:
        found: Packed = batch.inputs[vectors.name]
        if not np.array_equal(found.jet_ptr, features.jet_ptr):
            what = f"groups '{vectors.name}' and '{feature_group(config).name}' have rows of different lengths"
            raise DataError("RAGGED-MISMATCH", what)
        p4 = found.values.astype(np.float64)
    columns = dict(zip(input_names(config), np.ascontiguousarray(features.values.T), strict=True))
    known = batch.labels.get(SIMPLE_LABEL)
    label = None if known is None else known.astype(np.int64)
    return Jets(p4, features.jet_ptr, columns, jet, label, config.label_spec.class_names, weight)
