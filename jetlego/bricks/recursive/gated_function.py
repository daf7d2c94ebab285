"""The gated RecNN over whole batches of trees, with hand-written gradients (torch operations, any device).

    x = [h_left; h_right; u]                             sigma(a) = logistic(2 a)
    r = sigma(W_r x + b_r)                               reset, elementwise over all 3H
    t = relu(W_h (r * x) + b_h)
    z = softmax of W_z [t; x] + b_z over the four blocks t, left, right, u, for each hidden unit by itself
    h = z_t * t + z_left * h_left + z_right * h_right + z_u * u

The products of u with W_r and W_z leave the loop over levels, and so do all weight gradients.

Louppe, Cho, Becot, Cranmer, arXiv:1702.00748, appendix A.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from jetlego.bricks.recursive.simple_function import levels_up, pairs_of, seed_gradient
from jetlego.bricks.recursive.walk import LevelPlan, span


class _Split(NamedTuple):
    """The weights of gates and resets, cut by what they act on: children (2H), u (H), candidate t (H)."""

    children: Tensor  # (7H, 2H): rows of W_r, then of W_z
    u: Tensor  # (7H, H)
    t: Tensor  # (4H, H), W_z alone
    bias: Tensor  # (7H,)


def _split(w_r: Tensor, b_r: Tensor, w_z: Tensor, b_z: Tensor) -> _Split:
    width = w_r.shape[0] // 3
    of_t, of_joined = w_z.split([width, 3 * width], dim=1)
    children, u = torch.cat([w_r, of_joined]).split([2 * width, width], dim=1)
    return _Split(children, u, of_t, torch.cat([b_r, b_z]))


class GatedWalk(torch.autograd.Function):
    """(x, W_u, b_u, W_h, b_h, W_r, b_r, W_z, b_z) -> states of all nodes (T, H), or of the roots (R, H)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w_u: Tensor, b_u: Tensor, w_h: Tensor, b_h: Tensor, w_r: Tensor, b_r: Tensor,
                w_z: Tensor, b_z: Tensor, plan: LevelPlan, roots_only: bool) -> Tensor:  # fmt: skip
        """Walk up; ``gates`` holds the pre-activations of r (3H) and z (4H), then r itself."""
        width, weights = w_u.shape[0], _split(w_r, b_r, w_z, b_z)
        state = torch.addmm(b_u, x, w_u.T).relu_()  # (T, H)
        u = state.index_select(0, plan.inner_row)  # (M, H)
        gates = torch.addmm(weights.bias, u, weights.u.T)  # (M, 7H)
        candidates, choices = [u.new_empty(0, width)], [u.new_empty(0, 4, width)]  # t and z, deepest level first
        children = pairs_of(state, plan)  # (M, 2H)
        for first, last in levels_up(plan):
            pair, own, gate = (span(part, first, last) for part in (children, u, gates))
            joined = torch.cat([pair, own], dim=1)  # (m, 3H)
            r, q = gate.addmm_(pair, weights.children.T).split([3 * width, 4 * width], dim=1)
            r.mul_(2.0).sigmoid_()
            t = torch.addmm(b_h, r * joined, w_h.T).relu_()
            z = torch.softmax(torch.addmm(q, t, weights.t.T).view(-1, 4, width), dim=1)
            candidates.append(t)
            choices.append(z)
            options = torch.cat([t, joined], dim=1).view(-1, 4, width)
            state.index_copy_(0, span(plan.inner_row, first, last), (z * options).sum(1))
        candidate, choice = torch.cat(candidates[::-1]), torch.cat(choices[::-1])
        ctx.save_for_backward(x, w_u, w_h, w_r, w_z, state, u, gates, candidate, choice)
        ctx.plan, ctx.roots_only = plan, roots_only
        return span(state, 0, plan.num_roots).clone() if roots_only else state

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Walk down; ``d_gates`` collects d/d pre-activation of r and z, ``d_t`` that of the candidate."""
        _, w_u, w_h, w_r, w_z, state, u, gates, candidate, choice = ctx.saved_tensors
        plan, width = ctx.plan, w_u.shape[0]
        weights = _split(w_r, w_r[:, 0], w_z, w_z[:, 0])  # biases do not matter here
        d_state = seed_gradient(grad, state, plan, ctx.roots_only)
        children, d_children = pairs_of(state, plan), pairs_of(d_state, plan)
        d_gates, d_t, d_u = torch.empty_like(gates), torch.empty_like(candidate), torch.empty_like(u)
        for first, last in reversed(levels_up(plan)):
            rows = slice(first, last)
            d_h = d_state.index_select(0, plan.inner_row[rows]).unsqueeze(1)  # (m, 1, H)
            r, z = gates[rows, : 3 * width], choice[rows]
            joined = torch.cat([children[rows], u[rows]], dim=1)
            d_z = d_h * torch.cat([candidate[rows], joined], dim=1).view(-1, 4, width)
            d_q = (z * (d_z - (z * d_z).sum(1, keepdim=True))).view(-1, 4 * width)
            passed = d_h * z  # (m, 4, H), straight through the gates
            d_t[rows] = torch.addmm(passed[:, 0], d_q, weights.t).mul_(candidate[rows] > 0)
            d_reset = d_t[rows] @ w_h  # (m, 3H), of r * x
            d_gates[rows, : 3 * width] = d_reset * joined * (2.0 * r * (1.0 - r))
            d_gates[rows, 3 * width :] = d_q
            d_joined = d_reset * r + passed[:, 1:].reshape(-1, 3 * width)
            d_joined[:, : 2 * width].addmm_(d_gates[rows], weights.children)
            d_u[rows] = d_joined[:, 2 * width :]
            _push_ready(d_children[rows], d_joined[:, : 2 * width], ctx.roots_only)
        return (*_weight_gradients(ctx, weights, d_state, d_gates, d_t, d_u), None, None)


def _push_ready(rows: Tensor, values: Tensor, fresh: bool) -> None:
    if fresh:
        rows.copy_(values)
    else:
        rows.add_(values)


def _weight_gradients(
    ctx: Any, weights: _Split, d_state: Tensor, d_gates: Tensor, d_t: Tensor, d_u: Tensor
) -> tuple[Tensor | None, ...]:
    """Return the gradients of x, W_u, b_u, W_h, b_h, W_r, b_r, W_z, b_z, one product each over all inner nodes."""
    x, w_u, _, _, _, state, u, gates, candidate, _ = ctx.saved_tensors
    plan, width = ctx.plan, w_u.shape[0]
    joined = torch.cat([pairs_of(state, plan), u], dim=1)  # (M, 3H)
    d_w_h = d_t.T @ (gates[:, : 3 * width] * joined)
    d_both = d_gates.T @ joined  # (7H, 3H)
    d_w_z = torch.cat([d_gates[:, 3 * width :].T @ candidate, d_both[3 * width :]], dim=1)
    bias = d_gates.sum(0)
    d_u = torch.addmm(d_u, d_gates, weights.u).mul_(u > 0)
    d_state.mul_(state > 0).index_copy_(0, plan.inner_row, d_u)
    d_x = d_state @ w_u if ctx.needs_input_grad[0] else None
    return (
        d_x, d_state.T @ x, d_state.sum(0), d_w_h, d_t.sum(0),
        d_both[: 3 * width], bias[: 3 * width], d_w_z, bias[3 * width :],
    )  # fmt: skip
