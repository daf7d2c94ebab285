"""A weaver data configuration, read unchanged and checked: what ``data: {weaver: path.yaml}`` means.

Every fault of a file is told, with line and column. Expressions are checked when the file is read, before any data.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from jetlego.data.expressions import Expression, parse_expression
from jetlego.data.weaver.faults import Faults
from jetlego.data.weaver.inputs import Group, Parameters, read_inputs
from jetlego.data.weaver.labels import LabelSpec, read_labels
from jetlego.data.weaver.reweighting import WeightSpec, read_weights
from jetlego.data.yaml_reader import YamlDocument, read_yaml
from jetlego.errors import ConfigError

AUTO_MAX_BYTES = 16 * 2**20
TRAINING_FLAG = "aux_training_"
"""Boolean column that is true while training."""

_DEFAULTS: dict[str, Any] = {
    "treename": None, "branch_magic": None, "file_magic": None, "selection": None, "test_time_selection": None,
    "preprocess": {"method": "manual", "data_fraction": 0.1, "params": None}, "new_variables": {}, "inputs": {},
    "labels": {}, "observers": [], "monitor_variables": [], "weights": None, "bucketing": None,
}  # fmt: skip


@dataclass(frozen=True)
class WeaverConfig:
    """A checked configuration.

    Options that stand in the file under their own name (``labels``, ``weights``, ...) are reached as attributes with
    the file's content, as network files written for weaver expect.

    Parameters
    ----------
    path
        The file that was read.
    options
        Its content with defaults filled in.
    selection, test_selection
        Cuts for training and for prediction, or None.
    variables
        {name: expression}, in file order.
    groups
        Input groups, in the order of the network's arguments.
    parameters
        {variable: how it is transformed and padded}.
    label_spec
        The truth.
    weight_spec
        Sampling weights, or None.
    """

    path: Path
    options: dict[str, Any] = field(repr=False)
    selection: Expression | None
    test_selection: Expression | None
    variables: dict[str, Expression]
    groups: tuple[Group, ...]
    parameters: dict[str, Parameters]
    label_spec: LabelSpec
    weight_spec: WeightSpec | None = None

    def __getattr__(self, name: str) -> Any:
        options = self.__dict__.get("options", {})
        if name in options:
            return options[name]
        raise AttributeError(f"a weaver configuration has no attribute '{name}'")

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the groups."""
        return tuple(group.name for group in self.groups)

    @property
    def input_dicts(self) -> dict[str, list[str]]:
        """{group: its variables}."""
        return {group.name: list(group.variables) for group in self.groups}

    @property
    def input_shapes(self) -> dict[str, tuple[int, ...]]:
        """{group: (-1, variables, length)}."""
        return {g.name: (-1, len(g.variables), -1 if g.length is None else g.length) for g in self.groups}

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names of the labels; the first is the target."""
        return self.label_spec.names

    @property
    def label_value(self) -> Any:
        """The file's ``labels.value``: a list of classes or a mapping."""
        return self.options["labels"]["value"]

    @property
    def num_classes(self) -> int:
        """Number of classes, 0 if the labels are not class columns."""
        return len(self.label_spec.class_names)

    @property
    def is_open(self) -> bool:
        """Whether a center or scale is still to be measured on training data."""
        return any(p.is_open for p in self.parameters.values())

    def with_parameters(self, parameters: Mapping[str, Parameters]) -> WeaverConfig:
        """Return the same configuration with measured parameters."""
        params = {name: p.to_dict() for name, p in parameters.items()}
        options = {**self.options, "preprocess": {**self.options["preprocess"], "params": params}}
        return replace(self, parameters=dict(parameters), options=options)

    def with_weights(self, histograms: dict[str, list[list[float]]]) -> WeaverConfig:
        """Return the same configuration with a finished reweighting table, {class: rows of bins}."""
        spec = None if self.weight_spec is None else replace(self.weight_spec, histograms=histograms)
        options = {**self.options, "weights": {**(self.options["weights"] or {}), "reweight_hists": histograms}}
        return replace(self, weight_spec=spec, options=options)


def load_weaver_config(path: str | Path) -> WeaverConfig:
    """Read a weaver data configuration (or a finished ``.auto.yaml``).

    Raises
    ------
    ConfigError
        ``UNKNOWN-KEY``, ``BAD-VALUE``, ``EXPR-REFUSED``, ``YAML-...``, each with line and column; further faults stand
        in the lines after the first.
    """
    path = Path(path)
    limit = {"max_bytes": AUTO_MAX_BYTES} if ".auto.yaml" in path.name else {}
    return parse_weaver_config(read_yaml(path, yaml11_words=True, **limit), path)


