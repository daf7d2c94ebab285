import numpy as np
import pytest
import torch
from oracles import recursion_oracle as oracle
from oracles.random_trees import MIXED, random_history

from jetlego.bricks.recursive.compiled import GatedCompiled, SimpleCompiled
from jetlego.bricks.recursive.embedding import Recursive
from jetlego.bricks.recursive.gated_function import GatedWalk
from jetlego.bricks.recursive.recnn import RecNNGated, RecNNSimple
from jetlego.bricks.recursive.simple_function import SimpleWalk
from jetlego.bricks.recursive.walk import TreeCell
from jetlego.structures.forest import Forest, grow_trees

CELLS = {"simple": RecNNSimple, "gated": RecNNGated}
WALKS = {"simple": (SimpleCompiled, SimpleWalk), "gated": (GatedCompiled, GatedWalk)}


def _make(name, *, hidden=5, in_dim=3, dtype=torch.float64):
    cell = CELLS[name](in_dim=in_dim, hidden=hidden).to(dtype)
    generator = torch.Generator().manual_seed(3)
    for parameter in cell.parameters():
        torch.nn.init.normal_(parameter, std=0.4, generator=generator)
    return cell


def _merge(name, cell):
    if name == "simple":
        return oracle.simple(cell.W_h, cell.b_h)
    return oracle.gated(cell.W_h, cell.b_h, cell.W_r, cell.b_r, cell.W_z, cell.b_z)


def _features(forest, in_dim=3):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(forest.num_nodes, in_dim, dtype=torch.float64, generator=generator, requires_grad=True)


@pytest.fixture(scope="module")
def forest():
    return grow_trees(random_history(21))


