"""`prepare`: jets of any readable files into shards that are mapped rather than read.

The plan comes first and alone decides the bytes; tasks then run in any order, anywhere; the manifest is written last.
So a folder without a manifest is unfinished, and the same call goes on with the tasks whose shards are not there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jetlego
from jetlego.atomic import FolderLock
from jetlego.conventions import FloatArray
from jetlego.data.features import resolve_features
from jetlego.data.files import Paths, check_duplicates, find_files
from jetlego.data.scaling import Scaler
from jetlego.data.shards.codec import columns_of, stored_inputs
from jetlego.data.shards.file import ShardFile
from jetlego.data.shards.gather import gather, require_jets
from jetlego.data.shards.manifest import FORMAT, MANIFEST, PLAN, SHARD_NAME, read_signed, write_signed
from jetlego.data.shards.options import Options, load_options
from jetlego.data.shards.plan import Plan, Source, make_plan, require_same, same_plan, write_plan
from jetlego.data.shards.pools import check_executor, run_tasks
from jetlego.data.shards.standardise import fit_blocks
from jetlego.data.shards.task import Done, Task
from jetlego.errors import ConfigError, DataError, quoted

Progress = Callable[[int, int | None], None]
"""Told of entries done and of all entries, None where that is not known; of 0 entries at first."""

_BLOCK = 10_000
"""Jets whose inputs are in memory at a time while figures of standardisation are fitted."""


def prepare(
    paths: Paths,
    out: str | Path,
    *,
    config: str | Path | None = None,
    workers: int = 1,
    executor: str | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Write jets to shards and return their manifest; an interrupted call goes on where it stopped.

    Parameters
    ----------
    paths
        Files, globs, or ``sample://`` names, as in :func:`~jetlego.data.read.read_jets`.
    out
        Folder. The bytes in it depend on the files and the options, not on workers or interruptions.
    config
        YAML file with options; those given here win.
    workers
        Processes at work. A script that uses more than one must guard the call by ``if __name__ == "__main__":``.
    executor
        ``dask://HOST:PORT``: run on that Dask cluster instead, whose workers share the file system.
    overwrite
        Begin anew where the folder was made with other options or from other files.
    progress
        Called with the number of entries of each finished task, and of all.
    **options
        Of :class:`~jetlego.data.shards.options.Options`: ``schema``, ``classes``, ``columns``, ``where``,
        ``nonfinite``, ``max_constituents``, ``on_bad_file``, ``features``, ``standardise``, ``histories``,
        ``momenta``, ``values``, ``jets_per_shard``.

    Raises
    ------
    ConfigError
        ``RESUME-MISMATCH`` if the folder was made with other options; what is wrong with an option.
    DataError
        ``FILE-CHANGED`` if a file is not what it was; ``NO-JETS``, ``WORKER-LOST``; whatever reading raises.
    EnvironmentFault
        ``LOCKED``, ``NOT-WRITABLE``, ``DISK-FULL``, ``DEPENDENCY``, ``NO-CLUSTER``.

    Notes
    -----
    A worker holds the jets of one shard in memory and 10,000 more entries, whatever the number and size of the files.
    """
    settings = load_options(config, options)
    if workers < 1:
        raise ConfigError("BAD-VALUE", f"workers is {workers}", "it must be at least 1")
    check_executor(executor)
    files, folder = find_files(paths), Path(out)
    check_duplicates(files)
    _check_place(files, folder)
    with FolderLock(folder):
        if overwrite:
            _clear(folder)
        plan = _plan(folder, files, settings, workers)
        done = _run(folder, plan, settings, workers, executor, progress)
        return _finish(folder, plan, settings, done)


def _check_place(files: Sequence[Path], folder: Path) -> None:
    inside = [path for path in files if folder.resolve() in path.resolve().parents]
    if inside:
        raise ConfigError("BAD-VALUE", f"{quoted(inside[0])} lies in the folder to be written", "give another --out")


def _clear(folder: Path) -> None:
    """Take away what `prepare` wrote, and nothing else."""
    for path in folder.iterdir():
        if path.name in (MANIFEST, PLAN) or SHARD_NAME.fullmatch(path.name):
            path.unlink()


def _plan(folder: Path, files: Sequence[Path], options: Options, workers: int) -> Plan:
    digests = None
    if (folder / MANIFEST).exists():
        manifest = read_signed(folder / MANIFEST)
        sources = [Source(**source) for source in manifest["sources"]]
        require_same(folder, manifest["parameters"], sources, files, options)
        digests = [source.sha256 for source in sources]
    elif not any(folder.glob("[0-9]*.shard")):
        (folder / PLAN).unlink(missing_ok=True)  # nothing came of it, so that other options do no harm
    plan = same_plan(folder, files, options)
    if plan is None:
        plan = make_plan(files, options, threads=workers, digests=digests)
        write_plan(folder, plan)
    return plan


def _run(
    folder: Path, plan: Plan, options: Options, workers: int, executor: str | None, progress: Progress | None
) -> list[Done]:
    """Return all shards in the order of the jets."""
    tasks = [
        Task(number, pieces, options, str(folder.absolute()), plan.signature(number), plan.num_sources)
        for number, pieces in enumerate(plan.absolute().tasks)
    ]
    shards: list[Done] = []
    total = plan.num_entries
    if progress is not None:
        progress(0, total)
    for task, done in run_tasks(tasks, workers=workers, executor=executor):
        shards += done
        if progress is not None:
            progress(sum(p.stop - p.start for p in task.pieces if p.stop is not None), total)
    return sorted(shards, key=lambda shard: shard.name)


def _finish(folder: Path, plan: Plan, options: Options, done: list[Done]) -> dict[str, Any]:
    """Check that all shards are of one kind, fit the standardisation, and write the manifest."""
    changed = [source.path for source in plan.sources if not source.fault and not source.unchanged]
    if changed:
        what = f"{quoted(changed[0])} changed while its jets were prepared"
        raise DataError("FILE-CHANGED", what, "--overwrite prepares them anew")
    facts = gather(folder, plan, done)
    if not any(shard.num_jets for shard in done):
        _clear(folder)  # there is nothing that a call with another selection could go on with
    require_jets(facts, [source.path for source in plan.sources])
    scaler = _standardisation(folder, options, done)
    full = [shard for shard in done if shard.num_jets]
    manifest = {
        "format": FORMAT,
        "jetlego": jetlego.__version__,
        "parameters": plan.parameters,
        "sources": [asdict(source) for source in plan.sources],
        "jets": sum(shard.num_jets for shard in done),
        "constituents": facts.constituents,
        "classes": list(facts.classes),
        "labels": facts.labels,
        "columns": columns_of(ShardFile(folder / full[0].name)),
        "warnings": [{"id": id, "what": what} for id, what in facts.warnings],
        "standardisation": None if scaler is None else scaler.to_dict(),
        "shards": facts.shards,
    }
    write_signed(folder / MANIFEST, manifest)
    (folder / PLAN).unlink(missing_ok=True)
    return manifest


def _standardisation(folder: Path, options: Options, done: Sequence[Done]) -> Scaler | None:
    if options.features is None or not options.raw_inputs:
        return None

    def blocks() -> Iterator[FloatArray]:
        for shard in done:
            file = ShardFile(folder / shard.name) if shard.num_jets else None
            for start in range(0, shard.num_jets, _BLOCK):
                assert file is not None
                yield stored_inputs(file, start, min(start + _BLOCK, shard.num_jets))

    names = [feature.name for feature in resolve_features(options.features)]
    return fit_blocks(blocks, names, options.standardise)
