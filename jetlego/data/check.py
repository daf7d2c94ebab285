"""Looking for what is wrong with jets before training on them: every fault of every file, none of which stops the look.

Reading stops at the first fault; here all are counted: damaged files and pages, NaN, impossible momenta, units, truth,
weights, jets that occur twice, and names of JetClass files at odds with their truth.
"""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from jetlego.data.containers.root import RootTable
from jetlego.data.duplicates import Keys, count_duplicates, jet_keys
from jetlego.data.files import Paths, find_files, fingerprint
from jetlego.data.formats.choose import open_reader
from jetlego.data.formats.ntuple import NtupleReader
from jetlego.data.formats.reader import Classes, Reader, Request
from jetlego.data.jets import Jets
from jetlego.data.labels import FAULTS, NEGATIVE, NO_CLASS, SEVERAL_CLASSES, UNLABELLED, UNSEEN
from jetlego.data.momenta import oddities
from jetlego.data.read import SchemaLike
from jetlego.data.schemas.load import load_schema
from jetlego.data.screen import UNIT_RANGE, with_sums
from jetlego.data.shards.reader import ShardReader
from jetlego.data.tally import Tally
from jetlego.errors import JetlegoError, quoted

PROCESSES = {
    "ZJetsToNuNu": "QCD", "HToBB": "Hbb", "HToCC": "Hcc", "HToGG": "Hgg", "HToWW4Q": "H4q", "HToWW2Q1L": "Hqql",
    "ZToQQ": "Zqq", "WToQQ": "Wqq", "TTBar": "Tbqq", "TTBarLep": "Tbl",
}  # fmt: skip
"""Beginning of a file's name in JetClass (``<process>_NNN.root``) and the class it must hold."""


_LABEL_WORDS = {
    UNLABELLED: "unlabelled", NO_CLASS: "none", SEVERAL_CLASSES: "several", NEGATIVE: "negative", UNSEEN: "unseen",
}  # fmt: skip


@dataclass
class FileCheck:
    """What was found in one file.

    Parameters
    ----------
    path
        The file.
    schema
        Name of its layout; empty if it could not be opened.
    num_jets, num_constituents
        Read before a fault, if any.
    faults
        ``ID: message`` of what makes the file unusable, damaged pages of an RNTuple among them.
    notes
        What a user should know, such as a name at odds with the truth.
    sha256
        Of its bytes; empty unless asked for.
    """

    path: Path
    schema: str = ""
    num_jets: int = 0
    num_constituents: int = 0
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    sha256: str = ""


@dataclass
class CheckReport:
    """What was found in all files.

    Parameters
    ----------
    files
        One by one.
    nonfinite
        {column: NaN and infinite values}; momenta as ``momentum``.
    oddities
        {what: constituents}, such as ``E < p``.
    labels
        {class: jets}; ``none``, ``several``, ``negative``, ``unseen`` and ``unlabelled`` beside the classes.
    num_empty
        Jets without constituents.
    num_duplicates
        Jets whose constituents equal those of an earlier jet, bit for bit.
    num_negative_weights
        Jets of negative weight, which are allowed.
    """

    files: list[FileCheck] = field(default_factory=list)
    nonfinite: Counter[str] = field(default_factory=Counter)
    oddities: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    num_empty: int = 0
    num_duplicates: int = 0
    num_negative_weights: int = 0

    @property
    def num_jets(self) -> int:
        """Jets of all files."""
        return sum(file.num_jets for file in self.files)

    @property
    def ok(self) -> bool:
        """Whether every file can be trained on."""
        return not any(file.faults for file in self.files)


def check(
    paths: Paths,
    *,
    schema: SchemaLike = "auto",
    classes: Classes | None = None,
    step: int = 20_000,
    hashes: bool = False,
) -> CheckReport:
    """Look at every jet of some files and report what is wrong.

    Parameters
    ----------
    paths
        Files, globs or ``sample://`` names.
    schema, classes
        As of :func:`~jetlego.data.read.read_jets`.
    step
        Entries in memory at a time.
    hashes
        Also compute the SHA-256 of every file. Prepared shards are always compared with their manifest.

    Raises
    ------
    DataError
        ``NO-FILES`` alone; all other faults of files are in the report.
    ConfigError
        What is wrong with the schema itself.
    """
    report = CheckReport()
    schema = schema if schema == "auto" else load_schema(schema)
    seen: list[Keys] = []
    for path in find_files(paths):
        result = FileCheck(path, sha256=fingerprint(path) if hashes else "")
        report.files.append(result)
        request = Request(classes=classes, nonfinite="zero", tally=Tally())
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            _check_file(result, schema, request, step, report, seen)
            request.tally.warn()
        result.notes += [str(warning.message) for warning in caught]
    report.num_duplicates = count_duplicates(seen)
    return report


