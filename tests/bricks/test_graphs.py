"""Graph bricks against torch_geometric, NumPy loops and einsum."""

import math
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from jetlego.bricks.adjacency import Adjacency, AdjacencyMix, generalised_kt
from jetlego.bricks.build import build
from jetlego.bricks.edgeconv import EdgeConv
from jetlego.bricks.interaction import BipartiteInteraction, Interaction
from jetlego.bricks.links import DenseLinks, ListLinks
from jetlego.bricks.masks import pad, padded_mask
from jetlego.bricks.messages import (
    AttentionMessage,
    EdgeConvMessage,
    EdgeMatrixMessage,
    GINMessage,
    LinearMessage,
    PairMessage,
)
from jetlego.bricks.mpnn import MPNN
from jetlego.bricks.neighbours import nearest
from jetlego.bricks.pyg import PyGMessage

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import torch_geometric.nn as pyg


def draw(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


EDGES = torch.tensor([[0, 1, 2, 1, 3, 3, 0], [1, 0, 1, 2, 2, 0, 3]])
X, EDGE = draw(6, 4), draw(7, 2, seed=1)


def sequential(mlp):
    """The same MLP as torch writes it, sharing the weights."""
    return nn.Sequential(*(m for layer in mlp.layers for m in (layer.linear, layer.activation)), mlp.last)


def test_edge_matrix_is_nnconv():
    ours = EdgeMatrixMessage(in_dim=4, edge_dim=2, out_dim=3, hidden=[5]).double()
    theirs = pyg.NNConv(4, 3, sequential(ours.matrix), aggr="add", root_weight=False, bias=False)
    torch.testing.assert_close(ours(X, edge_index=EDGES, edge=EDGE), theirs(X, EDGES, EDGE))


def test_attention_message_is_gatv2():
    ours = AttentionMessage(in_dim=4, out_dim=6, heads=3, edge_dim=2).double()
    theirs = pyg.GATv2Conv(4, 2, heads=3, edge_dim=2, add_self_loops=False).double()
    nn.init.zeros_(theirs.bias)
    theirs.lin_l.load_state_dict(ours.sender.state_dict())
    theirs.lin_r.load_state_dict(ours.receiver.state_dict())
    theirs.lin_edge.load_state_dict(ours.edge.state_dict())
    theirs.att.data.copy_(ours.vector[None])
    torch.testing.assert_close(ours(X, edge_index=EDGES, edge=EDGE), theirs(X, EDGES, EDGE))


def test_gin_message_is_ginconv():
    ours = GINMessage(in_dim=4, out_dim=3, hidden=[5]).double()
    ours.eps.data.fill_(0.3)
    theirs = pyg.GINConv(sequential(ours.mlp), eps=0.3).double()
    torch.testing.assert_close(ours(X, edge_index=EDGES), theirs(X, EDGES))


@pytest.mark.parametrize("reduce", ["max", "mean", "sum"])
def test_edgeconv_message_is_edgeconv(reduce):
    ours = EdgeConvMessage(in_dim=4, out_dim=3, hidden=[5], reduce=reduce).double()
    theirs = pyg.EdgeConv(sequential(ours.mlp), aggr=reduce)
    torch.testing.assert_close(ours(X, edge_index=EDGES), theirs(X, EDGES))


@pytest.mark.parametrize(
    "make",
    [
        lambda: LinearMessage(in_dim=4), lambda: PairMessage(in_dim=4, edge_dim=2, hidden=[5]),
        lambda: PairMessage(in_dim=4, edge_dim=2, hidden=[5], reduce="max"), lambda: EdgeConvMessage(in_dim=4),
        lambda: PairMessage(in_dim=4, edge_dim=2, hidden=[], reduce="mean"), lambda: GINMessage(in_dim=4),
        lambda: AttentionMessage(in_dim=4, edge_dim=2, heads=2), lambda: EdgeMatrixMessage(in_dim=4, edge_dim=2),
    ],
)  # fmt: skip
def test_a_dense_graph_is_its_edge_list(make):
    message = make().double()
    ptr, mask = torch.tensor([0, 4, 5, 7]), padded_mask(torch.tensor([0, 4, 5, 7]), 4)
    x, edge = draw(7, 4), draw(3, 4, 4, 2, seed=1)
    pairs = [(b, i, j) for b, n in enumerate([4, 1, 2]) for i in range(n) for j in range(n) if i != j]
    at = torch.tensor(pairs).T
    edge_index = torch.stack([ptr[at[0]] + at[2], ptr[at[0]] + at[1]])
    found = message(x, edge_index=edge_index, edge=edge[tuple(at)])
    dense = message(pad(x, ptr, 4), mask, edge=edge)
    torch.testing.assert_close(dense[mask], found)
    assert (dense[~mask] == 0).all()


def test_pair_message_is_an_mlp_of_receiver_sender_and_edge():
    message = PairMessage(in_dim=4, edge_dim=2, hidden=[5], out_dim=3).double()
    weight = torch.cat([message.receiver.weight, message.sender.weight, message.edge.weight], 1)
    pair = torch.cat([X[EDGES[1]], X[EDGES[0]], EDGE], 1) @ weight.T + message.receiver.bias
    sent = message.rest(torch.relu(pair))
    expected = torch.zeros(6, 3, dtype=torch.float64)
    for e, target in enumerate(EDGES[1].tolist()):
        expected[target] += sent[e]
    torch.testing.assert_close(message(X, edge_index=EDGES, edge=EDGE), expected)
    with pytest.raises(ValueError, match="made for edge features"):
        message(X, edge_index=EDGES)


def test_weights_of_links():
    real, weight = torch.tensor([[[True, True], [False, True]]]), draw(1, 2, 2)
    links = DenseLinks(real, weight)
    listed = ListLinks(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1]), 2, weight[real])
    h, message = draw(1, 2, 3), draw(1, 2, 2, 3, seed=2)
    torch.testing.assert_close(links.total_sent(h)[0], listed.total_sent(h[0]))
    torch.testing.assert_close(links.total(message)[0], listed.total(message[real]))
    torch.testing.assert_close(links.amount(h)[0], listed.amount(h[0]))


