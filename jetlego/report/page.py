"""One run on one self-contained page: no script, no request, every inserted word escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jetlego.atomic import write_atomic
from jetlego.report.cards import Section
from jetlego.report.contents import ReportContents
from jetlego.report.format import cell, rejection_text, with_error
from jetlego.report.jet_section import jets_section
from jetlego.report.performance import dependence, overview, performance, training
from jetlego.report.style import styled


def write_report(contents: ReportContents, path: str | Path, *, plots: str | Path | None = None) -> Path:
    """Write the page of one run, whole or not at all.

    Parameters
    ----------
    contents
        What there is to tell.
    path
        The HTML file; its folder is made if need be.
    plots
        Folder for the figures as SVG files, one each, named after their titles; None: the page alone.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    EnvironmentFault
        DISK-FULL or NOT-WRITABLE; what stood at ``path`` is untouched.
    """
    path, sections = Path(path), report_sections(contents)
    if plots is not None:
        for figure in (card for part in sections for card in part.cards):
            write_atomic(Path(plots) / figure.file_name, figure.svg())
    write_atomic(path, render_report(contents, sections))
    return path


def report_sections(contents: ReportContents) -> list[Section]:
    """Draw all figures of one run."""
    with styled():
        return [part(contents) for part in (overview, training, performance, dependence, jets_section)]


def render_report(contents: ReportContents, sections: Sequence[Section] | None = None) -> str:
    """Return the page of one run as HTML; the same contents give the same text."""
    if sections is None:
        sections = report_sections(contents)
    return render(
        "report.html",
        title=contents.title,
        subtitle=_subtitle(contents),
        tiles=headline(contents.figures),
        sections=sections,
        data=table(contents.data),
        counts=_counts(contents),
        rejections=rejection_rows(contents.figures),
        model=[(key, cell(value)) for key, value in contents.model.items()],
        model_text=contents.model_text,
        config=contents.config,
        environment=[(key, cell(value)) for key, value in contents.environment.items()],
    )


def render(template: str, **values: Any) -> str:
    """Fill a template of this room; everything inserted is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    return environment.get_template(template).render(**values)


def headline(metrics: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the tiles of the first screen: name, value with error, note."""
    reasons = metrics.get("null_reasons", {})
    several = len(metrics["classes"]) > 2
    tiles = [
        _tile("AUC", metrics, "auc", "mean over pairs of classes" if several else ""),
        _tile("Accuracy", metrics, "accuracy", ""),
    ]
    for point in metrics["background_rejection"]:
        value, note = rejection_text(metrics, point)
        name = f"1/ε_B at ε_S = {float(point):.0%}".replace("%", " %")
        whom = f"{metrics['signal']} against {metrics['background']}" if several else ""
        tiles.append({"name": name, "value": value, "note": note or whom})
    for tile in tiles:
        tile["note"] = tile["note"] or reasons.get(tile.get("key", ""), "")
    if flat := metrics.get("flat_pt"):
        low, high = flat["pt_range"]
        value = with_error(flat["auc"], flat["auc_error"])
        tiles.append({"name": "AUC, pT flat", "value": value, "note": f"flat over {low:.0f}–{high:.0f} GeV"})
    return tiles


def _tile(name: str, metrics: Mapping[str, Any], key: str, note: str) -> dict[str, str]:
    return {"name": name, "key": key, "value": with_error(metrics[key], metrics[f"{key}_error"]), "note": note}


def rejection_rows(metrics: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the table of AUC and rejection of each class against the background, for more than two classes."""
    if len(metrics["classes"]) < 3:
        return None
    points = list(metrics["background_rejection"])
    rows = []
    for name in metrics["classes"]:
        if name != metrics["background"]:
            one = metrics["per_class"][name]
            reasons = {k.removeprefix(f"per_class.{name}."): v for k, v in metrics["null_reasons"].items()}
            values = [rejection_text({**one, "null_reasons": reasons}, point)[0] for point in points]
            auc, recall = (with_error(one[key], one[f"{key}_error"]) for key in ("auc", "accuracy"))
            rows.append([name, auc, *values, recall])
    return {"header": ["class", "AUC", *[f"1/ε_B at {float(p):.0%}" for p in points], "accuracy"], "rows": rows}


def table(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return header and cells of a list of mappings, columns in order of appearance; None for none."""
    if not rows:
        return None
    header = list(dict.fromkeys(key for row in rows for key in row))
    return {"header": header, "rows": [[cell(row.get(key)) for key in header] for row in rows]}


def _subtitle(contents: ReportContents) -> str:
    parts = [" · ".join(contents.classes), f"{cell(len(contents.label))} test jets"]
    if "parameters" in contents.model:
        parts.append(f"{cell(contents.model['parameters'])} parameters")
    return "  |  ".join(parts)


def _counts(contents: ReportContents) -> list[tuple[str, str]]:
    """Return the number of test jets of each class, and how much of their weight is negative if any is."""
    counts = np.bincount(contents.label[contents.label >= 0], minlength=len(contents.classes))
    rows = [(name, cell(int(n))) for name, n in zip(contents.classes, counts, strict=True)]
    negative = contents.figures.get("negative_weight_fraction", 0.0)
    return [*rows, ("negative weight", f"{100 * negative:.2g} % of all")] if negative else rows
