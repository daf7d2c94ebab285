import pytest
import torch
from oracles import recursion_oracle, tree_cells
from oracles.random_trees import random_history

from jetlego.bricks.build import build
from jetlego.structures.forest import grow_trees

CELLS = {
    "tree_lstm": ({"brick": "tree_lstm"}, tree_cells.tree_lstm),
    "child_sum": ({"brick": "tree_lstm", "child_sum": True}, tree_cells.tree_lstm),
    "tree_gru": ({"brick": "tree_gru"}, tree_cells.tree_gru),
    "tree_scan": ({"brick": "tree_scan"}, tree_cells.tree_scan),
    "tree_attention": ({"brick": "tree_attention", "heads": 2}, tree_cells.tree_attention),
}


@pytest.fixture(scope="module")
def forest():
    return grow_trees(random_history(31))


@pytest.fixture(scope="module")
def x(forest):
    return torch.randn(forest.num_nodes, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(4))


def _cell(spec):
    cell = build({"hidden": 6} | spec if spec["brick"] != "both_ways" else spec, seed=2, in_dim=3).double()
    generator = torch.Generator().manual_seed(5)
    for parameter in (p for p in cell.parameters() if p.requires_grad):
        parameter.data += 0.3 * torch.randn(parameter.shape, dtype=torch.float64, generator=generator)
    return cell


def _compare(fast, slow, cell):
    torch.testing.assert_close(fast, slow, rtol=1e-11, atol=1e-11)
    weight = torch.randn(slow.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(6))
    wanted = [p for p in cell.parameters() if p.requires_grad]
    for a, b in zip(*(torch.autograd.grad((s * weight).sum(), wanted) for s in (fast, slow)), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", CELLS)
def test_cells_equal_recursion_written_from_the_papers(forest, x, name):
    spec, make = CELLS[name]
    cell, plan = _cell(spec), forest.plan()
    leaf, merge = make(cell)
    slow = recursion_oracle.node_states(x, forest, merge, leaf)[:, :6].index_select(0, plan.node_of_row)
    rows = x.index_select(0, plan.node_of_row)
    _compare(cell(rows, plan), slow, cell)
    torch.testing.assert_close(cell(rows, plan, roots_only=True), slow[: plan.num_roots], rtol=1e-11, atol=1e-11)


def test_tree_nin_tells_leaves_inner_nodes_and_the_roots_children(forest, x):
    cell, plan = _cell({"brick": "tree_nin"}), forest.plan()
    slow = tree_cells.tree_nin(cell, forest, x).index_select(0, plan.node_of_row)
    _compare(cell(x.index_select(0, plan.node_of_row), plan), slow, cell)


def test_tree_nin_has_the_published_number_of_parameters():
    model = build({"brick": "recursive_tagger", "cell": "tree_nin", "head": {"brick": "mlp", "hidden": [50, 50]},
                   "learn_empty": False}, in_dim=7, num_classes=1)  # fmt: skip
    assert sum(p.numel() for p in model.parameters() if p.requires_grad) == 33_901


def test_top_down_equals_recursion(forest, x):
    down, plan = _cell({"brick": "top_down"}), forest.plan()
    slow = tree_cells.top_down(down, forest, x).index_select(0, plan.node_of_row)
    _compare(down(x.index_select(0, plan.node_of_row), plan), slow, down)


def test_both_ways_lets_every_node_see_the_whole_jet(forest, x):
    module, plan = _cell({"brick": "both_ways", "cell": {"brick": "recnn_gated", "hidden": 5}}), forest.plan()
    rows = x.index_select(0, plan.node_of_row).requires_grad_()
    out = module(rows, plan)
    torch.testing.assert_close(out[: plan.num_roots], module(rows, plan, roots_only=True))
    h = module.cell(rows, plan)
    slow = tree_cells.top_down(module.down, forest, torch.cat([h, rows], 1)[torch.argsort(plan.node_of_row)])
    torch.testing.assert_close(out, torch.cat([h, slow.index_select(0, plan.node_of_row)], dim=1))
    leaf = build("tree_leaves", in_dim=10)(out, plan)
    jet = torch.as_tensor(forest.jet_of_node)[plan.node_of_row]
    (grad,) = torch.autograd.grad(leaf[2].square().sum(), rows)  # a leaf of the first jet
    seen = grad.abs().sum(1) > 0
    assert seen[jet == 0].float().mean() > 0.8  # some units of relu are off
    assert not seen[jet != 0].any()


def test_leaves_come_in_the_order_of_constituents(forest, x):
    plan = forest.plan()
    leaves = build("tree_leaves", in_dim=3)(x.index_select(0, plan.node_of_row), plan)
    assert torch.equal(leaves, x[torch.as_tensor(forest.is_leaf)])


@pytest.mark.parametrize("spec", [{"brick": "tree_lstm", "child_sum": True},
                                  {"brick": "tree_attention", "heads": 2, "sides": False}])  # fmt: skip
def test_order_blind_cells_do_not_see_swapped_children(forest, x, spec):
    cell, plan = _cell(spec), forest.plan()
    swapped = type(forest).from_children(forest.children[:, ::-1].copy(), forest.node_ptr)
    other = swapped.plan()
    roots = cell(x[plan.node_of_row], plan, roots_only=True)
    torch.testing.assert_close(cell(x[other.node_of_row], other, roots_only=True), roots)
    ordered = _cell({"brick": "tree_lstm"})
    one, two = (ordered(x[p.node_of_row], p, roots_only=True) for p in (plan, other))
    assert (one - two).abs().max() > 1e-3
