"""Several trees of each jet, say kT and C/A, walked with shared or separate weights."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import torch
from torch import Tensor, nn

from jetlego.bricks.part import Part, fit
from jetlego.bricks.recursive.embedding import Recursive
from jetlego.bricks.registry import brick


@brick("forest_tagger", takes={"jets": "batch"}, gives={"logits": "logits[num_classes]"}, dynamic=True)
class ForestTagger(nn.Module):
    """Classify jets by the root states of several trees.

    Parameters
    ----------
    trees
        Their names, as prepared.
    cell
        How two children merge.
    head
        From the joined states to logits.
    shared
        One cell for all trees, which must then have node features of one width.
    join
        ``concat``: states side by side. ``attention``: their mean, weighted by a learned score of each.
    in_dim, node_dims, num_classes
        Known from the data: the width of the node features, and {tree: width} where trees differ.
    """

    def __init__(self, *, trees: list[str], num_classes: int, in_dim: int, cell: Annotated[Part, "tree -> tree"],
                 head: Annotated[Part, "vector -> logits"] = "mlp", shared: bool = False,
                 join: Literal["concat", "attention"] = "concat",
                 node_dims: dict[str, int] | None = None) -> None:  # fmt: skip
        super().__init__()
        widths = [(node_dims or {}).get(name, in_dim) for name in trees]
        if not trees or (shared and len(set(widths)) > 1):
            raise ValueError(f"trees {trees} with node features of widths {widths} cannot share a cell")
        self.trees, self.join = list(trees), join
        makes = widths[:1] if shared else widths
        self.encoders = nn.ModuleList(Recursive(in_dim=width, cell=cell) for width in makes)
        states = [self.encoders[0 if shared else k].out_dim for k in range(len(trees))]
        if join == "attention" and len(set(states)) > 1:
            raise ValueError(f"attention needs states of one width, not {states}")
        self.score = nn.Linear(states[0], 1) if join == "attention" else None
        self.head = fit(head, in_dim=states[0] if join == "attention" else sum(states), out_dim=num_classes)

    def embed(self, jets: Any) -> list[Tensor]:
        """Return the root states (B, H) of each tree of a ``JetBatch``."""
        states = []
        for place, name in enumerate(self.trees):
            tree = jets.tree(name)
            states.append(self.encoders[min(place, len(self.encoders) - 1)](tree.features, tree.plan))
        return states

    def forward(self, jets: Any) -> Tensor:
        """Return logits (B, K) of a ``JetBatch``."""
        states = self.embed(jets)
        if self.score is None:
            return self.head(torch.cat(states, dim=1))
        each = torch.stack(states, dim=1)  # (B, trees, H)
        return self.head((torch.softmax(self.score(each), dim=1) * each).sum(1))
