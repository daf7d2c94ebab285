"""Make the embedded jets again: python scripts/make_sample.py WORK_FOLDER [--workers N]

Generates jets of both classes into WORK_FOLDER (resumable, some minutes), rounds what is stored, parts the events into
train, val and test, gives both classes one spectrum of pT and pseudorapidity, and writes jetlego/data/sample anew with
its data card. The same versions of the packages give the same jets.
"""

from __future__ import annotations

import argparse
import hashlib
from importlib.metadata import version
from pathlib import Path

import numpy as np
import uproot

from jetlego.data.generate import generate
from jetlego.data.generate.jets import IMPACT_NAMES, constituent_columns, round_mantissa, stored_momenta
from jetlego.data.generate.kinds import FLAGS, MASS_OF_KIND
from jetlego.data.generate.layout import CONSTITUENT_TYPES, JET_TYPES, JetTable
from jetlego.data.generate.observables import jet_columns
from jetlego.data.generate.writer import write_jets
from jetlego.data.sample import CLASSES, FOLDER, SPLITS
from jetlego.physics.kinematics import jet_p4, mass

SEED = 20_240_607
NUM_RAW = 10_000
PROCESS = {"top": "Tbqq", "qcd": "QCD"}
SHARE = {"train": 0.60, "val": 0.15, "test": 0.25}
NUM_JETS = {"train": 4300, "val": 1000, "test": 1800}
RADIUS = 0.8
PT_WINDOW, ETA_MAX = (500.0, 1000.0), 2.0
PT_EDGES = np.linspace(*PT_WINDOW, 26)
ETA_EDGES = np.linspace(0.0, ETA_MAX, 9)
BITS = {"momentum": 10, "energy": 20, "d0, dz": 6, "errors": 5, "jet": 18, "aux": 12}
DROPPED = ("part_deta", "part_dphi")


def main() -> None:
    """Run all steps."""
    arguments = _arguments()
    raw = {name: _raw(name, arguments.work, arguments.workers) for name in CLASSES}
    rounded = {name: in_window(truncate(table)) for name, table in raw.items()}
    rng = np.random.default_rng(SEED)
    parts = {name: part_events(table, rng) for name, table in rounded.items()}
    files: dict[str, JetTable] = {}
    for split in SPLITS:
        index = matched({name: parts[name][split] for name in CLASSES}, rng)
        for name in CLASSES:
            files[f"{name}_{split}"] = parts[name][split].select(index[name][: NUM_JETS[split]])
    for stem, table in files.items():
        write_jets(FOLDER / f"{stem}.root", [stored(table)], note=f"scripts/make_sample.py, seed {SEED}")
    shift = {name: truncation(raw[name]) for name in CLASSES}
    card = data_card(files, shift)
    (FOLDER / "DATA_CARD.md").write_text(card, encoding="utf-8")
    print(card)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path, help="folder for the jets before rounding and matching")
    parser.add_argument("--workers", type=int, default=None)
    return parser.parse_args()


def _raw(name: str, work: Path, workers: int | None) -> JetTable:
    path = generate(PROCESS[name], num_jets=NUM_RAW, out=work / f"{name}.root", workers=workers, seed=SEED)
    return read_table(path)


def read_table(path: Path) -> JetTable:
    """Return the jets of a generated file."""
    import awkward as ak

    with uproot.open(path) as file:
        arrays = file["tree"].arrays()
    jet = {name: ak.to_numpy(arrays[name]) for name in JET_TYPES if name in arrays.fields}
    names = [name for name in CONSTITUENT_TYPES if name in arrays.fields]
    constituents = {name: ak.to_numpy(ak.flatten(arrays[name])) for name in names}
    ptr = np.concatenate([[0], np.cumsum(ak.to_numpy(ak.num(arrays["part_px"])))])
    return JetTable(constituents, jet, ptr)


def momenta(table: JetTable) -> np.ndarray:
    """Return (P, 4) float64 momenta of the constituents."""
    names = ("part_px", "part_py", "part_pz", "part_energy")
    return np.stack([table.constituents[name].astype(np.float64) for name in names], axis=1)


def truncate(table: JetTable) -> JetTable:
    """Return the jets with rounded constituents, and all that follows from them computed again."""
    kind = sum(number * table.constituents[f"part_{flag}"].astype(int) for number, flag in enumerate(FLAGS))
    p4 = stored_momenta(
        momenta(table), MASS_OF_KIND[kind], momentum_bits=BITS["momentum"], energy_bits=BITS["energy"]
    )
    jet = {**table.jet, **jet_columns(p4, table.jet_ptr, radius=RADIUS)}
    constituents = {**table.constituents, **constituent_columns(p4, table.jet_ptr, jet)}
    for name in IMPACT_NAMES:
        bits = BITS["errors"] if name.endswith("err") else BITS["d0, dz"]
        constituents[name] = round_mantissa(table.constituents[name].astype(np.float64), bits)
    for name in jet:
        if JET_TYPES[name] is np.float32:
            bits = BITS["aux"] if name.startswith("aux") else BITS["jet"]
            jet[name] = round_mantissa(np.asarray(jet[name], np.float64), bits)
    return JetTable(
        {name: np.asarray(values).astype(CONSTITUENT_TYPES[name]) for name, values in constituents.items()},
        {name: np.asarray(values).astype(JET_TYPES[name]) for name, values in jet.items()},
        table.jet_ptr,
    )


