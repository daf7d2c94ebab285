"""Jets of one to three sprays, seen in every kind of stream: what the table of inputs and outputs learns from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from jetlego.bricks.masks import Packing
from jetlego.bricks.verbs import Stream
from jetlego.clustering.cluster import cluster
from jetlego.clustering.packed import offsets_of
from jetlego.conventions import FloatArray, IntArray
from jetlego.data.jets import Jets
from jetlego.structures.batch import JetBatch
from jetlego.structures.store import JetStore, TreeSpec, prepare

PRONGS, PIXELS, HALF_WIDTH, PATCH = 3, 16, 0.8, 4
"""Most prongs of a jet; pixels along an image, half its width; pixels along a patch."""

_EACH = 4
"""Most constituents of a prong."""

_TREE = ("ln_pt", "ln_energy", "ln_pt_rel", "ln_energy_rel", "eta", "phi", "delta_r", "ln_mass", "is_leaf")
"""Features of nodes: where prongs are is asked in absolute angles, which those to the jet's axis do not tell."""


@dataclass(frozen=True)
class ToyJets:
    """Prepared jets; :meth:`batch` gives some of them as streams and targets."""

    store: JetStore

    @classmethod
    def make(cls, count: int, *, seed: int, odd: bool = False) -> ToyJets:
        """Return ``count`` jets; with ``odd`` the first has no constituent and the second has one."""
        rng = np.random.default_rng(seed)
        prongs = rng.integers(1, PRONGS + 1, count)
        centre = rng.uniform(-0.5, 0.5, (count, PRONGS, 2))
        pt = -np.sort(-rng.uniform(50, 200, (count, PRONGS)), axis=1)
        size = rng.integers(1, _EACH + 1, (count, PRONGS)) * (np.arange(PRONGS) < prongs[:, None])
        if odd:
            size[:2] = 0
            size[1, 0] = prongs[0] = prongs[1] = 1
        owner, prong, share, place = _sprays(rng, size, centre)
        item_pt = share * pt[owner, prong]
        order = np.lexsort((-item_pt, owner))
        owner, prong, place, item_pt = owner[order], prong[order], place[order], item_pt[order]
        ptr = offsets_of(size.sum(1))
        p4 = _massless(item_pt, place)
        real = np.arange(PRONGS) < prongs[:, None]
        features = np.column_stack([place, np.log(item_pt) / 3])
        truth = _Truth(owner, prong, place, item_pt, ptr)
        extra = {
            "classes": prongs - 1,
            "prongs": (centre * real[..., None]).astype(np.float32),
            "prong_mask": real,
            "image": truth.image(),
            "hardest": truth.image(only=0),
            "vector": truth.moments(),
            "prong_of": truth.padded(prong, fill=-1),
            "order": truth.leaders(),
            "merges": _places(p4, ptr, int(size.sum(1).max(initial=0))),
        }
        jets = Jets(p4=p4, jet_ptr=ptr, constituents={}, jet={})
        spec = TreeSpec(features=_TREE, scaler="robust", targets=("ln_kt",), keep_p4=True)
        return cls(prepare(jets, trees={"kt": spec}, constituent_features=features, jet_features=extra))

    def __len__(self) -> int:
        return self.store.num_jets

    def batch(self, rows: IntArray) -> tuple[dict[str, Stream], dict[str, Tensor]]:
        """Return {stream: value with mask} and {target: value} of some jets."""
        jets = self.store.batch(rows)
        length = jets.max_constituents
        packing = Packing.of(jets.jet_ptr, jets.num_constituents, length)
        assert jets.constituents is not None
        items = Stream(packing.pad(jets.constituents), packing.mask)
        known = dict(jets.jet)
        known["prong_of"], known["merges"] = known["prong_of"][:, :length], known["merges"][:, : max(0, length - 1)]
        tree = jets.tree("kt")
        streams = dict.fromkeys(("sequence", "set", "graph"), items)
        streams |= {name: Stream(known[name]) for name in ("image", "vector", "order", "merges")}
        streams |= {
            "event": streams["vector"],
            "points": Stream(items.value[..., :2], packing.mask),
            "target": Stream(known["prongs"][:, 0]),
            "tree": Stream(tree.features, plan=tree.plan, packing=packing),
            "tree_p4": Stream(tree.p4, plan=tree.plan),
        }
        return streams, {**known, **_targets(known, packing.mask, jets)}


def _targets(known: dict[str, Tensor], mask: Tensor, jets: JetBatch) -> dict[str, Tensor]:
    """Return what follows from who belongs to which prong."""
    prong, real = known["prong_of"], known["prong_mask"]
    same = prong.unsqueeze(2) == prong.unsqueeze(1)
    patch, filled = _patches(known)
    apart = torch.cdist(known["prongs"], known["prongs"])
    splittings = jets.tree("kt").targets
    assert splittings is not None
    return {
        "mask": mask, "both": mask.unsqueeze(2) & mask.unsqueeze(1), "same": same,
        "patch_same": patch.unsqueeze(2) == patch.unsqueeze(1), "patch_both": filled.unsqueeze(2) & filled.unsqueeze(1),
        "near": apart < 0.5, "prong_both": real.unsqueeze(2) & real.unsqueeze(1), "splittings": splittings[:, 0],
    }  # fmt: skip


