"""Results of acceptance tasks, and the file that keeps them as JSON lines so that a run can go on later."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jetlego.atomic import write_atomic
from jetlego.errors import ConfigError

Row = dict[str, Any]
Key = tuple[str, int]


@dataclass(frozen=True)
class AcceptResult:
    """One figure of one task and seed, beside what is known and what was asked.

    ``seconds`` and ``cpu_seconds`` are the times of the whole task, the same for all its figures. ``value`` is NaN if
    the task diverged or could not run. ``commit`` is that of jetlego; a plus sign says that its code was changed since.
    """

    task: str
    figure: str
    value: float
    reference: float | None
    gate: str
    seconds: float
    cpu_seconds: float
    seed: int
    commit: str
    passed: bool


_COLUMNS = tuple(AcceptResult.__dataclass_fields__)


def read_rows(path: Path) -> dict[Key, list[Row]]:
    """Return the rows of a results file by task and seed; only a torn *last* line is forgiven."""
    rows: dict[Key, list[Row]] = {}
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
            rows.setdefault((row["task"], row["seed"]), []).append({k: row[k] for k in _COLUMNS})
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            if number < len(lines):
                raise ConfigError("BAD-VALUE", f"{path}:{number}: not a line of acceptance results") from error
    return rows


def write_rows(path: Path, rows: dict[Key, list[Row]]) -> None:
    """Write the file anew: whole, or as it was before."""
    write_atomic(path, "".join(_line(row) for of_task in rows.values() for row in of_task))


def keep(path: Path, results: Iterable[AcceptResult]) -> None:
    """Put the figures of one task and seed in the place of those that stand there, and of no others.

    The file is read first, since another run may have added to it meanwhile.
    """
    new = [asdict(result) for result in results]
    rows = read_rows(path)
    rows[new[0]["task"], new[0]["seed"]] = new
    write_rows(path, rows)


def value_of(row: Row) -> float:
    """Return the value of a row; JSON knows no NaN, so null stands for it."""
    return math.nan if row["value"] is None else float(row["value"])


def _line(row: Row) -> str:
    value = value_of(row)
    return json.dumps({**row, "value": value if math.isfinite(value) else None}, allow_nan=False) + "\n"
