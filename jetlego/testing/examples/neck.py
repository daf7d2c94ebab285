"""Examples of necks, and of painting on grids and reading them."""

import torch

from jetlego.testing.streams import Example, Inputs

_SET = {"in_dim": 3}
_PYRAMID = {"in_dim": 2, "in_dim2": 3, "in_dim3": 4}


def _pyramid(generator: torch.Generator) -> Inputs:
    """Return three images of odd sizes, each about half of the one before."""
    shapes = {"x": (2, 2, 9, 7), "x2": (2, 3, 5, 4), "x3": (2, 4, 3, 2)}
    return {name: torch.randn(shape, dtype=torch.float64, generator=generator) for name, shape in shapes.items()}


EXAMPLES = {
    **{
        f"scatter_connection/{how}": Example(
            {"brick": "scatter_connection", "out_dim": 2, "size": 4, "half_width": 1.5, "how": how}, _SET, parameters=6
        )
        for how in ("add", "mean", "max")
    },
    "gather_connection": Example(
        {"brick": "gather_connection", "half_width": 1.5}, {"in_dim": 3, "image_dim": 2}, parameters=0
    ),
    "fpn": Example({"brick": "fpn", "dim": 4, "extra": 1}, _PYRAMID, _pyramid),
    "bifpn": Example({"brick": "bifpn", "dim": 2, "layers": 1, "extra": 0}, _PYRAMID, _pyramid),
    "bifpn/one": Example({"brick": "bifpn", "dim": 2, "layers": 1, "extra": 1, "padding": ["zeros", "circular"]},
                         {"in_dim": 2}, lambda g: {"x": _pyramid(g)["x"]}),
    "image_head": Example({"brick": "image_head", "hidden": 3}, {"in_dim": 2, "fine_dim": 3}),
}  # fmt: skip
