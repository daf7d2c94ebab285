"""``jetlego data generate``: simulated jets of any JetClass process."""

from __future__ import annotations

from pathlib import Path


def generate(
    *, process: tuple[str, ...], jets: int, out: Path, seed: int = 1, workers: int | None = None, resume: bool = True
) -> None:
    """Simulate jets with Pythia 8 into ROOT files of JetClass layout; a killed run goes on where it stopped.

    Example: jetlego data generate --process top --process qcd --jets 100000 --out jets/

    Parameters
    ----------
    process
        top, qcd, w, z, hbb, ... or a JetClass label; give it several times for several processes.
    jets
        Number of jets of each process.
    out
        Folder for one ROOT file a process.
    seed
        With the same seed, any number of workers gives the same jets.
    workers
        Processes at work; default: all cores.
    resume
        Use finished parts of an earlier call.
    """
    from jetlego.cli.progress import TerminalObserver
    from jetlego.data.generate import generate as simulate

    with TerminalObserver() as observer:
        for name in process:
            observer.stage(f"{name} jets", jets)
            path = simulate(
                name, num_jets=jets, out=out, seed=seed, workers=workers, resume=resume, progress=observer.advance
            )
            observer.done()
            print(path)
