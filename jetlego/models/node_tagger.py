"""Labels for constituents and for splittings: walk the tree up and down, then classify what stands at each node."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from torch import Tensor, nn

from jetlego.bricks.part import Part, fit
from jetlego.bricks.registry import brick


@brick("node_tagger", takes={"jets": "batch"}, gives={"logits": "set[num_classes]"}, dynamic=True)
class NodeTagger(nn.Module):
    """One set of logits for each leaf, inner node or node of a tree.

    Parameters
    ----------
    in_dim, node_dim, num_classes
        Known from the data; ``node_dim`` is the width of the node features where ``in_dim`` is not.
    cell
        From node features to states; ``both_ways`` lets each node know the whole jet.
    head
        From a node's state to logits.
    of
        ``leaves``: (P, K) in the order of the constituents. ``splittings``: (M, K), inner nodes in the order of the
        plan. ``nodes``: (T, K) in the rows of the plan.
    tree
        Name of the tree; may be left out if there is one.
    """

    def __init__(self, *, in_dim: int, num_classes: int, cell: Annotated[Part, "tree -> tree"],
                 head: Annotated[Part, "set -> set"] = "mlp", node_dim: int | None = None,
                 of: Literal["leaves", "splittings", "nodes"] = "leaves", tree: str | None = None) -> None:  # fmt: skip
        super().__init__()
        self.of, self.tree = of, tree
        self.cell = fit(cell, in_dim=in_dim if node_dim is None else node_dim)
        self.head = fit(head, in_dim=self.cell.out_dim, out_dim=num_classes)

    def forward(self, jets: Any) -> Tensor:
        """Return logits of a ``JetBatch``."""
        tree = jets.tree(self.tree)
        state = self.cell(tree.features, tree.plan)
        if self.of == "leaves":
            state = state.index_select(0, tree.plan.leaf_row)
        elif self.of == "splittings":
            state = state.index_select(0, tree.plan.inner_row)
        return self.head(state)
