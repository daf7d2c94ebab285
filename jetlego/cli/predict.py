"""``jetlego predict``: scores of any jets, rows in input order."""

from __future__ import annotations

from pathlib import Path


def predict(run: Path, /, *files: str, out: Path, device: str = "cpu") -> None:
    """Write the class scores of every jet, in input order, to a ROOT or Parquet file.

    Example: jetlego predict runs/quickstart sample://top/test --out scores.root

    Parameters
    ----------
    run
        Run folder that jetlego train wrote.
    files
        Files, globs or sample:// names; labels are not needed.
    out
        scores.root or scores.parquet.
    device
        cpu or cuda.
    """
    from jetlego.data.table import write_table
    from jetlego.errors import ConfigError
    from jetlego.training.predictions import prediction_columns
    from jetlego.training.run import load_run

    if not files:
        raise ConfigError(
            "USAGE", "jetlego predict needs at least one file", "jetlego predict RUN FILE... --out scores.root"
        )
    trained = load_run(run)
    jets = trained.origin.read(files, "predict")
    scores = trained.predict(jets, device=device)
    write_table(out, prediction_columns(jets, scores, trained.classes))
    print(f"{jets.num_jets} jets scored in {out}")
