"""Edge lists of nearest neighbours against a loop over pairs."""

import numpy as np
import torch

from jetlego.bricks.neighbours import nearest_edges


def test_edges_are_those_of_a_loop():
    counts, k = np.array([6, 0, 1, 3, 9]), 4
    generator = torch.Generator().manual_seed(3)
    points = torch.randn(int(counts.sum()), 2, generator=generator)
    ptr = torch.tensor([0, *counts]).cumsum(0)
    expected = set()
    for first, last in zip(ptr[:-1].tolist(), ptr[1:].tolist(), strict=True):
        for target in range(first, last):
            others = [i for i in range(first, last) if i != target]
            others.sort(key=lambda i: float((points[i] - points[target]).norm()))
            expected |= {(source, target) for source in others[:k]}
    found = nearest_edges(points, ptr, counts, k)
    assert found.shape[1] == len(expected)
    assert {(s, t) for s, t in found.T.tolist()} == expected
