"""The closed vocabulary of losses: names for YAML, and the step from a spec to a module.

``build_loss("focal")`` and ``build_loss({"loss": "focal", "gamma": 1.5})`` both give an ``nn.Module`` called as
``loss(prediction, target, weight=..., mask=...)``. Losses with a state of their own (learned task weights, a bank of
scores) are modules in the registry; the rest are functions.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from torch import Tensor, nn

from jetlego.bricks.values import mismatch
from jetlego.errors import ConfigError, did_you_mean, quoted
from jetlego.losses.reduce import in_full_precision

_COMMON = ("weight", "mask", "reduction")
_LOSSES: dict[str, Any] = {}
_Loss = TypeVar("_Loss", bound=Callable[..., Any])


def loss(name: str) -> Callable[[_Loss], _Loss]:
    """Register a loss function, or a module class, under a snake_case name.

    A function is wrapped to run in float32 or better (see :func:`jetlego.losses.reduce.in_full_precision`).

    Raises
    ------
    ConfigError
        If the name is taken, or weight, mask or reduction are missing from the signature.
    """

    def register(item: _Loss) -> _Loss:
        if name in _LOSSES:
            raise ConfigError("DUPLICATE-NAME", f"a loss named '{name}' exists already")
        call: Any = getattr(item, "forward", item)
        missing = [p for p in _COMMON if p not in inspect.signature(call).parameters]
        if missing:
            raise ConfigError("BAD-LOSS", f"loss '{name}' lacks the argument(s) {', '.join(missing)}")
        known: Any = item if inspect.isclass(item) else in_full_precision(item)
        _LOSSES[name] = known
        return known

    return register


def losses() -> tuple[str, ...]:
    """Return the names of all losses, sorted."""
    return tuple(sorted(_LOSSES))


def get(name: str) -> Any:
    """Return the loss function, or the module class, of this name.

    Raises
    ------
    ConfigError
        If there is none; the message names the nearest.
    """
    if name not in _LOSSES:
        raise ConfigError("UNKNOWN-LOSS", f"there is no loss '{name}'", did_you_mean(name, _LOSSES))
    return _LOSSES[name]


class FunctionLoss(nn.Module):
    """A loss function with its options fixed, so that a training loop meets nothing but modules."""

    def __init__(self, name: str, *, reduction: str = "weighted_mean", **options: Any) -> None:
        super().__init__()
        self.name, self.reduction, self.options = name, reduction, options

    def forward(
        self,
        prediction: Any,
        target: Any,
        *,
        weight: Tensor | None = None,
        mask: Any = None,
        reduction: str | None = None,
    ) -> Tensor:
        """Return the loss; ``reduction`` overrides that of the spec for this call."""
        reduction = self.reduction if reduction is None else reduction
        function = get(self.name)
        return function(prediction, target, weight=weight, mask=mask, reduction=reduction, **self.options)

    def extra_repr(self) -> str:
        """Return the name and the options for the printed model."""
        return ", ".join([self.name, *(f"{k}={v}" for k, v in self.options.items())])


def build_loss(spec: str | Mapping[str, Any], *, path: str = "loss") -> nn.Module:
    """Return the module that a spec describes.

    Parameters
    ----------
    spec
        A name, or a mapping with the name under ``loss`` and its options beside it.
    path
        Where the spec stands, for messages.

    Raises
    ------
    ConfigError
        If the name or an option is unknown (with the nearest valid one), or a value is refused.
    """
    options = {"loss": spec} if isinstance(spec, str) else dict(spec)
    name = options.pop("loss", None)
    if not isinstance(name, str):
        raise ConfigError("BAD-VALUE", f"{path}: a loss is a name or a mapping with the name under 'loss'")
    item = get(name)
    known = _options(item)
    for key, value in options.items():
        if key not in known:
            raise ConfigError("UNKNOWN-KEY", f"{path}.{key}: {name} has no option '{key}'", did_you_mean(key, known))
        if wanted := mismatch(value, known[key]):
            raise ConfigError("BAD-VALUE", f"{path}.{key}: {name} wants {wanted}, not {quoted(value)}")
    if not inspect.isclass(item):
        return FunctionLoss(name, **options)
    built: Any = item(**options)
    return built


def _options(item: Any) -> dict[str, Any]:
    """Return the options of a loss by name, with their annotations."""
    made = item.__init__ if inspect.isclass(item) else item
    hints = typing.get_type_hints(made)
    named = [p.name for p in inspect.signature(item).parameters.values() if p.kind is p.KEYWORD_ONLY]
    return {n: hints.get(n, Any) for n in named if inspect.isclass(item) or n not in ("weight", "mask")}
