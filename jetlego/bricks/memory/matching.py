"""Matching networks: classify by likeness to a few labelled examples."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from torch import Tensor, nn

from jetlego.bricks.masks import at_least_float32, blank, masked_softmax
from jetlego.bricks.norms import l2_normalise
from jetlego.bricks.part import Part, fit, on_items
from jetlego.bricks.recurrent import LSTM
from jetlego.bricks.registry import brick

ABSENT = -1e4
"""Log-probability of a class without an example: finite, and exactly zero after ``exp``."""


@brick(
    "matching",
    takes={"x": "sequence|set[in_dim]", "support": "set[in_dim]", "label": "index"},
    gives={"log_prob": "set[num_classes]"},
)
class Matching(nn.Module):
    """``p(y | x) = sum_i softmax_i(score(f(x), g(x_i))) [y_i = y]`` over a support set (arXiv:1606.04080).

    Parameters
    ----------
    in_dim, num_classes
        Width of the items, number of classes of an episode.
    embed
        From items to where they are compared, such as ``mlp``; None compares them as they are.
    distance
        ``cosine`` or ``squared`` (minus the squared distance); both with a learned sharpness, without which the cosine
        trains badly.
    context
        Number of steps of full context embeddings (the paper's section 2.1.2): the support reads itself in both
        directions, each query reads the support. The order of the support then matters. 0 leaves them out.

    Notes
    -----
    On jets: the support are labelled jets of a new generator or run; nothing has to be retrained.
    """

    def __init__(self, *, in_dim: int, num_classes: int, embed: Annotated[Part, "set -> set"] | None = None,
                 distance: Literal["cosine", "squared"] = "cosine", context: int = 0) -> None:  # fmt: skip
        super().__init__()
        self.num_classes, self.distance, self.in_dim = num_classes, distance, in_dim
        self.embed = None if embed is None else fit(embed, in_dim=in_dim)
        width = in_dim if self.embed is None else self.embed.out_dim
        self.context = context
        if context:
            self.of_support = LSTM(in_dim=width, hidden=width, bidirectional=True)
            self.of_query = nn.LSTMCell(width, width)
            self.with_read = nn.Linear(2 * width, width)
        self.sharpness = nn.Parameter(torch.empty(()))
        self.reset()

    def reset(self, generator: torch.Generator | None = None) -> None:
        """Start with sharpness 10 for cosines, which lie between -1 and 1, and 1 for squared distances."""
        nn.init.constant_(self.sharpness, 10.0 if self.distance == "cosine" else 1.0)

    def forward(self, x: Tensor, mask: Tensor | None = None, support: Tensor | None = None,
                support_mask: Tensor | None = None, label: Tensor | None = None) -> Tensor:  # fmt: skip
        """Return log-probabilities (B, T, num_classes) of queries ``x (B, T, in_dim)``.

        ``support (B, N, in_dim)`` with ``label (B, N)`` int64.
        """
        if support is None or label is None:
            raise ValueError("matching needs a support set and its labels")
        score = at_least_float32(self.scores(x, mask, support, support_mask))
        # not F.one_hot, which asks the device for the largest label
        member = label.unsqueeze(-1) == torch.arange(self.num_classes, device=label.device)
        if support_mask is not None:
            score = score.masked_fill(~support_mask.unsqueeze(1), -torch.inf)
            member = member & support_mask.unsqueeze(-1)
        every = score.unsqueeze(-1).masked_fill(~member.unsqueeze(1), -torch.inf)  # (B, T, N, K)
        log_prob = every.logsumexp(2) - score.logsumexp(2, keepdim=True)
        return blank(log_prob.masked_fill(~member.any(1).unsqueeze(1), ABSENT), mask)

    def scores(self, x: Tensor, mask: Tensor | None, support: Tensor, support_mask: Tensor | None) -> Tensor:
        """Return (B, T, N), how alike each query and each example are; their softmax are the weights."""
        f, g = self._embedded(x, mask), self._embedded(support, support_mask)
        if self.context:
            f, g = self._in_context(f, g, support_mask)
        return self._score(f, g)

    def _embedded(self, x: Tensor, mask: Tensor | None) -> Tensor:
        x = blank(x, mask)
        return x if self.embed is None else on_items(self.embed, x, mask)

    def _score(self, f: Tensor, g: Tensor) -> Tensor:
        if self.distance == "cosine":
            return self.sharpness * (l2_normalise(f) @ l2_normalise(g).mT)
        squared = f.square().sum(-1, keepdim=True) + g.square().sum(-1).unsqueeze(1) - 2 * (f @ g.mT)
        return -self.sharpness * squared

    def _in_context(self, f: Tensor, g: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        both = self.of_support(g, mask)
        g = g + both[..., : g.shape[-1]] + both[..., g.shape[-1] :]
        flat = f.flatten(0, 1)
        h = c = torch.zeros_like(flat)
        for _ in range(self.context):
            seen = masked_softmax(h.reshape(f.shape) @ g.mT, None if mask is None else mask.unsqueeze(1)) @ g
            fed = self.with_read(torch.cat([h, seen.flatten(0, 1)], -1))
            h, c = self.of_query(flat, (fed, c))
            h = h + flat
        return h.reshape(f.shape), g
