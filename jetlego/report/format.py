"""Numbers as a physicist writes them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def with_error(value: float | None, error: float | None) -> str:
    """Return ``0.9812 ± 0.0007``: the error with one digit, or two if it begins with 1, and the value to match."""
    if value is None or not math.isfinite(value):
        return "–"
    if error is None or not math.isfinite(error) or error <= 0:
        return significant(value)
    first = math.floor(math.log10(error))
    digits = max(0, -first + (1 if round(error / 10.0**first, 6) < 2 else 0))
    return f"{value:,.{digits}f} ± {error:,.{digits}f}".replace(",", " ")


def significant(value: float, digits: int = 4) -> str:
    """Return a number with four significant digits, thousands apart, no powers of ten unless needed."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    size = math.floor(math.log10(abs(value)))
    if not -4 <= size <= 9:
        return f"{value:.{digits - 1}e}"
    return f"{value:,.{max(0, digits - 1 - size)}f}".replace(",", " ")


def cell(value: Any) -> str:
    """Return a table's cell: whole numbers with thousands apart, floats with four digits, the rest as it is."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    if isinstance(value, int):
        return f"{value:,}".replace(",", " ")
    if isinstance(value, float):
        return significant(value)
    if isinstance(value, (list, tuple)):
        return ", ".join(cell(v) for v in value)
    return str(value)


def rejection_text(metrics: Mapping[str, Any], point: str) -> tuple[str, str]:
    """Return the rejection at a working point with its error, and a note: a bound where there is no finite value."""
    value = metrics.get("background_rejection", {}).get(point)
    if value is not None:
        return with_error(value, metrics.get("background_rejection_error", {}).get(point)), ""
    why = metrics.get("null_reasons", {}).get(f"background_rejection.{point}", "")
    bound = metrics.get("background_rejection_lower_bound", {}).get(point)
    return (f"> {significant(bound, 2)}", f"95 % CL; {why}") if bound is not None else ("–", why)
