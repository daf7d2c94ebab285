"""The recursive tagger: one tree of each jet, walked from the constituents to the root, then a classifier."""

from __future__ import annotations

from typing import Annotated, Any

from torch import Tensor, nn

from jetlego.bricks.part import Part, fit
from jetlego.bricks.recursive.embedding import Recursive
from jetlego.bricks.registry import brick


@brick("recursive_tagger", takes={"jets": "batch"}, gives={"logits": "logits[num_classes]"}, dynamic=True)
class RecursiveTagger(nn.Module):
    """Classify jets by the root state of their trees (Louppe, Cho, Becot, Cranmer, arXiv:1702.00748).

    Parameters
    ----------
    cell
        How two children merge, such as ``recnn_simple``.
    head
        From the jet's state to logits, such as ``mlp``.
    num_classes
        Number of logits.
    in_dim
        Width of the node features; known from the data.
    node_dim
        The same where jets also have constituent features, whose width is then ``in_dim``.
    embed
        Optional network from node features to what the cell sees, such as ``mlp``.
    tree
        Name of the tree; may be left out if there is one.
    learn_empty
        Whether the state of a jet without constituents is learned; zeros if not.
    """

    def __init__(
        self,
        *,
        cell: Annotated[Part, "tree -> tree"],
        head: Annotated[Part, "vector -> logits"],
        num_classes: int,
        in_dim: int,
        node_dim: int | None = None,
        embed: Annotated[Part, "tree -> tree"] | None = None,
        tree: str | None = None,
        learn_empty: bool = True,
    ) -> None:
        super().__init__()
        width = in_dim if node_dim is None else node_dim
        self.embed = None if embed is None else fit(embed, in_dim=width)
        width = width if self.embed is None else self.embed.out_dim
        self.encoder = Recursive(in_dim=width, cell=cell, learn_empty=learn_empty)
        self.head = fit(head, in_dim=self.encoder.out_dim, out_dim=num_classes)
        self.tree = tree

    def forward(self, jets: Any) -> Tensor:
        """Return logits (B, K) of a ``JetBatch``."""
        batch = jets.tree(self.tree)
        x = batch.features if self.embed is None else self.embed(batch.features)
        return self.head(self.encoder(x, batch.plan))
