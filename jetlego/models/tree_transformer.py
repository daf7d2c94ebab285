"""A transformer over constituents that knows how their jet was clustered."""

from __future__ import annotations

from typing import Annotated, Any

from torch import Tensor, nn

from jetlego.bricks.part import Part, fit
from jetlego.bricks.registry import brick
from jetlego.errors import ConfigError
from jetlego.models.inputs import on_constituents


@brick("tree_transformer", takes={"jets": "batch"}, gives={"logits": "logits[num_classes]"})
class TreeTransformer(nn.Module):
    """``head(readout(body(embed(x), pair=bias(lowest common ancestors))))``.

    Prepare the jets with pair features of a tree (``TreeSpec(pairs=...)``), such as the depth, ln kT and ln Delta of
    the declustering where two constituents part.

    Parameters
    ----------
    in_dim, node_dim, pair_dim, num_classes
        Known from the data. Jets without constituent features give the node features of the leaves.
    embed
        Acts on each constituent.
    body
        A part with a pair slot and a number of heads, such as ``transformer``.
    bias
        From pair features to a bias for each head.
    readout, head
        From the set to a vector, and from there to logits.
    tree
        Name of the tree; may be left out if there is one.
    """

    def __init__(self, *, in_dim: int, pair_dim: int, num_classes: int, node_dim: int | None = None,
                 embed: Annotated[Part, "set -> set"] | None = None,
                 body: Annotated[Part, "set -> set"] = "transformer",
                 bias: Annotated[Part, "any -> pair"] = "tree_bias",
                 readout: Annotated[Part, "set -> vector"] = "pool",
                 head: Annotated[Part, "vector -> logits"] = "mlp", tree: str | None = None) -> None:  # fmt: skip
        super().__init__()
        self.tree = tree
        self.embed = None if embed is None else fit(embed, in_dim=in_dim)
        self.body = fit(body, in_dim=in_dim if self.embed is None else self.embed.out_dim)
        self.bias = fit(bias, in_dim=pair_dim, out_dim=self.body.heads)
        self.readout = fit(readout, in_dim=self.body.out_dim)
        self.head = fit(head, in_dim=self.readout.out_dim, out_dim=num_classes)

    def forward(self, jets: Any) -> Tensor:
        """Return logits (B, K) of a ``JetBatch``."""
        tree = jets.tree(self.tree)
        if tree.pairs is None:
            raise ConfigError("NO-FEATURES", "the trees were prepared without pair features", "set TreeSpec.pairs")
        x = jets.constituents
        if x is None:
            x = tree.features.index_select(0, tree.plan.leaf_row)
        x = x if self.embed is None else on_constituents(self.embed, x, jets)
        x = on_constituents(self.body, x, jets, pair=self.bias(tree.pairs))
        return self.head(on_constituents(self.readout, x, jets))
