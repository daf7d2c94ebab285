"""The two loops that grow with n^2 when eight jets are clustered abreast, written as vector instructions.

A lane is a jet: every row of the scratch array ``r`` holds, slot after slot, one number for each of ``LANES`` jets, so
that one instruction works on all of them and no number depends on its neighbor. Numba has no type for such vectors,
and no compiler vectorizes a running minimum with its place over an outer loop, so these loops speak to LLVM directly,
which splits the vectors to the width that the processor has. Nothing is reordered or fused: every number is that of
the scalar kernel, bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from jetlego.clustering.kinematics import TWO_PI

_LANES = 8
MOST_ABREAST = 200
"""Largest jet that goes abreast; of larger ones eight do not fit into the cache, and one fills the vectors."""

_ROW = (MOST_ABREAST + 1) * _LANES  # not a multiple of a page, so that rows do not compete for the same cache lines
index: Any = np.uint64
"""Indices are unsigned, since numba lets signed ones count from the end, which costs a comparison."""

LANES = index(_LANES)
_NUM_ROWS = 7
Y, PHI, WEIGHT, NEAR, NEXT, NEIGHBOR, NODE = (index(k * _ROW) for k in range(_NUM_ROWS))
"""Rows of one number per slot and lane: as in ``kernels``, and NEXT, below which nobody but the neighbor is near. An
empty slot has infinite Y, NEAR and NEXT. A node whose neighbor is gone has none, and NEAR is but a lower bound."""

_NUM_SINGLE = 18
(
    ASK_Y, ASK_PHI, ASK_NODE, GONE, GONE_TOO, BEST, BEST_SLOT, BEST_TIES, SECOND, LEAST, LEAST_SLOT, LEAST_TIES,
    NEW_X, NEW_Y, NEW_Z, NEW_RATIO, NEW_PHI, NEW_LOG,
) = (index(_NUM_ROWS * _ROW + k * _LANES) for k in range(_NUM_SINGLE))  # fmt: skip
"""Rows of one number per lane: what ``measure`` is asked and answers; what the angles of new nodes are taken from."""

SCRATCH = _NUM_ROWS * _ROW + _NUM_SINGLE * _LANES
NOBODY = -9.0
"""In NODE and NEIGHBOR of an empty slot, and in NEIGHBOR where the neighbor is gone."""

_DOUBLE, _INDEX = ir.DoubleType(), ir.IntType(64)
_VECTOR, _BITS = ir.VectorType(_DOUBLE, _LANES), ir.VectorType(_INDEX, _LANES)


class _Code:
    """Writes vector instructions on the rows of one array of doubles."""

    def __init__(self, builder: Any, data: Any) -> None:
        self.builder, self.data = builder, data

    def constant(self, value: float) -> Any:
        return ir.Constant(_VECTOR, [value] * _LANES)

    def place(self, row: int, slot: Any = None) -> Any:
        """Return where a row starts, or one of its slots."""
        at = ir.Constant(_INDEX, int(row))
        if slot is not None:
            at = self.builder.add(at, self.builder.mul(slot, ir.Constant(_INDEX, _LANES)))
        return self.builder.bitcast(self.builder.gep(self.data, [at]), _VECTOR.as_pointer())

    def load(self, row: int, slot: Any = None) -> Any:
        return self.builder.load(self.place(row, slot), align=8)

    def store(self, value: Any, row: int, slot: Any = None) -> None:
        self.builder.store(value, self.place(row, slot), align=8)

    def variable(self, start: float) -> Any:
        """Return the place of a vector that a loop changes; it becomes a register."""
        place = cgutils.alloca_once(self.builder, _VECTOR)
        self.builder.store(self.constant(start), place)
        return place

    def less(self, a: Any, b: Any) -> Any:
        return self.builder.fcmp_ordered("<", a, b)

    def equal(self, a: Any, b: Any) -> Any:
        return self.builder.fcmp_ordered("==", a, b)

    def smaller(self, a: Any, b: Any) -> Any:
        return self.where(self.less(a, b), a, b)

    def larger(self, a: Any, b: Any) -> Any:
        return self.where(self.less(a, b), b, a)

    def where(self, condition: Any, a: Any, b: Any) -> Any:
        return self.builder.select(condition, a, b)

    def apart(self, y1: Any, phi1: Any, y2: Any, phi2: Any) -> Any:
        """Return the squared distances in rapidity and azimuth."""
        b = self.builder
        dy, dphi = b.fsub(y1, y2), b.fsub(phi1, phi2)
        size = b.bitcast(b.and_(b.bitcast(dphi, _BITS), ir.Constant(_BITS, [2**63 - 1] * _LANES)), _VECTOR)
        turned = b.fsub(self.constant(TWO_PI), size)
        dphi = self.where(self.less(size, turned), size, turned)
        return b.fadd(b.fmul(dphi, dphi), b.fmul(dy, dy))


class _Smallest:
    """A running minimum with the first slot that has it, how many more slots have it, and the next value after it."""

    def __init__(self, code: _Code) -> None:
        self.code = code
        self.value, self.slot, self.ties = code.variable(math.inf), code.variable(0.0), code.variable(0.0)
        self.next = code.variable(math.inf)

    def take(self, value: Any, slot: Any) -> None:
        code, b = self.code, self.code.builder
        old, ties = b.load(self.value), b.load(self.ties)
        less, equal = code.less(value, old), code.equal(value, old)
        more = code.where(equal, b.fadd(ties, code.constant(1.0)), ties)
        b.store(code.where(less, code.constant(0.0), more), self.ties)
        b.store(code.where(less, slot, b.load(self.slot)), self.slot)
        b.store(code.smaller(b.load(self.next), code.larger(value, old)), self.next)
        b.store(code.where(less, value, old), self.value)

    def write(self, *rows: int) -> None:
        for row, place in zip(rows, (self.value, self.slot, self.ties, self.next), strict=False):
            self.code.store(self.code.builder.load(place), row)


def _measure(code: _Code, slots: Any) -> None:
    """Measure the node that is asked for against all, and tell each that is nearer to it than to its neighbor.

    Where the neighbor is gone, the node is the new one if it is nearer than NEXT: then nobody else can be. If it is
    not, the neighbor remains to be found, no nearer than NEXT. Most nodes find their new neighbor so, since what two
    nodes merge to lies close to them.

    Answers the smallest distance and the next one, and the smallest weighted distance of all.
    """
    b = code.builder
    best, least, number = _Smallest(code), _Smallest(code), code.variable(0.0)
    y, phi, node, gone, gone_too = (code.load(row) for row in (ASK_Y, ASK_PHI, ASK_NODE, GONE, GONE_TOO))
    nobody = code.constant(NOBODY)
    with cgutils.for_range(b, slots) as loop:
        slot = b.load(number)
        d2 = code.apart(code.load(Y, loop.index), code.load(PHI, loop.index), y, phi)
        near, next_, neighbor = (code.load(row, loop.index) for row in (NEAR, NEXT, NEIGHBOR))
        alone = b.or_(b.or_(code.equal(neighbor, gone), code.equal(neighbor, gone_too)), code.equal(neighbor, nobody))
        bound = code.where(alone, next_, near)
        nearer = code.less(d2, bound)
        crowd = code.smaller(next_, code.larger(near, d2))
        near = code.where(nearer, d2, bound)
        code.store(near, NEAR, loop.index)
        unchanged = b.or_(alone, code.equal(neighbor, node))  # a node that searches again is no news to its friends
        code.store(code.where(unchanged, next_, crowd), NEXT, loop.index)
        code.store(code.where(nearer, node, code.where(alone, nobody, neighbor)), NEIGHBOR, loop.index)
        best.take(d2, slot)
        least.take(b.fmul(code.load(WEIGHT, loop.index), near), slot)
        b.store(b.fadd(slot, code.constant(1.0)), number)
    best.write(BEST, BEST_SLOT, BEST_TIES, SECOND)
    least.write(LEAST, LEAST_SLOT, LEAST_TIES)


def _meet(code: _Code, slots: Any) -> None:
    """Measure all slots against each other; of equally near ones the first is the neighbor."""
    b = code.builder
    with cgutils.for_range(b, slots) as outer:
        y, phi, node = (code.load(row, outer.index) for row in (Y, PHI, NODE))
        near, next_, neighbor = code.variable(math.inf), code.variable(math.inf), code.variable(NOBODY)
        with cgutils.for_range(b, outer.index) as loop:
            d2 = code.apart(code.load(Y, loop.index), code.load(PHI, loop.index), y, phi)
            theirs, mine = code.load(NEAR, loop.index), b.load(near)
            crowd = code.smaller(code.load(NEXT, loop.index), code.larger(theirs, d2))
            code.store(crowd, NEXT, loop.index)
            nearer = code.less(d2, theirs)
            code.store(code.where(nearer, d2, theirs), NEAR, loop.index)
            code.store(code.where(nearer, node, code.load(NEIGHBOR, loop.index)), NEIGHBOR, loop.index)
            b.store(code.smaller(b.load(next_), code.larger(mine, d2)), next_)
            nearer = code.less(d2, mine)
            b.store(code.where(nearer, d2, mine), near)
            b.store(code.where(nearer, code.load(NODE, loop.index), b.load(neighbor)), neighbor)
        for place, row in ((near, NEAR), (next_, NEXT), (neighbor, NEIGHBOR)):
            code.store(b.load(place), row, outer.index)


def _loop(write: Callable[[_Code, Any], None]) -> Any:
    """Return a function of ``r`` and the number of slots, for kernels."""

    def make(typing_context: Any, r: Any, slots: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
            write(_Code(builder, data), arguments[1])
            return context.get_dummy_value()

        return types.void(r, types.uint64), generate

    return intrinsic(make)


measure: Any = _loop(_measure)
meet: Any = _loop(_meet)
