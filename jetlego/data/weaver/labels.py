"""The ``labels`` of a weaver configuration: which columns are the truth, and the check that each jet has one."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from jetlego.conventions import IntArray
from jetlego.data.expressions import Expression, parse_expression
from jetlego.data.weaver.faults import Faults
from jetlego.errors import ConfigError, DataError, JetlegoWarning

SIMPLE_LABEL = "_label_"


@dataclass(frozen=True)
class LabelSpec:
    """Names delivered as truth and the expressions behind them.

    Parameters
    ----------
    simple
        True: ``columns`` are 0/1 columns of the classes, and the label is the class index, named ``_label_``.
    columns
        {class or label name: expression}.
    class_names
        Names of the classes; empty for custom labels that do not name them.
    """

    simple: bool
    columns: dict[str, Expression]
    class_names: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names under which labels are delivered; the first is the target."""
        return (SIMPLE_LABEL,) if self.simple else tuple(self.columns)


def read_labels(labels: Any, faults: Faults) -> LabelSpec:
    """Return the labels of a configuration."""
    empty = LabelSpec(simple=True, columns={})
    if not isinstance(labels, dict) or not {"type", "value"} <= labels.keys():
        faults.add(("labels",), "'labels' with 'type' and 'value' is required")
        return empty
    simple, value = labels["type"] == "simple", labels["value"]
    if simple != isinstance(value, list) or not value:
        wanted = "a list of 0/1 columns" if simple else "a mapping of names to expressions"
        faults.add(("labels", "value"), f"labels.value of type '{labels['type']}' must be {wanted}")
        return empty
    entries: Mapping[Any, Any] = dict(enumerate(value)) if simple else value
    columns = {}
    for key, text in entries.items():
        try:
            where = faults.document.where(("labels", "value", key))
            columns[str(text) if simple else str(key)] = parse_expression(str(text), where=where)
        except ConfigError as error:
            faults.add_error(error)
    return LabelSpec(simple, columns, _class_names(labels, simple, columns, faults))


def _class_names(
    labels: Mapping[str, Any], simple: bool, columns: Mapping[str, Expression], faults: Faults
) -> tuple[str, ...]:
    names = labels.get("names")
    if names is None:
        return tuple(columns) if simple else ()
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        faults.add(("labels", "names"), "labels.names must be a list of names")
        return ()
    return tuple(names)


def class_index(columns: Mapping[str, Any], *, check: bool) -> IntArray:
    """Return the (N,) class index of 0/1 columns, the first of the largest on ties.

    Parameters
    ----------
    columns
        {class: (N,)}.
    check
        Raise if a jet belongs to no class or to several; otherwise warn.

    Raises
    ------
    DataError
        ``LABELS`` with counts.
    """
    table = np.stack([np.asarray(values) for values in columns.values()], axis=1)
    total = table.sum(axis=1)
    none, several = int((total < 1).sum()), int((total > 1).sum())
    if none or several:
        what = (
            f"of {len(total)} jets {none} are not assigned to any class and {several} are assigned to several "
            f"({', '.join(columns)})"
        )
        if check:
            raise DataError("LABELS", what, "name every class in labels.value, or select the jets of those you name")
        warnings.warn(JetlegoWarning("LABELS", what), stacklevel=3)
    return np.argmax(table, axis=1)
