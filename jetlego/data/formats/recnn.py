"""Pickled binary trees of recnn and ginkgo: dicts ``{tree, content, root_id}`` with a momentum for every node.

References
----------
Louppe, Cho, Becot, Cranmer, arXiv:1702.00748 (recnn); Cranmer, Macaluso, Pappadopulo, ginkgo (toy parton shower).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from jetlego.clustering.packed import offsets_of
from jetlego.conventions import FloatArray, IntArray
from jetlego.data import labels
from jetlego.data.formats.reader import Reader, Request
from jetlego.data.formats.safe_pickle import pickled_objects
from jetlego.data.jets import Jets
from jetlego.data.schemas.load import load_schema
from jetlego.errors import DataError, quoted

MAX_NODES = 10**7
_STORED = {"pt": "jet_pt", "eta": "jet_eta", "phi": "jet_phi", "energy": "jet_energy", "mass": "jet_mass"}


@dataclass(frozen=True)
class StoredTrees:
    """Jets together with the trees that a file stores for them.

    Parameters
    ----------
    jets
        The leaves of each tree, in the order of its nodes.
    children
        (T, 2) int64 node numbers inside the jet, -1 at leaves; ``Forest.from_children`` takes it as it is.
    node_ptr
        (B + 1,) int64; jet b owns nodes ``node_ptr[b]:node_ptr[b + 1]``.
    node_p4
        (T, 4) float64 momenta of all nodes in GeV.
    """

    jets: Jets
    children: IntArray
    node_ptr: IntArray
    node_p4: FloatArray


@dataclass(frozen=True)
class _Entry:
    """One jet of a file: where it was, its dict, its truth."""

    event: int
    place: int
    record: Mapping[str, Any]
    truth: float | None


def read_trees(path: str | Path, *, schema: Any = "recnn") -> StoredTrees:
    """Read the jets of a recnn or ginkgo file with the trees stored for them.

    Raises
    ------
    DataError
        ``UNSAFE-PICKLE``, ``BAD-FILE``; ``BAD-TREE`` if the nodes of a jet are not one binary tree.
    """
    with RecnnReader(Path(path), load_schema(schema), Request()) as reader:
        return reader.trees(list(reader.entries()))


class RecnnReader(Reader):
    """Jets of one pickle file, read forward."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._count = 0
        self._order: str | None = None if self.schema.content_order == "auto" else self.schema.content_order

    @property
    def num_entries(self) -> int:
        """Entries met so far: jets, or events where the file holds lists of jets."""
        return self._count

    def entries(self) -> Iterator[_Entry]:
        """Yield every jet of the file, whichever of the four layouts it has."""
        stream = pickled_objects(self.path)
        head = list(islice(stream, 2))
        if len(head) == 1 and isinstance(head[0], list | tuple):
            records, truth = self._pair(head[0])
            for i, record in enumerate(records):
                yield _Entry(i, 0, record, _at(truth, i))
            return
        for event, item in enumerate(chain(head, stream)):
            records, truth = ([item], None) if isinstance(item, Mapping) else self._pair(item)
            for i, record in enumerate(records):
                yield _Entry(event, i, record, _at(truth, i))

    def _pair(self, item: Any) -> tuple[list[Any], FloatArray | None]:
        """Return the jets and the truth of ``[jet, ...]`` or of ``([jet, ...], truth)``."""
        if isinstance(item, Mapping):
            return [item], None
        if isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], list):
            truth = np.asarray(item[1])
            if truth.dtype.kind in "biuf" and truth.size in (1, len(item[0])):
                return item[0], truth.reshape(-1).astype(np.float64)
        elif isinstance(item, list):
            return item, None
        raise DataError("BAD-FILE", f"{quoted(self.path)}: holds {type(item).__name__}, not trees of jets")

    def chunks(self, start: int, stop: int | None, step: int | None) -> Iterator[Jets]:
        """Yield the jets of entries ``start:stop``, about ``step`` jets at a time."""
        stream = self._window(start, stop)
        while block := list(islice(stream, step)):
            yield self.trees(block).jets

    def _window(self, start: int, stop: int | None) -> Iterator[_Entry]:
        for entry in self.entries():
            if stop is not None and entry.event >= stop:
                return
            self._count = entry.event + 1
            if entry.event >= start:
                yield entry

    def trees(self, entries: list[_Entry]) -> StoredTrees:
        """Return checked trees and their leaves as jets."""
        parts = [self._arrays(entry) for entry in entries]
        children = np.concatenate([part[0] for part in parts]) if parts else np.empty((0, 2), np.int64)
        content = np.concatenate([part[1] for part in parts]) if parts else np.empty((0, 4))
        ptr = offsets_of(np.array([len(part[0]) for part in parts], np.int64))
        roots = np.array([part[2] for part in parts], np.int64)
        check_trees(children, ptr, roots, [f"{quoted(self.path)}: entry {e.event}, jet {e.place}" for e in entries])
        node_p4 = self._ordered(content[:, :4]) * self.schema.momentum_scale
        leaf = children[:, 0] < 0
        jets = Jets(
            p4=np.ascontiguousarray(node_p4[leaf]), jet_ptr=offsets_of((np.diff(ptr) + 1) // 2),
            constituents={"part_class": content[leaf, 4].astype(np.int32)} if content.shape[1] == 5 else {},
            jet=_jet_columns(entries), **self._truth(entries),
        )  # fmt: skip
        return StoredTrees(jets, children, ptr, node_p4)

    def _arrays(self, entry: _Entry) -> tuple[IntArray, FloatArray, int]:
        where, record = f"{quoted(self.path)}: entry {entry.event}, jet {entry.place}", entry.record
        if not isinstance(record, Mapping) or not {"tree", "content", "root_id"} <= record.keys():
            found = ", ".join(map(str, record)) if isinstance(record, Mapping) else type(record).__name__
            raise DataError("BAD-FILE", f"{where}: needs tree, content and root_id, has {found}")
        tree, content = np.asarray(record["tree"]), np.asarray(record["content"])
        if tree.dtype.kind not in "iu" or content.dtype.kind != "f" or np.ndim(record["root_id"]):
            what = f"{where}: tree holds {tree.dtype} and content {content.dtype}, not integers and floats"
            raise DataError("BAD-FILE", what)
        shapes_fit = tree.ndim == content.ndim == 2 and tree.shape[1:] == (2,) and content.shape[1] in (4, 5)
        if not shapes_fit or len(tree) != len(content) or not 0 < len(tree) <= MAX_NODES:
            raise DataError("BAD-TREE", f"{where}: tree has shape {tree.shape}, content {content.shape}")
        return tree.astype(np.int64), content.astype(np.float64), int(record["root_id"])

    def _ordered(self, content: FloatArray) -> FloatArray:
        """Return (px, py, pz, E), whichever of the two orders the file has."""
        if self._order is None and len(content):
            self._order = _find_order(content, self.path)
        return content if self._order != "epxpypz" else content[:, [1, 2, 3, 0]]

    def _truth(self, entries: list[_Entry]) -> dict[str, Any]:
        rule = self.schema.label
        if rule is None or any(entry.truth is None for entry in entries):
            return {}
        label = labels.from_values(np.array([entry.truth for entry in entries]), rule)
        label, classes = labels.regroup(label, rule.class_names, self.request.classes)
        return {"label": label, "classes": classes}


def _at(truth: FloatArray | None, place: int) -> float | None:
    """Return the truth of one jet; one number stands for all jets of its list."""
    if truth is None:
        return None
    return float(truth[place if truth.size > 1 else 0])


def _find_order(content: FloatArray, path: Path) -> str:
    last = (content[:, 3] >= np.linalg.norm(content[:, :3], axis=1) * (1 - 1e-6)).all()
    first = (content[:, 0] >= np.linalg.norm(content[:, 1:], axis=1) * (1 - 1e-6)).all()
    if last == first:
        what = f"{quoted(path)}: cannot tell which column of content is the energy"
        raise DataError("BAD-FILE", what, "set the schema key content_order to pxpypze or epxpypz")
    return "pxpypze" if last else "epxpypz"


def _jet_columns(entries: list[_Entry]) -> dict[str, np.ndarray]:
    out = {"event_index": np.array([e.event for e in entries], np.int64),
           "jet_index": np.array([e.place for e in entries], np.int64)}  # fmt: skip
    for key, name in _STORED.items():
        values = [entry.record.get(key) for entry in entries]
        if values and all(isinstance(value, float | int | np.floating) for value in values):
            out[name] = np.array(values, np.float32)
    return out


def check_trees(children: IntArray, node_ptr: IntArray, roots: IntArray, told: list[str]) -> None:
    """Raise ``DataError`` ``BAD-TREE`` unless the nodes of every jet are one binary tree below its root.

    Parameters
    ----------
    children
        (T, 2) node numbers inside the jet, both -1 at leaves.
    node_ptr
        (B + 1,) offsets.
    roots
        (B,) node number of each root.
    told
        What to call each jet in the message.
    """
    sizes = np.diff(node_ptr)
    jet = np.repeat(np.arange(len(sizes)), sizes)
    leaf = (children == -1).all(axis=1)
    inside = (children >= 0) & (children < sizes[jet, None])
    _refuse(~(leaf | inside.all(axis=1)), jet, told, "names a child that the jet does not have")
    _refuse((roots < 0) | (roots >= sizes), np.arange(len(sizes)), told, "has no node root_id")
    inner = children[~leaf] + node_ptr[:-1][jet[~leaf], None]
    parents = np.bincount(inner.reshape(-1), minlength=len(children))
    _refuse(parents > 1, jet, told, "has a node with two parents")
    reached = np.zeros(len(children), bool)
    front = roots + node_ptr[:-1]
    _refuse(parents[front] > 0, np.arange(len(sizes)), told, "has a root with a parent")
    while len(front):
        reached[front] = True
        front = (children[front] + node_ptr[:-1][jet[front], None])[~leaf[front]].reshape(-1)
    _refuse(~reached, jet, told, "has nodes that its root does not reach")


def _refuse(bad: np.ndarray, jet: IntArray, told: list[str], fault: str) -> None:
    if bad.any():
        raise DataError("BAD-TREE", f"{told[int(jet[np.flatnonzero(bad)[0]])]} {fault}")
