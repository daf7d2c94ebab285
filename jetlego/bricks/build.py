"""``build`` turns a spec into a module; ``spec_of`` reads the spec back.

    build({"brick": "mlp", "hidden": [40, 40]}, in_dim=7, out_dim=2, seed=1)
    build("configs/quickstart.yaml", in_dim=7, num_classes=2)

Two builds of one spec with one seed are bit-equal, the global random state is not touched, and a further head does
not change how the backbone starts (:func:`jetlego.bricks.initial.initialise`).
"""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from jetlego.bricks.initial import initialise, seeded
from jetlego.bricks.plan import Plan, plain, plan
from jetlego.data.yaml_reader import read_yaml
from jetlego.errors import ConfigError

Spec = Mapping[str, Any] | str | pathlib.Path


def build(spec: Spec, *, seed: int | None = None, **given: Any) -> nn.Module:
    """Build a module from a spec.

    Parameters
    ----------
    spec
        A mapping with ``brick`` and its arguments; a run's mapping with such a one under ``model``; a brick's
        name; or a path to a YAML file of either form.
    seed
        Start of all parameters; by default the seed last set with ``torch.manual_seed``, without drawing from it.
    **given
        Sizes known from the data: ``in_dim``, ``num_classes``. Those the brick does not have are left out.

    Returns
    -------
    nn.Module
        On the default device of torch; under ``torch.device("meta")`` only shapes are made, in milliseconds.

    Raises
    ------
    ConfigError
        ``UNKNOWN-BRICK``, ``UNKNOWN-KEY``, ``BAD-VALUE`` or ``BAD-JOIN``, with the path into the spec and the
        nearest names; further faults follow, one a line.
    """
    path, spec = _model_of(_read(spec))
    planned = plan(spec, path=path)
    device = torch.get_default_device()
    seed = torch.initial_seed() if seed is None else seed
    with torch.device("meta" if device.type == "meta" else "cpu"):
        with seeded(seed, ""):
            module = planned.fit(given)
        initialise(module, seed)
    return module if device.type in ("meta", "cpu") else module.to(device)


def spec_of(module: nn.Module) -> Any:
    """Return the spec a brick was built from, or, if it was made in Python, one made of its arguments.

    Raises
    ------
    ConfigError
        ``UNKNOWN-BRICK`` if the module, or a part in it, is not of the vocabulary.
    """
    name, record = module.__dict__.get("_brick", ("", None))
    if not name:
        raise ConfigError("UNKNOWN-BRICK", f"{type(module).__name__} is no brick, so it has no spec")
    if isinstance(record, str) or "brick" in record:
        return plain(record)
    return {"brick": name, **{k: _argument_spec(v, f"{name}.{k}") for k, v in record.items()}}


def _argument_spec(value: Any, where: str) -> Any:
    if isinstance(value, Plan):
        return plain(value.raw)
    if isinstance(value, nn.Module):
        return spec_of(value)
    if isinstance(value, list | tuple):
        return [_argument_spec(v, where) for v in value]
    if isinstance(value, Mapping):
        return {str(k): _argument_spec(v, where) for k, v in value.items()}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ConfigError("BAD-VALUE", f"{where} holds {type(value).__name__}, which a spec cannot say")


def _read(spec: Spec) -> Any:
    if isinstance(spec, pathlib.Path) or (isinstance(spec, str) and spec.endswith((".yaml", ".yml"))):
        return read_yaml(spec).data
    return spec


def _model_of(spec: Any) -> tuple[tuple[str, ...], Any]:
    """Take the ``model`` part of a run; paths in messages always start with ``model``."""
    if isinstance(spec, Mapping) and "brick" not in spec and "model" in spec:
        return ("model",), spec["model"]
    return ("model",), spec