@pytest.mark.parametrize("iterations", [1, 2, 3])
def test_nothing_travels_faster_than_one_link_an_iteration(iterations):
    chain = torch.tensor([[0, 1, 2, 3, 4], [1, 2, 3, 4, 5]])
    model = MPNN(in_dim=4, hidden=5, iterations=iterations, message="message_linear").double()
    x = X.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model(x, edge_index=chain)[5].square().sum(), x)
    heard = gradient.abs().sum(1) > 0
    assert heard.tolist() == [5 - i <= iterations for i in range(6)]


def test_mpnn_is_its_formula():
    model = build(
        {"brick": "mpnn", "hidden": 5, "iterations": 2, "every": True, "adjacency": {"brick": "adjacency"},
         "message": {"brick": "message_node_mlp", "layers": 1}},
        in_dim=4, seed=0,
    ).double()  # fmt: skip
    x = draw(2, 3, 4)
    h = nn.functional.leaky_relu(model.embed(x))
    for turn, message in enumerate(model.messages):
        update, adjacency, seen = model.updates[turn], model.adjacencies[turn], x if turn == 0 else h
        raw = torch.einsum("bid,de,bje->bij", seen, adjacency.matrix, seen)
        sent = message.mlp(h)
        heard = nn.functional.leaky_relu(torch.einsum("bij,bjd->bid", raw.softmax(-1), sent))
        h = update.cell(heard.flatten(0, 1), h.flatten(0, 1)).unflatten(0, (2, 3))
    torch.testing.assert_close(model(x), h)


