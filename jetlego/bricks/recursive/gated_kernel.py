"""The gated RecNN on processor cores: one compiled walk over a chunk of jets, whose states stay in the cache.

``joined`` weights stack W_r and the columns of W_z that act on [h_left; h_right; u]: (7H, 3H). Letters as in
:mod:`jetlego.bricks.recursive.gated_function`.
"""

from __future__ import annotations

import numpy as np

from jetlego.bricks.recursive.exponential import exponential
from jetlego.bricks.recursive.products import Array, at, compiled, lean, times, transposed_times, widest
from jetlego.bricks.recursive.simple_kernel import copy_rows, relu_rows, to_embedding


@lean
def _reset(gates: Array, count: int, bias: Array, state: Array, below: int, u: Array, inner: int, r: Array,
           kept: Array) -> None:  # fmt: skip
    """Write r = sigma(gate + bias) and ``kept`` = r * [left; right; u]."""
    width = state.shape[1]
    one, two = state.dtype.type(1.0), state.dtype.type(2.0)
    for i in range(count):
        for j in range(3 * width):
            r[inner + i, j] = one / (one + exponential(-two * (gates[i, j] + bias[j])))
        for j in range(width):
            kept[i, j] = r[inner + i, j] * state[below + 2 * i, j]
            kept[i, width + j] = r[inner + i, width + j] * state[below + 2 * i + 1, j]
            kept[i, 2 * width + j] = r[inner + i, 2 * width + j] * u[inner + i, j]


@lean
def _choose(gates: Array, count: int, bias: Array, t: Array, state: Array, below: int, u: Array, inner: int,
            inner_row: Array, z: Array) -> None:  # fmt: skip
    """Write z, the softmax over the four gates of each hidden unit, and the states of the inner nodes."""
    width = state.shape[1]
    for i in range(count):
        row, node = inner_row[inner + i], inner + i
        for j in range(width):
            q_t = gates[i, 3 * width + j] + bias[3 * width + j]
            q_l = gates[i, 4 * width + j] + bias[4 * width + j]
            q_r = gates[i, 5 * width + j] + bias[5 * width + j]
            q_u = gates[i, 6 * width + j] + bias[6 * width + j]
            most = max(max(q_t, q_l), max(q_r, q_u))
            e_t, e_l, e_r, e_u = (
                exponential(q_t - most), exponential(q_l - most), exponential(q_r - most), exponential(q_u - most),
            )  # fmt: skip
            share = state.dtype.type(1.0) / (e_t + e_l + e_r + e_u)
            z[node, j] = e_t * share
            z[node, width + j] = e_l * share
            z[node, 2 * width + j] = e_r * share
            z[node, 3 * width + j] = e_u * share
            value = e_t * t[node, j] + e_l * state[below + 2 * i, j] + e_r * state[below + 2 * i + 1, j]
            state[row, j] = (value + e_u * u[node, j]) * share


@compiled
def gated_up(
    blas: int, x: Array, w_u: Array, b_u: Array, w_h: Array, b_h: Array, joined: Array, w_t: Array, bias: Array,
    bounds: Array, chunk: int, num_roots: int, inner_row: Array, state: Array, u: Array, r: Array, t: Array, z: Array,
) -> None:  # fmt: skip
    """Write the states (T, H) of one chunk's nodes, and u, r, t, z of its inner nodes (M, H | 3H | H | 4H).

    Weights come transposed: w_u (F, H), w_h (3H, H), joined (3H, 7H), w_t (H, 4H); bias (7H,) is b_r, then b_z.
    """
    width, features = state.shape[1], x.shape[1]
    most = widest(bounds, chunk) // 2 + 1
    gates, kept = np.empty((most, 7 * width), state.dtype), np.empty((most, 3 * width), state.dtype)
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
            times(blas, count, 2 * width, 7 * width, at(state, below), 2 * width, at(joined, 0), 7 * width,
                  at(gates, 0), 7 * width, none)  # fmt: skip
            times(blas, count, width, 7 * width, at(u, inner), width, at(joined, 2 * width), 7 * width,
                  at(gates, 0), 7 * width, one)  # fmt: skip
            _reset(gates, count, bias, state, below, u, inner, r, kept)
            times(blas, count, 3 * width, width, at(kept, 0), 3 * width, at(w_h, 0), width, at(t, inner), width, none)
            relu_rows(t, inner, inner + count, b_h)
            times(blas, count, width, 4 * width, at(t, inner), width, at(w_t, 0), 4 * width,
                  at(gates, 0) + 3 * width * gates.itemsize, 7 * width, one)  # fmt: skip
            _choose(gates, count, bias, t, state, below, u, inner, inner_row, z)
        below, below_end = first, last


