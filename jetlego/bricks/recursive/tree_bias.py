"""What two constituents have in common in a tree, as a bias for attention between them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from jetlego.bricks.registry import brick


@brick("tree_bias", takes={"x": "any[in_dim]"}, gives={"y": "pair[out_dim]"})
class TreeBias(nn.Module):
    """A bias of each pair from the features of its lowest common ancestor, through one hidden layer.

    Beside each feature f the network sees ``f_ii + f_jj - 2 f_ij``, which for the depth is the number of steps from
    one leaf to the other; the offset of a scaled depth cancels.

    Parameters
    ----------
    in_dim
        Number of pair features K.
    out_dim
        Number of biases, one for each head.
    hidden
        Width of the layer between.

    References
    ----------
    Biases of pairs in attention: Qu, Li, Qian, arXiv:2202.03772; distance in a graph as bias: Ying et al.,
    arXiv:2106.05234.
    """

    def __init__(self, *, in_dim: int, out_dim: int, hidden: int = 32) -> None:
        super().__init__()
        self.out_dim = out_dim
        self.layers = nn.Sequential(nn.Linear(2 * in_dim, hidden), nn.GELU(), nn.Linear(hidden, out_dim))

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out_dim, N, N) of pair features ``x (B, N, N, K)``."""
        own = torch.diagonal(x, dim1=1, dim2=2).transpose(1, 2)  # (B, N, K)
        apart = own.unsqueeze(1) + own.unsqueeze(2) - 2.0 * x
        return self.layers(torch.cat([x, apart], dim=-1)).permute(0, 3, 1, 2)
