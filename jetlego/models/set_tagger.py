"""The set tagger: any encoder of sets between an embedding and a classifier, snapped together in a spec."""

from __future__ import annotations

from typing import Annotated, Any

from torch import Tensor, nn

from jetlego.bricks.part import Part, fit
from jetlego.bricks.registry import brick
from jetlego.models.inputs import (
    angles_to_jet,
    arguments_of,
    constituents_of,
    kinematics_of,
    momenta_of,
    on_constituents,
)


@brick("set_tagger", takes={"jets": "batch"}, gives={"logits": "logits[num_classes]"})
class SetTagger(nn.Module):
    """``head(readout(body_L(... body_1(embed(constituents)))))``.

    Bodies that know them are also given the angles to the jet (``points``, ``edgeconv``), pT, eta and phi
    (``kinematics``, ``mpnn``), and the pair bias (``pair``, ``transformer``).

    Parameters
    ----------
    in_dim, num_classes
        Known from the data.
    embed
        Acts on each constituent.
    body
        One part or several, from set to set.
    pair_bias
        Makes biases of pairs from four-momenta, such as ``pair_bias``; its width is the number of heads of the body.
    readout
        From the set to one vector.
    head
        From the vector to logits.
    """

    def __init__(self, *, in_dim: int, num_classes: int, embed: Annotated[Part, "set -> set"] | None = None,
                 body: list[Annotated[Part, "set -> set"]] | Annotated[Part, "set -> set"] = (),
                 pair_bias: Annotated[Part, "set -> pair"] | None = None,
                 readout: Annotated[Part, "set -> vector"] = "pool",
                 head: Annotated[Part, "vector -> logits"] = "mlp") -> None:  # fmt: skip
        super().__init__()
        self.embed = None if embed is None else fit(embed, in_dim=in_dim)
        width = in_dim if self.embed is None else self.embed.out_dim
        self.body = nn.ModuleList()
        for part in body if isinstance(body, list | tuple) else [body]:
            self.body.append(fit(part, in_dim=width))
            width = self.body[-1].out_dim
        heads = next((b.heads for b in self.body if hasattr(b, "heads")), 1)
        self.pair_bias = None if pair_bias is None else fit(pair_bias, out_dim=heads)
        self.readout = fit(readout, in_dim=width)
        self.head = fit(head, in_dim=self.readout.out_dim, out_dim=num_classes)

    def forward(self, jets: Any) -> Tensor:
        """Return logits (B, K) of a ``JetBatch``."""
        x = constituents_of(jets)
        x = x if self.embed is None else on_constituents(self.embed, x, jets)
        streams = self._streams(jets)
        for body in self.body:
            known = arguments_of(type(body))
            x = on_constituents(body, x, jets, **{k: v for k, v in streams.items() if k in known})
        return self.head(on_constituents(self.readout, x, jets))

    def _streams(self, jets: Any) -> dict[str, Tensor | None]:
        """Make what any of the bodies knows what to do with."""
        known = frozenset().union(*(arguments_of(type(b)) for b in self.body))
        streams: dict[str, Tensor | None] = {}
        if "points" in known:
            streams["points"] = angles_to_jet(momenta_of(jets), jets.jet_ptr)
        if "kinematics" in known:
            streams["kinematics"] = kinematics_of(jets)
        if self.pair_bias is not None:
            streams["pair"] = on_constituents(self.pair_bias, momenta_of(jets), jets)
        return streams
