"""Several losses at once: fixed factors, or factors learned as uncertainties."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from jetlego.errors import ConfigError, did_you_mean
from jetlego.losses.registry import build_loss, loss

_OWN = ("prediction", "target", "factor")


@loss("multi_task")
class MultiTask(nn.Module):
    """Sum of losses on named outputs.

    Parameters
    ----------
    terms
        {name: spec of a loss}. Beside the loss's options a spec may give ``prediction`` and ``target``, the names of
        the streams it compares (both the term's name by default), and ``factor`` (1 by default).
    balance
        ``fixed``: sum of factor times loss. ``uncertainty``: sum of exp(-s) factor loss + s with s learned, one a
        term, from 0 (Kendall, Gal, Cipolla, arXiv:1705.07115, eq. (7), s = log sigma^2 up to a factor 2): meant for
        losses that are positive.
    """

    def __init__(
        self, *, terms: Mapping[str, Any], balance: Literal["fixed", "uncertainty"] = "fixed"
    ) -> None:
        super().__init__()
        if not terms:
            raise ConfigError("BAD-VALUE", "multi_task: no terms")
        if balance not in ("fixed", "uncertainty"):
            hint = did_you_mean(str(balance), ("fixed", "uncertainty"))
            raise ConfigError("BAD-VALUE", f"multi_task: balance '{balance}' is unknown", hint)
        specs = {name: {"loss": spec} if isinstance(spec, str) else dict(spec) for name, spec in terms.items()}
        self.streams = {n: (s.get("prediction", n), s.get("target", n)) for n, s in specs.items()}
        self.factors = {n: float(s.get("factor", 1.0)) for n, s in specs.items()}
        self.losses = nn.ModuleDict({
            n: build_loss({k: v for k, v in s.items() if k not in _OWN}, path=f"loss.terms.{n}")
            for n, s in specs.items()
        })  # fmt: skip
        self.log_variance = nn.Parameter(torch.zeros(len(specs))) if balance == "uncertainty" else None

    def forward(
        self,
        prediction: Mapping[str, Any],
        target: Mapping[str, Any],
        *,
        weight: Tensor | Mapping[str, Tensor] | None = None,
        mask: Mapping[str, Any] | None = None,
        reduction: str | None = None,
    ) -> Tensor:
        """Return the sum; weights are shared, or given by term; masks are given by term."""
        total = torch.zeros(())
        for index, value in enumerate(self.parts(prediction, target, weight, mask, reduction).values()):
            total = total.to(value.device) + self._balanced(value, index)
        return total

    def parts(self, prediction: Mapping[str, Any], target: Mapping[str, Any], weight: Any = None, mask: Any = None,
              reduction: str | None = None) -> dict[str, Tensor]:  # fmt: skip
        """Return each loss times its factor, by term."""
        found = {}
        for name, function in self.losses.items():
            x, y = self.streams[name]
            kwargs = {"weight": _of(weight, name), "mask": None if mask is None else mask.get(name)}
            if reduction is not None:
                kwargs["reduction"] = reduction
            value = function(_stream(prediction, x, name), _stream(target, y, name), **kwargs)
            found[name] = self.factors[name] * value
        return found

    def _balanced(self, value: Tensor, index: int) -> Tensor:
        if self.log_variance is None:
            return value
        s = self.log_variance[index]
        return torch.exp(-s) * value + s


def _of(weight: Any, name: str) -> Any:
    return weight.get(name) if isinstance(weight, Mapping) else weight


def _stream(streams: Mapping[str, Any], name: str, term: str) -> Any:
    if name not in streams:
        raise ConfigError("UNKNOWN-KEY", f"loss.terms.{term}: there is no stream '{name}'", did_you_mean(name, streams))
    return streams[name]
