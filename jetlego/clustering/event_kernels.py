"""Kernels over whole events: the sequence with its beam steps, and which particle ends in which jet."""

from __future__ import annotations

import numpy as np

from jetlego.clustering.jit import inner, kernel
from jetlego.clustering.kernels import FAR, sequence
from jetlego.clustering.kinematics import E_SCHEME


@inner
def cluster_events(p4, event_ptr, first, last, power, spherical, bound, r, slot_of, node_p4, parents, dij):
    """Cluster events ``first .. last - 1``; the nodes of an event start at twice its first particle."""
    for event in range(first, last):
        start, stop = event_ptr[event], event_ptr[event + 1]
        nodes = node_p4[2 * start : 2 * stop]
        for i in range(stop - start):
            for axis in range(4):
                nodes[i, axis] = p4[start + i, axis]
        steps, n = slice(start, stop), stop - start
        sequence(
            nodes, n, power, spherical, bound, True, E_SCHEME, 0.0, FAR, r, slot_of, parents[steps], dij[steps]
        )


@kernel
def inclusive_owners(event_ptr, parents, node_p4):
    """Return the jet of each particle, the momentum and the event of each jet; jets in the order they were found."""
    num_jets = (parents[:, 1] < 0).sum()
    owner, jet_p4, event_of = np.empty(len(parents), np.int64), np.empty((num_jets, 4)), np.empty(num_jets, np.int64)
    jet = 0
    for event in range(len(event_ptr) - 1):
        start, n = event_ptr[event], event_ptr[event + 1] - event_ptr[event]
        jet_of_node = np.full(2 * n, -1)
        for step in range(n):
            if parents[start + step, 1] < 0:
                node = parents[start + step, 0]
                jet_of_node[node] = jet
                jet_p4[jet], event_of[jet] = node_p4[2 * start + node], event
                jet += 1
        _hand_down(parents[start : start + n], n, n, jet_of_node)
        owner[start : start + n] = jet_of_node[:n]
    return owner, jet_p4, event_of


@kernel
def exclusive_owners(event_ptr, parents, node_p4, stop):
    """Return as ``inclusive_owners`` the nodes open after ``stop[event]`` steps; what the beam took has owner -1."""
    most = event_ptr[-1]
    owner, jet_p4, event_of = np.full(most, -1), np.empty((most, 4)), np.empty(most, np.int64)
    jet = 0
    for event in range(len(event_ptr) - 1):
        start, n = event_ptr[event], event_ptr[event + 1] - event_ptr[event]
        jet_of_node = np.full(2 * n, -1)
        made = n
        for step in range(stop[event]):
            made += parents[start + step, 1] >= 0
        for step in range(stop[event], n):
            for node in parents[start + step]:
                if 0 <= node < made:
                    jet_of_node[node] = jet
                    jet_p4[jet], event_of[jet] = node_p4[2 * start + node], event
                    jet += 1
        _hand_down(parents[start : start + n], n, stop[event], jet_of_node)
        owner[start : start + n] = jet_of_node[:n]
    return owner, jet_p4[:jet], event_of[:jet]


@kernel
def _hand_down(parents, n, steps, jet_of_node):
    """Give every node of the first ``steps`` steps the jet of the node that it merged into."""
    made = n
    for step in range(steps):
        made += parents[step, 1] >= 0
    for step in range(steps - 1, -1, -1):
        if parents[step, 1] >= 0:
            made -= 1
            jet_of_node[parents[step, 0]] = jet_of_node[made]
            jet_of_node[parents[step, 1]] = jet_of_node[made]


@kernel
def steps_below(event_ptr, dij, limit):
    """Return for each event the number of steps before the first distance above ``limit``."""
    steps = np.empty(len(event_ptr) - 1, np.int64)
    for event in range(len(steps)):
        step = event_ptr[event]
        while step < event_ptr[event + 1] and dij[step] <= limit:
            step += 1
        steps[event] = step - event_ptr[event]
    return steps
