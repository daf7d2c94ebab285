"""The simple RecNN on processor cores: one compiled walk over a chunk of jets, whose states stay in the cache."""

from __future__ import annotations

import numpy as np

from jetlego.bricks.recursive.products import Array, at, compiled, lean, times, transposed_times, widest


@lean
def copy_rows(source: Array, first: int, last: int, target: Array) -> None:
    """Copy some rows of one array to the start of another."""
    for row in range(first, last):
        for j in range(source.shape[1]):
            target[row - first, j] = source[row, j]


@lean
def relu_rows(state: Array, first: int, last: int, bias: Array) -> None:
    """Add a bias and cut at zero, in place; NaN passes."""
    for row in range(first, last):
        for j in range(bias.shape[0]):
            value = state[row, j] + bias[j]
            state[row, j] = 0.0 if value < 0.0 else value


@compiled
def simple_up(
    blas: int, x: Array, w_u: Array, b_u: Array, w_children: Array, w_own: Array, b_h: Array, bounds: Array,
    chunk: int, num_roots: int, inner_row: Array, state: Array, u: Array,
) -> None:  # fmt: skip
    """Write the states (T, H) of one chunk's nodes and u (M, H) of its inner nodes.

    Weights come transposed: w_u (F, H), w_children (2H, H), w_own (H, H).
    """
    width, features = state.shape[1], x.shape[1]
    z = np.empty((widest(bounds, chunk) // 2 + 1, width), state.dtype)
    none, one = state.dtype.type(0.0), state.dtype.type(1.0)
    below, below_end = 0, 0
    for level in range(bounds.shape[0] - 1, -1, -1):
        first, last = bounds[level, chunk], bounds[level, chunk + 1]
        if first == last:
            continue
        times(blas, last - first, features, width, at(x, first), features, at(w_u, 0), width,
              at(state, first), width, none)  # fmt: skip
        relu_rows(state, first, last, b_u)
        count = (below_end - below) // 2
        if count:
            inner = (below - num_roots) // 2
            for i in range(inner, inner + count):
                for j in range(width):
                    u[i, j] = state[inner_row[i], j]
            times(blas, count, width, width, at(u, inner), width, at(w_own, 0), width, at(z, 0), width, none)
            times(blas, count, 2 * width, width, at(state, below), 2 * width, at(w_children, 0), width,
                  at(z, 0), width, one)  # fmt: skip
            for i in range(count):
                row = inner_row[inner + i]
                for j in range(width):
                    value = z[i, j] + b_h[j]
                    state[row, j] = 0.0 if value < 0.0 else value
        below, below_end = first, last


@compiled
def simple_down(
    blas: int, grad: Array, fresh: bool, x: Array, w_u: Array, w_h: Array, bounds: Array, chunk: int, num_roots: int,
    inner_row: Array, state: Array, u: Array, d_w_u: Array, d_b_u: Array, d_w_h: Array, d_b_h: Array, d_x: Array,
) -> None:  # fmt: skip
    """Add one chunk's share to the weight gradients; write d/dx (T, F) unless ``d_x`` is empty.

    ``grad`` is (R, H) for the roots alone if ``fresh``, else (T, H). Weights as they are: w_u (H, F), w_h (H, 3H).
    """
    width, features = state.shape[1], x.shape[1]
    most = widest(bounds, chunk)
    here, there = np.empty((most, width), state.dtype), np.empty((most, width), state.dtype)
    d_z, d_u = np.empty((most // 2 + 1, width), state.dtype), np.empty((most // 2 + 1, width), state.dtype)
    none, one = state.dtype.type(0.0), state.dtype.type(1.0)
    for level in range(bounds.shape[0]):
        first, last = bounds[level, chunk], bounds[level, chunk + 1]
        if first == last:
            break
        if level == 0:
            copy_rows(grad, first, last, here)
        count, inner = 0, 0
        if level + 1 < bounds.shape[0]:
            below, below_end = bounds[level + 1, chunk], bounds[level + 1, chunk + 1]
            count, inner = (below_end - below) // 2, (below - num_roots) // 2
        if count:
            for i in range(count):
                row = inner_row[inner + i]
                for j in range(width):
                    value = here[row - first, j] if state[row, j] > 0.0 else none
                    d_z[i, j] = value
                    d_b_h[j] += value
            if not fresh:
                copy_rows(grad, below, below_end, there)
            times(blas, count, width, 2 * width, at(d_z, 0), width, at(w_h, 0), 3 * width, at(there, 0), 2 * width,
                  none if fresh else one)  # fmt: skip
            own = at(w_h, 0) + 2 * width * w_h.itemsize
            times(blas, count, width, width, at(d_z, 0), width, own, 3 * width, at(d_u, 0), width, none)
            transposed_times(blas, width, count, 2 * width, at(d_z, 0), width, at(state, below), 2 * width,
                             at(d_w_h, 0), 3 * width, one)  # fmt: skip
            own = at(d_w_h, 0) + 2 * width * w_h.itemsize
            transposed_times(blas, width, count, width, at(d_z, 0), width, at(u, inner), width, own, 3 * width, one)
        to_embedding(here, first, last, count, inner, inner_row, state, u, d_u, d_b_u)
        transposed_times(blas, width, last - first, features, at(here, 0), width, at(x, first), features,
                         at(d_w_u, 0), features, one)  # fmt: skip
        if len(d_x):
            times(blas, last - first, width, features, at(here, 0), width, at(w_u, 0), features,
                  at(d_x, first), features, none)  # fmt: skip
        here, there = there, here


@lean
def to_embedding(
    d_state: Array, first: int, last: int, count: int, inner: int, inner_row: Array, state: Array, u: Array,
    d_u: Array, d_b_u: Array,
) -> None:  # fmt: skip
    """Turn d/d state of one level's rows into d/d pre-activation of u, in place; inner nodes have theirs in ``d_u``."""
    width, next_inner = state.shape[1], 0
    for row in range(first, last):
        if next_inner < count and inner_row[inner + next_inner] == row:
            for j in range(width):
                value = d_u[next_inner, j] if u[inner + next_inner, j] > 0.0 else state.dtype.type(0.0)
                d_state[row - first, j] = value
                d_b_u[j] += value
            next_inner += 1
        else:
            for j in range(width):
                value = d_state[row - first, j] if state[row, j] > 0.0 else state.dtype.type(0.0)
                d_state[row - first, j] = value
                d_b_u[j] += value
