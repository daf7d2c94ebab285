"""Damaged copies of a file: cut, flipped, blanked, swapped; the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

KINDS = ("cut", "flip", "zero", "swap", "insert")


def mutated(
    data: bytes, count: int, *, seed: int = 0, kinds: Sequence[str] = KINDS
) -> Iterator[tuple[str, bytes]]:
    """Yield ``count`` damaged copies, each with the words that say how."""
    rng = random.Random(seed)
    for _ in range(count):
        kind = rng.choice(kinds)
        at, size = rng.randrange(len(data)), rng.choice((1, 8, 64, 1024))
        told = f"{kind} {size} at {at}"
        if kind == "cut":
            yield told, data[:at]
        elif kind == "flip":
            copy = bytearray(data)
            copy[at] ^= 1 << rng.randrange(8)
            yield told, bytes(copy)
        elif kind == "zero":
            yield told, data[:at] + bytes(min(size, len(data) - at)) + data[at + size :]
        elif kind == "insert":
            yield told, data[:at] + rng.randbytes(size) + data[at:]
        else:
            other = rng.randrange(len(data))
            copy = bytearray(data)
            a, b = copy[at : at + size], copy[other : other + size]
            copy[at : at + len(b)], copy[other : other + len(a)] = b, a
            yield told, bytes(copy)
