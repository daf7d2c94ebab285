"""Classify events by their jets: each jet's tree is embedded, then a recurrence runs over the jets."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from torch import Tensor, nn

from jetlego.bricks.masks import Packing
from jetlego.bricks.part import Part, fit
from jetlego.bricks.recursive.embedding import Recursive
from jetlego.bricks.registry import brick

_KINEMATICS = 4


@brick("event_tagger", takes={"events": "batch"}, gives={"logits": "logits[num_classes]"}, dynamic=True)
class EventTagger(nn.Module):
    """``head(over([embedding; phi, eta, pT, m] of each jet))`` (Louppe et al., arXiv:1702.00748, section 3.3).

    Parameters
    ----------
    cell
        How two children merge in the tree of a jet.
    over
        From the jets of an event, softest first, to one vector: ``event_gru``, or ``attention_pool``, which does not
        see their order.
    head
        From there to logits.
    num_classes, in_dim, node_dim
        Known from the data.
    tree
        Name of the tree; may be left out if there is one.
    learn_empty
        Whether the state of a jet without constituents is learned; zeros if not.
    """

    def __init__(self, *, cell: Annotated[Part, "tree -> tree"], num_classes: int, in_dim: int,
                 over: Annotated[Part, "sequence -> vector"] = "event_gru",
                 head: Annotated[Part, "vector -> logits"] = "mlp", node_dim: int | None = None,
                 tree: str | None = None, learn_empty: bool = True) -> None:  # fmt: skip
        super().__init__()
        self.tree = tree
        self.encoder = Recursive(in_dim=in_dim if node_dim is None else node_dim, cell=cell, learn_empty=learn_empty)
        self.over = fit(over, in_dim=self.encoder.out_dim + _KINEMATICS)
        self.head = fit(head, in_dim=self.over.out_dim, out_dim=num_classes)

    def forward(self, events: Any) -> Tensor:
        """Return logits (E, K) of an ``EventBatch``."""
        tree = events.jets.tree(self.tree)
        embedding = self.encoder(tree.features, tree.plan)
        x = torch.cat([embedding, events.jets.jet["kinematics"].to(embedding.dtype)], dim=1)
        packing = Packing.of(events.event_ptr, x.shape[0], events.max_jets)
        return self.head(self.over(packing.pad(x), packing.mask))
