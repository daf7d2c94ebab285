"""Examples of graph bricks."""

from typing import get_args

import torch

from jetlego.bricks.adjacency import AdjacencyName, Squash
from jetlego.bricks.pyg import ConvName
from jetlego.testing.streams import Example, Inputs

_IN = {"in_dim": 4}
_NODE = {"brick": "message_node_mlp", "layers": 1}


def _jet(generator: torch.Generator) -> Inputs:
    """Return states with pT, eta and phi of their particles."""
    mask = torch.arange(5) < torch.tensor([5, 3, 0, 1]).unsqueeze(1)
    x = torch.randn(4, 5, 4, dtype=torch.float64, generator=generator)
    kinematics = torch.randn(4, 5, 3, dtype=torch.float64, generator=generator)
    kinematics[..., 0] = kinematics[..., 0].exp()
    return {"x": x * mask.unsqueeze(-1), "mask": mask, "kinematics": kinematics * mask.unsqueeze(-1)}


def _graph(generator: torch.Generator) -> Inputs:
    """Return an edge list on six nodes, two of them alone, with features of the edges."""
    edges = torch.tensor([[0, 1, 2, 1, 3, 3, 0], [1, 0, 1, 2, 2, 0, 3]])
    draw = {"dtype": torch.float64, "generator": generator}
    return {"x": torch.randn(6, 4, **draw), "edge_index": edges, "edge": torch.randn(7, 2, **draw)}


EXAMPLES = {
    "message_linear": Example("message_linear", _IN, parameters=16),
    "message_node_mlp": Example(_NODE, _IN, parameters=20),
    "message_mlp": Example({"brick": "message_mlp", "hidden": [3, 5]}, _IN),
    "message_mlp/mean": Example({"brick": "message_mlp", "hidden": [], "reduce": "mean"}, _IN, parameters=36),
    "message_edge_matrix": Example({"brick": "message_edge_matrix", "hidden": [2]}, _IN),
    "message_edgeconv": Example({"brick": "message_edgeconv", "hidden": [3]}, _IN),
    "message_attention": Example({"brick": "message_attention", "heads": 2}, _IN),
    "message_gin": Example({"brick": "message_gin", "hidden": [3]}, _IN, parameters=32),
    "update_gru": Example("update_gru", {"in_dim": 3, "state_dim": 2}),
    "update_residual_mlp": Example({"brick": "update_residual_mlp", "hidden": [3]}, {"in_dim": 3, "state_dim": 2}),
    "update_overwrite": Example("update_overwrite", {"in_dim": 3, "state_dim": 2}, parameters=8),
    "mpnn": Example({"brick": "mpnn", "hidden": 6, "message": _NODE}, _IN),
    "mpnn/adjacency": Example(
        {
            "brick": "mpnn", "hidden": 6, "iterations": 2, "every": True, "update": "update_residual_mlp",
            "message": {"brick": "message_mlp", "hidden": [3]}, "adjacency": {"brick": "adjacency", "kind": "dm"},
        },
        _IN,
    ),
    "mpnn/shared": Example({"brick": "mpnn", "hidden": 4, "iterations": 3, "share": True, "self_loops": True}, _IN),
    **{
        f"adjacency/{kind}": Example({"brick": "adjacency", "kind": kind, "symmetric": kind == "attn"}, _IN, _jet)
        for kind in get_args(AdjacencyName)
    },
    **{
        f"adjacency/{squash}": Example(
            {"brick": "adjacency", "kind": "norm", "squash": squash, "self_loops": False}, _IN
        )
        for squash in get_args(Squash)
    },
    "adjacency/learned_phys": Example(
        {"brick": "adjacency", "kind": "phys", "learn": True, "alpha": -1.0, "radius": 0.8, "power": 1.0}, _IN, _jet
    ),
    "adjacency_knn": Example({"brick": "adjacency_knn", "k": 2, "mutual": True}, _IN),
    "adjacency_mix": Example(
        {"brick": "adjacency_mix", "adjacencies": ["adjacency", {"brick": "adjacency", "kind": "phys"}]}, _IN, _jet
    ),
    "edgeconv": Example({"brick": "edgeconv", "channels": [4, 3], "k": 2, "activation": "gelu"}, _IN),
    "edgeconv/max": Example(
        {"brick": "edgeconv", "channels": [4], "k": 7, "reduce": "max", "shortcut": False, "point_dim": 3}, _IN
    ),
    "interaction": Example({"brick": "interaction", "relation": [4, 3], "object": [3, 2]}, _IN),
    "interaction/selu": Example(
        {"brick": "interaction", "relation": [4], "object": [2], "relation_activation": "selu"}, _IN
    ),
    "bipartite_interaction": Example(
        {"brick": "bipartite_interaction", "relation": [4, 3], "object": [2]}, {"in_dim": 4, "sender_dim": 3}
    ),
    **{
        f"message_pyg/{conv}": Example(
            {"brick": "message_pyg", "conv": conv, "edge_dim": 2, "heads": 2 if conv.startswith(("gat", "tr")) else 1},
            {"in_dim": 4},
            _graph,
        )
        for conv in get_args(ConvName)
    },
}  # fmt: skip