def weaver_from_options(options: dict[str, Any], path: Path) -> WeaverConfig:
    """Return a configuration from its own ``options``, as a run keeps them; ``path`` is for messages."""
    return parse_weaver_config(YamlDocument(options, str(path), {}), path)


def is_weaver_config(data: Any) -> bool:
    """Return whether plain YAML data look like a weaver configuration."""
    return isinstance(data, dict) and {"inputs", "labels"} <= data.keys() and "jetlego" not in data


def parse_weaver_config(document: YamlDocument, path: Path) -> WeaverConfig:
    """Check the content of a file; see :func:`load_weaver_config`."""
    faults = Faults(document)
    if not isinstance(document.data, dict):
        raise ConfigError("BAD-VALUE", f"{path}: a weaver configuration is a mapping with the keys inputs, labels, ...")
    faults.unknown_keys((), document.data, _DEFAULTS)
    options = _with_defaults(document.data, faults)
    preprocess = options["preprocess"]
    faults.unknown_keys(("preprocess",), preprocess, _DEFAULTS["preprocess"])
    automatic = str(preprocess["method"]).lower().startswith("auto")
    groups, parameters = read_inputs(options["inputs"], preprocess["params"], automatic=automatic, faults=faults)
    _check_plain(options, faults)
    selection = _expression(options, ("selection",), faults)
    test_selection = _expression(options, ("test_time_selection",), faults)
    config = WeaverConfig(
        path=path,
        options=options,
        selection=selection,
        test_selection=test_selection or selection,
        variables=_variables(options["new_variables"], faults),
        groups=groups,
        parameters=parameters,
        label_spec=read_labels(options["labels"], faults),
        weight_spec=read_weights(options["weights"], faults),
    )
    faults.raise_if_any()
    return config


def _with_defaults(data: Mapping[str, Any], faults: Faults) -> dict[str, Any]:
    """Return the options; a null keeps its default, and mappings are laid over their default."""
    options = {}
    for key, default in _DEFAULTS.items():
        given = data.get(key)
        if isinstance(default, dict):
            if given is not None and not isinstance(given, dict):
                faults.add((key,), f"'{key}' must be a mapping")
                given = None
            options[key] = {**default, **(given or {})}
        else:
            options[key] = default if given is None else given
    return options


def _check_plain(options: Mapping[str, Any], faults: Faults) -> None:
    """Check the options that are used as they stand."""
    fraction = options["preprocess"]["data_fraction"]
    if not isinstance(fraction, int | float) or not 0 < fraction <= 1:
        faults.add(("preprocess", "data_fraction"), f"data_fraction {fraction!r} is not in (0, 1]")
    for key in ("observers", "monitor_variables"):
        if not isinstance(options[key], list) or not all(isinstance(name, str) for name in options[key]):
            faults.add((key,), f"'{key}' must be a list of names")
    if options["observers"] and options["monitor_variables"]:
        faults.add(("monitor_variables",), "observers and monitor_variables cannot be given together")
    _check_magic(options, faults)
    bucketing = options["bucketing"]
    if bucketing is not None and not (isinstance(bucketing, dict) and bucketing.keys() == {"var", "bins"}):
        faults.add(("bucketing",), "'bucketing' must be {var: name, bins: number or list of edges}")


def _check_magic(options: Mapping[str, Any], faults: Faults) -> None:
    branch, file = options["branch_magic"], options["file_magic"]
    if branch is not None and not (isinstance(branch, dict) and all(isinstance(v, str) for v in branch.values())):
        faults.add(("branch_magic",), "'branch_magic' must map parts of names to replacements")
    if file is None:
        return
    if not isinstance(file, dict) or not all(isinstance(patterns, dict) for patterns in file.values()):
        faults.add(("file_magic",), "'file_magic' must be {variable: {pattern: value}}")
        return
    for variable, patterns in file.items():
        for pattern in patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                faults.add(("file_magic", variable, pattern), f"'{pattern}' is no regular expression: {error}")


def _variables(given: Mapping[str, Any], faults: Faults) -> dict[str, Expression]:
    """Return the defined variables; ``k: k`` defines nothing."""
    kept = {str(name): text for name, text in given.items() if str(text) != str(name)}
    found = {name: _expression({"new_variables": kept}, ("new_variables", name), faults) for name in kept}
    return {name: expression for name, expression in found.items() if expression is not None}


def _expression(options: Mapping[str, Any], path: tuple[str, ...], faults: Faults) -> Expression | None:
    value: Any = options
    for key in path:
        value = value[key]
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        return parse_expression(str(value), where=faults.document.where(path))
    except ConfigError as error:
        faults.add_error(error)
        return None