@pytest.mark.parametrize("conv", ["gcn", "sage", "gat", "transformer"])
def test_wrapped_convolutions_are_theirs(conv):
    ours = build({"brick": "message_pyg", "conv": conv}, in_dim=4, out_dim=3, seed=0).double()
    make = {"gcn": pyg.GCNConv, "sage": pyg.SAGEConv, "transformer": pyg.TransformerConv,
            "gat": lambda a, b: pyg.GATConv(a, b, add_self_loops=False)}[conv]  # fmt: skip
    theirs = make(4, 3).double()
    theirs.load_state_dict(ours.conv.state_dict())
    torch.testing.assert_close(ours(X, EDGES), theirs(X, EDGES))
    model = MPNN(in_dim=4, hidden=6, iterations=1, message={"brick": "message_pyg", "conv": conv}).double()
    assert model(X, edge_index=EDGES).shape == (6, 6)


def test_wrapped_convolutions_say_what_they_want():
    with pytest.raises(ValueError, match="gine needs edge features"):
        PyGMessage(in_dim=4, conv="gine")
    with pytest.raises(ValueError, match="sage of width 4 cannot have 2 heads"):
        PyGMessage(in_dim=4, conv="sage", heads=2)
    with pytest.raises(ValueError, match="wants an edge list"):
        MPNN(in_dim=4, message="message_pyg").double()(draw(1, 3, 4))


# adjacency


def jets(seed=0):
    kinematics = draw(2, 4, 3, seed=seed)
    kinematics[..., 0] = kinematics[..., 0].exp()
    kinematics[0, :2, 2] = torch.tensor([3.1, -3.1])  # neighbours across the cut in phi
    return kinematics, torch.tensor([[True] * 4, [True, True, False, False]])


@pytest.mark.parametrize("alpha", [-1.0, 0.0, 1.0, 0.5])
@pytest.mark.parametrize("power", [1.0, 2.0])
def test_physics_adjacency_is_a_double_loop(alpha, power):
    kinematics, mask = jets()
    model = Adjacency(in_dim=1, kind="phys", squash="none", alpha=alpha, radius=0.8, power=power).double()
    found = model(draw(2, 4, 1), mask, kinematics)
    for b, n in ((0, 4), (1, 2)):
        for i in range(n):
            for j in range(n):
                (pt_i, eta_i, phi_i), (pt_j, eta_j, phi_j) = kinematics[b, i].numpy(), kinematics[b, j].numpy()
                d_phi = abs(phi_i - phi_j) % (2 * np.pi)
                distance = np.hypot(eta_i - eta_j, min(d_phi, 2 * np.pi - d_phi))
                expected = -min(pt_i ** (2 * alpha), pt_j ** (2 * alpha)) * (distance / 0.8) ** power
                assert found[b, i, j].item() == pytest.approx(expected, abs=1e-12, rel=3e-7)  # float32 radius
    assert (found[1, 2:] == 0).all()
    assert (found[1, :, 2:] == 0).all()
    torch.testing.assert_close(torch.stack(model.constants()), torch.tensor([alpha, 0.8]), check_dtype=False)


def test_other_adjacencies_are_their_formulas():
    h = draw(1, 3, 4)
    i, j = h.unsqueeze(2), h.unsqueeze(1)

    def of(kind, **how):
        return Adjacency(in_dim=4, kind=kind, squash="none", **how).double()

    total, bilinear, attn, square = of("sum"), of("dm"), of("attn"), of("sq")
    square.log_temperature.data.fill_(0.7)
    cases = [
        (total, -((i + j) @ total.map.weight[0]) - total.map.bias),
        (bilinear, torch.einsum("bid,de,bje->bij", h, bilinear.matrix, h)),
        (of("norm"), -torch.linalg.vector_norm(i - j, dim=-1)),
        (square, -(i - j).square().sum(-1) / math.exp(0.7)),
        (attn, attn.receiver(attn.map(h)) + attn.sender(attn.map(h)).mT),
        (of("one"), torch.ones(1, 3, 3)),
        (of("eye"), torch.eye(3)[None]),
    ]
    for model, expected in cases:
        torch.testing.assert_close(model(h), expected.double(), rtol=1e-5, atol=1e-5, msg=model.kind)


