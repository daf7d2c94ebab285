"""``jetlego demo``: what the parts can do, in a few minutes."""

from __future__ import annotations

from pathlib import Path
from typing import Literal


def demo(
    what: Literal["vehicles"] = "vehicles",
    /,
    *,
    configs: Path = Path("configs/demo"),
    out: Path = Path("vehicles.png"),
    jets: int = 8000,
    tagger_steps: int = 500,
    groomer_steps: int = 250,
    unroller_steps: int = 600,
    seed: int = 1,
) -> None:
    """Build a tagger, a groomer and an unroller from one inventory, and let one learn from the other.

    The tagger is trained on the embedded jets; its parts then start the other two, which are also trained from scratch
    for as many steps. Prints the three blueprints and the figures, and draws the losses.

    Example: jetlego demo vehicles --out vehicles.png

    Parameters
    ----------
    what
        The demonstration.
    configs
        Folder of the inventory and the vehicles.
    out
        The picture.
    jets
        Training jets.
    tagger_steps, groomer_steps, unroller_steps
        Training steps of each, 64 jets a step.
    seed
        Of starts and batches.
    """
    from jetlego.benchmark.vehicle_jets import VehicleJets
    from jetlego.benchmark.vehicles import EVERY, MEANING, VEHICLES, best_variable, build_vehicle, drive, embedded
    from jetlego.cli.console import results_console
    from jetlego.cli.progress import TerminalObserver
    from jetlego.report.plots.curves_of_starts import plot_starts

    console = results_console()
    for name in VEHICLES:
        console.print(build_vehicle(name, folder=configs, seed=seed).blueprint(), markup=False)
    training, test = embedded("train", jets), embedded("test", jets)
    curves: dict[str, dict[str, list[tuple[int, float]]]] = {}
    splits = VehicleJets.of(training), VehicleJets.of(test)
    console.print(f"\n{'best single variable':30s}{best_variable(test)[0]:28s}{best_variable(test)[1]:.3f} AUC")
    steps = {"tagger": tagger_steps, "groomer": groomer_steps, "unroller": unroller_steps}
    with TerminalObserver() as observer:

        def tell(name: str, start: str, step: int) -> None:
            if step == EVERY:
                observer.stage(f"{name}, {start}", steps[name])
            observer.advance(EVERY)

        for result in drive(*splits, steps=steps, seed=seed, folder=configs, tell=tell):
            console.print(f"{result.vehicle:12s}{result.start:18s}{MEANING[result.vehicle]:28s}{result.figure:.3f}")
            curves.setdefault(result.vehicle, {})[f"from {result.start}"] = result.curve
    plot_starts(curves).savefig(out, dpi=150)
    console.print(f"losses: {out}")
