"""What a node contains: charge, particle types and displaced tracks of the constituents below it.

A leaf has its own values, an inner node the sum or the largest of its subtree, so that a network sees at the node of a
b quark's decay, rather than in some constituent, that tracks miss the collision point. Impact parameters enter as
significances (value over error; 0 without a track) and compressed as ln(1 + x), since their tails are long.
"""

from __future__ import annotations

import numpy as np

from jetlego.conventions import FloatArray, IntArray
from jetlego.structures import momentum_features  # noqa: F401  its sets are part of ours
from jetlego.structures._kernels import kernel
from jetlego.structures.node_features import NODE_FEATURE_SETS, node_feature
from jetlego.structures.nodes import Nodes

_TYPES = {
    "charged_hadron": "part_isChargedHadron", "neutral_hadron": "part_isNeutralHadron", "photon": "part_isPhoton",
    "electron": "part_isElectron", "muon": "part_isMuon",
}  # fmt: skip
_TRACK = ("part_d0val", "part_d0err", "part_dzval", "part_dzerr")
_LARGEST = 100.0  # significances beyond are all "far away"
_SURE_PT = 2.0  # GeV; slower tracks are displaced by scattering, not by decays


@kernel
def _largest_below(children: IntArray, node_ptr: IntArray, order: IntArray, leaf: IntArray, jet_ptr: IntArray,
                   column: FloatArray, out: FloatArray) -> None:  # fmt: skip
    for jet in range(len(node_ptr) - 1):
        first = node_ptr[jet]
        # breadth first backwards: children come before their parent
        for at in range(node_ptr[jet + 1] - 1, first - 1, -1):
            node = order[at]
            if leaf[at] >= 0:
                out[first + node] = column[jet_ptr[jet] + leaf[at]]
            else:
                left, right = children[first + node]
                out[first + node] = max(out[first + left], out[first + right])


def _largest(nodes: Nodes, column: FloatArray) -> FloatArray:
    out, forest = np.zeros(nodes.forest.num_nodes), nodes.forest
    _largest_below(forest.children, forest.node_ptr, forest.order, forest.leaf, forest.jet_ptr, column, out)
    return out


def _column(nodes: Nodes, name: str) -> FloatArray:
    return np.asarray(nodes.constituents[name], np.float64)


def _leaf_pt(nodes: Nodes) -> FloatArray:
    """(P,) pT of the constituents."""
    return nodes.pt[_leaf_rows(nodes)]


def _leaf_rows(nodes: Nodes) -> IntArray:
    """(P,) rows of the constituents: the leaves are the first nodes of each jet's history."""
    forest = nodes.forest
    counts = np.diff(forest.jet_ptr)
    rows: IntArray = np.arange(counts.sum()) + np.repeat(forest.node_ptr[:-1] - forest.jet_ptr[:-1], counts)
    return rows


def _significance(nodes: Nodes, value: str, error: str) -> FloatArray:
    """(P,) |value / error|, at most 100; 0 where the error is 0, which means "no track"."""
    v, e = _column(nodes, value), _column(nodes, error)
    ratio = np.divide(np.abs(v), e, out=np.zeros_like(v), where=e > 0)
    return np.minimum(np.nan_to_num(ratio, nan=0.0, posinf=_LARGEST), _LARGEST)


def _share_of_pt(nodes: Nodes, chosen: FloatArray) -> FloatArray:
    pt = _leaf_pt(nodes)
    total = nodes.subtree_sum(pt)
    return np.divide(nodes.subtree_sum(pt * chosen), total, out=np.zeros_like(total), where=total > 0)


@node_feature()
def ln_num_leaves(nodes: Nodes) -> FloatArray:
    """Ln of the number of constituents below."""
    return np.log(nodes.subtree_sum(np.ones(int(nodes.forest.jet_ptr[-1]))))


@node_feature(needs=("part_charge",))
def charge(nodes: Nodes) -> FloatArray:
    """Asinh of the charge below, in units of e."""
    return np.arcsinh(nodes.subtree_sum(_column(nodes, "part_charge")))


def _register_type(name: str, flag: str) -> None:
    def share(nodes: Nodes) -> FloatArray:
        return _share_of_pt(nodes, _column(nodes, flag))

    share.__name__ = f"{name}_share"
    share.__doc__ = f"Share of pT below that {name.replace('_', ' ')}s carry."
    node_feature(needs=(flag,))(share)


for _name, _flag in _TYPES.items():
    _register_type(_name, _flag)


@node_feature(needs=_TRACK[:2])
def num_displaced(nodes: Nodes) -> FloatArray:
    """Ln(1 + number of tracks with |d0| beyond two standard deviations)."""
    return np.log1p(nodes.subtree_sum(1.0 * (_significance(nodes, *_TRACK[:2]) > 2.0)))


@node_feature(needs=_TRACK[:2])
def num_far_displaced(nodes: Nodes) -> FloatArray:
    """Ln(1 + number of tracks with |d0| beyond five standard deviations)."""
    return np.log1p(nodes.subtree_sum(1.0 * (_significance(nodes, *_TRACK[:2]) > 5.0)))


