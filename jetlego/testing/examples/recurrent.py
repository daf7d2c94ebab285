"""Examples of recurrent bricks."""

from jetlego.testing.streams import Example

_IN = {"in_dim": 3}

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
}