def test_squashes_and_symmetry():
    h, mask = draw(2, 4, 3), jets()[1]
    raw = Adjacency(in_dim=3, kind="dm", squash="none").double()
    for name, function in (("sigmoid", torch.sigmoid), ("exp", torch.exp), ("tanh", torch.tanh)):
        model = Adjacency(in_dim=3, kind="dm", squash=name, self_loops=False).double()
        model.load_state_dict(raw.state_dict())
        real = mask.unsqueeze(2) & mask.unsqueeze(1) & ~torch.eye(4, dtype=torch.bool)
        torch.testing.assert_close(model(h, mask), function(raw(h, mask)).masked_fill(~real, 0))
    symmetric = Adjacency(in_dim=3, kind="dm", squash="none", symmetric=True).double()
    found = symmetric(h, mask)
    torch.testing.assert_close(found, found.mT)
    rows = Adjacency(in_dim=3, kind="dm").double()(h, mask).sum(-1)
    torch.testing.assert_close(rows, mask.double())


def test_a_planted_physics_graph_is_found():
    kinematics = torch.cat([jets(seed)[0] for seed in range(8)])
    planted = generalised_kt(kinematics, -0.7, 0.6)
    model = Adjacency(in_dim=1, kind="phys", squash="none", alpha=0.3, radius=1.0, learn=True).double()
    search = torch.optim.LBFGS(model.parameters(), max_iter=200, line_search_fn="strong_wolfe")
    blind = torch.zeros(16, 4, 1, dtype=torch.float64)

    def closure():
        search.zero_grad()
        loss = (model(blind, None, kinematics) + planted).square().log1p().mean()
        loss.backward()
        return loss

    search.step(closure)
    alpha, radius = model.constants()
    assert alpha.item() == pytest.approx(-0.7, abs=0.05)
    assert radius.item() == pytest.approx(0.6, abs=0.05)


def test_adjacencies_mixed():
    parts = [{"brick": "adjacency", "kind": "norm"}, {"brick": "adjacency", "kind": "eye"}]
    model = AdjacencyMix(in_dim=3, adjacencies=parts).double()
    model.preference.data.copy_(torch.tensor([math.log(3.0), 0.0]))
    h = draw(2, 4, 3)
    expected = 0.75 * model.adjacencies[0](h) + 0.25 * torch.eye(4)
    torch.testing.assert_close(model(h), expected)
    with pytest.raises(ValueError, match="alpha within"):
        Adjacency(in_dim=1, kind="phys", alpha=2.0)
    with pytest.raises(ValueError, match="needs kinematics"):
        Adjacency(in_dim=1, kind="phys")(torch.zeros(1, 2, 1))


# neighbours and edge convolution


@pytest.mark.parametrize("k", [1, 3, 9])
@pytest.mark.parametrize("grid", [False, True])
def test_neighbours_are_brute_force_with_ties_to_the_lower_index(k, grid):
    mask = padded_mask(torch.tensor([0, 7, 7, 9, 10]), 8)
    points = draw(4, 8, 2).masked_fill(~mask.unsqueeze(-1), torch.nan)
    if grid:  # many equal distances
        points = (points * 1.5).round()
    index, real = nearest(points, mask, k)
    for b in range(4):
        n = int(mask[b].sum())
        for i in range(8):
            found = sorted(index[b, i][real[b, i]].tolist())
            if i >= n:
                assert found == []
                continue
            distance = (points[b, :n] - points[b, i]).square().sum(-1).float()
            others = sorted((distance[j].item(), j) for j in range(n) if j != i)
            assert found == sorted(j for _, j in others[:k])


