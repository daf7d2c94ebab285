"""Taggers of the Lund plane: a recurrent net over the primary sequence, edge convolutions over the whole tree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import torch
from torch import Tensor, nn

from jetlego.bricks.edgeconv import EdgeConv
from jetlego.bricks.feedforward import MLP
from jetlego.bricks.norms import MaskedBatchNorm
from jetlego.bricks.part import Part, fit
from jetlego.bricks.recursive.declusterings import HistorySequence, declustering_links, jet_of_declustering
from jetlego.bricks.registry import brick

_TAKES = {"jets": "batch"}
_GIVES = {"logits": "logits[num_classes]"}


@brick("lund_sequence", takes=_TAKES, gives=_GIVES)
class LundSequence(nn.Module):
    """``head(over(embed(primary declusterings)))``: the harder branch of a tree as a sequence, from wide to narrow.

    An LSTM over the primary Lund plane is the recurrent tagger of Dreyer, Salam, Soyez, arXiv:1807.04758, section 4.

    Parameters
    ----------
    in_dim, node_dim, num_classes
        Known from the data; ``node_dim`` is the width of the node features where ``in_dim`` is not.
    embed
        Acts on each declustering.
    over
        From the sequence to one vector, such as ``lstm`` or ``gru`` with ``last: true``, or a ``chain`` that ends so.
    head
        From there to logits.
    tree
        Name of the tree; may be left out if there is one.

    Notes
    -----
    A jet of one constituent or none has no declustering: its sequence is empty.
    """

    def __init__(self, *, in_dim: int, num_classes: int, over: Annotated[Part, "sequence -> vector"],
                 embed: Annotated[Part, "set -> set"] | None = None,
                 head: Annotated[Part, "vector -> logits"] = "mlp", node_dim: int | None = None,
                 tree: str | None = None) -> None:  # fmt: skip
        super().__init__()
        self.tree = tree
        width = in_dim if node_dim is None else node_dim
        self.sequence = HistorySequence(in_dim=width)
        self.embed = None if embed is None else fit(embed, in_dim=width)
        self.over = fit(over, in_dim=width if self.embed is None else self.embed.out_dim)
        self.head = fit(head, in_dim=self.over.out_dim, out_dim=num_classes)

    def forward(self, jets: Any) -> Tensor:
        """Return logits (B, K) of a ``JetBatch``."""
        tree = jets.tree(self.tree)
        x, mask = self.sequence(tree.features, tree.plan)
        x = x if self.embed is None else self.embed(x, mask)
        return self.head(self.over(x, mask))


@brick("lund_net", takes=_TAKES, gives=_GIVES)
class LundNet(nn.Module):
    """Edge convolutions over the Lund tree: declusterings are nodes, a branch between two is a link (arXiv:2012.08526).

    Batch norm; six edge convolutions on the tree's own links, both ways; all their outputs side by side -> linear,
    ReLU, batch norm; mean over the declusterings; linear, ReLU, dropout, linear. 391,724 parameters with five features
    and two classes.

    Parameters
    ----------
    in_dim, node_dim, num_classes
        Known from the data; five node features ``lund`` of a Cambridge/Aachen tree make it LundNet-5, the three of
        ``[ln_z, ln_delta, ln_kt]`` LundNet-3.
    channels
        Widths of the layers of each edge convolution.
    fusion
        Width of the layer over all outputs.
    hidden, dropout
        Of the layer before the last.
    tree
        Name of the tree; may be left out if there is one.

    Notes
    -----
    A jet of one constituent or none has no declustering, and a mean of zeros. Each layer of an edge convolution is
    ``theta (x_i - x_j) + phi x_j`` in the paper and ``W [x_i; x_j - x_i]`` here: the same with W = [phi, phi - theta].
    """

    def __init__(self, *, in_dim: int, num_classes: int,
                 channels: Sequence[Sequence[int]] = ((32, 32), (32, 32), (64, 64), (64, 64), (128, 128), (128, 128)),
                 fusion: int = 384, hidden: int = 256, dropout: float = 0.1, node_dim: int | None = None,
                 tree: str | None = None) -> None:  # fmt: skip
        super().__init__()
        self.tree = tree
        width = in_dim if node_dim is None else node_dim
        self.input_norm = MaskedBatchNorm(in_dim=width)
        widths = [width, *(layers[-1] for layers in channels)]
        self.convs = nn.ModuleList(
            EdgeConv(in_dim=width, channels=layers) for width, layers in zip(widths, channels, strict=False)
        )
        self.fusion = nn.Linear(sum(widths[1:]), fusion)
        self.fusion_norm = MaskedBatchNorm(in_dim=fusion)
        self.head = MLP(in_dim=fusion, hidden=[hidden], out_dim=num_classes, dropout=dropout)

    def forward(self, jets: Any) -> Tensor:
        """Return logits (B, K) of a ``JetBatch``."""
        tree = jets.tree(self.tree)
        x = self.input_norm(tree.features.index_select(0, tree.plan.inner_row))
        links, outputs = declustering_links(tree.plan), []
        for conv in self.convs:
            x = conv(x, edge_index=links)
            outputs.append(x)
        x = self.fusion_norm(torch.relu(self.fusion(torch.cat(outputs, -1))))
        return self.head(_mean(x, jet_of_declustering(tree.plan), tree.plan.num_jets))


def _mean(x: Tensor, owner: Tensor, size: int) -> Tensor:
    """Return the mean (size, D) of the rows of ``x (M, D)`` of each owner, zero where there is none."""
    total = x.new_zeros(size, x.shape[1]).index_add(0, owner, x)
    count = x.new_zeros(size).index_add(0, owner, x.new_ones(x.shape[0]))
    return total / count.clamp(min=1).unsqueeze(1)
