"""What acceptance tasks ask for, computed another way: a task with wrong answers would prove nothing."""

import numpy as np
import torch
from scipy.sparse.csgraph import shortest_path

from jetlego.benchmark.accept.graphs import NODES, REACH, marked_graphs, pair_masses
from jetlego.benchmark.accept.soft_programs import W_MASS, measured
from jetlego.benchmark.accept.training import generator, r_squared
from jetlego.benchmark.accept.trees import DIGITS, Shapes, expressions


def test_reach_is_the_shortest_path():
    marked, edge_index, near = marked_graphs(generator(2), 5)
    link = np.zeros((5 * NODES, 5 * NODES))
    link[tuple(edge_index.numpy())] = 1
    distance = shortest_path(link, unweighted=True, indices=marked.nonzero().squeeze(1).numpy())
    assert (distance.min(0) <= REACH).astype(int).tolist() == near.int().tolist()
    assert 0 < near.mean() < 1


def test_expressions_are_evaluated_like_a_recursion():
    shapes, rng = Shapes(3, count=40), generator(3)
    plan, features, value = expressions(shapes, rng, 40)
    first = plan.num_roots
    below = {int(row): (first + 2 * i, first + 2 * i + 1) for i, row in enumerate(plan.inner_row)}
    symbol = features.argmax(1).tolist()

    def evaluate(row):
        if row not in below:
            assert symbol[row] < DIGITS
            return symbol[row]
        left, right = (evaluate(child) for child in below[row])
        return (max, min, lambda a, b: (a + b) % 10)[symbol[row] - DIGITS](left, right)

    assert [evaluate(row) for row in range(first)] == value[:first].tolist()
    assert len({evaluate(row) for row in range(first)}) > 3


def test_pair_masses_are_those_of_four_momenta():
    rng = generator(4)
    kinematics = torch.randn(3, 5, 3, generator=rng, dtype=torch.float64)
    kinematics[..., 0] = kinematics[..., 0].exp()
    mask = torch.arange(5) < torch.tensor([[5], [2], [4]])
    pt, eta, phi = kinematics.unbind(-1)
    p4 = torch.stack([pt * phi.cos(), pt * phi.sin(), pt * eta.sinh(), pt * eta.cosh()], -1)
    for jet, count in enumerate((5, 2, 4)):
        pairs = [p4[jet, i] + p4[jet, j] for i in range(count) for j in range(i)]
        expected = sum(float((p[3] ** 2 - p[:3].square().sum()).sqrt()) for p in pairs)
        assert abs(float(pair_masses(kinematics, mask)[jet]) - expected) < 1e-9


def test_jets_of_the_kinematic_fit_come_from_a_w():
    jets = measured(generator(5), 50, torch.zeros(3, dtype=torch.float64))
    pt = jets[..., 0] / (0.92 + 0.05 * jets[..., 1].abs())
    p4 = torch.stack([pt * jets[..., 2].cos(), pt * jets[..., 2].sin(), pt * jets[..., 1].sinh(),
                      pt * jets[..., 1].cosh()], -1).sum(1)  # fmt: skip
    mass = (p4[:, 3].square() - p4[:, :3].square().sum(1)).sqrt()
    assert torch.allclose(mass, torch.full_like(mass, W_MASS), rtol=1e-9)


def test_r_squared_is_the_worst_column():
    target = torch.tensor([[0.0, 0.0], [2.0, 4.0]])
    assert r_squared(target, target) == 1.0
    assert r_squared(torch.tensor([[1.0, 0.0], [1.0, 4.0]]), target) == 0.0