def _patches(known: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return the prong nearest to the middle of each patch (B, 16), and whether it has any light."""
    count = PIXELS // PATCH
    step = 2 * HALF_WIDTH / count
    middle = torch.arange(count) * step - HALF_WIDTH + step / 2
    centre = torch.cartesian_prod(middle, middle)
    far = torch.cdist(centre.expand(len(known["prongs"]), -1, -1), known["prongs"])
    nearest = far.masked_fill(~known["prong_mask"].unsqueeze(1), 1e9).argmin(-1)
    light = torch.nn.functional.avg_pool2d(known["image"], PATCH).flatten(1) > 0
    return nearest, light


@dataclass(frozen=True)
class _Truth:
    """Packed constituents of all jets, hardest first, with the prong of each."""

    owner: IntArray
    prong: IntArray
    place: FloatArray
    pt: FloatArray
    ptr: IntArray

    @property
    def count(self) -> int:
        return len(self.ptr) - 1

    def image(self, only: int | None = None) -> FloatArray:
        """Return (B, 1, 16, 16), pT in units of 10 GeV in each cell, of all prongs or of one."""
        chosen = np.ones(len(self.pt), bool) if only is None else self.prong == only
        cell = ((self.place + HALF_WIDTH) * PIXELS / (2 * HALF_WIDTH)).astype(int).clip(0, PIXELS - 1)
        image = np.zeros((self.count, 1, PIXELS, PIXELS), np.float32)
        np.add.at(image, (self.owner[chosen], 0, *cell[chosen].T), self.pt[chosen] / 10)
        return image

    def moments(self) -> FloatArray:
        """Return (B, 8): number, sum and maximum of pT, mean place, and its covariance."""
        weight = np.bincount(self.owner, self.pt, self.count)
        safe = np.maximum(weight, 1e-9)
        mean = [np.bincount(self.owner, self.pt * v, self.count) / safe for v in self.place.T]
        x, y = (v - m[self.owner] for v, m in zip(self.place.T, mean, strict=True))
        second = [np.bincount(self.owner, self.pt * v, self.count) / safe for v in (x * x, y * y, x * y)]
        top = np.zeros(self.count)
        np.maximum.at(top, self.owner, self.pt)
        columns = [np.diff(self.ptr) / 10, weight / 200, top / 100, *mean, *(10 * v for v in second)]
        return np.column_stack(columns).astype(np.float32)

    def padded(self, values: IntArray, *, fill: int) -> IntArray:
        """Return (B, 12) of a packed column."""
        out = np.full((self.count, PRONGS * _EACH), fill)
        out[self.owner, np.arange(len(values)) - self.ptr[self.owner]] = values
        return out

    def leaders(self) -> IntArray:
        """Return (B, 3), the hardest constituent of each prong, -1 for prongs that are not there."""
        none = PRONGS * _EACH
        out = np.full((self.count, PRONGS), none)
        np.minimum.at(out, (self.owner, self.prong), np.arange(len(self.pt)) - self.ptr[self.owner])
        return np.where(out == none, -1, out)


def _sprays(rng: np.random.Generator, size: IntArray, centre: FloatArray) -> tuple[IntArray, ...]:
    """Return jet and prong of each constituent, its share of the prong's pT and its place."""
    owner, prong = np.nonzero(np.ones_like(size))
    owner, prong = (np.repeat(v, size.ravel()) for v in (owner, prong))
    draw = rng.exponential(size=len(owner)) + 0.05
    total = np.zeros(size.shape)
    np.add.at(total, (owner, prong), draw)
    place = centre[owner, prong] + 0.06 * rng.normal(size=(len(owner), 2))
    return owner, prong, draw / total[owner, prong], place


def _massless(pt: FloatArray, place: FloatArray) -> FloatArray:
    eta, phi = place.T
    return np.column_stack([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta), pt * np.cosh(eta)])


def _places(p4: FloatArray, ptr: IntArray, longest: int) -> IntArray:
    """Return (B, N - 1, 2): the merges of the kt tree by places; a pair lives on in the smaller of its two places."""
    history = cluster(p4, ptr, algorithm="kt")
    out = np.full((len(ptr) - 1, max(0, longest - 1), 2), -1)
    for jet in range(history.num_jets):
        place = list(range(history.num_constituents[jet]))
        for step, pair in enumerate(history.parents[slice(*history.merge_ptr[jet : jet + 2])]):
            first, second = sorted(place[node] for node in pair)
            out[jet, step] = first, second
            place.append(first)
    return out
