"""Many heads on one backbone, learned together with the class of the jet, or one at a time."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Annotated, Any

import torch
from torch import Tensor, nn

from jetlego.bricks.part import Part, fit
from jetlego.bricks.registry import brick
from jetlego.errors import ConfigError, did_you_mean
from jetlego.losses.registry import build_loss
from jetlego.models.jet_targets import TARGETS, Target
from jetlego.models.tree_targets import TREE_TARGETS


class _Carry(torch.autograd.Function):
    """Hand logits on as they are, and have a further loss differentiated with them."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, loss: Tensor) -> Tensor:
        ctx.like = loss
        return logits.view_as(logits)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        return gradient, torch.ones_like(ctx.like)


def carry(logits: Tensor, loss: Tensor) -> Tensor:
    """Return the logits; a backward pass through them also adds the gradient of ``loss``, once."""
    return _Carry.apply(logits, loss)


@brick("many_heads", takes={"jets": "batch"}, gives={"logits": "logits[num_classes]"}, dynamic=True)
class ManyHeads(nn.Module):
    """A tagger whose other heads are trained along: one backbone, a neck, many heads.

    In training the losses of the other heads ride on the logits: whatever loss the run has, its backward pass adds
    ``sum_h factor_h loss_h``. In evaluation only the logits are computed.

    Parameters
    ----------
    in_dim, num_classes
        Known from the data, as are ``node_dims`` and ``pair_dim`` where jets come with trees.
    body
        A ``jet_assembly`` whose ``outputs`` are the further heads.
    learn
        {output: {"target": name, "loss": spec, "factor": number, "tree": name}}. Targets are those of
        :mod:`jetlego.models.jet_targets`: ``ln_mass``, ``soft_share``, ``leading_peaks``, ``hard_core``; and, of a
        tree that the jets were prepared with, those of :mod:`jetlego.models.tree_targets`: ``generation``,
        ``same_vertex``.

    Notes
    -----
    The backbone runs once a forward pass, whatever the number of heads. Parts start from seeds of their own, so that a
    head more or less leaves the others bit-equal at the start. With 16-bit mixed precision the loss scale would not
    reach the riding losses: use bfloat16.
    """

    def __init__(self, *, in_dim: int, num_classes: int, body: Annotated[Part, "batch -> logits"],
                 learn: dict[str, dict[str, Any]], node_dims: dict[str, int] | None = None,
                 pair_dim: int | None = None) -> None:  # fmt: skip
        super().__init__()
        trees = {"node_dims": node_dims, "pair_dim": pair_dim}
        self.body = fit(body, in_dim=in_dim, num_classes=num_classes, **trees)
        for name in learn:
            if name not in self.body.body.outputs or name == "logits":
                raise ConfigError("BAD-VALUE", f"learn.{name}: the body has no such further output",
                                  did_you_mean(name, self.body.body.outputs))  # fmt: skip
        self.targets = {name: _target(name, how) for name, how in learn.items()}
        self.factors = {name: float(how.get("factor", 1.0)) for name, how in learn.items()}
        self.losses = nn.ModuleDict({n: build_loss(how["loss"], path=f"learn.{n}.loss") for n, how in learn.items()})

    def forward(self, jets: Any) -> Tensor:
        """Return logits (B, K) of a ``JetBatch``."""
        if not self.training or not self.targets:
            return self.body(jets)
        found = self.heads(jets, ("logits", *self.targets))
        parts = self.head_losses(found, jets)
        return carry(found["logits"], torch.stack(list(parts.values())).sum())

    def heads(self, jets: Any, wanted: tuple[str, ...] = ()) -> dict[str, Tensor]:
        """Return the outputs of some heads, of all by default, computing no more than they need."""
        wanted = wanted or tuple(self.body.body.outputs)
        streams = self.body.streams(jets, wanted=wanted)
        return {name: streams[name].value for name in wanted}

    def head_losses(self, found: dict[str, Tensor], jets: Any) -> dict[str, Tensor]:
        """Return each loss times its factor, for those of the outputs that are learned."""
        losses = {}
        for name in self.losses:
            if name in found:
                losses[name] = self.factors[name] * self.loss_of(name, found[name], jets)
        return losses

    def loss_of(self, name: str, prediction: Tensor, jets: Any) -> Tensor:
        """Return the loss of one output, without its factor."""
        target, mask = self.targets[name](jets, prediction)
        if not target.is_floating_point() and prediction.dim() == target.dim() + 1 == 4:
            prediction = prediction.movedim(1, -1)  # pairs have their classes first, losses want them last
        return self.losses[name](prediction, target, mask=mask)


def _target(name: str, how: dict[str, Any]) -> Callable[[Any, Tensor], Target]:
    """Return the function that makes the target of one output; ConfigError if its page is not in order."""
    known, of_tree = {**TARGETS, **TREE_TARGETS}, how.get("target") in TREE_TARGETS
    wanted = {"target", "loss", "tree"} if of_tree else {"target", "loss"}
    if not wanted <= how.keys() <= {*wanted, "factor"} or how["target"] not in known:
        raise ConfigError("BAD-VALUE", f"learn.{name} wants target, loss{', tree' * of_tree} and perhaps factor",
                          did_you_mean(str(how.get("target")), known))  # fmt: skip
    made = known[how["target"]]
    return functools.partial(made, tree=how["tree"]) if of_tree else made
