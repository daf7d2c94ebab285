"""``jetlego data check``: everything wrong with files of jets, before a training finds out."""

from __future__ import annotations


def check(*files: str, schema: str = "auto", verify: bool = False) -> None:
    """Look at every jet: damaged files and pages, NaN, wrong units, duplicate jets, label problems.

    Example: jetlego data check "jets/*.root"

    Parameters
    ----------
    files
        Files, globs or sample:// names.
    schema
        Layout of the files; auto recognises it.
    verify
        Also print the SHA-256 of every file.
    """
    from jetlego.cli.summary_tables import check_lines
    from jetlego.data.check import check as check_files
    from jetlego.errors import ConfigError, DataError

    if not files:
        raise ConfigError("USAGE", "jetlego data check needs at least one file", "jetlego data check FILE...")
    report = check_files(list(files), schema=schema, hashes=verify)
    print("\n".join(check_lines(report)))
    bad = [file for file in report.files if file.faults]
    if bad:
        id = "SHARD-HASH" if bad[0].faults[0].startswith("SHARD-HASH") else "BAD-FILE"
        raise DataError(id, f"{len(bad)} of {len(report.files)} files cannot be used, first {bad[0].path}")
