"""Small prepared folders, and what to compare of them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from jetlego.data.jets import Jets
from jetlego.data.read import read_jets
from jetlego.data.shards.prepare import prepare

FILES = ["sample://top/val", "sample://qcd/val"]
CLASSES = {"top": "label_Tbqq", "qcd": "label_QCD"}
OPTIONS = {"classes": CLASSES, "jets_per_shard": 300, "histories": ["kt"]}


def prepared(folder: Path, **options) -> Path:
    """Prepare 2,000 embedded jets and return the folder."""
    prepare(FILES, folder, **{**OPTIONS, **options})
    return folder


def source_jets(**options) -> Jets:
    """Return the same jets, read from their files."""
    return read_jets(FILES, **{"classes": CLASSES, **options})


def digests(folder: Path) -> dict[str, str]:
    """Return {file: SHA-256} of everything in a folder."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}
