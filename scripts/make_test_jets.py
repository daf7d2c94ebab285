"""Make tests/data/jets10.root again: 20 jets of each JetClass process. python scripts/make_test_jets.py WORK_FOLDER"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from make_sample import DROPPED, read_table, truncate

from jetlego.data.generate import generate
from jetlego.data.generate.jets import round_mantissa
from jetlego.data.generate.layout import JetTable, concatenate
from jetlego.data.generate.processes import PROCESSES
from jetlego.data.generate.writer import write_jets

SEED = 10
ANGLE_BITS = 12
NUM_JETS = 20
TARGET = Path(__file__).parents[1] / "tests" / "data" / "jets10.root"


def main(work: Path) -> None:
    """Generate, round and store the jets, one process after the other, in the order of JetClass' labels."""
    tables = [truncate(read_table(_raw(label, work))) for label in PROCESSES]
    jets = concatenate(tables)
    angles = {name: round_mantissa(jets.constituents[name].astype(np.float64), ANGLE_BITS) for name in DROPPED}
    constituents = {**jets.constituents, **{name: values.astype(np.float32) for name, values in angles.items()}}
    write_jets(TARGET, [JetTable(constituents, jets.jet, jets.jet_ptr)], note=f"scripts/make_test_jets.py, seed {SEED}")


def _raw(label: str, work: Path) -> Path:
    return generate(label, num_jets=NUM_JETS, chunk_size=NUM_JETS, out=work / f"{label}.root", workers=1, seed=SEED)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
