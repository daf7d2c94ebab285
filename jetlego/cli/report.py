"""``jetlego report``: one page about a run, or comparing several."""

from __future__ import annotations

from pathlib import Path


def report(*runs: Path, out: Path = Path("report.html")) -> None:
    """Write one self-contained HTML page about a run, or comparing several.

    Example: jetlego report runs/quickstart runs/quickstart-2 --out compare.html

    Parameters
    ----------
    runs
        Run folders that jetlego train wrote.
    out
        The page.
    """
    from jetlego.errors import ConfigError
    from jetlego.report.run_report import write_comparison, write_run_report
    from jetlego.training.run import load_run

    if not runs:
        raise ConfigError(
            "USAGE", "jetlego report needs at least one run folder", "jetlego report RUN [RUN ...] --out PAGE"
        )
    opened = [load_run(folder) for folder in runs]
    page = write_run_report(opened[0], out) if len(opened) == 1 else write_comparison(opened, out)
    print(f"report           {page}")
