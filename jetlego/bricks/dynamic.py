"""Graphs that depend on the data: repeat until told to stop, choose a branch, leave early.

All of them run in a fixed number of steps with masks: what a row has left behind changes nothing any more, and nothing
is asked of the device. ``EarlyExit.infer`` is the exception: it does save the work of rows that have left.
"""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor, nn

from jetlego.bricks.masks import at_least_float32
from jetlego.bricks.part import Part, fit
from jetlego.bricks.registry import brick


@brick("run_until", takes={"x": "vector[in_dim]"}, gives={"y": "vector[out_dim]", "steps": "weight"}, dynamic=True)
class RunUntil(nn.Module):
    """``repeat x <- body(x) until stop(x)``: a loop whose length each row decides (PonderNet, arXiv:2107.05407).

    The chance to stop after step n is lambda_n = sigma(stop(x_n)), so that it stops there with probability
    p_n = lambda_n prod_{j < n} (1 - lambda_j); the last step takes what remains. In training y = sum_n p_n x_n, in
    evaluation the loop ends at the first step with lambda_n > 1/2.

    Parameters
    ----------
    in_dim
        Width of what goes round.
    body
        From vector to vector of the same width.
    stop
        From vector to one logit.
    most
        Largest number of steps.

    Notes
    -----
    ``steps`` is the expected or the counted number of steps; add a multiple of it to the loss to make the loop short.
    On jets: open declusterings until the answer is sure.
    """

    def __init__(self, *, in_dim: int, body: Annotated[Part, "vector -> vector"],
                 stop: Annotated[Part, "vector -> vector"] = "logistic", most: int = 8) -> None:  # fmt: skip
        super().__init__()
        if most < 1:
            raise ValueError("most must be at least 1")
        self.out_dim, self.most = in_dim, most
        self.body = fit(body, in_dim=in_dim, out_dim=in_dim)
        self.stop = fit(stop, in_dim=in_dim, out_dim=1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return (B, in_dim) of ``x (B, in_dim)``, and the number of steps (B,)."""
        states, share = self.unrolled(x)
        steps = torch.arange(1, self.most + 1, device=x.device, dtype=share.dtype)
        return (share.unsqueeze(-1).to(x.dtype) * states).sum(1), share @ steps

    def unrolled(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return what stands after each step (B, most, in_dim), and the probability to stop there (B, most).

        The expectation of a loss over these probabilities teaches more than the loss of the expectation: no step can
        make up for another.
        """
        states, going = [], []
        for _ in range(self.most):
            x = self.body(x)
            states.append(x)
            going.append(self._going(x))
        left = torch.stack([torch.ones_like(going[0]), *going[:-1]], 1).cumprod(1)  # still there before step n
        share = left - torch.cat([left[:, 1:], torch.zeros_like(left[:, :1])], 1)
        return torch.stack(states, 1), share

    def _going(self, x: Tensor) -> Tensor:
        """Return (B,) the probability to go on, in evaluation 0 or 1."""
        on = at_least_float32(-self.stop(x).squeeze(-1))
        return on.sigmoid() if self.training else (on >= 0).to(on.dtype)


@brick("select", takes={"x": "vector[in_dim]"}, gives={"y": "vector[out_dim]"}, dynamic=True)
class Select(nn.Module):
    """``switch gate(x): branch_k(x)``: one of several branches for each row (arXiv:1308.3432, 1701.06538).

    Forward it is the branch of the largest gate alone. Backward the gate learns as if the output were the mixture
    sum_k softmax_k(gate) branch_k (straight through); the branches learn from the rows they were chosen for.

    Parameters
    ----------
    in_dim, out_dim
        Widths.
    branches
        The parts to choose from.
    gate
        From vector to a logit for each branch.
    soft
        Give the mixture itself; start so, and switch, if one branch takes all.
    """

    def __init__(self, *, in_dim: int, out_dim: int, branches: list[Annotated[Part, "vector -> vector"]],
                 gate: Annotated[Part, "vector -> vector"] = "logistic", soft: bool = False) -> None:  # fmt: skip
        super().__init__()
        if len(branches) < 2:
            raise ValueError("select wants two branches or more")
        self.out_dim, self.soft = out_dim, soft
        self.branches = nn.ModuleList(fit(b, in_dim=in_dim, out_dim=out_dim) for b in branches)
        self.gate = fit(gate, in_dim=in_dim, out_dim=len(branches))

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out_dim) of ``x (B, in_dim)``."""
        y = torch.stack([branch(x) for branch in self.branches], 1)
        weight = at_least_float32(self.gate(x)).softmax(-1)
        if self.soft:
            return (weight.unsqueeze(-1).to(y.dtype) * y).sum(1)
        chosen = self._one_hot(weight)
        own = (chosen.unsqueeze(-1).to(y.dtype) * y).sum(1)
        mixed = (weight.unsqueeze(-1).to(y.dtype) * y.detach()).sum(1)
        return own + (mixed - mixed.detach())  # value and branches' gradient of the first, the gate's of the second

    def choice(self, x: Tensor) -> Tensor:
        """Return (B,) the number of the branch that each row takes."""
        return self.gate(x).argmax(-1)

    @staticmethod
    def _one_hot(weight: Tensor) -> Tensor:
        return torch.zeros_like(weight).scatter(1, weight.argmax(1, keepdim=True), 1.0)


@brick(
    "early_exit",
    takes={"x": "vector[in_dim]"},
    gives={"logits": "logits[num_classes]", "depth": "weight"},
    dynamic=True,
)
class EarlyExit(nn.Module):
    """Stages with a classifier after each; a row leaves where it is sure (BranchyNet, arXiv:1709.01686).

    A row leaves at the first stage whose largest class probability reaches ``confidence``, the rest at the last.

    Parameters
    ----------
    in_dim, num_classes
        Known from outside.
    stages
        Parts one after the other.
    head
        From the width of a stage to logits, one for each stage.
    confidence
        Between 0 and 1; 1 sends every row to the end.

    Notes
    -----
    Train on ``every(x)``, the sum of the losses of all exits. ``forward`` computes all stages whatever the rows do;
    ``infer`` gives the same and computes only what is needed, at the cost of asking the device after each stage.
    """

    def __init__(self, *, in_dim: int, num_classes: int, stages: list[Annotated[Part, "vector -> vector"]],
                 head: Annotated[Part, "vector -> logits"] = "logistic", confidence: float = 0.9) -> None:  # fmt: skip
        super().__init__()
        if not stages or not 0 <= confidence <= 1:
            raise ValueError("early_exit wants a stage, and a confidence between 0 and 1")
        self.confidence, self.num_classes = confidence, num_classes
        self.stages, self.heads = nn.ModuleList(), nn.ModuleList()
        for stage in stages:
            self.stages.append(fit(stage, in_dim=in_dim))
            in_dim = self.stages[-1].out_dim
            self.heads.append(fit(head, in_dim=in_dim, out_dim=num_classes))

    def every(self, x: Tensor) -> Tensor:
        """Return the logits of all exits, (B, stages, num_classes)."""
        found = []
        for stage, head in zip(self.stages, self.heads, strict=True):
            x = stage(x)
            found.append(head(x))
        return torch.stack(found, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits (B, num_classes) with which each row leaves, and the number of stages it took (B,)."""
        logits = self.every(x)
        sure = self._sure(logits)
        last = torch.arange(sure.shape[1], device=x.device) == sure.shape[1] - 1
        place = (sure | last).long().argmax(1)  # the first of the largest
        rows = place.reshape(-1, 1, 1).expand(-1, 1, self.num_classes)
        return logits.gather(1, rows).squeeze(1), (place + 1).to(x.dtype)

    @torch.no_grad()
    def infer(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return what :meth:`forward` returns, computing no stage for rows that have left; asks the device."""
        logits = x.new_zeros(x.shape[0], self.num_classes)
        depth = x.new_zeros(x.shape[0])
        rows = torch.arange(x.shape[0], device=x.device)
        for number, (stage, head) in enumerate(zip(self.stages, self.heads, strict=True), start=1):
            x = stage(x)
            here = head(x)
            leaves = self._sure(here) if number < len(self.stages) else torch.ones_like(rows, dtype=torch.bool)
            logits[rows[leaves]], depth[rows[leaves]] = here[leaves].to(logits.dtype), float(number)
            x, rows = x[~leaves], rows[~leaves]
            if not len(rows):
                break
        return logits, depth

    def _sure(self, logits: Tensor) -> Tensor:
        return at_least_float32(logits).softmax(-1).amax(-1) >= self.confidence
