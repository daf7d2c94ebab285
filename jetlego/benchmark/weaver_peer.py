"""Run by a Python that has weaver-core, never imported: its loader's rates as one line of JSON.

    python weaver_peer.py CONFIG.yaml BATCH FILE.root [FILE.root ...]
"""

from __future__ import annotations

import json
import sys
import time


def rate(config: str, batch: int, files: list[str], fetch_step: float) -> float:
    """Return jets per second of weaver's loader with one worker."""
    from torch.utils.data import DataLoader
    from weaver.utils.dataset import SimpleIterDataset

    data = SimpleIterDataset(
        {f"file{at}": [name] for at, name in enumerate(files)}, config, for_training=True, fetch_by_files=False,
        fetch_step=fetch_step, load_range_and_fraction=((0, 1), 1.0, 1),
    )  # fmt: skip
    count, start = 0, time.perf_counter()
    for _, labels, _ in DataLoader(data, batch_size=batch, num_workers=1):
        count += len(next(iter(labels.values())))
    return count / (time.perf_counter() - start)


if __name__ == "__main__":
    steps = (1.0, 0.1, 0.01)
    measured = {str(step): rate(sys.argv[1], int(sys.argv[2]), sys.argv[3:], step) for step in steps}
    sys.stdout.write("\n" + json.dumps(measured) + "\n")
