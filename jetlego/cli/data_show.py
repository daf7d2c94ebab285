"""``jetlego data show``: what is in a file of jets."""

from __future__ import annotations

from pathlib import Path


def show(*files: str, schema: str = "auto", picture: Path | None = None, entries: int | None = None) -> None:
    """Print schema, counts and ranges of jets; with --picture also draw histograms and the average jet image.

    Example: jetlego data show sample://top sample://qcd --picture jets.png

    Parameters
    ----------
    files
        Files, globs or sample:// names.
    schema
        Layout of the files; auto recognises it.
    picture
        PNG or PDF file to draw into.
    entries
        Look at the first so many entries only.
    """

    from jetlego.cli.console import results_console
    from jetlego.cli.summary_tables import summary_tables
    from jetlego.data.read import read_jets
    from jetlego.data.summary import describe_files, summarize
    from jetlego.errors import ConfigError

    if not files:
        raise ConfigError("USAGE", "jetlego data show needs at least one file", "jetlego data show FILE...")
    jets = read_jets(list(files), schema=schema, entries=None if entries is None else (0, entries))
    console = results_console()
    for table in summary_tables(describe_files(list(files), schema=schema), summarize(jets)):
        console.print(table)
        console.print()
    if picture is not None:
        from jetlego.report.data_plots import draw_jets

        draw_jets(jets, picture)
        print(f"picture          {picture}")
