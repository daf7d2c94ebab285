"""What ``jetlego bench CONFIG`` compares: entries on one data set, several seeds, equal minutes."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from jetlego.data.faults import validated
from jetlego.data.yaml_reader import read_yaml
from jetlego.training.config import DataConfig, Section


class Entry(Section):
    """One competitor: a run's configuration with changes, or a boosted tree on jet columns."""

    name: str
    config: str | None = Field(None, description="a run's YAML, relative to the bench's")
    change: dict[str, Any] = Field({}, description="dotted keys of the run and their values")
    grid: dict[str, list[Any]] = Field({}, description="dotted keys and the values each takes; every combination")
    boosted_tree: list[str] | None = Field(None, description="jet columns for a gradient-boosted tree")

    @model_validator(mode="after")
    def _one_kind(self) -> Entry:
        if (self.config is None) == (self.boosted_tree is None):
            raise ValueError(f"entry '{self.name}' needs either config or boosted_tree")
        return self

    def expanded(self) -> list[Entry]:
        """Return one entry for each combination of the grid, the last key varying fastest."""
        combinations = [dict(zip(self.grid, values, strict=True)) for values in product(*self.grid.values())]
        return [
            self.model_copy(
                update={
                    "name": ", ".join([self.name, *map(str, chosen.values())]),
                    "change": {**self.change, **chosen},
                    "grid": {},
                }
            )
            for chosen in combinations
        ]


class BenchConfig(Section):
    """A comparison."""

    title: str = "Architectures side by side"
    data: DataConfig = Field(description="jets and classes of every entry; features stay with each entry")
    tasks: dict[str, dict[str, Any]] = Field({}, description="name -> keys of data that differ; every entry does each")
    seeds: list[int] = Field([1, 2, 3], min_length=1)
    minutes: float | None = Field(
        None, gt=0, description="CPU minutes of training for each; default: each one's epochs"
    )
    threads: int | None = Field(None, ge=1, description="CPU threads of each; default: each one's own")
    entries: list[Entry] = Field(min_length=1)

    def expanded(self) -> list[tuple[DataConfig, Entry]]:
        """Return every combination of task and entry, named by both."""
        entries = [single for entry in self.entries for single in entry.expanded()]
        if not self.tasks:
            return [(self.data, entry) for entry in entries]
        base = self.data.model_dump(by_alias=True)
        return [
            (
                DataConfig.model_validate({**base, **change}),
                entry.model_copy(update={"name": f"{task}: {entry.name}"}),
            )
            for task, change in self.tasks.items()
            for entry in entries
        ]


def load_bench(path: Path) -> BenchConfig:
    """Read a comparison; faults are told as ``UNKNOWN-KEY`` or ``BAD-VALUE`` with their place."""
    document = read_yaml(path)
    return validated(BenchConfig, document.data, place=document.where, of="comparison")
