"""The page of a run folder, and the page that compares several."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jetlego.clustering.cluster import cluster
from jetlego.data.jets import Jets
from jetlego.data.table import read_table
from jetlego.errors import JetlegoError, JetlegoWarning
from jetlego.report.compare import write_comparison as write_comparison_page
from jetlego.report.contents import ReportContents
from jetlego.report.page import write_report
from jetlego.training.load_config import to_yaml
from jetlego.training.run import Run
from jetlego.training.splits import splits_of

_DRAWN_PER_CLASS = 1000


def write_run_report(run: Run, path: Path | None = None) -> Path:
    """Write the page of a finished run and return its path; by default ``report.html``, with ``plots/`` beside it."""
    if path is None:
        return write_report(run_contents(run), run.folder / "report.html", plots=run.folder / "plots")
    return write_report(run_contents(run), path)


def write_comparison(runs: Sequence[Run], path: Path) -> Path:
    """Write one page that sets several runs side by side; return its path."""
    write_comparison_page([run_contents(run, draw=False) for run in runs], path)
    return path


def run_contents(run: Run, *, draw: bool = True) -> ReportContents:
    """Gather what a page tells of a run: its predictions, its log, and, to draw, some of its test jets."""
    table = read_table(run.folder / "predictions.root")
    metrics, history = run.metrics(), run.history()
    jets = _jets_to_draw(run) if draw else None
    trees = [tree.algorithm for tree in run.config.structure.named_trees.values()]
    algorithm = trees[0] if trees else "cambridge_aachen"
    return ReportContents(
        title=run.config.name or run.folder.name,
        classes=run.classes,
        label=table["label"],
        scores=np.stack([table[f"score_{name}"] for name in run.classes], axis=1),
        weight=table.get("weight"),
        metrics=metrics["test"],
        jet={name: values for name, values in table.items() if name.startswith("jet_") and name != "jet_index"},
        epochs=history,
        best_epoch=metrics["train"]["best_epoch"],
        data=_data_rows(run),
        model={"brick": run.config.model.get("brick", ""), "parameters": metrics["train"]["parameters"]},
        model_text=str(run.model),
        config=to_yaml(run.config.resolved()),
        environment=metrics["environment"],
        jets=jets,
        trees=cluster(jets.p4, jets.jet_ptr, algorithm=algorithm) if jets is not None else None,
        tree_name=algorithm,
    )


def _data_rows(run: Run) -> list[dict[str, object]]:
    counts, data = run.metrics()["train"]["jets"], run.config.data
    files = {"train": data.train, "val": data.val, "test": data.test}
    return [
        {"split": split, "files": ", ".join(files[split]) or "a share of train", "jets": counts[split]}
        for split in counts
    ]


def _jets_to_draw(run: Run) -> Jets | None:
    try:
        test = splits_of(run.config.data, origin=run.origin, folder=run.folder).test
        jets = test if isinstance(test, Jets) else test.sample(_DRAWN_PER_CLASS * len(run.classes))
    except JetlegoError as error:
        warnings.warn(JetlegoWarning("NO-PICTURES", f"the test jets cannot be read again: {error.what}"), stacklevel=2)
        return None
    members = [np.flatnonzero(jets.label == k)[:_DRAWN_PER_CLASS] for k in range(len(run.classes))]
    return jets.select(np.concatenate(members))