@lean
def _unchoose(d_state: Array, first: int, count: int, state: Array, below: int, u: Array, t: Array, z: Array,
              inner: int, inner_row: Array, fresh: bool, d_gates: Array, d_t: Array, d_pair: Array,
              d_u: Array) -> None:  # fmt: skip
    """Write d/dq, and what passes straight through the gates: to t, to the children (2H) and to u."""
    width = state.shape[1]
    for i in range(count):
        row, node = inner_row[inner + i] - first, inner + i
        for j in range(width):
            d_h = d_state[row, j]
            z_t, z_l, z_r, z_u = z[node, j], z[node, width + j], z[node, 2 * width + j], z[node, 3 * width + j]
            left, right = state[below + 2 * i, j], state[below + 2 * i + 1, j]
            mean = z_t * t[node, j] + z_l * left + z_r * right + z_u * u[node, j]
            d_gates[i, 3 * width + j] = z_t * d_h * (t[node, j] - mean)
            d_gates[i, 4 * width + j] = z_l * d_h * (left - mean)
            d_gates[i, 5 * width + j] = z_r * d_h * (right - mean)
            d_gates[i, 6 * width + j] = z_u * d_h * (u[node, j] - mean)
            d_t[i, j] = d_h * z_t
            d_u[i, j] = d_h * z_u
            if fresh:
                d_pair[2 * i, j], d_pair[2 * i + 1, j] = d_h * z_l, d_h * z_r
            else:
                d_pair[2 * i, j] += d_h * z_l
                d_pair[2 * i + 1, j] += d_h * z_r


@lean
def _unreset(d_kept: Array, count: int, state: Array, below: int, u: Array, r: Array, inner: int, d_gates: Array,
             d_pair: Array, d_u: Array, kept: Array) -> None:  # fmt: skip
    """Write d/d pre-activation of r and ``kept``; add what passes through r * [left; right; u]."""
    width = state.shape[1]
    one, two = state.dtype.type(1.0), state.dtype.type(2.0)
    for i in range(count):
        for part in range(3):
            for j in range(width):
                place = part * width + j
                value = u[inner + i, j] if part == 2 else state[below + 2 * i + part, j]
                open_ = r[inner + i, place]
                arriving = d_kept[i, place]
                kept[i, place] = open_ * value
                d_gates[i, place] = arriving * value * two * open_ * (one - open_)
                if part == 2:
                    d_u[i, j] += arriving * open_
                else:
                    d_pair[2 * i + part, j] += arriving * open_


@lean
def _add_columns(rows: Array, count: int, total: Array) -> None:
    for i in range(count):
        for j in range(rows.shape[1]):
            total[j] += rows[i, j]


@lean
def _mask(d_t: Array, count: int, t: Array, inner: int) -> None:
    for i in range(count):
        for j in range(d_t.shape[1]):
            d_t[i, j] = d_t[i, j] if t[inner + i, j] > 0.0 else d_t.dtype.type(0.0)


@lean
def _gate_weights(blas: int, count: int, d_gates: Array, d_t: Array, kept: Array, state: Array, below: int, u: Array,
                  t: Array, inner: int, d_w_h: Array, d_joined: Array, d_w_t: Array) -> None:  # fmt: skip
    """Add one level's share to the gradients of W_h, of the joined weights and of what acts on t."""
    width, size, one = state.shape[1], state.itemsize, state.dtype.type(1.0)
    transposed_times(blas, 7 * width, count, 2 * width, at(d_gates, 0), 7 * width, at(state, below),
                     2 * width, at(d_joined, 0), 3 * width, one)  # fmt: skip
    transposed_times(blas, 7 * width, count, width, at(d_gates, 0), 7 * width, at(u, inner), width,
                     at(d_joined, 0) + 2 * width * size, 3 * width, one)  # fmt: skip
    transposed_times(blas, 4 * width, count, width, at(d_gates, 0) + 3 * width * size, 7 * width,
                     at(t, inner), width, at(d_w_t, 0), width, one)  # fmt: skip
    transposed_times(blas, width, count, 3 * width, at(d_t, 0), width, at(kept, 0), 3 * width,
                     at(d_w_h, 0), 3 * width, one)  # fmt: skip


