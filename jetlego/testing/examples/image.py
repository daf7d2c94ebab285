"""Examples of bricks on images, and of convolution along sequences."""

import torch

from jetlego.testing.streams import Example, Inputs

_IN = {"in_dim": 2}
_SMALL_RESNET = {"brick": "resnet", "width": 2, "blocks": [1, 1]}
_SKIPS = {
    "half_precision": "norms of a few pixels in bfloat16 turn the direction; the acceptance tasks train these nets",
    "gradients": "zeros that a rectifier gave reach the next one, which has a kink there; finite differences fail",
}
_BIG = "the same brick is checked with small sizes; these would take seconds"
_LARGE = ("rebuild", "copies", "finite", "no_sync", "gradients", "half_precision", "devices", "spec_round_trip",
          "steps", "causality", "nothing")


def _image(generator: torch.Generator) -> Inputs:
    return {"x": torch.randn(3, 2, 6, 5, dtype=torch.float64, generator=generator)}


def _weighted_image(generator: torch.Generator) -> Inputs:
    weight = torch.rand(3, 1, 6, 5, dtype=torch.float64, generator=generator)
    return {**_image(generator), "weight": weight * (weight > 0.3)}


_NO_ITEMS = "the body works on images, which have no mask"

EXAMPLES = {
    "conv": Example({"brick": "conv", "out_dim": 3}, _IN, parameters=2 * 3 * 9 + 3),
    "conv/detector": Example(
        {"brick": "conv", "out_dim": 3, "kernel": [2, 3], "stride": [1, 2], "padding": ["replicate", "circular"]}, _IN
    ),
    "conv/causal": Example({"brick": "conv", "padding": ["causal", "zeros"], "dilation": [2, 1], "groups": 2}, _IN),
    "image_pool": Example("image_pool", _IN, _image, parameters=0),
    "image_pool/mean": Example({"brick": "image_pool", "how": "mean", "size": [3, 2], "stride": 1}, _IN, _image),
    "image_pool/weighted": Example({"brick": "image_pool", "how": "weighted"}, _IN, _weighted_image),
    "global_pool": Example({"brick": "global_pool", "how": ["mean", "max", "sum"]}, _IN, parameters=0),
    "convnet": Example(
        {"brick": "convnet", "channels": [3, 4], "head": {"brick": "mlp", "hidden": [5]}}, {"in_dim": 2, "out_dim": 2}
    ),
    "convnet/norm": Example({"brick": "convnet", "channels": [3], "norm": "group", "pool": 1}, _IN),
    "conv1d": Example({"brick": "conv1d", "out_dim": 3}, _IN, parameters=2 * 3 * 3 + 3),
    "conv1d/causal": Example(
        {"brick": "conv1d", "out_dim": 3, "padding": "causal", "kernel": 2, "dilation": 2}, _IN, causal=True
    ),
    "conv1d/circular": Example({"brick": "conv1d", "padding": "circular", "kernel": 4}, _IN),
    "conv1d/replicate": Example({"brick": "conv1d", "padding": "replicate"}, _IN),
    "residual": Example({"brick": "residual", "body": {"brick": "mlp", "hidden": [4]}}, _IN, parameters=12 + 10),
    "residual/zero": Example(
        {"brick": "residual", "body": {"brick": "mlp", "hidden": [4], "norm": "batch"}, "zero_init": True}, _IN
    ),
    "residual/shortcut": Example(
        {"brick": "residual", "body": {"brick": "mlp", "hidden": [4]}, "shortcut": {"brick": "mlp", "hidden": []}},
        {"in_dim": 2, "out_dim": 3},
    ),
    "residual/image": Example(
        {"brick": "residual", "body": "conv"}, _IN, _image,
        skip=dict.fromkeys(("padding", "packed", "permutation"), _NO_ITEMS),
    ),
    "resnet": Example(_SMALL_RESNET, {"in_dim": 2, "out_dim": 2}, skip=_SKIPS),
    "resnet/pad": Example(
        {**_SMALL_RESNET, "shortcut": "pad", "padding": ["zeros", "circular"], "zero_init": False}, _IN,
        skip=_SKIPS,
    ),
    "resnet34": Example(
        "resnet34", {"in_dim": 3, "out_dim": 1000}, lambda g: {"x": torch.randn(2, 3, 33, 33, generator=g).double()},
        parameters=21_797_672,
        skip=dict.fromkeys(_LARGE, _BIG),
    ),
    "densenet": Example(
        {"brick": "densenet", "growth": 2, "blocks": [1, 2]}, {"in_dim": 2, "out_dim": 2},
        skip=_SKIPS,
    ),
    "densenet/recompute": Example(
        {"brick": "densenet", "growth": 2, "blocks": [2], "recompute": True, "dropout": 0.1}, _IN,
        skip=_SKIPS,
    ),
    "densenet121": Example(
        "densenet121", {"in_dim": 3, "out_dim": 1000}, lambda g: {"x": torch.randn(2, 3, 32, 32, generator=g).double()},
        parameters=7_978_856,
        skip=dict.fromkeys(_LARGE, _BIG),
    ),
    "unet": Example({"brick": "unet", "width": 2, "depth": 2}, {"in_dim": 2, "out_dim": 3}),
    "unet/detector": Example(
        {"brick": "unet", "width": 2, "depth": 1, "padding": ["zeros", "circular"], "norm": "group", "skips": False},
        _IN,
    ),
    "unet/resnet": Example({"brick": "unet", "encoder": _SMALL_RESNET}, {"in_dim": 2, "out_dim": 1},
                           skip=_SKIPS),
}  # fmt: skip