def test_coincident_points_are_neighbours_of_each_other_not_of_themselves():
    points = torch.tensor([[[1.0, 1.0], [1.0, 1.0], [5.0, 5.0]]])
    index, real = nearest(points, torch.ones(1, 3, dtype=torch.bool), 1)
    assert index[0, :2, 0].tolist() == [1, 0]
    assert real.all()


@pytest.mark.parametrize("reduce", ["mean", "max"])
def test_edge_convolution_is_torch_geometrics(reduce):
    ours = EdgeConv(in_dim=4, channels=[5, 3], k=2, reduce=reduce, shortcut=False).double().eval()
    for norm in ours.norms:
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    twin = nn.Sequential(ours.first, ours.norms[0], nn.ReLU(), ours.rest[0], ours.norms[1], nn.ReLU())
    theirs = pyg.EdgeConv(twin, aggr=reduce)
    mask = torch.ones(1, 6, dtype=torch.bool)
    index, _ = nearest(X[None], mask, 2)
    edges = torch.stack([index[0].flatten(), torch.arange(6).repeat_interleave(2)])
    expected = theirs(X, edges)
    torch.testing.assert_close(ours(X[None], mask)[0], expected)
    torch.testing.assert_close(ours(X, edge_index=edges), expected)
    torch.testing.assert_close(ours(X, ptr=torch.tensor([0, 6]), n_max=6), expected)


def test_edge_convolution_shortcuts():
    same = EdgeConv(in_dim=4, channels=[4], k=2).double().eval()
    assert not hasattr(same, "shortcut")
    alone = same(draw(1, 1, 4))
    torch.testing.assert_close(alone, torch.relu(draw(1, 1, 4)))
    wide = EdgeConv(in_dim=4, channels=[6], k=2).double().eval()
    torch.testing.assert_close(wide(draw(1, 1, 4)), torch.relu(wide.shortcut_norm(wide.shortcut(draw(1, 1, 4)))))


def test_batch_norm_of_edges_counts_real_edges_only():
    model = EdgeConv(in_dim=2, channels=[3], k=4, shortcut=False).double()
    x, ptr = draw(6, 2), torch.tensor([0, 4, 6])
    model(x, ptr=ptr, n_max=5)
    pairs = [(i, j) for a, b in ((0, 4), (4, 6)) for i in range(a, b) for j in range(a, b) if i != j]
    edges = torch.stack([model.first(torch.cat([x[i], x[j] - x[i]])) for i, j in pairs])
    torch.testing.assert_close(model.norms[0].running_mean, 0.1 * edges.mean(0))
    torch.testing.assert_close(model.norms[0].running_var, 0.9 + 0.1 * edges.var(0))


# interaction


def test_interaction_is_its_formula():
    model = Interaction(in_dim=3, relation=[4, 2], object=[5]).double()
    x = draw(1, 4, 3)[0]
    relation = model.relation
    heard = torch.zeros(4, 2, dtype=torch.float64)
    for i in range(4):
        for j in range(4):
            if i != j:
                first = torch.relu(relation.receiver(x[i]) + relation.sender(x[j]))
                heard[i] += relation.rest(first)
    torch.testing.assert_close(model(x[None])[0], model.object(torch.cat([x, heard], 1)))


def test_bipartite_interaction_is_its_formula():
    model = BipartiteInteraction(in_dim=3, sender_dim=2, relation=[4], object=[5]).double()
    x, y = draw(1, 4, 3), draw(1, 3, 2, seed=1)
    pair = model.relation.receiver(x).unsqueeze(2) + model.relation.sender(y).unsqueeze(1)
    heard = torch.relu(pair)[:, :, :2].sum(2)
    mask = torch.tensor([[True, True, False]])
    torch.testing.assert_close(model(x, y, None, mask), model.object(torch.cat([x, heard], -1)))
