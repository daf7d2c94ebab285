"""The simple RecNN over whole batches of trees, with hand-written gradients (torch operations, any device).

    u_k = relu(W_u x_k + b_u)
    h_k = u_k                                            leaves
    h_k = relu(W_h [h_left; h_right; u_k] + b_h)         inner nodes

What does not recurse leaves the loop over levels: u and W_h^u u + b_h are one product each, and so are all weight
gradients, since the children's states of all inner nodes are a view. Each node has one parent, so nothing is summed
into shared rows and gradients are the same to the last bit from run to run.

Louppe, Cho, Becot, Cranmer, arXiv:1702.00748, eq. (3)-(5).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from jetlego.bricks.recursive.walk import LevelPlan, span


class SimpleWalk(torch.autograd.Function):
    """(x, W_u, b_u, W_h, b_h) -> states of all nodes (T, H), or of the roots (R, H)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w_u: Tensor, b_u: Tensor, w_h: Tensor, b_h: Tensor, plan: LevelPlan,
                roots_only: bool) -> Tensor:  # fmt: skip
        """Walk up; rows of ``state`` hold u until their node has merged."""
        width = w_u.shape[0]
        state = torch.addmm(b_u, x, w_u.T).relu_()  # (T, H)
        u = state.index_select(0, plan.inner_row)  # (M, H)
        w_children, w_own = w_h.T.split([2 * width, width])
        merged = torch.addmm(b_h, u, w_own)  # (M, H), the part of u, for now
        children = pairs_of(state, plan)
        for first, last in levels_up(plan):
            h = span(merged, first, last).addmm_(span(children, first, last), w_children).relu_()
            state.index_copy_(0, span(plan.inner_row, first, last), h)
        ctx.save_for_backward(x, w_u, w_h, state, u, merged)
        ctx.plan, ctx.roots_only = plan, roots_only
        return span(state, 0, plan.num_roots).clone() if roots_only else state

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Walk down with d/dz, then take all weight gradients at once."""
        x, w_u, w_h, state, u, merged = ctx.saved_tensors
        plan, width = ctx.plan, w_u.shape[0]
        d_state = seed_gradient(grad, state, plan, ctx.roots_only)
        d_children = pairs_of(d_state, plan)
        d_z = torch.empty_like(merged)
        for first, last in reversed(levels_up(plan)):
            arriving = d_state.index_select(0, plan.inner_row[first:last])
            torch.mul(arriving, merged[first:last] > 0, out=d_z[first:last])
            _push(d_children[first:last], d_z[first:last], w_h[:, : 2 * width], ctx.roots_only)
        children = pairs_of(state, plan)
        d_w_h = torch.cat([d_z.T @ children, d_z.T @ u], dim=1)
        d_u = (d_z @ w_h[:, 2 * width :]).mul_(u > 0)
        d_state.mul_(state > 0)  # leaves: state is u; inner rows are replaced
        d_state.index_copy_(0, plan.inner_row, d_u)
        d_x = d_state @ w_u if ctx.needs_input_grad[0] else None
        return d_x, d_state.T @ x, d_state.sum(0), d_w_h, d_z.sum(0), None, None


def pairs_of(state: Tensor, plan: LevelPlan) -> Tensor:
    """Return the view (M, 2H) of states (T, H): what the two children of every inner node hold, side by side."""
    return span(state, plan.num_roots, plan.num_rows).view(plan.num_inner, 2 * state.shape[1])


def levels_up(plan: LevelPlan) -> list[tuple[int, int]]:
    """Return the ranges of inner nodes, deepest level first."""
    pairs = zip(plan.inner_ptr[:-1], plan.inner_ptr[1:], strict=True)
    return [pair for pair in pairs if pair[0] < pair[1]][::-1]


def seed_gradient(grad: Tensor, state: Tensor, plan: LevelPlan, roots_only: bool) -> Tensor:
    """Return d loss / d state with what comes from outside; other rows are written on the way down."""
    if not roots_only:
        return grad.clone()
    d_state = torch.empty_like(state)
    d_state[: plan.num_roots] = grad
    return d_state


def _push(rows: Tensor, d_z: Tensor, weight: Tensor, fresh: bool) -> None:
    """Write d_z W to rows that nothing else feeds, or add it."""
    if fresh:
        torch.mm(d_z, weight, out=rows)
    else:
        rows.addmm_(d_z, weight)