def in_window(table: JetTable) -> JetTable:
    """Return the jets that rounding has left in the window."""
    pt, eta = table.jet["jet_pt"], np.abs(table.jet["jet_eta"])
    return table.select((pt > PT_WINDOW[0]) & (pt < PT_WINDOW[1]) & (eta < ETA_MAX))


def part_events(table: JetTable, rng: np.random.Generator) -> dict[str, JetTable]:
    """Return train, val and test; all jets of an event go the same way."""
    events, event = np.unique(table.jet["aux_event"], return_inverse=True)
    edges = np.cumsum([SHARE[split] for split in SPLITS])
    split = np.searchsorted(edges, rng.random(len(events)), side="right")[event]
    return {name: table.select(split == number) for number, name in enumerate(SPLITS)}


def matched(tables: dict[str, JetTable], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return, for each class, jets in a random order such that the i-th jets of both share a bin of pT and eta."""
    cells = {name: _cell(table) for name, table in tables.items()}
    pairs = []
    for cell in range((len(PT_EDGES) - 1) * (len(ETA_EDGES) - 1)):
        rows = [rng.permutation(np.flatnonzero(cells[name] == cell)) for name in CLASSES]
        fewest = min(len(r) for r in rows)
        pairs.append(np.stack([r[:fewest] for r in rows], axis=1))
    pair = rng.permutation(np.concatenate(pairs))
    return {name: pair[:, column] for column, name in enumerate(CLASSES)}


def _cell(table: JetTable) -> np.ndarray:
    in_pt = np.digitize(table.jet["jet_pt"], PT_EDGES) - 1
    in_eta = np.digitize(np.abs(table.jet["jet_eta"]), ETA_EDGES) - 1
    return in_pt * (len(ETA_EDGES) - 1) + in_eta


def stored(table: JetTable) -> JetTable:
    """Return the branches that are stored: ``part_deta`` and ``part_dphi`` follow from the others."""
    kept = {name: values for name, values in table.constituents.items() if name not in DROPPED}
    return JetTable(kept, {name: v for name, v in table.jet.items() if name != "aux_weight"}, table.jet_ptr)


def truncation(raw: JetTable) -> tuple[float, ...]:
    """Return the mean and the 16, 84 and 99 % points of the relative change of the jet mass."""
    before = mass(jet_p4(momenta(raw), raw.jet_ptr))
    after = mass(jet_p4(momenta(truncate(raw)), raw.jet_ptr))
    change = after / before - 1
    return float(change.mean()), float(change.std()), float(np.quantile(np.abs(change), 0.99))


def rank_auc(signal: np.ndarray, background: np.ndarray) -> float:
    """Return the probability that a signal value is above a background value (ties count half)."""
    both = np.concatenate([signal, background])
    _, inverse, counts = np.unique(both, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - 0.5 * (counts - 1))[inverse]
    n = len(signal)
    return float((rank[:n].sum() - n * (n + 1) / 2) / (n * len(background)))


def data_card(files: dict[str, JetTable], shift: dict[str, tuple[float, ...]]) -> str:
    """Return the text of the data card."""
    template = (Path(__file__).parent / "sample_card.md").read_text(encoding="utf-8")
    return template.format(
        seed=SEED, num_raw=NUM_RAW, pythia=version("pythia8mc"), fastjet=version("fastjet"),
        files=_file_rows(files), auc=_auc_rows(files), bits=", ".join(f"{k} {v}" for k, v in BITS.items()),
        shift=_shift_rows(shift), pt_bins=len(PT_EDGES) - 1, eta_bins=len(ETA_EDGES) - 1,
    )  # fmt: skip


def _file_rows(files: dict[str, JetTable]) -> str:
    rows = []
    for stem, table in files.items():
        path = FOLDER / f"{stem}.root"
        count, events = table.num_jets, len(np.unique(table.jet["aux_event"]))
        mean = np.diff(table.jet_ptr).mean()
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        rows.append(f"| `{stem}.root` | {count} | {events} | {mean:.1f} | {path.stat().st_size} | `{digest}` |")
    return "\n".join(rows)


def _auc_rows(files: dict[str, JetTable]) -> str:
    rows = []
    for split in (*SPLITS, "all"):
        stems = [s for s in SPLITS if split in (s, "all")]
        values = []
        for name in ("jet_pt", "jet_eta"):
            of = {c: np.concatenate([np.abs(files[f"{c}_{s}"].jet[name]) for s in stems]) for c in CLASSES}
            values.append(rank_auc(of["top"], of["qcd"]))
        rows.append(f"| {split} | {values[0]:.3f} | {values[1]:.3f} |")
    return "\n".join(rows)


def _shift_rows(shift: dict[str, tuple[float, ...]]) -> str:
    return "\n".join(f"| {name} | {a:+.1e} | {b:.1e} | {c:.1e} |" for name, (a, b, c) in shift.items())


if __name__ == "__main__":
    main()
