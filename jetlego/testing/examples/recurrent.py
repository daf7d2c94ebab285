"""Examples of recurrent bricks."""

import torch

from jetlego.testing.streams import COUNTS, Example, Inputs

_IN = {"in_dim": 3}
_MASK = torch.arange(max(COUNTS)) < torch.tensor(COUNTS).unsqueeze(1)


def _tokens(generator: torch.Generator) -> Inputs:
    """Return four sequences of three symbols."""
    return {"tokens": torch.randint(3, _MASK.shape, generator=generator), "mask": _MASK}


def _translation(generator: torch.Generator) -> Inputs:
    """Return what is read, and what is to be written: two symbols and the end, which is 2."""
    x = torch.randn(*_MASK.shape, 3, dtype=torch.float64, generator=generator) * _MASK.unsqueeze(-1)
    return {"x": x, "mask": _MASK, "target": torch.tensor([[1, 0, 2], [0, 2, 2], [2, 2, 2], [1, 1, 2]])}


_ONE_WAY = 4 * 3 + 4 * 4 + 8  # numbers of one gate
_BOTH_WAYS = 2 * _ONE_WAY

EXAMPLES = {
    "rnn": Example({"brick": "rnn", "hidden": 4}, _IN, causal=True, parameters=_ONE_WAY),
    "gru": Example({"brick": "gru", "hidden": 4}, _IN, causal=True, parameters=3 * _ONE_WAY),
    "lstm": Example({"brick": "lstm", "hidden": 4, "layers": 2}, _IN, causal=True, parameters=4 * (_ONE_WAY + 40)),
    "gru/both_ways": Example(
        {"brick": "gru", "hidden": 4, "bidirectional": True, "layers": 2}, _IN,
        parameters=3 * (_BOTH_WAYS + 2 * (4 * 8 + 4 * 4 + 8)),
    ),
    "lstm/last": Example({"brick": "lstm", "hidden": 4, "bidirectional": True, "last": True}, _IN,
                         parameters=4 * _BOTH_WAYS),
    "language": Example({"brick": "language", "symbols": 3, "hidden": 4, "core": {"brick": "lstm", "hidden": 5}},
                        inputs=_tokens),
    "act": Example({"brick": "act", "hidden": 4, "max_ponder": 3, "halt_bias": -1.0}, _IN, causal=True),
    "seq2seq": Example(
        {"brick": "seq2seq", "symbols": 2, "hidden": 4, "attention": "additive", "location": 1, "bidirectional": True},
        _IN, _translation,
    ),
}  # fmt: skip
