"""ROOT files: a TTree or an RNTuple as a table of branches, read through uproot.

Only exact names reach uproot, never expressions, which it would hand to Python's own evaluator.
"""

from __future__ import annotations

import os
import struct
import warnings
from array import array
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import uproot

from jetlego.conventions import IntArray
from jetlego.data.containers.baskets import Form, NotPlain, plain_form, read_packed, read_plain
from jetlego.data.containers.rntuple import damaged_pages
from jetlego.data.containers.table import Array, Table, damage_told
from jetlego.data.files import first_bytes, not_what_it_says
from jetlego.errors import ConfigError, DataError, JetlegoWarning, quoted

T = TypeVar("T")

_SOURCE = uproot.MultithreadedFileSource
_TREE, _NTUPLE = "TTree", "ROOT::RNTuple"
_SMALL, _LARGE = struct.Struct(">iii"), struct.Struct(">iiq")
_LARGE_VERSION = (1_000_000).to_bytes(4, "big")
_SERVICE_TREES = frozenset({"Runs", "LuminosityBlocks", "MetaData", "ParameterSets"})


class KeptBranch:
    """Where the baskets of a branch lie: what reading it takes, of all that uproot knows of it.

    Attributes
    ----------
    entry_offsets
        (n + 1,) first entry of each basket, and the number of entries.
    """

    __slots__ = ("_members", "entry_offsets")

    def __init__(self, branch: Any) -> None:
        self.entry_offsets, number = array("q", branch.entry_offsets), int(branch.num_baskets)
        names = ("fBasketSeek", "fBasketBytes")
        self._members = {name: array("q", branch.member(name)[:number].tolist()) for name in names}

    def member(self, name: str) -> Sequence[int]:
        """Return ``fBasketSeek`` or ``fBasketBytes``, a number for each basket in the file."""
        return self._members[name]


