"""Metrics as the lines a terminal shows."""

from __future__ import annotations

from typing import Any


def metric_lines(metrics: dict[str, Any]) -> list[str]:
    """Return one line a figure: ``AUC  0.9612 ± 0.0021``; a null figure is told with its reason."""
    named = [("AUC", "auc"), ("accuracy", "accuracy"), ("loss", "loss")]
    lines = [_line(label, metrics, key) for label, key in named if key in metrics]
    rejection, errors = metrics.get("background_rejection") or {}, metrics.get("background_rejection_error") or {}
    for efficiency, value in rejection.items():
        label = f"1/eps_B at {float(efficiency):.0%}"
        error = errors.get(efficiency)
        lines.append(
            f"{label:<16} " + ("-" if value is None else f"{value:.1f}" + (f" ± {error:.1f}" if error else ""))
        )
    if flat := metrics.get("flat_pt"):
        low, high = flat["pt_range"]
        lines.append(f"the same with pT flat in every class, {low:.0f} to {high:.0f} GeV, {flat['num_jets']} jets:")
        lines += [f"  {line}" for line in metric_lines({name: flat[name] for name in flat if "accuracy" not in name})]
    return lines


def _line(label: str, metrics: dict[str, Any], key: str) -> str:
    value, error = metrics.get(key), metrics.get(f"{key}_error")
    if value is None:
        return f"{label:<16} - ({metrics.get(f'{key}_reason', 'not defined here')})"
    return f"{label:<16} {value:.4f}" + (f" ± {error:.4f}" if error is not None else "")