@compiled
def gated_down(
    blas: int, grad: Array, fresh: bool, x: Array, w_u: Array, w_h: Array, joined: Array, w_t: Array, bounds: Array,
    chunk: int, num_roots: int, inner_row: Array, state: Array, u: Array, r: Array, t: Array, z: Array, d_w_u: Array,
    d_b_u: Array, d_w_h: Array, d_b_h: Array, d_joined: Array, d_w_t: Array, d_bias: Array, d_x: Array,
) -> None:  # fmt: skip
    """Add one chunk's share to the weight gradients; write d/dx (T, F) unless ``d_x`` is empty.

    ``grad`` is (R, H) for the roots alone if ``fresh``, else (T, H). Weights as they are: w_u (H, F), w_h (H, 3H),
    joined (7H, 3H), w_t (4H, H).
    """
    width, features, size = state.shape[1], x.shape[1], state.itemsize
    most = widest(bounds, chunk)
    here, there = np.empty((most, width), state.dtype), np.empty((most, width), state.dtype)
    half = most // 2 + 1
    d_gates = np.empty((half, 7 * width), state.dtype)
    d_t, d_u = np.empty((half, width), state.dtype), np.empty((half, width), state.dtype)
    kept, d_kept = np.empty((half, 3 * width), state.dtype), np.empty((half, 3 * width), state.dtype)
    none, one = state.dtype.type(0.0), state.dtype.type(1.0)
    for level in range(bounds.shape[0]):
        first, last = bounds[level, chunk], bounds[level, chunk + 1]
        if first == last:
            break
        if level == 0:
            copy_rows(grad, first, last, here)
        count, inner, below, below_end = 0, 0, 0, 0
        if level + 1 < bounds.shape[0]:
            below, below_end = bounds[level + 1, chunk], bounds[level + 1, chunk + 1]
            count, inner = (below_end - below) // 2, (below - num_roots) // 2
        if count:
            if not fresh:
                copy_rows(grad, below, below_end, there)
            _unchoose(here, first, count, state, below, u, t, z, inner, inner_row, fresh, d_gates, d_t, there, d_u)
            times(blas, count, 4 * width, width, at(d_gates, 0) + 3 * width * size, 7 * width, at(w_t, 0), width,
                  at(d_t, 0), width, one)  # fmt: skip
            _mask(d_t, count, t, inner)
            times(blas, count, width, 3 * width, at(d_t, 0), width, at(w_h, 0), 3 * width, at(d_kept, 0), 3 * width,
                  none)  # fmt: skip
            _unreset(d_kept, count, state, below, u, r, inner, d_gates, there, d_u, kept)
            times(blas, count, 7 * width, 2 * width, at(d_gates, 0), 7 * width, at(joined, 0), 3 * width,
                  at(there, 0), 2 * width, one)  # fmt: skip
            times(blas, count, 7 * width, width, at(d_gates, 0), 7 * width, at(joined, 0) + 2 * width * size,
                  3 * width, at(d_u, 0), width, one)  # fmt: skip
            _gate_weights(blas, count, d_gates, d_t, kept, state, below, u, t, inner, d_w_h, d_joined, d_w_t)
            _add_columns(d_gates, count, d_bias)
            _add_columns(d_t, count, d_b_h)
        to_embedding(here, first, last, count, inner, inner_row, state, u, d_u, d_b_u)
        transposed_times(blas, width, last - first, features, at(here, 0), width, at(x, first), features,
                         at(d_w_u, 0), features, one)  # fmt: skip
        if len(d_x):
            times(blas, last - first, width, features, at(here, 0), width, at(w_u, 0), features,
                  at(d_x, first), features, none)  # fmt: skip
        here, there = there, here
