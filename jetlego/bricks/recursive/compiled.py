"""The RecNN walks on processor cores as autograd functions; the compiled loops are in ``*_kernel.py``."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from jetlego.bricks.recursive import gated_kernel, simple_kernel
from jetlego.bricks.recursive.chunks import blas_for, over_chunks, view
from jetlego.bricks.recursive.walk import LevelPlan, span


class SimpleCompiled(torch.autograd.Function):
    """Same as :class:`~jetlego.bricks.recursive.simple_function.SimpleWalk`, on a CPU."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w_u: Tensor, b_u: Tensor, w_h: Tensor, b_h: Tensor, plan: LevelPlan,
                roots_only: bool) -> Tensor:  # fmt: skip
        """Walk every chunk up."""
        width = w_u.shape[0]
        state, u = x.new_empty(plan.num_rows, width), x.new_empty(plan.num_inner, width)
        turned = np.ascontiguousarray(view(w_h).T)  # (3H, H)
        weights = np.ascontiguousarray(view(w_u).T), view(b_u), turned[: 2 * width], turned[2 * width :], view(b_h)
        blas, arrays, rows = blas_for(x), (view(state), view(u)), view(plan.inner_row)
        x_rows = view(x)

        def work(chunk: int) -> None:
            simple_kernel.simple_up(blas, x_rows, *weights, plan.chunk_bounds, chunk, plan.num_roots, rows, *arrays)

        over_chunks(work, plan.chunk_bounds.shape[1] - 1)
        ctx.save_for_backward(x, w_u, w_h, state, u)
        ctx.plan, ctx.roots_only = plan, roots_only
        return span(state, 0, plan.num_roots).clone() if roots_only else state

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Walk every chunk down; add up the weight gradients in the order of the chunks."""
        x, w_u, w_h, state, u = ctx.saved_tensors
        count = ctx.plan.chunk_bounds.shape[1] - 1
        d_weights = _zeros(count, x, w_u.shape, w_u.shape[:1], w_h.shape, w_h.shape[:1])
        d_x = torch.empty_like(x) if ctx.needs_input_grad[0] else x.new_empty(0, x.shape[1])
        blas, start = blas_for(x), (view(grad), ctx.roots_only, view(x), view(w_u), view(w_h))
        plan = (ctx.plan.chunk_bounds, ctx.plan.num_roots, view(ctx.plan.inner_row))
        saved, out = (view(state), view(u)), view(d_x)

        def work(chunk: int) -> None:
            parts = (d[chunk] for d in d_weights)
            simple_kernel.simple_down(blas, *start, plan[0], chunk, *plan[1:], *saved, *parts, out)

        over_chunks(work, count)
        return d_x if ctx.needs_input_grad[0] else None, *_summed(d_weights), None, None


class GatedCompiled(torch.autograd.Function):
    """Same as :class:`~jetlego.bricks.recursive.gated_function.GatedWalk`, on a CPU."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w_u: Tensor, b_u: Tensor, w_h: Tensor, b_h: Tensor, w_r: Tensor, b_r: Tensor,
                w_z: Tensor, b_z: Tensor, plan: LevelPlan, roots_only: bool) -> Tensor:  # fmt: skip
        """Walk every chunk up."""
        width = w_u.shape[0]
        state = x.new_empty(plan.num_rows, width)
        inner = [x.new_empty(plan.num_inner, n * width) for n in (1, 3, 1, 4)]  # u, r, t, z
        joined, w_t = _cut(w_r, w_z)
        turned = [np.ascontiguousarray(w.T) for w in (view(w_u), view(w_h), joined, w_t)]
        bias = np.concatenate([view(b_r), view(b_z)])
        weights = turned[0], view(b_u), turned[1], view(b_h), turned[2], turned[3], bias
        blas, x_rows, rows, arrays = blas_for(x), view(x), view(plan.inner_row), [view(a) for a in (state, *inner)]

        def work(chunk: int) -> None:
            gated_kernel.gated_up(blas, x_rows, *weights, plan.chunk_bounds, chunk, plan.num_roots, rows, *arrays)

        over_chunks(work, plan.chunk_bounds.shape[1] - 1)
        ctx.save_for_backward(x, w_u, w_h, w_r, w_z, state, *inner)
        ctx.plan, ctx.roots_only = plan, roots_only
        return span(state, 0, plan.num_roots).clone() if roots_only else state

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Walk every chunk down; add up the weight gradients in the order of the chunks."""
        x, w_u, w_h, w_r, w_z, *saved = ctx.saved_tensors
        width, count = w_u.shape[0], ctx.plan.chunk_bounds.shape[1] - 1
        joined, w_t = _cut(w_r, w_z)
        shapes = w_u.shape, (width,), w_h.shape, (width,), joined.shape, w_t.shape, (7 * width,)
        d_weights = _zeros(count, x, *shapes)
        d_x = torch.empty_like(x) if ctx.needs_input_grad[0] else x.new_empty(0, x.shape[1])
        blas, start = blas_for(x), (view(grad), ctx.roots_only, view(x), view(w_u), view(w_h), joined, w_t)
        plan = (ctx.plan.chunk_bounds, ctx.plan.num_roots, view(ctx.plan.inner_row))
        arrays, out = [view(a) for a in saved], view(d_x)

        def work(chunk: int) -> None:
            parts = (d[chunk] for d in d_weights)
            gated_kernel.gated_down(blas, *start, plan[0], chunk, *plan[1:], *arrays, *parts, out)

        over_chunks(work, count)
        d_w_u, d_b_u, d_w_h, d_b_h, d_joined, d_w_t, d_bias = _summed(d_weights)
        d_w_z = torch.cat([d_w_t, d_joined[3 * width :]], dim=1)
        gates = d_joined[: 3 * width], d_bias[: 3 * width], d_w_z, d_bias[3 * width :]
        return d_x if ctx.needs_input_grad[0] else None, d_w_u, d_b_u, d_w_h, d_b_h, *gates, None, None


def _cut(w_r: Tensor, w_z: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return what acts on [left; right; u], (7H, 3H), and what acts on t, (4H, H)."""
    width = w_r.shape[0] // 3
    z = view(w_z)
    return np.concatenate([view(w_r), z[:, width:]]), np.ascontiguousarray(z[:, :width])


def _zeros(count: int, like: Tensor, *shapes: tuple[int, ...]) -> list[np.ndarray]:
    """Return a block of zeros for each chunk and weight."""
    kind = view(like).dtype
    return [np.zeros((count, *shape), kind) for shape in shapes]


def _summed(blocks: list[np.ndarray]) -> list[Tensor]:
    return [torch.from_numpy(block.sum(axis=0)) for block in blocks]
