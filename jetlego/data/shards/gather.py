"""What all shards say together: one kind of jets, counts, and what was odd about them, told once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from jetlego.data.shards.codec import CONSTITUENT, JET
from jetlego.data.shards.file import ShardFile
from jetlego.data.shards.plan import Plan
from jetlego.data.shards.task import Done
from jetlego.data.tally import Tally
from jetlego.data.uniform import Uniform
from jetlego.errors import DataError, quoted


@dataclass
class Facts:
    """Of a whole folder.

    Parameters
    ----------
    labels
        {class: jets}, and ``unlabelled``; empty if nothing is known of any jet.
    warnings
        (ID, text) of what was dropped or odd.
    shards
        Of each: name, jets, constituents, bytes, sha256, and [source, start, stop] of what it was made from.
    """

    constituents: int = 0
    classes: tuple[str, ...] = ()
    labels: dict[str, int] = field(default_factory=dict)
    weight_sum: float | None = None
    warnings: list[tuple[str, str]] = field(default_factory=list)
    shards: list[dict[str, Any]] = field(default_factory=list)


def gather(folder: Path, plan: Plan, done: Sequence[Done]) -> Facts:
    """Return what the headers of all shards say, and warn of what was odd.

    Raises
    ------
    DataError
        ``TYPE-MISMATCH`` or ``LABELS`` if the jets of two shards are not of one kind.
    """
    facts, tally, uniform, labels = Facts(), Tally(), Uniform(), Counter[str]()
    for shard in done:
        file = ShardFile(folder / shard.name)
        about = file.about
        for id, text, number in about["warnings"]:
            tally.add(id, text, number)
        tally.constituents += about["read"]
        facts.constituents += about["constituents"]
        facts.shards.append(_entry(shard, file))
        if shard.num_jets:
            source = plan.sources[about["pieces"][0][0]].path
            uniform.compare(_types(file), tuple(about["classes"]), Path(source), tally)
            facts.classes = tuple(about["classes"])
            labels += _labels(file)
            if about["weight_sum"] is not None:
                facts.weight_sum = (facts.weight_sum or 0.0) + about["weight_sum"]
    for source in plan.sources:
        if source.fault:
            tally.add("BAD-FILE", f"skipped: {source.fault}", 1)
    facts.labels = dict(sorted(labels.items()))
    facts.warnings = tally.warn()
    return facts


def require_jets(facts: Facts, paths: Sequence[str]) -> None:
    """Raise ``DataError`` ``NO-JETS`` if there is none, ``WEIGHTS`` if their weights add up to 0."""
    named = quoted(paths[0]) + (f" and {len(paths) - 1} more files" if len(paths) > 1 else "")
    if not any(shard["jets"] for shard in facts.shards):
        raise DataError("NO-JETS", f"no jet of {named} is left after selection")
    if facts.weight_sum == 0:
        raise DataError("WEIGHTS", f"the weights of the jets of {named} add up to 0")


def _entry(shard: Done, file: ShardFile) -> dict[str, Any]:
    about = file.about
    return {
        "name": shard.name, "jets": shard.num_jets, "constituents": about["constituents"],
        "bytes": file.path.stat().st_size, "sha256": shard.sha256, "pieces": about["pieces"],
    }  # fmt: skip


def _types(file: ShardFile) -> dict[str, np.dtype]:
    """Return {column: type}, with labels and weights where they are known, as `Uniform` compares them."""
    names = [name for name in file.names if name.startswith((CONSTITUENT, JET))]
    known = {name: np.dtype(bool) for name in ("label", "weight") if name in file}
    return {name.partition("/")[2]: file[name].dtype for name in names} | known


def _labels(file: ShardFile) -> Counter[str]:
    if "label" not in file:
        return Counter()
    names = [*file.about["classes"], "unlabelled"]
    numbers, counts = np.unique(file["label"], return_counts=True)
    return Counter({names[number]: count for number, count in zip(numbers.tolist(), counts.tolist(), strict=True)})
