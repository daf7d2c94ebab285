"""Networks trained with weaver-core: their weights in our ParticleNet and Particle Transformer, to the same logits.

The layout is read off the shapes in the file; every key must find its place, and none may be left over.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from jetlego.errors import ConfigError, DataError, did_you_mean
from jetlego.models.particle_net import ParticleNet
from jetlego.models.particle_transformer import ParticleTransformer

State = Mapping[str, Tensor]

_PARTICLE_NET = (
    (r"bn_fts\.", "input_norm."),
    (r"edge_convs\.(\d+)\.convs\.0\.", r"convs.\1.first."),
    (r"edge_convs\.(\d+)\.convs\.(\d+)\.", lambda m: f"convs.{m[1]}.rest.{int(m[2]) - 1}."),
    (r"edge_convs\.(\d+)\.bns\.", r"convs.\1.norms."),
    (r"edge_convs\.(\d+)\.sc\.", r"convs.\1.shortcut."),
    (r"edge_convs\.(\d+)\.sc_bn\.", r"convs.\1.shortcut_norm."),
    (r"fusion_block\.0\.", "fusion."),
    (r"fusion_block\.1\.", "fusion_norm."),
    (r"fc\.0\.0\.", "head.layers.0.linear."),
    (r"fc\.1\.", "head.last."),
)
_BLOCK = (
    (r"\.attn\.in_proj_(weight|bias)", r".attn.in_proj.\1"),  # as files of older torch write it
    (r"\.c_attn", ".head_scale"),
    (r"\.w_resid", ".residual_scale"),
    (r"\.pre_attn_norm\.", ".attn_norm."),
    (r"\.post_attn_norm\.", ".post_norm."),
    (r"\.pre_fc_norm\.", ".ffn_norm."),
    (r"\.post_fc_norm\.", ".ffn.norm."),
    (r"\.(fc\d)\.", r".ffn.\1."),
)
_PARTICLE_TRANSFORMER = (
    *_BLOCK,
    (r"embed\.input_bn\.", "embed.input_norm."),
    (r"embed\.embed\.(\d+)\.", lambda m: f"embed.{('norms', 'linears')[int(m[1]) % 3]}.{int(m[1]) // 3}."),
    (r"pair_embed\.embed\.0\.", "pair_bias.input_norm."),
    (r"pair_embed\.embed\.(\d+)\.",
     lambda m: f"pair_bias.{('norms', 'linears')[int(m[1]) % 3 % 2]}.{(int(m[1]) - 1) // 3}."),
    (r"blocks\.", "transformer.blocks."),
    (r"cls_blocks\.", "class_attention.blocks."),
    (r"cls_token", "class_attention.token"),
    (r"norm\.", "class_attention.norm."),
    (r"fc\.0\.", "head."),
)  # fmt: skip
_INSIDE = len(_BLOCK)


class WeaverNetwork(nn.Module):
    """A network called as weaver calls it; ``net`` is the model, which also takes a ``JetBatch``."""

    def __init__(self, net: ParticleNet | ParticleTransformer) -> None:
        super().__init__()
        self.net = net

    def forward(self, points: Tensor | None, features: Tensor, vectors: Tensor | None, mask: Tensor) -> Tensor:
        """Return logits (B, K).

        Parameters
        ----------
        points
            (B, 2, N): eta and phi relative to the jet, for ParticleNet.
        features
            (B, F, N).
        vectors
            (B, 4, N): px, py, pz, E in GeV, for the Particle Transformer.
        mask
            (B, 1, N), 1 for real constituents.
        """
        second = points if isinstance(self.net, ParticleNet) else vectors
        if second is None:
            raise ValueError(f"{type(self.net).__name__} needs {'points' if second is points else 'vectors'}")
        return self.net.logits(features.mT, second.mT, mask[:, 0] > 0.5)


def load_weaver(path: str | Path, *, network: str, k: int | None = None) -> WeaverNetwork:
    """Return a network with weights that weaver-core saved, in evaluation mode.

    Parameters
    ----------
    path
        A ``.pt`` file of tensors; keys may begin with ``mod.``.
    network
        ``particle_net`` or ``particle_transformer``.
    k
        Number of neighbours of ParticleNet, which no file tells; by default 16, or 7 for the Lite layout.

    Raises
    ------
    ConfigError
        ``BAD-VALUE`` for another network.
    DataError
        ``NO-FILES``; ``UNSAFE-PICKLE`` if the file holds more than tensors; ``BAD-CHECKPOINT`` if keys or shapes do
        not fit.
    """
    return from_weaver_state(read_state(path), network=network, k=k, where=str(path))


def read_state(path: str | Path) -> dict[str, Tensor]:
    """Return the tensors of a ``.pt`` file by name; nothing but tensors is ever read."""
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
    except FileNotFoundError as error:
        raise DataError("NO-FILES", f"no file '{path}'") from error
    except pickle.UnpicklingError as error:
        raise DataError("UNSAFE-PICKLE", f"{path} holds more than tensors, so it is not read") from error
    except Exception as error:  # what is no such file may break the parser in any way
        raise DataError("BAD-CHECKPOINT", f"{path} cannot be read: {error}") from error
    if not isinstance(state, Mapping) or not all(isinstance(v, Tensor) for v in state.values()):
        raise DataError("BAD-CHECKPOINT", f"{path} is not a mapping of names to tensors")
    return dict(state)


def from_weaver_state(state: State, *, network: str, k: int | None = None, where: str = "state") -> WeaverNetwork:
    """Return a network with the tensors of a weaver state; see :func:`load_weaver`."""
    if network not in _LAYOUTS:
        raise ConfigError("BAD-VALUE", f"there is no network '{network}'", did_you_mean(network, _LAYOUTS))
    state = {key.removeprefix("mod."): value for key, value in state.items()}
    rename, make = _LAYOUTS[network]
    try:
        net = make(state, k)
    except (KeyError, IndexError, ValueError) as error:
        what = f"{where} is not the state of a weaver {network}: {error}"
        raise DataError("BAD-CHECKPOINT", what) from error
    renamed = {rename(key): value for key, value in state.items()}
    net.load_state_dict(_fitted(renamed, net.state_dict(), where))
    return WeaverNetwork(net).eval()


def _fitted(state: State, wanted: State, where: str) -> dict[str, Tensor]:
    """Return the tensors in our shapes; a convolution of kernel 1 is a linear layer."""
    missing, unexpected = sorted(wanted.keys() - state.keys()), sorted(state.keys() - wanted.keys())
    fitted = {k: v.reshape(wanted[k].shape) for k, v in state.items() if k in wanted and _same(v, wanted[k])}
    reshaped = [f"{k} {tuple(state[k].shape)}" for k in wanted.keys() & state.keys() if k not in fitted]
    faults = {"missing": missing, "unexpected": unexpected, "of another shape": sorted(reshaped)}
    if any(faults.values()):
        told = "; ".join(f"{name}: {', '.join(keys[:5])}" for name, keys in faults.items() if keys)
        raise DataError("BAD-CHECKPOINT", f"{where} does not fit; {told}")
    return fitted


def _same(found: Tensor, wanted: Tensor) -> bool:
    return [s for s in found.shape if s != 1] == [s for s in wanted.shape if s != 1]


def _rename(key: str, rules: tuple[tuple[str, Any], ...], inside: int) -> str:
    """Apply the first ``inside`` rules anywhere in the key, then the first of the rest that begins it."""
    begins = (rule for rule in rules[inside:] if re.match(rule[0], key))
    pattern, to = next(begins, ("", ""))
    key = re.sub(pattern, to, key, count=1)
    for pattern, to in rules[:inside]:
        key = re.sub(pattern, to, key, count=1)
    return key


def _particle_net(state: State, k: int | None) -> ParticleNet:
    convs = [f"edge_convs.{b}.convs." for b in range(_count(state, "edge_convs."))]
    channels = [[state[f"{conv}{i}.weight"].shape[0] for i in range(_count(state, conv))] for conv in convs]
    fusion = state["fusion_block.0.weight"].shape[0] if "fusion_block.0.weight" in state else None
    return ParticleNet(
        in_dim=state["bn_fts.weight"].shape[0], num_classes=state["fc.1.weight"].shape[0], channels=channels,
        k=k or (7 if len(channels) == 2 else 16), hidden=state["fc.0.0.weight"].shape[0], fusion=fusion,
        neighbours="weaver",
    )  # fmt: skip


def _particle_transformer(state: State, k: int | None) -> ParticleTransformer:
    embed = [state[f"embed.embed.{i}.weight"].shape[0] for i in range(1, _last(state, "embed.embed.") + 1, 3)]
    pairs = [state[f"pair_embed.embed.{i}.weight"].shape[0] for i in range(1, _last(state, "pair_embed.embed.") + 1, 3)]
    return ParticleTransformer(
        in_dim=state["embed.input_bn.weight"].shape[0], num_classes=state["fc.0.weight"].shape[0], embed=embed,
        pair_embed=pairs[:-1], layers=_count(state, "blocks."), class_layers=_count(state, "cls_blocks."),
        heads=state["blocks.0.c_attn"].shape[0], feedforward=state["blocks.0.fc1.weight"].shape[0] / embed[-1],
    )  # fmt: skip


def _last(state: State, prefix: str) -> int:
    """Return the largest number that follows a prefix."""
    return max((int(key[len(prefix) :].split(".")[0]) for key in state if key.startswith(prefix)), default=-1)


def _count(state: State, prefix: str) -> int:
    return _last(state, prefix) + 1


_LAYOUTS: dict[str, tuple[Callable[[str], str], Callable[[State, int | None], Any]]] = {
    "particle_net": (lambda key: _rename(key, _PARTICLE_NET, 0), _particle_net),
    "particle_transformer": (lambda key: _rename(key, _PARTICLE_TRANSFORMER, _INSIDE), _particle_transformer),
}
