"""Deep sets: whatever a symmetric function of a set can be, written as a sum over its items."""

from __future__ import annotations

from typing import Annotated, Any

from torch import Tensor, nn

from jetlego.bricks.masks import blank
from jetlego.bricks.part import Part, fit, on_items
from jetlego.bricks.readout import How, Pool
from jetlego.bricks.registry import brick

_PHI = {"brick": "mlp", "hidden": [100, 100, 256], "he_init": True}


@brick(
    "deepsets",
    takes={"x": "set[in_dim]", "weight": "weight?"},
    gives={"y": "vector[out_dim]"},
    views=("padded", "packed"),
)
class DeepSets(nn.Module):
    """``rho(sum_i w_i phi(x_i))`` (arXiv:1703.06114, theorem 2).

    With ``w = 1`` the particle flow network; with ``w_i = z_i``, the momentum fraction, and ``phi`` of the angles
    alone, the energy flow network, which is infrared and collinear safe (arXiv:1810.05165, eqs. 1.2 and 1.3).

    Parameters
    ----------
    in_dim
        Width of the items.
    phi
        Acts on each item; by default the layers of the particle flow network.
    rho
        Acts on the sum; None gives the sum itself.
    out_dim
        Width that ``rho`` gives.
    pool
        ``sum``, ``mean`` or ``max``.
    """

    def __init__(self, *, in_dim: int, phi: Annotated[Part, "set -> set"] | None = None,
                 rho: Annotated[Part, "vector -> vector"] | None = None, out_dim: int | None = None,
                 pool: How = "sum") -> None:  # fmt: skip
        super().__init__()
        self.phi = fit(phi or _PHI, in_dim=in_dim)
        width: Any = self.phi.out_dim
        self.pool = Pool(in_dim=width, how=pool)
        sizes = {} if out_dim is None else {"out_dim": out_dim}
        self.rho = None if rho is None else fit(rho, in_dim=width, **sizes)
        self.out_dim = width if self.rho is None else self.rho.out_dim

    def forward(self, x: Tensor, mask: Tensor | None = None, weight: Tensor | None = None, *,
                ptr: Tensor | None = None) -> Tensor:  # fmt: skip
        """Return (B, out_dim) of ``x (B, N, in_dim)`` with ``mask`` or ``x (P, in_dim)`` with ``ptr``."""
        items = on_items(self.phi, blank(x, mask), mask)
        latent = self.pool(items, mask, weight, ptr=ptr)
        return latent if self.rho is None else self.rho(latent)
