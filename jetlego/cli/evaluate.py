"""``jetlego evaluate``: a trained run's figures on other files."""

from __future__ import annotations

import json
from pathlib import Path


def evaluate(run: Path, /, *files: str, out: Path | None = None, device: str = "cpu") -> None:
    """Print AUC, accuracy, loss and background rejection of a run on labelled jets, with bootstrap errors.

    Example: jetlego evaluate runs/quickstart sample://top/test sample://qcd/test

    Parameters
    ----------
    run
        Run folder that jetlego train wrote.
    files
        Files, globs or sample:// names; without any, the run's own test split.
    out
        Also write the figures as JSON.
    device
        cpu or cuda.
    """
    from jetlego.atomic import write_atomic
    from jetlego.cli.results import metric_lines
    from jetlego.training.figures import score_metrics
    from jetlego.training.predictions import scored
    from jetlego.training.run import load_run
    from jetlego.training.splits import read_labeled, splits_of

    trained = load_run(run)
    data, origin = trained.config.data, trained.origin
    wanted = read_labeled(files, data, origin=origin) if files else splits_of(data, origin=origin, folder=run).test
    jets, scores = scored(trained, wanted, device=device)
    metrics = score_metrics(trained, jets, scores)
    print(f"{jets.num_jets} jets")
    print("\n".join(metric_lines(metrics)))
    if out is not None:
        write_atomic(out, json.dumps(metrics, indent=1))
