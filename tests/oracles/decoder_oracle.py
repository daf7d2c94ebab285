"""The likelihood of a tree decoder, node by node in plain recursion, its density as a plain double loop."""

from __future__ import annotations

import math

import torch

from jetlego.bricks.recursive.decay import decay_numbers, mass_of


def density(module, state, numbers):
    """Return the log density of four numbers, component by component, with the normal and von Mises laws by hand."""
    raw = module.layer(state).reshape(module.components, 9)
    weight = raw[:, 0].exp() / raw[:, 0].exp().sum()
    x_l, x_r, cos_theta, phi = (float(v) for v in numbers)
    units = [min(max(v, 1e-6), 1 - 1e-6) for v in (x_l, x_r, (1 + cos_theta) / 2)]
    total = 0.0
    for component in range(module.components):
        p = weight[component]
        for k, unit in enumerate(units):
            mean, width = raw[component, 1 + k], torch.log1p(raw[component, 4 + k].exp()) + 1e-2
            pull = (math.log(unit / (1 - unit)) - mean) / width
            p = p * torch.exp(-0.5 * pull**2) / (width * math.sqrt(2 * math.pi)) / (unit * (1 - unit))
        a, b = raw[component, 7], raw[component, 8]
        kappa = (a**2 + b**2).sqrt()
        p = p * torch.exp(a * math.cos(phi) + b * math.sin(phi)) / (2 * math.pi * torch.special.i0(kappa))
        total = total + p
    return torch.log(total / 2)


def log_likelihood(module, x, forest, p4, jet):
    """Return the log-likelihood of one jet's tree."""
    base, root = int(forest.node_ptr[jet]), int(forest.root[jet])
    of_jet = p4[root]

    def kinematics(p):
        mass, jet_mass = (max(float(mass_of(q)), 1e-3) for q in (p, of_jet))
        return torch.tensor([math.log(float(p[3] / of_jet[3])), math.log(mass / jet_mass), math.log(mass)]).to(x)

    def visit(node, state):
        split = torch.sigmoid(module.split(state))[0]
        left, right = (int(child) for child in forest.children[node])
        if left < 0:
            return torch.log(1 - split) if float(mass_of(p4[node])) > module.mass_cut else torch.zeros(()).to(x)
        left, right = base + left, base + right
        numbers = decay_numbers(p4[node], p4[left], p4[right])
        total = torch.log(split) + density(module.density, state, numbers)
        turned = [*numbers[:3], numbers[3].cos(), numbers[3].sin()]
        for side, child in enumerate((left, right)):
            known = torch.cat([state, torch.stack(turned), kinematics(p4[child])])
            total = total + visit(child, torch.relu(module.child(known) + module.side[side]))
        return total

    return visit(root, torch.relu(module.root(torch.cat([x, kinematics(of_jet)]))))