def _check_file(
    result: FileCheck, schema: SchemaLike, request: Request, step: int, report: CheckReport, seen: list[Keys]
) -> None:
    labels: Counter[str] = Counter()
    pt: list[np.ndarray] = []
    weights: list[np.ndarray] = []
    try:
        with open_reader(result.path, schema, request) as reader:
            result.schema = reader.schema.name
            _check_pages(result, reader)
            for jets in reader.chunks(0, None, step):
                _check_values(jets, result, report)
                labels += _label_counts(jets)
                seen.append(jet_keys(jets)[jets.num_constituents > 0])
                pt.append(with_sums(jets).jet["jet_pt"])
                weights += [jets.weight] if jets.weight is not None else []
            _check_closure(result, reader)
    except JetlegoError as error:
        result.faults.append(f"{error.id}: {error}")
    report.labels += labels
    _check_labels(result, labels)
    _check_units(result, pt)
    _check_weights(result, weights, report)


def _check_pages(result: FileCheck, reader: Reader) -> None:
    if isinstance(reader, ShardReader):
        reader.verify()
    table = reader.table if isinstance(reader, NtupleReader) else None
    if isinstance(table, RootTable):
        if table.lacks_checksums:
            what = "its pages carry no checksums; a flipped bit would go unnoticed"
            result.notes.append(f"{quoted(result.path)}: {what}")
        pages = table.damaged_pages()
        result.faults += [f"BAD-FILE: {quoted(result.path)}: the checksum of {page} does not fit" for page in pages]


def _check_closure(result: FileCheck, reader: Reader) -> None:
    closure = reader.closure if isinstance(reader, NtupleReader) else None
    if closure is not None:
        how = "with" if closure.weighted else "without"
        low, high = closure.ratios
        result.notes.append(f"candidates {how} weights add up to {low:.4f} .. {high:.4f} of {closure.num_jets} jets")


def _check_values(jets: Jets, result: FileCheck, report: CheckReport) -> None:
    result.num_jets += jets.num_jets
    result.num_constituents += len(jets.p4)
    report.num_empty += int((jets.num_constituents == 0).sum())
    finite = np.isfinite(jets.p4).all(axis=1)
    report.nonfinite["momentum"] += int((~finite).sum())
    for columns in (jets.constituents, jets.jet):
        for name, values in columns.items():
            if values.dtype.kind == "f":
                report.nonfinite[name] += int((~np.isfinite(values)).sum())
    for what, odd in oddities(jets.p4[finite]).items():
        report.oddities[what] += int(odd.sum())
    report.nonfinite, report.oddities = +report.nonfinite, +report.oddities


def _label_counts(jets: Jets) -> Counter[str]:
    if jets.label is None:
        return Counter({"unlabelled": jets.num_jets})
    numbers, counts = np.unique(jets.label, return_counts=True)
    found = zip(numbers.tolist(), counts.tolist(), strict=True)
    return Counter({_LABEL_WORDS[n] if n < 0 else jets.classes[n]: count for n, count in found})


def _check_labels(result: FileCheck, labels: Counter[str]) -> None:
    for code, what in FAULTS.items():
        if labels[_LABEL_WORDS[code]]:
            result.faults.append(f"LABELS: {quoted(result.path)}: {labels[_LABEL_WORDS[code]]} jets {what}")
    process = result.path.name.partition("_")[0]
    expected = PROCESSES.get(process) if result.schema == "jetclass" else None
    others = [name for name in labels if name not in (expected, *_LABEL_WORDS.values())]
    if expected is not None and others:
        what = f"the name says {process}, that is {expected}, but jets are {', '.join(others)}"
        result.notes.append(f"{quoted(result.path)}: {what}")


def _check_units(result: FileCheck, pt: list[np.ndarray]) -> None:
    values = np.concatenate(pt) if pt else np.empty(0)
    low, high = UNIT_RANGE
    median = float(np.median(values)) if len(values) else low
    if not low <= median <= high:
        what = f"median jet pT is {median:.3g} GeV; does the schema key momentum_unit fit?"
        result.notes.append(f"{quoted(result.path)}: {what}")


def _check_weights(result: FileCheck, weights: list[np.ndarray], report: CheckReport) -> None:
    if not weights:
        return
    values = np.concatenate(weights).astype(np.float64)
    report.num_negative_weights += int((values < 0).sum())
    bad = int((~np.isfinite(values)).sum())
    if bad:
        result.faults.append(f"WEIGHTS: {quoted(result.path)}: {bad} weights are NaN or infinite")
    elif values.sum() == 0:
        result.faults.append(f"WEIGHTS: {quoted(result.path)}: the weights add up to 0")
