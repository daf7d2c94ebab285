"""Particle Transformer: attention biased by what two particles are to each other (Qu, Li, Qian, arXiv:2202.03772)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from torch import Tensor, nn

from jetlego.bricks.activations import activation as make_activation
from jetlego.bricks.class_attention import ClassAttention
from jetlego.bricks.norms import MaskedBatchNorm
from jetlego.bricks.pairs import PairBias
from jetlego.bricks.registry import brick
from jetlego.bricks.transformer import Transformer
from jetlego.models.inputs import constituents_of, momenta_of, packed_view

_TAKES = {"jets": "batch"}
_GIVES = {"logits": "logits[num_classes]"}


class ParticleEmbed(nn.Module):
    """Batch norm of the features, then layer norm, linear, activation for each width."""

    def __init__(self, in_dim: int, widths: Sequence[int], *, activation: str = "gelu") -> None:
        super().__init__()
        self.input_norm = MaskedBatchNorm(in_dim=in_dim)
        sizes = list(pairwise([in_dim, *widths]))
        self.norms = nn.ModuleList(nn.LayerNorm(a) for a, _ in sizes)
        self.linears = nn.ModuleList(nn.Linear(a, b) for a, b in sizes)
        self.activation = make_activation(activation)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return (..., widths[-1]) of ``x (..., in_dim)``."""
        x = self.input_norm(x, mask)
        for norm, linear in zip(self.norms, self.linears, strict=True):
            x = self.activation(linear(norm(x)))
        return x


@brick("particle_transformer", takes=_TAKES, gives=_GIVES)
class ParticleTransformer(nn.Module):
    """Embed, particle blocks with pair bias, class blocks, one linear layer.

    2,141,134 parameters with seven features and two classes. Without pairs it is a plain transformer of sets.

    Parameters
    ----------
    in_dim, num_classes
        Known from the data.
    embed
        Widths of the embedding; the last one is that of the transformer.
    pair_embed
        Widths of the pair embedding before its last layer; None for no pair bias.
    layers, class_layers, heads, feedforward
        Particle blocks, class blocks, heads, and width inside the blocks in units of theirs.
    dropout
        In the particle blocks; the class blocks have none.
    """

    def __init__(self, *, in_dim: int, num_classes: int, embed: Sequence[int] = (128, 512, 128),
                 pair_embed: Sequence[int] | None = (64, 64, 64), layers: int = 8, class_layers: int = 2,
                 heads: int = 8, feedforward: float = 4, dropout: float = 0.1) -> None:  # fmt: skip
        super().__init__()
        self.embed = ParticleEmbed(in_dim, embed)
        self.pair_bias = None if pair_embed is None else PairBias(out_dim=heads, hidden=pair_embed)
        self.transformer = Transformer(
            in_dim=embed[-1], layers=layers, heads=heads, feedforward=feedforward, dropout=dropout, normformer=True,
            final_norm=False, depth_init=True,
        )  # fmt: skip
        self.class_attention = ClassAttention(
            in_dim=embed[-1], layers=class_layers, heads=heads, feedforward=feedforward, normformer=True,
            depth_init=True,
        )  # fmt: skip
        self.head = nn.Linear(embed[-1], num_classes)

    def forward(self, jets: Any) -> Tensor:
        """Return logits (B, K) of a ``JetBatch``."""
        p4 = None if self.pair_bias is None else momenta_of(jets)
        return self.logits(constituents_of(jets), p4, **packed_view(jets))

    def logits(self, x: Tensor, p4: Tensor | None, mask: Tensor | None = None, **packed: Any) -> Tensor:
        """Return logits (B, K) of features (B, N, F) and p4 (B, N, 4) with ``mask``, or packed with ``ptr``."""
        pair = None if self.pair_bias is None else self.pair_bias(p4, mask, **packed)
        x = self.transformer(self.embed(x, mask), mask, pair, **packed)
        packed.pop("counts", None)
        return self.head(self.class_attention(x, mask, **packed))


@brick("particle_transformer_small", takes=_TAKES, gives=_GIVES)
def particle_transformer_small(*, in_dim: int, num_classes: int, dropout: float = 0.0) -> nn.Module:
    """A Particle Transformer of 45,078 parameters (seven features, ten classes), for small samples and CPUs.

    Embedding 32-64-32, pairs 16-16-16, two particle blocks and one class block of four heads.
    """
    return ParticleTransformer(
        in_dim=in_dim, num_classes=num_classes, embed=(32, 64, 32), pair_embed=(16, 16, 16), layers=2, class_layers=1,
        heads=4, dropout=dropout,
    )  # fmt: skip


@brick("plain_transformer", takes=_TAKES, gives=_GIVES)
def plain_transformer(*, in_dim: int, num_classes: int, embed: Sequence[int] = (128, 512, 128), layers: int = 8,
                      heads: int = 8, dropout: float = 0.1) -> nn.Module:  # fmt: skip
    """The Particle Transformer without its pair bias: what the pairs are worth (arXiv:2202.03772, table 5)."""
    return ParticleTransformer(
        in_dim=in_dim, num_classes=num_classes, embed=embed, pair_embed=None, layers=layers, heads=heads,
        dropout=dropout,
    )  # fmt: skip

