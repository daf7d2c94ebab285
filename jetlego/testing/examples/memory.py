"""Examples of neural computers and of memories."""

import torch

from jetlego.testing.streams import COUNTS, Example, Inputs

_IN = {"in_dim": 3, "out_dim": 2}
_MASK = torch.arange(max(COUNTS)) < torch.tensor(COUNTS).unsqueeze(1)


def _episodes(generator: torch.Generator) -> Inputs:
    """Return queries, a support set of four examples (in one episode three) and their labels."""
    support_mask = torch.tensor([[True] * 4, [True] * 3 + [False], [True] * 4, [True] * 4])
    x, support = (torch.randn(4, n, 3, dtype=torch.float64, generator=generator) for n in (5, 4))
    return {"x": x * _MASK.unsqueeze(-1), "mask": _MASK, "support": support * support_mask.unsqueeze(-1),
            "support_mask": support_mask, "label": torch.tensor([[0, 1, 0, 1]]).expand(4, -1)}  # fmt: skip


_EPISODES = {
    "permutation": "labels go along with the support; test_memories turns both",
    "padding": "labels go along with the support; test_memories spoils the padding of both",
}
_SMALL = {"hidden": 5, "slots": 4, "width": 3}
_CONSTANT = {"gradients": "usage treats what was written as a constant, as the reference code does"}

EXAMPLES = {
    "ntm": Example({"brick": "ntm", **_SMALL, "heads": 2, "recurrent": False}, _IN, causal=True),
    "dnc": Example({"brick": "dnc", **_SMALL, "heads": 2}, _IN, causal=True, skip=_CONSTANT),
    "mann": Example({"brick": "mann", **_SMALL, "heads": 2}, _IN, causal=True),
    "memn2n": Example({"brick": "memn2n", "hidden": 4, "hops": 2, "max_length": 3, "out_dim": 2}, {"in_dim": 3},
                           skip={"permutation": "the ages of the facts give them an order"}),
    "kv_memory": Example({"brick": "kv_memory", "hidden": 4, "value_dim": 2, "out_dim": 2}, {"in_dim": 3}),
    "matching": Example(
        {"brick": "matching", "embed": {"brick": "mlp", "hidden": [4]}, "distance": "squared", "context": 2},
        {"in_dim": 3, "num_classes": 3}, _episodes, skip=_EPISODES,
    ),
}  # fmt: skip
