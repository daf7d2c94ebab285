"""One chunk of a file as named columns, and expressions evaluated on it the fast way where that is the same.

A constituent column is kept as flat content with offsets. An element-wise expression of columns that share their
offsets is evaluated on the flat contents, jet columns repeated: the same numbers bit for bit, without awkward's
overhead. Anything else goes through awkward arrays. What nobody looks at is neither evaluated nor joined.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias, cast

import awkward as ak
import numpy as np

from jetlego.clustering.packed import offsets_of, rows_of
from jetlego.conventions import IntArray
from jetlego.data.expressions import Expression
from jetlego.data.expressions.helpers import Context


class Jagged(NamedTuple):
    """Rows of unequal length: row r is ``content[offsets[r]:offsets[r + 1]]``."""

    offsets: IntArray
    content: np.ndarray

    @property
    def counts(self) -> IntArray:
        """Length of each row."""
        return np.diff(self.offsets)

    def to_awkward(self) -> ak.Array:
        """Return the same rows as an awkward array, without copying."""
        layout = ak.contents.ListOffsetArray(ak.index.Index64(self.offsets), ak.contents.NumpyArray(self.content))
        return ak.Array(layout)


Column: TypeAlias = np.ndarray | Jagged | ak.Array


class Frame:
    """Columns of ``length`` rows; a jagged column shares the offsets object of those that have equal ones.

    Parameters
    ----------
    length
        Number of rows.
    seed, rows
        For random helpers: the seed, and the number of each row in the whole data set.

    Attributes
    ----------
    deferred
        {name: expression} of columns that are evaluated when they are first looked up.
    parts
        The frames that this one is made of, one after the other; empty if it is made of itself. Its columns are joined
        when they are first looked up.
    """

    def __init__(self, length: int, *, seed: int = 0, rows: IntArray | None = None) -> None:
        self.length = length
        self.rows = np.arange(length) if rows is None else rows
        self.context = Context(seed, self.rows)
        self.deferred: dict[str, Expression] = {}
        self.parts: tuple[Frame, ...] = ()
        self._columns: dict[str, Column] = {}
        self._offsets: list[IntArray] = []
        self._repeated: dict[tuple[str, int], np.ndarray] = {}

    @property
    def columns(self) -> Mapping[str, Column]:
        """All columns by name."""
        return _Columns(self)

    @property
    def names(self) -> list[str]:
        """Names of all columns."""
        first = self.parts[0].names if self.parts else []
        return list(dict.fromkeys([*self._columns, *self.deferred, *first]))

    def column(self, name: str) -> Column:
        """Return a column; ``KeyError`` if there is none."""
        if name not in self._columns:
            if name in self.deferred:
                self.add(name, self.evaluate(self.deferred.pop(name)))
            elif self.parts:
                self.add(name, _joined([part.column(name) for part in self.parts]))
        return self._columns[name]

    def add(self, name: str, values: Any) -> None:
        """Add a column from a numpy or awkward array, or one value for all rows."""
        column = as_column(values, self.length)
        if isinstance(column, Jagged):
            column = Jagged(self._interned(column.offsets), column.content)
        self._columns[name] = column

    def name_again(self, name: str, other: str) -> None:
        """Let a column be known by another name too."""
        self._columns[other] = self._columns[name]

    def define(self, name: str, expression: Expression) -> None:
        """Add the column that an expression gives, unless one of that name is there."""
        if name not in self.columns:
            self.add(name, self.evaluate(expression))

    def defer(self, name: str, expression: Expression) -> None:
        """Add the column that an element-wise expression will give, unless one of that name is there."""
        if name not in self.columns:
            self.deferred[name] = expression

    def evaluate(self, expression: Expression) -> Any:
        """Return the value of an expression: numpy array, :class:`Jagged`, awkward array or scalar."""
        offsets = self._shared_offsets(expression)
        if offsets is not None:
            value = expression.evaluate(_Flat(self, offsets), context=self.context)
            return Jagged(offsets, np.asarray(value))
        return expression.evaluate(_Rows(self), length=self.length, context=self.context)

    def take(self, index: IntArray) -> Frame:
        """Return the rows of these numbers, in this order; a number may come several times."""
        out = Frame(len(index), seed=self.context.seed, rows=self.rows[index])
        out.deferred = dict(self.deferred)
        taken: dict[int, tuple[IntArray, IntArray]] = {}
        for name in (name for name in self.names if name not in self.deferred):
            column = self.column(name)
            if isinstance(column, Jagged):
                key = id(column.offsets)
                taken[key] = taken.get(key) or (rows_of(column.offsets, index), offsets_of(column.counts[index]))
                rows, offsets = taken[key]
                out._columns[name] = Jagged(offsets, column.content[rows])
            else:
                out._columns[name] = column[index]
        out._offsets = [offsets for _, offsets in taken.values()]
        return out

    @staticmethod
    def concatenate(frames: Sequence[Frame]) -> Frame:
        """Return the rows of all frames, in order; they have the same columns."""
        first = frames[0]
        if len(frames) == 1:
            return first
        rows = np.concatenate([frame.rows for frame in frames])
        out = Frame(len(rows), seed=first.context.seed, rows=rows)
        out.parts = tuple(frames)
        return out

    def repeated(self, name: str, offsets: IntArray) -> np.ndarray:
        """Return a jet column repeated for each element of rows with these offsets."""
        key = (name, id(offsets))
        if key not in self._repeated:
            self._repeated[key] = np.repeat(self.column(name), np.diff(offsets))
        return self._repeated[key]

    def _interned(self, offsets: IntArray) -> IntArray:
        for known in self._offsets:
            if known is offsets or np.array_equal(known, offsets):
                return known
        self._offsets.append(offsets)
        return offsets

    def _shared_offsets(self, expression: Expression) -> IntArray | None:
        """Return the offsets that all jagged columns of an element-wise expression share, else None."""
        if not expression.elementwise:
            return None
        columns = self.columns
        used = [columns.get(name) for name in expression.names]
        offsets = [column.offsets for column in used if isinstance(column, Jagged)]
        others = [column for column in used if not isinstance(column, Jagged)]
        if not offsets or any(one is not offsets[0] for one in offsets):
            return None
        return offsets[0] if all(isinstance(c, np.ndarray) and c.ndim == 1 for c in others) else None


class _Columns(Mapping[str, Any]):
    def __init__(self, frame: Frame) -> None:
        self.frame = frame

    def __getitem__(self, name: str) -> Any:
        return self.frame.column(name)

    def __contains__(self, name: object) -> bool:
        return name in self.frame.names

    def __iter__(self) -> Iterator[str]:
        return iter(self.frame.names)

    def __len__(self) -> int:
        return len(self.frame.names)


class _Rows(_Columns):
    """Columns as the evaluator's general path wants them."""

    def __getitem__(self, name: str) -> Any:
        column = self.frame.column(name)
        return column.to_awkward() if isinstance(column, Jagged) else column


