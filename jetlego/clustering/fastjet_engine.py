"""The only place that calls FastJet: the same questions, answered by its own code.

FastJet ends the process on a NaN, so callers pass checked momenta only. Its histories are read through its Python
objects, one particle and one merge at a time; inclusive jets of any number of events are one call.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from jetlego.clustering.algorithms import Algorithm
from jetlego.clustering.history import History, merge_offsets, node_offsets
from jetlego.conventions import FloatArray, IntArray
from jetlego.errors import DataError

HUGE_RADIUS = 1000.0
"""Beyond any distance between particles that are not along the beam, so that all merge into one root."""

_ALGORITHMS = {
    "kt": "kt_algorithm",
    "cambridge_aachen": "cambridge_algorithm",
    "anti_kt": "antikt_algorithm",
    "genkt": "genkt_algorithm",
    "ee_kt": "ee_kt_algorithm",
    "ee_genkt": "ee_genkt_algorithm",
}
_SCHEMES = {"e_scheme": "E_scheme", "pt_scheme": "pt_scheme", "wta_pt": "WTA_pt_scheme"}


@cache
def _fastjet() -> tuple[Any, Any]:
    """Return FastJet's classes and its call over many events, its banner silenced."""
    import fastjet._ext
    import fastjet._swig

    fastjet._swig.ClusterSequence.set_fastjet_banner_stream(None)
    return fastjet._swig, fastjet._ext.interfacemulti


def _definition(row: Algorithm, radius: float, recombination: str) -> Any:
    classes, _ = _fastjet()
    kind, scheme = getattr(classes, _ALGORITHMS[row.name]), getattr(classes, _SCHEMES[recombination])
    if row.spherical:  # the default takes 1 - cos(theta) as a difference, with few digits at small angles
        angles = () if row.name == "ee_kt" else (radius, row.power)
        return classes.JetDefinition(kind, *angles, scheme, classes.N2PlainEEAccurate)
    powers = (row.power,) if row.name == "genkt" else ()
    return classes.JetDefinition(kind, radius, *powers, scheme)


def inclusive_jets(
    momenta: FloatArray, offsets: IntArray, row: Algorithm, radius: float, pt_min: float
) -> tuple[FloatArray, IntArray, IntArray, IntArray]:
    """Return momentum and event of each inclusive jet, and its members with their offsets."""
    if not len(momenta):
        return np.empty((0, 4)), np.empty(0, np.int64), np.empty(0, np.int64), np.zeros(1, np.int64)
    columns = [np.ascontiguousarray(column) for column in momenta.T]
    starts, stops = offsets[:-1].astype(np.int32), offsets[1:].astype(np.int32)
    found = _fastjet()[1](*columns, starts, stops, _definition(row, radius, "e_scheme"))
    *jet_p4, event_ptr = found.to_numpy(pt_min)
    jet_ptr, members, _ = found.to_numpy_with_constituents(pt_min)
    event = np.repeat(np.arange(len(offsets) - 1), np.diff(event_ptr))
    ptr = jet_ptr.astype(np.int64)
    jet_of_member = np.repeat(np.arange(len(event)), np.diff(ptr))
    global_rows = members[: ptr[-1]] + offsets[event[jet_of_member]]
    return np.stack(jet_p4, axis=1), event, global_rows[np.lexsort((global_rows, jet_of_member))], ptr


def recluster(
    momenta: FloatArray, offsets: IntArray, row: Algorithm, scale: float, recombination: str
) -> History:
    """Return the histories that FastJet finds for each jet; see ``jetlego.clustering.cluster``.

    FastJet clusters with a radius beyond which nothing is, and its d_ij are rescaled to the radius asked for.
    """
    sphere = row.spherical
    radius = 1.5 * math.pi if sphere else HUGE_RADIUS  # on the sphere, 3 + cos(R) = 3
    rescale = 1.0 if row.name == "ee_kt" else (3.0 if sphere else radius**2) / scale
    definition = _definition(row, radius, recombination)
    node_ptr, merge_ptr = node_offsets(offsets), merge_offsets(offsets)
    node_p4, parents = np.empty((node_ptr[-1], 4)), np.empty((merge_ptr[-1], 2), np.int64)
    dij = np.empty(merge_ptr[-1])
    for jet in range(len(offsets) - 1):
        rows, nodes = momenta[offsets[jet] : offsets[jet + 1]], slice(node_ptr[jet], node_ptr[jet + 1])
        merges = slice(merge_ptr[jet], merge_ptr[jet + 1])
        if len(rows):
            _walk(rows, definition, node_p4[nodes], parents[merges], dij[merges], jet)
    return History(parents, dij * rescale, node_ptr, offsets, node_p4)


def _walk(
    rows: FloatArray, definition: Any, nodes: FloatArray, parents: IntArray, dij: FloatArray, jet: int
) -> None:
    """Cluster one jet and read its history from FastJet's objects."""
    classes, _ = _fastjet()
    particles = classes.vectorPJ([classes.PseudoJet(*p) for p in rows.tolist()])
    sequence = classes.ClusterSequence(particles, definition)
    made = sequence.jets()
    if len(made) != len(nodes):
        what = f"FastJet finds more than one jet in jet {jet}: a particle is along the beam"
        raise DataError("KINEMATICS", what, "use engine='numba'")
    first, second = classes.PseudoJet(), classes.PseudoJet()
    n = len(rows)
    for number, node in enumerate(made):
        nodes[number] = node.px(), node.py(), node.pz(), node.E()
        if number >= n and node.has_parents(first, second):
            pair = first.cluster_hist_index(), second.cluster_hist_index()
            parents[number - n] = min(pair), max(pair)
            dij[number - n] = sequence.exclusive_dmerge(2 * n - 1 - number)
