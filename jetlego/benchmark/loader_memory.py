"""Peak memory of a pass over many files, measured in a process of its own.

    python -m jetlego.benchmark.loader_memory CONFIG.yaml BATCH FILE.root [FILE.root ...]

prints one line of JSON: jets read, files, and megabytes at the peak beyond what the process took before it read.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jetlego.data.weaver import iterate_weaver, load_weaver_config
from jetlego.errors import EnvironmentFault

_MB = 1024 if sys.platform != "darwin" else 1024 * 1024
_STATUS = Path("/proc/self/status")


def measure_memory(config: Path, files: Sequence[Path], *, batch: int, repeats: Sequence[int]) -> list[dict[str, Any]]:
    """Return a row for each number of repeats: peak megabytes of shuffled batches from so many times the files.

    Files are repeated by links of other names, so that each is opened by itself.
    """
    rows: list[dict[str, Any]] = []
    for times in repeats:
        found = _in_child(config, files, batch, times)
        name = f"jetlego, peak memory over {found['files']} files, {found['jets']} jets"
        first = rows[0] if rows else None
        ratio = None if first is None else found["mb"] / first["rate"]
        reference = None if first is None else first["name"]
        rows.append({"name": name, "rate": found["mb"], "unit": "MB", "reference": reference, "ratio": ratio,
                     "spread": None})  # fmt: skip
    return rows


def _in_child(config: Path, files: Sequence[Path], batch: int, times: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        links = [Path(folder) / f"{k}-{at}-{file.name}" for k in range(times) for at, file in enumerate(files)]
        for at, link in enumerate(links):
            link.symlink_to(Path(files[at % len(files)]).resolve())
        command = [sys.executable, "-m", __name__, str(config), str(batch), *map(str, links)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise EnvironmentFault("OOM", f"memory could not be measured: {done.stderr.strip().splitlines()[-1:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _peak() -> float:
    """Return the most megabytes this process ever held; getrusage would count those of its parent before it began."""
    lines = _STATUS.read_text().splitlines() if _STATUS.is_file() else []
    for line in lines:
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MB


def _main(config: str, batch: int, files: list[str]) -> dict[str, Any]:
    loaded, before = load_weaver_config(config), _peak()
    batches = iterate_weaver(loaded, files, mode="train", batch_size=batch, shuffle=True)
    jets = sum(map(len, batches))
    return {"jets": jets, "files": len(files), "mb": round(_peak() - before, 1)}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])) + "\n")
