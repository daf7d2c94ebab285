"""Recursive cells written from their papers for one node at a time; a state is [h] or [h; c]."""

from __future__ import annotations

import torch
from torch import Tensor


def _linear(layer, x):
    return layer.weight @ x + (0.0 if layer.bias is None else layer.bias)


def tree_lstm(cell):
    """Return (leaf, merge); arXiv:1503.00075, eq. (3)-(8) or (10)-(14)."""
    width = cell.hidden

    def gates(x):
        return [_linear(cell.input, x)[k * width : (k + 1) * width] for k in range(4)]

    def finish(i, o, candidate, kept):
        c = torch.sigmoid(i) * torch.tanh(candidate) + kept
        return torch.cat([torch.sigmoid(o) * torch.tanh(c), c])

    def leaf(x):
        i, o, candidate, _ = gates(x)
        return finish(i, o, candidate, 0.0)

    def merge(left, right, x):
        i, o, candidate, forget = gates(x)
        (h_l, c_l), (h_r, c_r) = left.split(width), right.split(width)
        if cell.child_sum:
            u_i, u_o, u_c = cell.of_sum.weight.split(width)
            h = h_l + h_r
            i, o, candidate = i + u_i @ h, o + u_o @ h, candidate + u_c @ h
            f_l, f_r = (torch.sigmoid(forget + cell.of_child.weight @ k) for k in (h_l, h_r))
        else:
            u = [w.split(width, dim=1) for w in cell.of_pair.weight.split(width)]
            i, o, candidate, f_l, f_r = (
                own + of_left @ h_l + of_right @ h_r
                for own, (of_left, of_right) in zip((i, o, candidate, forget, forget), u, strict=True)
            )
            f_l, f_r = torch.sigmoid(f_l), torch.sigmoid(f_r)
        return finish(i, o, candidate, f_l * c_l + f_r * c_r)

    return leaf, merge


def tree_gru(cell):
    """Return (leaf, merge); trees.md 3.4."""
    width = cell.hidden
    w = cell.input.weight.split(width), cell.input.bias.split(width)

    def own(k, x):
        return w[0][k] @ x + w[1][k]

    def merge(left, right, x):
        pair = torch.cat([left, right])
        u = cell.gates.weight.split(width)
        r_left, r_right = (torch.sigmoid(own(1 + k, x) + u[k] @ pair) for k in (0, 1))
        t = torch.tanh(own(0, x) + cell.candidate.weight @ torch.cat([r_left * left, r_right * right]))
        weights = [torch.exp(own(3 + k, x) + u[2 + k] @ pair) for k in range(3)]
        return sum(a * b for a, b in zip(weights, (t, left, right), strict=True)) / sum(weights)

    return lambda x: torch.tanh(own(0, x)), merge


def tree_scan(cell):
    """Return (leaf, merge); trees.md 3.6."""
    width = cell.hidden

    def merge(trunk, side, x):
        gate, own = _linear(cell.input, x).split(width)
        a = torch.sigmoid(gate)
        return a * trunk + (1 - a) * torch.tanh(own + cell.side.weight @ side)

    return lambda x: torch.tanh(_linear(cell.input, x)[width:]), merge


def tree_attention(cell):
    """Return (leaf, merge); trees.md 3.5, one head after the other."""
    width, heads = cell.hidden, cell.heads
    size = width // heads

    def attend(u, mean, items):
        query = _linear(cell.query, torch.cat([u, mean]))
        both = [_linear(cell.key_value, item + cell.side[k]) for k, item in enumerate(items)]
        read = []
        for head in range(heads):
            part = slice(head * size, (head + 1) * size)
            key, value = (torch.stack([b[:width][part] for b in both]), torch.stack([b[width:][part] for b in both]))
            read.append(torch.softmax(key @ query[part] / size**0.5, dim=0) @ value)
        h = _norm(cell.norm, u + _linear(cell.out, torch.cat(read)))
        return _norm(cell.last_norm, h + _linear(cell.feed[2], torch.relu(_linear(cell.feed[0], h))))

    def own(x):
        return torch.relu(_linear(cell.input, x))

    def merge(left, right, x):
        return attend(own(x), (left + right) / 2, [own(x), left, right])

    return lambda x: attend(own(x), own(x), [own(x)]), merge


def _norm(layer, x: Tensor) -> Tensor:
    centered = x - x.mean()
    return centered / (centered.square().mean() + layer.eps).sqrt() * layer.weight + layer.bias


def tree_nin(cell, forest, x):
    """Return the states (T, H) of a TreeNiN, which needs to know where in the tree a node is."""
    states = {}

    def relu(layer, value):
        return torch.relu(_linear(layer, value))

    def visit(node, base, role):
        left, right = (int(child) for child in forest.children[node])
        if left < 0:
            h = relu(cell.of_leaf, x[node])
        else:
            below = ("left", "right") if role == "root" else (None, None)
            pair = [visit(base + child, base, where) for child, where in zip((left, right), below, strict=True)]
            h = relu(cell.join, torch.cat([*pair, relu(cell.of_inner, x[node])]))
        name = role or ("leaf" if left < 0 else "inner")
        if name != "root":
            h = relu(cell.within[name][2], relu(cell.within[name][0], h))
        states[node] = h
        return h

    for base, root in zip(forest.node_ptr[:-1], forest.root, strict=True):
        if root >= 0:
            visit(int(root), int(base), "root")
    return torch.stack([states[node] for node in range(forest.num_nodes)])


def top_down(brick, forest, x):
    """Return g (T, H), trees.md 4.1."""
    states = {}

    def visit(node, base, g):
        states[node] = g
        for side, child in enumerate(forest.children[node]):
            if child >= 0:
                own = brick.node.weight @ x[base + child]
                visit(base + int(child), base, torch.relu(brick.parent.weight @ g + own + brick.side[side]))

    for base, root in zip(forest.node_ptr[:-1], forest.root, strict=True):
        if root >= 0:
            visit(int(root), int(base), torch.relu(_linear(brick.root, x[root])))
    return torch.stack([states[node] for node in range(forest.num_nodes)])