class RootTable(Table):
    """One tree of an open ROOT file; make it by :func:`open_root`."""

    def __init__(self, path: Path, file: Any, tree: str) -> None:
        self.path, self.title = path, tree
        self._opened: tuple[Any, Any] | None = (file, _get(file, path, tree))
        self._descriptor: int | None = None
        self._forms: dict[str, Form | None] = {}
        self._kept: dict[str, KeptBranch] = {}
        self._names: tuple[str, ...] | None = None
        self._others = False  # whether a branch was read that uproot must read
        keys = (key.rpartition(";") for key in file.keys(recursive=True))
        cycles = sorted(int(cycle) for name, _, cycle in keys if name == tree)
        if len(cycles) > 1:
            what = f"{quoted(path)}: tree '{quoted(tree)}' has the cycles {cycles}; the highest is read"
            warnings.warn(JetlegoWarning("TREE-CYCLES", what), stacklevel=3)

    @property
    def _tree(self) -> Any:
        """The tree, opened anew if it was let go."""
        if self._opened is None:
            file = _open(self.path)
            self._opened = file, _get(file, self.path, self.title)
        return self._opened[1]

    @cached_property
    def num_entries(self) -> int:
        """Number of entries."""
        with damage_told(self.path, f"the length of '{quoted(self.title)}' cannot be read"):
            number = int(self._tree.num_entries)
        if number < 0:
            raise DataError("BAD-FILE", f"{quoted(self.path)}: '{quoted(self.title)}' claims {number} entries")
        return number

    @cached_property
    def _branches(self) -> dict[str, Any]:
        with damage_told(self.path, f"the branches of '{quoted(self.title)}' cannot be read"):
            return _branches_of(self._tree)

    def has(self, name: str) -> bool:
        """Return whether there is a branch of this short or full name."""
        return name in (self._branches if self._names is None else self._names)

    @property
    def names(self) -> Sequence[str]:
        """Short names of all branches; a full path such as ``Jet/Jet.PT`` is understood as well."""
        return list(self._branches if self._names is None else self._names)

    def is_slow(self, name: str) -> bool:
        """Return whether uproot must deserialize a branch object by object."""
        return isinstance(getattr(self._branches[name], "interpretation", None), uproot.AsObjects)

    def column(self, name: str, start: int, stop: int) -> Array:
        """Return entries of one branch as an awkward array."""
        if name not in self._kept and not isinstance(self._branches[name], uproot.TBranch):
            self._others = True
            return self._branches[name].array(entry_start=start, entry_stop=stop)
        plain = self._plain(read_plain, name, start, stop)
        if plain is not None:
            return plain
        self._others = True
        return self._branches[name].array(entry_start=start, entry_stop=stop, library="ak", array_cache=None)

    def packed(self, name: str, start: int, stop: int) -> tuple[IntArray | None, np.ndarray] | None:
        """Return offsets (None for a number an entry) and flat numbers of a plain branch, None for any other."""
        if name not in self._kept and not isinstance(self._branches[name], uproot.TBranch):
            return None
        with damage_told(self.path, f"'{quoted(name)}', entries {start} to {stop}, cannot be read"):
            return self._plain(read_packed, name, start, stop)

    def _plain(self, read: Callable[..., T], name: str, start: int, stop: int) -> T | None:
        """Return entries of a branch of numbers or lists of numbers, None for any other: uproot reads those."""
        if name not in self._forms:
            self._forms[name] = plain_form(self._branches[name])
        form = self._forms[name]
        if form is None:
            return None
        if name not in self._kept:
            self._kept[name] = KeptBranch(self._branches[name])
        if self._descriptor is None:
            self._descriptor = os.open(self.path, os.O_RDONLY)
        try:
            return read(self._descriptor, self._kept[name], form, start, stop)
        except NotPlain:
            self._forms[name] = None
            del self._kept[name]
            return None

    @cached_property
    def offsets(self) -> list[int]:
        """First entries of the clusters, or of the baskets of the largest branch."""
        with damage_told(self.path, f"the layout of '{quoted(self.title)}' cannot be read"):
            if hasattr(self._tree, "cluster_summaries"):
                return [int(c.num_first_entry) for c in self._tree.cluster_summaries]
            longest = max(self._tree.branches, key=lambda b: b.compressed_bytes, default=None)
            return [] if longest is None else [int(o) for o in longest.entry_offsets]

    @property
    def lacks_checksums(self) -> bool:
        """Whether this is an RNTuple some of whose pages carry no checksum, as uproot writes them."""
        with damage_told(self.path, "the list of pages cannot be read"):
            links = getattr(self._tree, "page_link_list", [])
            return not all(page.has_checksum for columns in links for link in columns for page in link.pages)

    def damaged_pages(self) -> list[str]:
        """Return the pages of an RNTuple whose checksum does not fit; a TTree has none to check."""
        with damage_told(self.path, "the list of pages cannot be read"):
            return [] if isinstance(self._tree, uproot.TTree) else list(damaged_pages(self.path, self._tree))

    def slim(self) -> bool:
        """Let go of all but where the baskets lie that were read so far, if that is enough to go on reading them.

        What uproot holds of an open file is some 10 kB a branch; what is needed to read a plain one, some 100 bytes.
        """
        if self._others or not self._kept:
            return False
        if self._opened is not None:
            self._names = tuple(self._branches)
            self._let_go()
        self._close_descriptor()
        return True

    def _let_go(self) -> None:
        if self._opened is not None:
            self._opened[0].close()
            self._opened = None
        self.__dict__.pop("_branches", None)

    def close(self) -> None:
        """Close the file."""
        self._let_go()
        self._close_descriptor()

    def _close_descriptor(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def open_root(path: Path, *, tree: str | None = None, wanted: Iterable[str] = ()) -> RootTable:
    """Return the tree of a ROOT file that holds jets.

    Parameters
    ----------
    tree
        Name of the TTree or RNTuple; None: the one that has most of the ``wanted`` branches.

    Raises
    ------
    DataError
        ``NOT-ROOT``, ``BAD-FILE``, ``NO-TREE``.
    ConfigError
        ``TREE-AMBIGUOUS`` if several trees have them.
    """
    file = _open(path)
    try:
        return _choose(path, file, tree, frozenset(wanted))
    except BaseException:
        file.close()
        raise


def open_trees(path: Path) -> list[RootTable]:
    """Return every tree of a file, service trees of NanoAOD left out; they share one open file."""
    file = _open(path)
    try:
        return [RootTable(path, file, name) for name in _candidates(path, file)]
    except BaseException:
        file.close()
        raise


def _open(path: Path) -> Any:
    head = first_bytes(path)
    if not head.startswith(b"root"):
        raise not_what_it_says(path, "root", head)
    _refuse_cut(path, head)
    with damage_told(path, "cannot be opened as ROOT"):
        # plain reads in the calling thread: faster than uproot's default, which fetches through threads of its own
        return uproot.open(path, object_cache=None, array_cache=None, handler=_SOURCE, use_threads=False)


def _refuse_cut(path: Path, head: bytes) -> None:
    """Raise ``BAD-FILE`` for a file that is shorter than its header says: what is read of it may well be there.

    ROOT's file header is: four letters, version, begin, end; the end has 8 bytes in files of 2 GB and more, whose
    version is above 1,000,000 (root.cern, "io" specification, TFile).
    """
    if len(head) < 4 + _LARGE.size:
        return
    *_, end = _LARGE.unpack_from(head, 4) if head[4:8] >= _LARGE_VERSION else _SMALL.unpack_from(head, 4)
    size = path.stat().st_size
    if size < end:
        raise DataError("BAD-FILE", f"{quoted(path)} is cut short: it has {size} bytes of {end}")


def _get(file: Any, path: Path, name: str) -> Any:
    with damage_told(path, f"'{quoted(name)}' cannot be opened"):
        return file[name]


def _candidates(path: Path, file: Any) -> list[str]:
    with damage_told(path, "the list of objects cannot be read"):
        kinds = file.classnames(recursive=True, cycle=False)
    names = [name for name, kind in kinds.items() if kind in (_TREE, _NTUPLE)]
    if not names:
        raise DataError("NO-TREE", f"{quoted(path)} contains no tree")
    return [name for name in names if name not in _SERVICE_TREES] or names


def _choose(path: Path, file: Any, tree: str | None, wanted: frozenset[str]) -> RootTable:
    names = _candidates(path, file)
    if tree is not None:
        if tree not in file.keys(recursive=True, cycle=False):
            what = f"{quoted(path)} contains no tree '{quoted(tree)}'"
            raise DataError("NO-TREE", what, "it has " + quoted(", ".join(names)))
        return RootTable(path, file, tree)
    tables = [RootTable(path, file, name) for name in names]
    found = [sum(map(table.has, wanted)) for table in tables]
    best = [table for table, number in zip(tables, found, strict=True) if number == max(found)]
    if len(best) > 1:
        what = f"{quoted(path)} contains several trees: {quoted(', '.join(t.title for t in best))}"
        raise ConfigError("TREE-AMBIGUOUS", what, "name one by the schema key tree")
    return best[0]


def _branches_of(tree: Any) -> dict[str, Any]:
    """Return {name: branch}; short names first, full paths added where they differ."""
    if not isinstance(tree, uproot.TTree):
        return {name: tree[name] for name in tree.keys(recursive=False)}
    out: dict[str, Any] = {}
    for full, branch in tree.iteritems(recursive=True):
        out.setdefault(branch.name, branch)
        out.setdefault(full, branch)
    return out
