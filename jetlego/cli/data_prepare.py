"""``jetlego data prepare``: jets into shards that training maps rather than reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def prepare(
    *files: str,
    out: Path,
    config: Path | None = None,
    schema: str | None = None,
    classes: dict[str, str] | None = None,
    columns: list[str] | None = None,
    where: str | None = None,
    nonfinite: str | None = None,
    max_constituents: int | None = None,
    features: list[str] | None = None,
    standardise: str | None = None,
    history: list[str] | None = None,
    momenta: str | None = None,
    values: str | None = None,
    jets_per_shard: int | None = None,
    on_bad_file: str | None = None,
    workers: int = 1,
    executor: str | None = None,
    overwrite: bool = False,
) -> None:
    """Write jets to memory-mapped shards with a manifest; an interrupted call goes on where it stopped.

    Example: jetlego data prepare "train/*.root" --out shards/ --history kt --workers 4

    Parameters
    ----------
    files
        Files, globs or sample:// names.
    out
        Folder; give it to train, show, check or read_jets in place of the files.
    config
        YAML file of the options below, by the same names with underscores; the command line wins.
    schema
        Layout of the files; auto recognises it.
    classes
        Truth branch of each class, in the order of the label: --classes.top label_Tbqq --classes.qcd label_QCD.
        Default: all that the layout knows.
    columns
        Columns beside the momenta; default: all that the layout knows.
    where
        Keep only jets that fulfil this expression, such as "jet_pt > 600".
    nonfinite
        NaN and infinite values: error, drop-particle, drop-jet, zero or impute.
    max_constituents
        Keep so many of the hardest constituents of each jet.
    features
        Inputs to store ready for use, a set or columns; none: no inputs. Default: kin.
    standardise
        robust, standard, or none for the fixed transforms of the features. Default: robust.
    history
        Clustering algorithms whose histories are stored, so that training need not cluster.
    momenta
        exact (float32 wherever that changes no number; the default), float32 or float64.
    values
        Floating columns and inputs: stored (as they are; the default), float32 or float16.
    jets_per_shard
        About; default 20,000.
    on_bad_file
        error, or skip, which warns and notes them in the manifest.
    workers
        Processes at work; the shards do not depend on it.
    executor
        dask://HOST:PORT runs on that Dask cluster.
    overwrite
        Begin anew where the folder was made with other options or files.
    """
    from jetlego.cli.progress import TerminalObserver
    from jetlego.data.shards.prepare import prepare as prepare_shards
    from jetlego.errors import ConfigError

    if not files:
        hint = "jetlego data prepare FILE... --out DIR"
        raise ConfigError("USAGE", "jetlego data prepare needs at least one file", hint)
    given: dict[str, Any] = {
        "schema": schema, "classes": classes, "columns": columns, "where": where, "nonfinite": nonfinite,
        "max_constituents": max_constituents, "features": features, "standardise": standardise, "histories": history,
        "momenta": momenta, "values": values, "jets_per_shard": jets_per_shard, "on_bad_file": on_bad_file,
    }  # fmt: skip
    with TerminalObserver() as observer:

        def progress(count: int, total: int | None) -> None:
            if count == 0:
                observer.stage("entries", total)
            observer.advance(count)

        manifest = prepare_shards(
            list(files), out, config=config, workers=workers, executor=executor, overwrite=overwrite,
            progress=progress, **{name: value for name, value in given.items() if value is not None},
        )  # fmt: skip
    shards, jets = manifest["shards"], manifest["jets"]
    size = sum(shard["bytes"] for shard in shards)
    print(f"{jets} jets in {len(shards)} shards of {out}, {size / jets:.0f} bytes a jet")
