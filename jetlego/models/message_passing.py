"""Message passing among constituents: learned or physical adjacencies, and interaction networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from torch import Tensor, nn

from jetlego.bricks.feedforward import MLP
from jetlego.bricks.interaction import Interaction
from jetlego.bricks.masks import Packing, set_sum
from jetlego.bricks.mpnn import MPNN
from jetlego.bricks.part import Part, fit
from jetlego.bricks.registry import brick
from jetlego.models.inputs import constituents_of, kinematics_of, on_constituents

_TAKES = {"jets": "batch"}
_GIVES = {"logits": "logits[num_classes]"}


@brick("mpnn_tagger", takes=_TAKES, gives=_GIVES)
class MPNNTagger(nn.Module):
    """Messages along a learned or physical adjacency, a readout, a classifier (Henrion et al., NeurIPS workshop 2017).

    Parameters
    ----------
    in_dim, num_classes
        Known from the data.
    hidden, iterations, message, update, adjacency, every, share
        As in ``mpnn``; by default the directed learned adjacency ``dm`` with a sigmoid, made once.
    readout
        From the states of the constituents to one vector, such as ``dtnn``, ``set2set``, ``pool``.
    head
        From there to logits.
    """

    def __init__(self, *, in_dim: int, num_classes: int, hidden: int = 64, iterations: int = 2,
                 message: Annotated[Part, "graph -> set"] = "message_node_mlp",
                 update: Annotated[Part, "set -> set"] = "update_gru",
                 adjacency: Annotated[Part, "set -> pair"] | None = None, every: bool = False, share: bool = False,
                 readout: Annotated[Part, "set -> vector"] = "dtnn",
                 head: Annotated[Part, "vector -> logits"] | None = None) -> None:  # fmt: skip
        super().__init__()
        adjacency = adjacency or {"brick": "adjacency", "kind": "dm", "squash": "sigmoid"}
        self.mpnn = MPNN(in_dim=in_dim, hidden=hidden, iterations=iterations, message=message, update=update,
                         adjacency=adjacency, every=every, share=share)  # fmt: skip
        self.readout = fit(readout, in_dim=hidden)
        head = head or {"brick": "mlp", "hidden": [hidden, hidden]}
        self.head = fit(head, in_dim=self.readout.out_dim, out_dim=num_classes)

    def forward(self, jets: Any) -> Tensor:
        """Return logits (B, K) of a ``JetBatch``."""
        kinematics = None if jets.p4 is None else kinematics_of(jets)
        states = on_constituents(self.mpnn, constituents_of(jets), jets, kinematics=kinematics)
        return self.head(on_constituents(self.readout, states, jets))


@brick("jedi_net", takes=_TAKES, gives=_GIVES)
class JediNet(nn.Module):
    """Interaction network on the complete graph (Moreno et al., arXiv:1908.05318).

    148,962 parameters with 16 features and two classes (summed), 169,906 with hidden 64, effect 64, object 16 and 150
    flattened constituents.

    Parameters
    ----------
    in_dim, num_classes
        Known from the data.
    hidden
        Width of the first layers of f_R, f_O and f_C; the second ones are half as wide.
    effect, object
        Widths of what f_R and f_O give.
    activations
        Of f_R, f_O and f_C.
    flatten
        Number of constituents whose f_O outputs are laid side by side, in order, in place of their sum.
    """

    def __init__(self, *, in_dim: int, num_classes: int, hidden: int = 256, effect: int = 64, object: int = 32,
                 activations: Sequence[str] = ("selu", "relu", "selu"),
                 flatten: int | None = None) -> None:  # fmt: skip
        super().__init__()
        self.flatten = flatten
        self.interaction = Interaction(
            in_dim=in_dim, relation=(hidden, hidden // 2, effect), object=(hidden, hidden // 2, object),
            relation_activation=activations[0], object_activation=activations[1],
        )  # fmt: skip
        width = object * (flatten or 1)
        self.head = MLP(in_dim=width, hidden=[hidden, hidden // 2], out_dim=num_classes, activation=activations[2])

    def forward(self, jets: Any) -> Tensor:
        """Return logits (B, K) of a ``JetBatch``."""
        x = constituents_of(jets)
        packing = Packing.of(jets.jet_ptr, x.shape[0], self.flatten or jets.max_constituents)
        objects = self.interaction(packing.pad(x), packing.mask)
        return self.head(objects.flatten(1) if self.flatten else set_sum(objects, packing.mask))
