"""Taggers on edge lists: each constituent is linked to its nearest neighbours, and any message may pass."""

from __future__ import annotations

from typing import Annotated, Any

from torch import Tensor, nn

from jetlego.bricks.mpnn import MPNN
from jetlego.bricks.neighbours import nearest_edges
from jetlego.bricks.part import Part, fit
from jetlego.bricks.registry import brick
from jetlego.models.inputs import angles_to_jet, constituents_of, momenta_of, on_constituents


@brick("graph_tagger", takes={"jets": "batch"}, gives={"logits": "logits[num_classes]"})
class GraphTagger(nn.Module):
    """``head(readout(mpnn(constituents, k nearest neighbours in pseudorapidity and azimuth)))``.

    The graph is a list of edges, which is what convolutions of torch_geometric want; made once, from angles alone.

    Parameters
    ----------
    in_dim, num_classes
        Known from the data.
    k
        Number of neighbours.
    hidden, iterations, message, update, share
        As in ``mpnn``.
    readout
        From the states of the constituents to one vector.
    head
        From there to logits.
    """

    def __init__(self, *, in_dim: int, num_classes: int, k: int = 8, hidden: int = 64, iterations: int = 3,
                 message: Annotated[Part, "graph -> set"] = "message_pyg",
                 update: Annotated[Part, "set -> set"] = "update_residual_mlp", share: bool = False,
                 readout: Annotated[Part, "set -> vector"] = "pool",
                 head: Annotated[Part, "vector -> logits"] = "mlp") -> None:  # fmt: skip
        super().__init__()
        self.k = k
        self.mpnn = MPNN(in_dim=in_dim, hidden=hidden, iterations=iterations, message=message, update=update,
                         share=share)  # fmt: skip
        self.readout = fit(readout, in_dim=hidden)
        self.head = fit(head, in_dim=self.readout.out_dim, out_dim=num_classes)

    def forward(self, jets: Any) -> Tensor:
        """Return logits (B, K) of a ``JetBatch``."""
        counts = jets.jet_ptr.diff().cpu().numpy() if jets.counts is None else jets.counts
        points = angles_to_jet(momenta_of(jets), jets.jet_ptr)
        edge_index = nearest_edges(points, jets.jet_ptr, counts, self.k)
        states = self.mpnn(constituents_of(jets), edge_index=edge_index)
        return self.head(on_constituents(self.readout, states, jets))
