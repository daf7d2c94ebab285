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


EXAMPLES = {
    **{
        f"{kind}{variant}": Example(
            {"brick": kind, "hidden": 4, **how}, _IN, causal=variant == "", parameters=gates * count
        )
        for kind, gates in (("rnn", 1), ("gru", 3), ("lstm", 4))
        for variant, how, count in (
            ("", {"layers": 2}, 4 * 3 + 4 * 4 + 8 + 2 * 4 * 4 + 8),
            ("/both_ways", {"bidirectional": True, "layers": 2}, 2 * (4 * 3 + 4 * 4 + 8) + 2 * (4 * 8 + 4 * 4 + 8)),
            ("/last", {"bidirectional": True, "last": True}, 2 * (4 * 3 + 4 * 4 + 8)),
        )
    },
    "language": Example({"brick": "language", "symbols": 3, "hidden": 4, "core": {"brick": "lstm", "hidden": 5}},
                        inputs=_tokens),
    "language/transformer": Example(
        {"brick": "language", "symbols": 3, "hidden": 4,
         "core": {"brick": "transformer", "layers": 1, "heads": 2, "causal": True, "positions": "rotary"}},
        inputs=_tokens,
    ),
    "act": Example({"brick": "act", "hidden": 4, "max_ponder": 3, "halt_bias": -1.0}, _IN, causal=True),
    "act/rnn": Example({"brick": "act", "hidden": 4, "cell": "rnn", "max_ponder": 1}, _IN, causal=True),
    "seq2seq": Example({"brick": "seq2seq", "symbols": 2, "hidden": 4}, _IN, _translation),
    "seq2seq/attention": Example(
        {"brick": "seq2seq", "symbols": 2, "hidden": 4, "attention": "additive", "location": 1, "bidirectional": True},
        _IN, _translation,
    ),
}  # fmt: skip
