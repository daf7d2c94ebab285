"""Trees as output: from a vector and a four-momentum to a whole shower, with an exact likelihood.

    p_split = logistic(w s_k)                            stop makes a leaf
    (x_left, x_right, cos theta*, phi*) ~ density(s_k)    split conserves momentum
    s_child = relu(V [s_k; decay numbers; kinematics of the child] + c_side)

Given a tree the likelihood is a product over its nodes and runs on the level plan; generation proceeds level by level
for all jets at once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from jetlego.bricks.recursive.decay import decay, decay_numbers, mass_of
from jetlego.bricks.recursive.tree_density import DecayDensity
from jetlego.bricks.recursive.walk import LevelPlan, span
from jetlego.bricks.registry import brick


class GeneratedTrees(NamedTuple):
    """Trees drawn by a decoder; nodes of a jet stand breadth first, its root first.

    ``children (T, 2)`` are node numbers inside the jet, -1 at leaves, ``node_ptr (B + 1,)`` offsets, ``p4 (T, 4)``
    momenta in GeV: what ``Forest.from_children`` takes. ``num_capped`` jets ran into a limit of depth or leaves.
    """

    children: np.ndarray
    node_ptr: np.ndarray
    p4: np.ndarray
    num_capped: int


@brick("tree_decoder", takes={"x": "vector[in_dim]", "p4": "tree"}, gives={"y": "vector"}, views=("packed",),
       dynamic=True)  # fmt: skip
class TreeDecoder(nn.Module):
    """Log-likelihood of trees given a vector each, and trees drawn from it.

    Parameters
    ----------
    in_dim
        Width of the vector: a jet's embedding, class, or latent.
    hidden
        Width of the state of a node.
    components
        Components of the density of a decay.
    mass_cut
        GeV; a node of at most this mass never splits.
    max_depth, max_leaves
        Limits of generation; jets that meet one are counted.
    """

    def __init__(self, *, in_dim: int, hidden: int = 40, components: int = 4, mass_cut: float = 0.0,
                 max_depth: int = 64, max_leaves: int = 512) -> None:  # fmt: skip
        super().__init__()
        self.mass_cut, self.max_depth, self.max_leaves = mass_cut, max_depth, max_leaves
        self.root = nn.Linear(in_dim + 3, hidden)
        self.child = nn.Linear(hidden + 8, hidden)  # state, decay numbers (5), kinematics (3)
        self.side = nn.Parameter(torch.zeros(2, hidden))
        self.split, self.density = nn.Linear(hidden, 1), DecayDensity(in_dim=hidden, components=components)

    def reset(self, generator: torch.Generator | None = None) -> None:
        """Start with no difference between left and right."""
        nn.init.zeros_(self.side)

    def forward(self, x: Tensor, plan: LevelPlan, p4: Tensor) -> Tensor:
        """Return the log-likelihood (B,) of trees with node momenta ``p4 (T, 4)`` given ``x (B, in_dim)``.

        Jets without constituents have 0. The momentum of the root is given, not drawn.
        """
        jets = torch.arange(plan.num_jets, device=x.device)
        owner = jets.new_zeros(plan.num_roots + 1).index_copy(0, plan.root_row, jets).narrow(0, 0, plan.num_roots)
        scale = span(p4, 0, plan.num_roots)
        state = self._root_state(x.index_select(0, owner), scale)
        terms = []
        for level in range(plan.num_levels):
            rows = span(p4, *plan.level_ptr[level : level + 2])
            first, last = plan.inner_ptr[level : level + 2]
            inner = span(plan.inner_row, first, last) - plan.level_ptr[level]
            term = self._stop_term(state, rows)
            if last > first:
                below = span(p4, *plan.level_ptr[level + 1 : level + 3]).unflatten(0, (last - first, 2))
                parent, of_parent = rows.index_select(0, inner), state.index_select(0, inner)
                numbers = decay_numbers(parent, *below.unbind(1))
                log_split = logsigmoid(self.split(of_parent)).squeeze(-1)
                term = term.index_copy(0, inner, log_split + self.density.log_prob(of_parent, numbers))
                scale = scale.index_select(0, inner).repeat_interleave(2, 0, output_size=2 * (last - first))
                state = self._child_states(of_parent, numbers, below.flatten(0, 1), scale)
            terms.append(term)
        return self._sum_trees(terms, plan, x)

    def _sum_trees(self, terms: list[Tensor], plan: LevelPlan, x: Tensor) -> Tensor:
        """Add the terms (level by level) of each tree, children to parents, so that no two write to one place."""
        total = x.new_zeros(0)
        for level in reversed(range(plan.num_levels)):
            here = terms[level]
            first, last = plan.inner_ptr[level : level + 2]
            if last > first:
                inner = span(plan.inner_row, first, last) - plan.level_ptr[level]
                pair = total.unflatten(0, (last - first, 2)).sum(1)
                here = here.index_copy(0, inner, here.index_select(0, inner) + pair)
            total = here
        return torch.cat([total, total.new_zeros(1)]).index_select(0, plan.root_row)

    def _stop_term(self, state: Tensor, p4: Tensor) -> Tensor:
        """Return (n,) ln of the probability to stop; 0 where the mass leaves no choice."""
        free = mass_of(p4) > self.mass_cut
        return logsigmoid(-self.split(state)).squeeze(-1).masked_fill(~free, 0.0)

    def _kinematics(self, p4: Tensor, scale: Tensor) -> Tensor:
        """Return (n, 3): ln of energy and mass over those of the jet, and ln of the mass in GeV."""
        floor = 1e-3
        mass, of_jet = mass_of(p4).clamp(min=floor), mass_of(scale).clamp(min=floor)
        energy = (p4.select(-1, 3) / scale.select(-1, 3)).clamp(min=1e-9)
        return torch.stack([energy.log(), (mass / of_jet).log(), mass.log()], dim=-1).to(self.root.weight.dtype)

    def _root_state(self, x: Tensor, p4: Tensor) -> Tensor:
        return torch.relu(self.root(torch.cat([x, self._kinematics(p4, p4)], dim=-1)))

    def _child_states(self, parent: Tensor, numbers: Tensor, p4: Tensor, scale: Tensor) -> Tensor:
        """Return (2m, H) states of children, left and right in turn."""
        x, cos_theta, phi = numbers.to(parent.dtype).split([2, 1, 1], dim=-1)
        known = torch.cat([parent, x, cos_theta, phi.cos(), phi.sin()], dim=-1)
        twice = known.repeat_interleave(2, 0, output_size=2 * known.shape[0])
        state = self.child(torch.cat([twice, self._kinematics(p4, scale)], dim=-1))
        return torch.relu(state.unflatten(0, (-1, 2)) + self.side).flatten(0, 1)

    @torch.no_grad()
    def generate(self, x: Tensor, p4: Tensor, *, generator: torch.Generator | None = None) -> GeneratedTrees:
        """Draw a tree for each vector ``x (B, in_dim)`` and root momentum ``p4 (B, 4)`` in GeV, level by level."""
        rows, scale = p4.double(), p4.double()
        jet, state = torch.arange(len(x), device=x.device), self._root_state(x, rows)
        leaves, capped = torch.ones_like(jet), torch.zeros_like(jet, dtype=torch.bool)
        levels: list[tuple[Tensor, Tensor, Tensor]] = []
        for depth in range(self.max_depth + 1):
            wish = torch.sigmoid(self.split(state)).squeeze(-1)
            draw = torch.rand(wish.shape, dtype=wish.dtype, device=wish.device, generator=generator)
            splits = (draw < wish) & (mass_of(rows) > self.mass_cut)
            allowed = splits & _within(splits, jet, leaves, self.max_leaves) & (depth < self.max_depth)
            capped[jet[splits & ~allowed]] = True
            levels.append((jet, rows, allowed))
            if not allowed.any():
                break
            parent, of_parent = rows[allowed], state[allowed]
            numbers = self.density.sample(of_parent, generator)
            rows = torch.stack(decay(parent, numbers.double()), dim=1).flatten(0, 1)
            leaves.index_add_(0, jet[allowed], torch.ones_like(jet[allowed]))
            jet = jet[allowed].repeat_interleave(2)
            scale = scale[allowed].repeat_interleave(2, 0)
            state = self._child_states(of_parent, numbers, rows, scale)
        return _assembled(levels, len(x), int(capped.sum()))


def _within(splits: Tensor, jet: Tensor, leaves: Tensor, limit: int) -> Tensor:
    """Return (n,) whether a split still fits: those of a jet are counted in the order of the rows, which is by jet."""
    before = splits.long().cumsum(0) - splits.long()
    first = torch.searchsorted(jet, jet)  # where the rows of the jet begin
    return leaves[jet] + before - before[first] < limit


def _assembled(levels: list[tuple[Tensor, Tensor, Tensor]], num_jets: int, num_capped: int) -> GeneratedTrees:
    """Put the levels of all jets one jet after the other; rows of a level stand by jet, siblings side by side."""
    jet = torch.cat([part[0] for part in levels]).cpu().numpy()
    p4 = torch.cat([part[1] for part in levels]).cpu().numpy()
    splits = torch.cat([part[2] for part in levels]).cpu().numpy()
    order = np.argsort(jet, kind="stable")
    node_ptr = np.concatenate([[0], np.cumsum(np.bincount(jet, minlength=num_jets))])
    number = np.empty(len(jet), np.int64)
    number[order] = np.arange(len(jet)) - node_ptr[jet[order]]
    children = np.full((len(jet), 2), -1)
    # the children of the i-th node that splits are rows B + 2i and B + 2i + 1 of the levels together
    children[splits] = number[num_jets:].reshape(-1, 2)
    return GeneratedTrees(children[order], node_ptr, p4[order], num_capped)
