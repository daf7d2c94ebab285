"""The ``preprocess.json`` that lies beside an exported network and tells CMSSW how to fill its inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jetlego.data.weaver.config import WeaverConfig
from jetlego.data.weaver.inputs import Parameters
from jetlego.errors import ConfigError

_UNBOUNDED = 1e32


def deployment_preprocessing(config: WeaverConfig, output_names: Sequence[str] = ("softmax",)) -> dict[str, Any]:
    """Return the content of ``preprocess.json`` as plain data.

    Raises
    ------
    ConfigError
        ``NO-STANDARDISATION`` if centers and scales are still to be measured.
    """
    if config.is_open:
        raise ConfigError("NO-STANDARDISATION", f"{config.path}: centers and scales are not measured yet")
    out: dict[str, Any] = {"output_names": list(output_names), "input_names": list(config.input_names)}
    for group in config.groups:
        infos = {name: _info(config.parameters[name]) for name in group.variables}
        out[group.name] = {"var_names": list(group.variables), "var_infos": infos, "var_length": group.length}
    return out


def _info(parameters: Parameters) -> dict[str, float]:
    untouched = parameters.center is None
    return {
        "median": 0.0 if parameters.center is None else float(parameters.center),
        "norm_factor": parameters.scale,
        "replace_inf_value": 0.0,
        "lower_bound": -_UNBOUNDED if untouched else parameters.low,
        "upper_bound": _UNBOUNDED if untouched else parameters.high,
        "pad": parameters.pad_value,
    }
