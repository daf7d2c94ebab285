"""Energy flow and particle flow networks: deep sets of constituents (Komiske, Metodiev, Thaler, arXiv:1810.05165)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from jetlego.bricks.feedforward import MLP
from jetlego.bricks.registry import brick
from jetlego.bricks.sets import DeepSets
from jetlego.models.inputs import constituents_of, flow_inputs, momenta_of

_TAKES = {"jets": "batch"}
_GIVES = {"logits": "logits[num_classes]"}


def _deep_sets(in_dim: int, num_classes: int, phi: Sequence[int], f: Sequence[int], dropout: float) -> DeepSets:
    return DeepSets(
        in_dim=in_dim,
        phi=MLP(in_dim=in_dim, hidden=phi, he_init=True),
        rho=MLP(in_dim=phi[-1], hidden=f, out_dim=num_classes, dropout=dropout, he_init=True),
    )


@brick("pfn", takes=_TAKES, gives=_GIVES)
class ParticleFlowNetwork(nn.Module):
    """``F(sum_i Phi(features_i))``: the particle flow network (arXiv:1810.05165, eq. 1.2).

    82,558 parameters with four features and two classes.

    Parameters
    ----------
    in_dim, num_classes
        Known from the data.
    phi, f
        Widths of the layers before and after the sum.
    dropout
        After each layer of ``f``.
    """

    def __init__(self, *, in_dim: int, num_classes: int, phi: Sequence[int] = (100, 100, 256),
                 f: Sequence[int] = (100, 100, 100), dropout: float = 0.0) -> None:  # fmt: skip
        super().__init__()
        self.net = _deep_sets(in_dim, num_classes, phi, f, dropout)

    def forward(self, jets: Any) -> Tensor:
        """Return logits (B, K) of a ``JetBatch``."""
        return self.net(constituents_of(jets), ptr=jets.jet_ptr)


@brick("efn", takes=_TAKES, gives=_GIVES)
class EnergyFlowNetwork(nn.Module):
    """``F(sum_i z_i Phi(y_i, phi_i))``: infrared and collinear safe (arXiv:1810.05165, eq. 1.3).

    z is the fraction of the jet's scalar pT; the angles are centred on their pT-weighted means. 82,358 parameters with
    two classes. Reads four-momenta alone.

    Parameters
    ----------
    num_classes
        Known from the data.
    phi, f
        Widths of the layers before and after the sum.
    dropout
        After each layer of ``f``.
    """

    def __init__(self, *, num_classes: int, phi: Sequence[int] = (100, 100, 256), f: Sequence[int] = (100, 100, 100),
                 dropout: float = 0.0) -> None:  # fmt: skip
        super().__init__()
        self.net = _deep_sets(2, num_classes, phi, f, dropout)

    def forward(self, jets: Any) -> Tensor:
        """Return logits (B, K) of a ``JetBatch``."""
        fraction, angles = flow_inputs(momenta_of(jets), jets.jet_ptr)
        return self.net(angles, weight=fraction, ptr=jets.jet_ptr)
