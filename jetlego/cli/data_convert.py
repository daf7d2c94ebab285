"""``jetlego data convert``: any layout as one file of JetClass names."""

from __future__ import annotations

from pathlib import Path


def convert(
    *files: str, out: Path, schema: str = "auto", double: bool = False, rntuple: bool = False
) -> None:
    """Write the jets of some files, of whatever layout, to one ROOT, Parquet or HDF5 file of JetClass names.

    Example: jetlego data convert train.h5 --out train.root

    Parameters
    ----------
    files
        Files, globs or sample:// names.
    out
        File ending in .root, .parquet or .h5.
    schema
        Layout of the files; auto recognises it.
    double
        Keep momenta in double precision.
    rntuple
        In a .root file, an RNTuple instead of a TTree.
    """
    from jetlego.data.convert import convert as convert_files
    from jetlego.errors import ConfigError

    if not files:
        raise ConfigError(
            "USAGE", "jetlego data convert needs at least one file", "jetlego data convert FILE... --out OUT"
        )
    count = convert_files(list(files), out, schema=schema, double=double, rntuple=rntuple)
    print(f"{count} jets in {out}")