@pytest.mark.parametrize("roots_only", [False, True])
@pytest.mark.parametrize("walk", ["compiled", "torch"])
@pytest.mark.parametrize("name", CELLS)
def test_states_and_gradients_equal_plain_recursion(forest, name, walk, roots_only):
    cell, x, plan = _make(name), _features(forest), forest.plan(chunk=3)
    run = WALKS[name][walk == "torch"].apply
    u = torch.relu(x @ cell.W_u.T + cell.b_u)
    slow = oracle.node_states(u, forest, _merge(name, cell)).index_select(0, plan.node_of_row)
    fast = run(x.index_select(0, plan.node_of_row), *cell.parameters(), plan, roots_only)
    slow = slow[: plan.num_roots] if roots_only else slow
    torch.testing.assert_close(fast, slow, rtol=1e-12, atol=1e-12)
    weight = torch.randn(slow.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    wanted = [x, *cell.parameters()]
    for a, b in zip(*(torch.autograd.grad((s * weight).sum(), wanted) for s in (fast, slow)), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("walk", ["compiled", "torch"])
def test_float32_equals_autograd_level_by_level(forest, name, walk):
    cell, plan = _make(name, dtype=torch.float32), forest.plan()
    x = _features(forest).detach().float().index_select(0, plan.node_of_row)
    fast = WALKS[name][walk == "torch"].apply(x, *cell.parameters(), plan, False)
    slow = TreeCell.forward(cell, x, plan)
    torch.testing.assert_close(fast, slow, rtol=1e-5, atol=1e-6)
    grads = (torch.autograd.grad(s.square().sum(), list(cell.parameters())) for s in (fast, slow))
    for a, b in zip(*grads, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", CELLS)
def test_threads_change_no_bit(forest, name):
    cell, plan = _make(name, dtype=torch.float32), forest.plan(chunk=2)
    x, results, before = _features(forest).detach().float(), [], torch.get_num_threads()
    for threads in (1, 3):
        torch.set_num_threads(threads)
        out = cell(x, plan, roots_only=True)
        results.append([out.detach(), *torch.autograd.grad(out.square().sum(), list(cell.parameters()))])
    torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


@pytest.mark.parametrize("name", CELLS)
def test_gradients_that_fade_along_deep_chains(name):
    children = np.full((401, 2), -1)
    children[201:] = [(i, 201 + i - 2) if i > 1 else (0, 1) for i in range(1, 201)]
    chain = Forest.from_children(children, np.array([0, 401]))
    cell, x = _make(name), _features(chain)
    plan = chain.plan()
    fast, slow = (torch.autograd.grad(run(x, plan).square()[0].sum(), list(cell.parameters())) for run in (
        cell, lambda *a: TreeCell.forward(cell, *a)))  # fmt: skip
    for a, b in zip(fast, slow, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", CELLS)
def test_finite_differences(name):
    small = grow_trees(random_history(2, (4, 0, 1, 2)))
    cell, plan, x = _make(name, hidden=3, in_dim=2), small.plan(), _features(small, 2)
    names = [n for n, _ in cell.named_parameters()]

    def run(x, *values):
        return torch.func.functional_call(cell, dict(zip(names, values, strict=True)), (x, plan))

    assert torch.autograd.gradcheck(run, (x, *cell.parameters()), atol=1e-7)


@pytest.mark.parametrize("name", CELLS)
def test_a_jet_gives_the_same_in_any_company(forest, name):
    encoder, x = Recursive(in_dim=3, cell=_make(name)).double(), _features(forest).detach()
    with torch.no_grad():
        encoder.empty.fill_(0.3)
        together = encoder(x[forest.plan().node_of_row], forest.plan())
        for jet in range(len(MIXED)):
            plan = forest.plan(np.array([jet]))
            own = x[forest.node_ptr[jet] : forest.node_ptr[jet + 1]]
            torch.testing.assert_close(encoder(own[plan.node_of_row], plan)[0], together[jet], rtol=1e-12, atol=1e-14)


def test_empty_jets_take_and_teach_the_learned_vector(forest):
    encoder, plan = Recursive(in_dim=3, cell=_make("simple")).double(), forest.plan()
    with torch.no_grad():
        encoder.empty.copy_(torch.arange(5))
    out = encoder(_features(forest)[plan.node_of_row], plan)
    assert out[1].tolist() == out[6].tolist() == [0, 1, 2, 3, 4]
    out.sum().backward()
    assert encoder.empty.grad.tolist() == [2.0] * 5
    single = torch.relu(_features(forest)[forest.root[2]] @ encoder.cell.W_u.T + encoder.cell.b_u)
    torch.testing.assert_close(out[2], single)


@pytest.mark.parametrize("name", CELLS)
def test_batches_of_nothing_and_of_single_constituents(name):
    cell = _make(name)
    for counts in ((0, 0), (1, 1, 0)):
        forest = grow_trees(random_history(1, counts))
        plan, x = forest.plan(), _features(forest)
        encoder = Recursive(in_dim=3, cell=cell).double()
        out = encoder(x[plan.node_of_row], plan)
        out.sum().backward()
        assert out.shape == (len(counts), 5)
        assert torch.isfinite(out).all()
        assert all(torch.isfinite(p.grad).all() for p in encoder.parameters())


@pytest.mark.parametrize("name", CELLS)
def test_forward_on_another_device_reads_nothing_back(forest, name):
    from torch._subclasses.fake_tensor import FakeTensorMode

    encoder, plan = Recursive(in_dim=3, cell=_make(name)), forest.plan()
    with FakeTensorMode(), torch.no_grad():
        state = {n: torch.empty(p.shape, device="cuda") for n, p in encoder.named_parameters()}
        tensors = {n: torch.empty(t.shape, dtype=t.dtype, device="cuda") for n, t in plan._tensors().items()}
        from dataclasses import replace

        x = torch.empty(plan.num_rows, 3, device="cuda")
        out = torch.func.functional_call(encoder, state, (x, replace(plan, **tensors)))
        assert out.shape == (plan.num_jets, 5)
        assert out.device.type == "cuda"


def test_second_derivatives_are_refused(forest):
    cell, plan = _make("simple"), forest.plan()
    x = _features(forest)
    out = cell(x[plan.node_of_row], plan)
    (grad,) = torch.autograd.grad(out.square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        grad.sum().backward()
