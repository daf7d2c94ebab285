"""``jetlego train``: from a configuration to a tagger's report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def train(
    config: Path,
    /,
    *overrides: str,
    out: Path | None = None,
    resume: bool = False,
    allow_missing_class: Annotated[bool, Parameter(negative=())] = False,
    import_: Annotated[tuple[str, ...], Parameter(name="--import")] = (),
) -> None:
    """Train a tagger, evaluate it on the test split and write its run folder with report.html.

    Example: jetlego train configs/quickstart.yaml training.epochs=3 --out runs/short

    Parameters
    ----------
    config
        YAML file of the run.
    overrides
        Settings in the form dotted.key=value, such as training.seed=2.
    out
        Run folder; default: runs/NAME, numbered if taken.
    resume
        Go on from the newest checkpoint of the run folder; a finished run is left alone.
    allow_missing_class
        Train even if a class has no training jet, which is an error otherwise.
    import_
        Python packages whose bricks join the vocabulary.
    """
    from jetlego.training.load_config import load_config

    allowed = ("data.allow_missing_class=true",) if allow_missing_class else ()
    settings = load_config(config, (*overrides, *allowed))  # before anything heavy is loaded

    from jetlego.bricks.registry import import_bricks
    from jetlego.cli.progress import TerminalObserver
    from jetlego.cli.results import metric_lines
    from jetlego.report.run_report import write_run_report
    from jetlego.training.folder import choose_folder
    from jetlego.training.recipe import build_meta
    from jetlego.training.train import train as train_run

    for package in import_:
        import_bricks(package)
    build_meta(settings)  # a fault in the model is told before any jet is read
    folder = choose_folder(settings.name or config.stem, out, resume=resume)
    with TerminalObserver() as observer:
        run = train_run(settings, folder, resume=resume, observer=observer)
        if run is None:
            return  # another rank of a distributed run tells the result
        observer.stage("writing the report")
        page = write_run_report(run)
        observer.done()
    print("\n".join(metric_lines(run.metrics()["test"])))
    print(f"report           {page}")
