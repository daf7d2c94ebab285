"""Recluster jets: each jet's constituents merge until one root is left."""

from __future__ import annotations

import numpy as np

from jetlego.clustering import topologies
from jetlego.clustering.abreast import lane_scratch, recluster_abreast
from jetlego.clustering.algorithms import (
    ENGINES,
    SCHEMES,
    TOPOLOGIES,
    Algorithm,
    check_choice,
    distance_scale,
    resolve_algorithm,
)
from jetlego.clustering.history import History, merge_offsets, node_offsets
from jetlego.clustering.jet_kernels import recluster_jets
from jetlego.clustering.kernels import scratch
from jetlego.clustering.kinematics import E_SCHEME
from jetlego.clustering.lane_passes import LANES, MOST_ABREAST
from jetlego.clustering.packed import checked_momenta, offsets_of
from jetlego.clustering.threads import over_blocks
from jetlego.conventions import FloatArray, IntArray
from jetlego.errors import ConfigError

FEWEST_ABREAST = 4
"""With fewer jets most lanes would be empty."""


def cluster(
    p4: FloatArray,
    jet_ptr: IntArray,
    *,
    algorithm: str,
    radius: float = 1.0,
    threads: int | None = None,
    power: float | None = None,
    recombination: str = "e_scheme",
    engine: str = "numba",
    seed: int = 0,
) -> History:
    """Return the merge history of every jet, each merged down to one root.

    Parameters
    ----------
    p4
        (P, 4) four-momenta (px, py, pz, E) in GeV, all jets concatenated.
    jet_ptr
        (B + 1,) int64; jet b owns rows ``jet_ptr[b]:jet_ptr[b + 1]``. Empty jets have no node.
    algorithm
        ``kt``, ``cambridge_aachen``, ``anti_kt``, ``genkt``, ``ee_kt``, ``ee_genkt``; or a tree that no distance
        decides: ``random``, ``asc_pt`` (hardest first), ``desc_pt`` (softest first), whose ``dij`` is Delta^2 / R^2.
    radius
        R, which only scales ``dij``: there is no beam. To find the jets of an event use ``find_jets``.
    threads
        Number of threads; all cores by default. The result does not depend on it.
    power
        Exponent p of ``genkt`` and ``ee_genkt``.
    recombination
        ``e_scheme`` adds four-momenta. ``wta_pt`` keeps rapidity, azimuth and mass of the harder and adds pT;
        ``pt_scheme`` takes all for massless and averages rapidity and azimuth with weight pT.
    engine
        ``numba``, or ``fastjet`` to do the same through FastJet's Python objects (slow, for comparison).
    seed
        Seed of ``random``. A jet's tree depends on it and on the jet's own momenta, not on its neighbors.

    Raises
    ------
    NonFiniteError
        If a four-momentum is NaN or infinite (names the jet and the row).
    DataError
        If the offsets do not fit the momenta.
    ConfigError
        If a name or a number is not valid.

    Notes
    -----
    Equal distances go to the smaller first, then second node number, so that any number of threads and any
    composition of the batch gives the same tree. O(n^2) per jet.

    References
    ----------
    Cacciari, Salam, Soyez, arXiv:0802.1189, eq. (1); FastJet user manual, arXiv:1111.6097.
    """
    check_choice("recombination", recombination, tuple(SCHEMES))
    check_choice("engine", engine, ENGINES)
    momenta, offsets = checked_momenta(p4, jet_ptr)
    if algorithm in TOPOLOGIES:
        return topologies.grow(momenta, offsets, order=algorithm, radius=radius, seed=seed)
    row = resolve_algorithm(algorithm, power)
    check_scheme(row, recombination)
    scale = distance_scale(row, radius)
    if engine == "fastjet":
        from jetlego.clustering.fastjet_engine import recluster

        return recluster(momenta, offsets, row, scale, recombination)
    return _recluster(momenta, offsets, row, scale, SCHEMES[recombination], threads)


def check_scheme(row: Algorithm, recombination: str) -> None:
    """Raise ``ConfigError`` for a transverse recombination of an e+e- algorithm."""
    if row.spherical and recombination != "e_scheme":
        raise ConfigError("BAD-VALUE", f"recombination '{recombination}' with algorithm '{row.name}'", "use e_scheme")


def _recluster(
    momenta: FloatArray, offsets: IntArray, row: Algorithm, scale: float, scheme: int, threads: int | None
) -> History:
    node_ptr, merge_ptr = node_offsets(offsets), merge_offsets(offsets)
    node_p4 = np.empty((node_ptr[-1], 4))
    parents = np.empty((merge_ptr[-1], 2), np.int64)
    dij = np.empty(merge_ptr[-1])

    arrays = momenta, offsets, node_ptr, merge_ptr
    results = node_p4, parents, dij
    jets, large = _by_size(offsets, abreast=scheme == E_SCHEME and not row.spherical)
    sizes = np.diff(offsets)

    def abreast(first: int, last: int) -> None:
        recluster_abreast(jets[first:last], *arrays, row.power, *lane_scratch(), *results)

    def one_by_one(first: int, last: int) -> None:
        some = large[first:last]
        slot_of = np.empty(2 * sizes[some].max(), np.uint64)
        recluster_jets(some, *arrays, row.power, row.spherical, scheme, scratch(), slot_of, *results)

    over_blocks(abreast, offsets_of(sizes[jets]), threads, step=int(LANES))
    over_blocks(one_by_one, offsets_of(sizes[large]), threads)
    if scale != 1:
        dij /= scale
    return History(parents, dij, node_ptr, offsets, node_p4)


def _by_size(offsets: IntArray, *, abreast: bool) -> tuple[IntArray, IntArray]:
    """Return the numbers of the jets that go abreast, by size, and of those that go one by one.

    All jets are sorted, not those of a block: eight take as long as the largest of them.
    """
    count = np.diff(offsets)
    order = np.argsort(np.minimum(count, MOST_ABREAST + 1).astype(np.uint16), kind="stable")  # small ones: radix sort
    small = int(np.searchsorted(count, MOST_ABREAST, side="right", sorter=order)) if abreast else 0
    if small < FEWEST_ABREAST:
        small = 0
    return order[:small], order[small:]
