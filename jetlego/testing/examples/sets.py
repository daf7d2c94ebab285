"""Examples of readouts and deep sets."""

from jetlego.testing.streams import Example

_IN = {"in_dim": 3}
_MLP = {"brick": "mlp", "hidden": [4]}

EXAMPLES = {
    "pool": Example({"brick": "pool", "how": ["sum", "mean", "max"]}, _IN, parameters=0),
    "attention_pool": Example("attention_pool", _IN, parameters=4),
    "attention_pool/heads": Example(
        {"brick": "attention_pool", "heads": 2, "score": _MLP, "value": {"brick": "mlp", "hidden": [], "out_dim": 4}},
        _IN,
    ),
    "set2set": Example({"brick": "set2set", "steps": 2}, _IN, parameters=4 * 3 * (6 + 3 + 2)),
    "dtnn": Example({"brick": "dtnn", "hidden": 4, "how": "sum"}, {"in_dim": 3, "out_dim": 2}, parameters=26),
    "quantiles": Example({"brick": "quantiles", "levels": [0.1, 0.5, 1.0]}, _IN, parameters=0),
    "deepsets": Example({"brick": "deepsets", "phi": _MLP, "rho": _MLP}, {"in_dim": 3, "out_dim": 2}),
    "deepsets/mean": Example({"brick": "deepsets", "phi": {**_MLP, "norm": "batch"}, "pool": "mean"}, _IN),
}