class _Flat(_Columns):
    """Columns flat, jet columns repeated."""

    def __init__(self, frame: Frame, offsets: IntArray) -> None:
        super().__init__(frame)
        self.offsets = offsets

    def __getitem__(self, name: str) -> Any:
        column = self.frame.column(name)
        return column.content if isinstance(column, Jagged) else self.frame.repeated(name, self.offsets)


def _joined(parts: Sequence[Column]) -> Column:
    if all(isinstance(part, Jagged) for part in parts):
        jagged = cast(Sequence[Jagged], parts)
        counts = np.concatenate([part.counts for part in jagged])
        return Jagged(offsets_of(counts), np.concatenate([part.content for part in jagged]))
    if all(isinstance(part, np.ndarray) for part in parts):
        return np.concatenate(cast(Sequence[np.ndarray], parts))
    return ak.concatenate([part.to_awkward() if isinstance(part, Jagged) else part for part in parts])


def as_column(values: Any, length: int) -> Column:
    """Return any result or branch as a column of ``length`` rows: flat numpy, :class:`Jagged`, or awkward as it is."""
    if isinstance(values, Jagged):
        return values
    if isinstance(values, ak.Array):
        return _from_layout(values)
    values = np.asarray(values)
    if values.ndim == 0:
        return np.full(length, values)
    return values if values.dtype.isnative else values.astype(values.dtype.newbyteorder("="))


def _from_layout(array: ak.Array) -> Column:
    layout = array.layout
    if layout.is_list and not layout.is_regular and layout.parameter("__array__") is None and layout.content.is_numpy:
        packed = layout.to_ListOffsetArray64(True)
        if packed.content.data.ndim == 1:
            offsets = np.asarray(packed.offsets.data)
            return Jagged(offsets, np.asarray(packed.content.data)[: offsets[-1]])
    if layout.is_numpy:
        return np.asarray(layout.data)
    if layout.is_regular and layout.purelist_isregular and "?" not in str(array.type):
        return ak.to_numpy(array)
    return array
