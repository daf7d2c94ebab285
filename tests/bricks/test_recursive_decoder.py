import math

import numpy as np
import pytest
import torch
from oracles import decoder_oracle
from oracles.random_trees import random_history

from jetlego.bricks.recursive.decay import decay, mass_of
from jetlego.bricks.recursive.tree_decoder import TreeDecoder
from jetlego.bricks.recursive.tree_density import DecayDensity
from jetlego.structures.forest import Forest, grow_trees


def _decoder(**options):
    torch.manual_seed(2)
    decoder = TreeDecoder(in_dim=2, hidden=6, components=2, **options).double()
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return decoder


def _inputs(count):
    return torch.randn(count, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("mass_cut", [0.0, 5.0])
def test_likelihood_equals_plain_recursion(mass_cut):
    history = random_history(4, (4, 0, 1, 2, 7))
    forest, decoder = grow_trees(history), _decoder(mass_cut=mass_cut)
    x, plan, p4 = _inputs(5), forest.plan(), torch.tensor(history.node_p4)
    found = decoder(x, plan, p4[plan.node_of_row])
    assert found[1] == 0
    slow = torch.stack([decoder_oracle.log_likelihood(decoder, x[jet], forest, p4, jet) for jet in (0, 2, 3, 4)])
    torch.testing.assert_close(found[[0, 2, 3, 4]], slow, rtol=1e-6, atol=1e-6)  # light pairs in fast jets
    wanted = list(decoder.parameters())
    for a, b in zip(*(torch.autograd.grad(s.sum(), wanted) for s in (found, slow)), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


def _quadrature(density, state):
    """Return points (n, 4) and the probability of the cell of each, by the trapezoidal rule.

    Logistic substitution makes the integrand of each fraction smooth; the periodic angle converges exponentially.
    """
    double = {"dtype": torch.float64}
    steps, turns = torch.linspace(-11, 11, 41, **double), 16
    unit = torch.sigmoid(steps)
    weight = unit * (1 - unit) * (steps[1] - steps[0])
    phi = torch.arange(turns, **double) * (2 * math.pi / turns) - math.pi
    points = torch.cartesian_prod(unit, unit, 2 * unit - 1, phi)
    cells = torch.cartesian_prod(weight, weight, 2 * weight, torch.full((turns,), 2 * math.pi / turns, **double))
    with torch.no_grad():
        return points, density.log_prob(state.expand(len(points), -1), points).exp() * cells.prod(1)


@pytest.fixture(scope="module")
def wide():
    """A density, the state it is asked about, and its quadrature."""
    torch.manual_seed(3)
    density = DecayDensity(in_dim=1, components=2).double()
    with torch.no_grad():
        density.layer.weight[:] *= 1.5
        density.layer.bias.view(2, 9)[:, 4:7] += 1.5  # widths that the grid resolves
    state = torch.ones(1, 1, dtype=torch.float64)
    return density, state, *_quadrature(density, state)


def test_density_of_a_decay_integrates_to_one(wide):
    probability = wide[3]
    assert float(probability.sum()) == pytest.approx(1.0, abs=1e-4)


def test_samples_follow_the_density(wide):
    density, state, points, probability = wide
    drawn = density.sample(state.expand(20_000, 1), torch.Generator().manual_seed(5)).detach()
    moments = {
        "left": lambda v: v[:, 0], "right": lambda v: v[:, 1] ** 2, "cos theta": lambda v: v[:, 2],
        "cos phi": lambda v: v[:, 3].cos(), "sin phi": lambda v: v[:, 3].sin(),
        "together": lambda v: v[:, 0] * v[:, 2] * v[:, 3].cos(),
    }  # fmt: skip
    for name, moment in moments.items():
        value = moment(drawn)
        error = float(value.std()) / len(drawn) ** 0.5
        expected = float((probability * moment(points)).sum())
        assert float(value.mean()) == pytest.approx(expected, abs=5 * error + 1e-4), name
    assert float(drawn[:, 3].cos().mean()) != pytest.approx(0, abs=0.05)


def test_generated_trees_conserve_momentum_and_are_trees():
    decoder, x = _decoder(mass_cut=1.0), _inputs(40)
    with torch.no_grad():
        decoder.split.weight.zero_()
        decoder.split.bias.fill_(1.0)
    root = torch.tensor([[30.0, 10.0, 5.0, 60.0]], dtype=torch.float64).expand(40, 4)
    made = decoder.generate(x, root, generator=torch.Generator().manual_seed(1))
    forest = Forest.from_children(made.children, made.node_ptr)
    assert len(forest.jet_ptr) == 41
    assert np.allclose(made.p4[forest.root], root)
    inner = np.flatnonzero(~forest.is_leaf)
    assert len(inner) > 40
    pair = forest.node_ptr[forest.jet_of_node[inner], None] + forest.children[inner]
    assert np.allclose(made.p4[pair].sum(1), made.p4[inner], rtol=1e-12)
    assert (mass_of(torch.tensor(made.p4[inner])) > 1.0).all()
    again = decoder.generate(x, root, generator=torch.Generator().manual_seed(1))
    assert np.array_equal(made.p4, again.p4)


def test_limits_are_kept_and_counted():
    decoder = _decoder(max_depth=3, max_leaves=6)
    with torch.no_grad():
        decoder.split.weight.zero_()
        decoder.split.bias.fill_(50.0)
    root = torch.tensor([[0.0, 0.0, 0.0, 100.0]], dtype=torch.float64).expand(7, 4)
    made = decoder.generate(_inputs(7), root, generator=torch.Generator().manual_seed(1))
    forest = Forest.from_children(made.children, made.node_ptr)
    assert np.diff(forest.jet_ptr).tolist() == [6] * 7
    assert forest.depth.max() == 3
    assert made.num_capped == 7


def _toy_shower(rng, count, *, chance=0.6, mean=(-0.5, 0.3), width=(0.7, 0.5), concentration=0.8):
    """Showers that split with a fixed chance, with known laws of fractions, cos theta* flat, phi* von Mises."""
    children, ptr, p4, truth = [], [0], [], []
    for _ in range(count):
        nodes, links, log_p = [torch.tensor([0.0, 0.0, 40.0, 80.0], dtype=torch.float64)], [[-1, -1]], 0.0
        for node in range(200):
            if node >= len(nodes):
                break
            if float(mass_of(nodes[node])) <= 2.0:
                continue
            if rng.random() >= chance:
                log_p += math.log(1 - chance)
                continue
            logits = rng.normal(mean, width)
            x = 1 / (1 + np.exp(-logits))
            cos_theta, phi = rng.uniform(-1, 1), rng.vonmises(0.0, concentration)
            normal = -0.5 * ((logits - mean) / width) ** 2 - np.log(width) - 0.5 * math.log(2 * math.pi)
            log_p += math.log(chance) + float((normal - np.log(x * (1 - x))).sum()) - math.log(2)
            log_p += concentration * math.cos(phi) - math.log(2 * math.pi * np.i0(concentration))
            links[node] = [len(nodes), len(nodes) + 1]
            nodes += decay(nodes[node], torch.tensor([*x, cos_theta, phi], dtype=torch.float64))
            links += [[-1, -1], [-1, -1]]
        children += links
        p4.append(torch.stack(nodes))
        ptr.append(ptr[-1] + len(nodes))
        truth.append(log_p)
    return Forest.from_children(np.array(children), np.array(ptr)), torch.cat(p4), np.array(truth)


@pytest.mark.slow
def test_a_known_shower_is_learned():
    rng = np.random.default_rng(0)
    (forest, p4, _), (other, other_p4, truth) = _toy_shower(rng, 1500), _toy_shower(rng, 600)
    torch.manual_seed(0)
    decoder = TreeDecoder(in_dim=1, hidden=24, components=3, mass_cut=2.0)
    optimizer = torch.optim.Adam(decoder.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 300)
    for _ in range(300):
        index = rng.integers(0, forest.num_jets, 128)
        plan, some = forest.plan(index), forest.select(index)
        rows = np.repeat(forest.node_ptr[index], np.diff(forest.node_ptr)[index])
        rows = rows + np.arange(some.num_nodes) - some.node_ptr[some.jet_of_node]
        loss = -decoder(torch.ones(128, 1), plan, p4[rows][plan.node_of_row]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    plan = other.plan()
    with torch.no_grad():
        found = decoder(torch.ones(600, 1), plan, other_p4[plan.node_of_row]).numpy()
        chance = torch.sigmoid(decoder.split(decoder._root_state(torch.ones(1, 1), other_p4[:1])))
    assert found.mean() == pytest.approx(truth.mean(), abs=0.15)  # per tree; the truth is the best on average
    assert found.mean() <= truth.mean() + 3 * (found - truth).std() / 600**0.5
    assert float(chance) == pytest.approx(0.6, abs=0.06)