@node_feature(needs=_TRACK[:2])
def displaced_share(nodes: Nodes) -> FloatArray:
    """Share of pT below in tracks with |d0| beyond three standard deviations."""
    return _share_of_pt(nodes, 1.0 * (_significance(nodes, *_TRACK[:2]) > 3.0))


@node_feature(needs=_TRACK[:2])
def sum_displacement(nodes: Nodes) -> FloatArray:
    """Ln(1 + sum of |d0| in standard deviations, each at most 30)."""
    return np.log1p(nodes.subtree_sum(np.minimum(_significance(nodes, *_TRACK[:2]), 30.0)))


@node_feature(needs=_TRACK[:2])
def max_d0(nodes: Nodes) -> FloatArray:
    """Ln(1 + largest |d0| below in standard deviations)."""
    return np.log1p(_largest(nodes, _significance(nodes, *_TRACK[:2])))


@node_feature(needs=_TRACK[2:])
def max_dz(nodes: Nodes) -> FloatArray:
    """Ln(1 + largest |dz| below in standard deviations)."""
    return np.log1p(_largest(nodes, _significance(nodes, *_TRACK[2:])))


@node_feature(needs=_TRACK)
def max_sure_displacement(nodes: Nodes) -> FloatArray:
    """Ln(1 + largest hypot(d0, dz) in standard deviations among constituents above 2 GeV)."""
    both = np.hypot(_significance(nodes, *_TRACK[:2]), _significance(nodes, *_TRACK[2:]))
    return np.log1p(_largest(nodes, np.minimum(both, _LARGEST) * (_leaf_pt(nodes) > _SURE_PT)))


def _at_leaves(nodes: Nodes, column: FloatArray) -> FloatArray:
    """(T,) a constituent's value at its leaf, 0 at inner nodes, which are no track."""
    out = np.zeros(nodes.forest.num_nodes)
    out[_leaf_rows(nodes)] = np.nan_to_num(column, nan=0.0, posinf=0.0, neginf=0.0)
    return out


def _signed(nodes: Nodes, value: str, error: str) -> FloatArray:
    return np.copysign(np.arcsinh(_significance(nodes, value, error)), _column(nodes, value))


@node_feature(needs=_TRACK[:1])
def track_d0(nodes: Nodes) -> FloatArray:
    """Transverse impact parameter of a leaf in mm; 0 at inner nodes."""
    return _at_leaves(nodes, _column(nodes, _TRACK[0]))


@node_feature(needs=_TRACK[1:2])
def track_d0_error(nodes: Nodes) -> FloatArray:
    """Error of the transverse impact parameter of a leaf in mm; 0 without a track, and at inner nodes."""
    return _at_leaves(nodes, _column(nodes, _TRACK[1]))


@node_feature(needs=_TRACK[2:3])
def track_dz(nodes: Nodes) -> FloatArray:
    """Longitudinal impact parameter of a leaf in mm; 0 at inner nodes."""
    return _at_leaves(nodes, _column(nodes, _TRACK[2]))


@node_feature(needs=_TRACK[3:])
def track_dz_error(nodes: Nodes) -> FloatArray:
    """Error of the longitudinal impact parameter of a leaf in mm; 0 without a track, and at inner nodes."""
    return _at_leaves(nodes, _column(nodes, _TRACK[3]))


@node_feature(needs=_TRACK[:2])
def signed_d0(nodes: Nodes) -> FloatArray:
    """Asinh of d0 of a leaf in standard deviations, with its sign; 0 without a track, and at inner nodes."""
    return _at_leaves(nodes, _signed(nodes, *_TRACK[:2]))


@node_feature(needs=_TRACK[2:])
def signed_dz(nodes: Nodes) -> FloatArray:
    """Asinh of dz of a leaf in standard deviations, with its sign; 0 without a track, and at inner nodes."""
    return _at_leaves(nodes, _signed(nodes, *_TRACK[2:]))


NODE_FEATURE_SETS["tracks"] = ("track_d0", "track_d0_error", "track_dz", "track_dz_error")
"""What a vertex is fitted to; in mm, for targets rather than for a network to read."""

NODE_FEATURE_SETS["impact"] = ("signed_d0", "signed_dz")

NODE_FEATURE_SETS["lund_axis"] = (
    "ln_z", "ln_delta", "ln_m", "ln_kt", "ln_pt", "ln_energy", "ln_pt_rel", "ln_energy_rel", "delta_r", "ln_mass",
    "is_leaf", "ln_num_leaves",
)  # fmt: skip
"""What turning a jet around its axis leaves as it is: fewer columns to fit by accident with few jets."""

NODE_FEATURE_SETS["types"] = ("ln_num_leaves", "charge", *(f"{name}_share" for name in _TYPES))
NODE_FEATURE_SETS["displacement"] = (
    "num_displaced", "num_far_displaced", "displaced_share", "sum_displacement", "max_d0", "max_dz",
    "max_sure_displacement",
)  # fmt: skip
NODE_FEATURE_SETS["lund_full"] = (
    *NODE_FEATURE_SETS["lund_kinematics"], *NODE_FEATURE_SETS["types"], *NODE_FEATURE_SETS["displacement"],
)  # fmt: skip
