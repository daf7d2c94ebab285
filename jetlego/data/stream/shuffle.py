"""Shuffled jets of files through Python: what ``iterate_jets(..., shuffle=True)`` does."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from jetlego.data.files import Paths
from jetlego.data.formats.choose import SchemaLike
from jetlego.data.formats.reader import Request
from jetlego.data.jets import Jets
from jetlego.data.selection import Where
from jetlego.data.stream.index import scan
from jetlego.data.stream.portions import portions
from jetlego.data.stream.readers import Readers
from jetlego.data.stream.source import FileSource, Source
from jetlego.errors import ConfigError

BLOCK, POOL = 1_000, 50_000
"""Entries of a block, jets of a pool; two pools are held, of about 2 kB a jet with all columns of JetClass."""


def iterate_shuffled(
    paths: Paths, schema: SchemaLike, where: Where | None, request: Request, skip_bad: bool,
    entries: tuple[int, int | None] | None, *, step: int, seed: int, epoch: int, start: int,
) -> Iterator[Jets]:  # fmt: skip
    """Yield what :func:`jetlego.iterate_jets` promises, and give the warnings of a first pass over the files."""
    if entries is not None:
        raise ConfigError("BAD-VALUE", "iterate_jets: entries and shuffle do not go together", "select by where")
    if step < 1 or min(seed, epoch, start) < 0:
        what = f"iterate_jets: step {step}, seed {seed}, epoch {epoch}, start {start}"
        raise ConfigError("BAD-VALUE", what, "step is at least 1, the others are not negative")
    source = FileSource(paths, schema, where, request, skip_bad=skip_bad)
    yield from shuffled_jets(source, step=step, seed=seed, epoch=epoch, start=start)


def shuffled_jets(
    source: Source, *, step: int, seed: int, epoch: int = 0, start: int = 0, block: int = BLOCK, pool: int = POOL,
    workers: int = 1,
) -> Iterator[Jets]:  # fmt: skip
    """Yield all jets of a source in their keyed order from position ``start`` on, ``step`` at a time.

    Parameters
    ----------
    block, pool
        Sizes in jets; the order depends on them.
    workers
        Threads that read; the order does not depend on it.
    """
    index = scan(source, size=block, workers=workers)
    if start >= index.total:
        return
    bounds = np.unique([*range(start, index.total, step), index.total]).astype(np.int64)
    order = index.order(pool, seed=seed, epoch=epoch)
    with Readers(source, workers) as readers:
        for portion in portions(readers, index, order, bounds, lambda jets: jets):
            for rows in portion.batches:
                yield portion.content.select(rows)
