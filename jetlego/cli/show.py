"""``jetlego show``: the network that a configuration builds, without reading a jet."""

from __future__ import annotations

from pathlib import Path


def show(config: Path, /, *overrides: str) -> None:
    """Show the network that a configuration builds: parts, shapes and parameter counts; no jet is read.

    Example: jetlego show configs/quickstart.yaml model.cell.hidden=64

    Parameters
    ----------
    config
        YAML file of a run.
    overrides
        Settings in the form dotted.key=value.
    """

    from jetlego.cli.console import results_console
    from jetlego.cli.model_tree import model_tree
    from jetlego.training.load_config import load_config
    from jetlego.training.recipe import build_meta

    settings = load_config(config, overrides)
    model = build_meta(settings)
    console = results_console()
    console.print(model_tree(model, settings.model.get("brick", "model")))
