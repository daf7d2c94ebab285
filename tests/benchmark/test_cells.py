"""Inputs times outputs: every pair of kinds has an assembly that builds, runs backwards, and gives what it says."""

from pathlib import Path

import numpy as np
import pytest
import torch

from jetlego.benchmark.cells import ASKED, KINDS, LOSSES, Cell, loss_of, read_cells, train
from jetlego.benchmark.toy_jets import PIXELS, ToyJets
from jetlego.errors import ConfigError

CELLS = read_cells(Path(__file__).parents[2] / "configs" / "io")


@pytest.fixture(scope="module")
def odd_jets():
    return ToyJets.make(4, seed=1, odd=True)


@pytest.mark.parametrize("name", CELLS)
def test_cell_runs_both_ways_with_an_empty_jet_and_a_single_particle(name, odd_jets):
    streams, targets = odd_jets.batch(np.arange(4))
    net = CELLS[name].build(seed=1)
    loss = loss_of(net, streams, targets)
    loss.backward()
    assert torch.isfinite(loss)
    for parameter in net.parameters():
        assert parameter.grad is None or torch.isfinite(parameter.grad).all()
    assert sum(float(p.grad.abs().sum()) for p in net.parameters() if p.grad is not None) > 0
    inputs = {n: streams[n] for n in net.inputs}
    found = net.streams(**inputs)
    for output in net.outputs:
        assert len(found[output].value) in (4, len(targets["splittings"]))
    # what comes in matters: other jets' inputs give other outputs
    turned = {n: s._replace(value=s.value.flip(-1) + 1) for n, s in inputs.items() if n not in ASKED}
    other = net.streams(**{**inputs, **turned})
    assert any(not torch.equal(found[o].value, other[o].value) for o in net.outputs)


def test_every_pair_of_kinds_has_a_cell():
    pairs = {(cell.takes, cell.gives) for cell in CELLS.values()}
    assert pairs == {(a, b) for a in KINDS[:-1] for b in KINDS[:-1]} | {("table", "table")}
    assert {name for cell in CELLS.values() for name in cell.spec["outputs"]} == set(LOSSES)


def test_a_cell_gives_the_kind_that_it_names():
    cell = CELLS["v2i"]
    with pytest.raises(ConfigError, match="no set"):
        Cell(cell.name, "vector", "set", cell.spec).build()


def test_toy_jets_say_the_same_in_every_kind():
    jets = ToyJets.make(50, seed=2)
    streams, targets = jets.batch(np.arange(50))
    items, mask = streams["set"][:2]
    pt = (3 * items[..., 2]).exp() * mask
    torch.testing.assert_close(streams["image"].value.sum((1, 2, 3)) * 10, pt.sum(1), rtol=1e-4, atol=1e-2)
    torch.testing.assert_close(streams["vector"].value[:, 1] * 200, pt.sum(1), rtol=1e-4, atol=1e-2)
    assert (pt.diff(dim=1)[mask[:, 1:]] <= 0).all()
    for b in range(50):
        prongs = targets["prong_of"][b][mask[b]]
        assert len(prongs.unique()) == targets["classes"][b] + 1
        for k, leader in enumerate(targets["order"][b].tolist()):
            members = (prongs == k).nonzero().flatten().tolist()
            assert leader == (min(members) if members else -1)
        centre = targets["prongs"][b][prongs]
        assert ((items[b, mask[b], :2] - centre).norm(dim=1) < 0.35).all()
        merges = [m for m in targets["merges"][b].tolist() if m[0] >= 0]
        assert sorted(j for _, j in merges) == list(range(1, int(mask[b].sum())))
    assert targets["hardest"].shape[-1] == PIXELS
    assert (targets["hardest"] <= streams["image"].value).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["set2g", "t2v", "i2i"])
def test_cells_learn_more_than_what_needs_no_input(name):
    jets = ToyJets.make(1000, seed=3)
    seen, unseen = (train(CELLS[name].build(seed=1), jets, steps=100, seed=1, blind=blind) for blind in (False, True))
    assert seen < unseen
