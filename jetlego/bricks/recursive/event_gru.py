"""A recurrence over the jets of an event."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from jetlego.bricks.registry import brick


@brick("event_gru", takes={"x": "sequence[in_dim]"}, gives={"y": "vector[out_dim]"})
class EventGRU(nn.Module):
    """Gated recurrent unit with a relu candidate, over jets from the softest to the hardest.

        z = sigma(W_z [h; x] + b_z)    r = sigma(W_r [h; x] + b_r)    sigma(a) = logistic(2 a)
        t = relu(W_h [r * h; x] + b_h)    h <- (1 - z) * h + z * t    h_0 = 0

    Parameters
    ----------
    in_dim
        Width of what is known of a jet.
    hidden
        Width of h.

    References
    ----------
    Louppe, Cho, Becot, Cranmer, arXiv:1702.00748, section 3.3; masked steps leave h as it is.
    """

    def __init__(self, *, in_dim: int, hidden: int = 40) -> None:
        super().__init__()
        self.out_dim = self.hidden = hidden
        self.input = nn.Linear(in_dim, 3 * hidden)  # z, r, t
        self.gates = nn.Linear(hidden, 2 * hidden, bias=False)
        self.candidate = nn.Linear(hidden, hidden, bias=False)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return (E, hidden) of jets ``x (E, J, in_dim)`` with ``mask (E, J)``; zeros for an event without jets."""
        if mask is not None:
            x = x.masked_fill(~mask.unsqueeze(-1), 0.0)
        steps = self.input(x)
        h = steps.new_zeros(x.shape[0], self.hidden)
        for step, own in enumerate(steps.unbind(1)):
            gates, candidate = own.split([2 * self.hidden, self.hidden], dim=-1)
            z, r = torch.sigmoid(2.0 * (gates + self.gates(h))).chunk(2, dim=-1)
            new = torch.lerp(h, torch.relu(candidate + self.candidate(r * h)), z)
            h = new if mask is None else torch.where(mask.select(1, step).unsqueeze(-1), new, h)
        return h
