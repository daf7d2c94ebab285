"""Targets that a clustering tells: common ancestors against those of the history, step by step."""

import numpy as np
import pytest
import torch

from jetlego.bricks.build import build
from jetlego.bricks.masks import Packing
from jetlego.bricks.pair_heads import tree_of
from jetlego.clustering.cluster import cluster
from jetlego.data.jets import Jets
from jetlego.errors import ConfigError
from jetlego.models.tree_targets import TREE_TARGETS, ancestor_depths, generation, generations, tracks_meet
from jetlego.structures.store import TreeSpec, prepare
from jetlego.testing.guards import no_sync
from jetlego.testing.jets import tiny_batch

COUNTS = (9, 0, 3, 1, 20, 2)


@pytest.fixture(scope="module")
def both():
    made = tiny_batch(COUNTS, dtype=torch.float64)
    p4, ptr = made.p4.numpy(), made.jet_ptr.numpy()
    store = prepare(Jets(p4=p4, jet_ptr=ptr, constituents={}, jet={}), trees={
        "ca": TreeSpec(algorithm="cambridge_aachen", features="depth", pairs="depth", scaler="none"),
    })  # fmt: skip
    return store.batch(np.arange(len(COUNTS))), cluster(p4, ptr, algorithm="cambridge_aachen")


def from_history(history, jet, seen):
    """Return the generations of the first ``seen`` constituents of a jet, by sets of leaves, merge by merge."""
    count = int(history.num_constituents[jet])
    below, height = [{i} if i < seen else set() for i in range(count)], [0] * count
    found = np.zeros((seen, seen), int)
    for a, b in history.parents[history.merge_ptr[jet] : history.merge_ptr[jet + 1]]:
        new = max(height[a], height[b]) + bool(below[a] and below[b])
        for i in below[a]:
            for j in below[b]:
                found[i, j] = found[j, i] = new
        below.append(below[a] | below[b])
        height.append(new)
    return found


@pytest.mark.parametrize("seen", [20, 6])
def test_generations_are_those_of_the_history(both, seen):
    jets, history = both
    packing = Packing.of(jets.jet_ptr, jets.num_constituents, seen)
    with no_sync():
        depth = ancestor_depths(jets.tree("ca").plan, packing)
        found = generations(depth, packing.mask)
    pair = packing.mask.unsqueeze(1) & packing.mask.unsqueeze(2) & ~torch.eye(seen, dtype=torch.bool)
    wanted = jets.tree("ca").pairs[:, :seen, :seen, 0]  # by the kernel that prepares features of pairs
    assert torch.equal(depth[pair].double(), wanted[pair].double())
    for jet in range(len(COUNTS)):
        np.testing.assert_array_equal(found[jet], from_history(history, jet, seen))


def test_the_target_is_cut_at_the_classes_and_gives_its_tree_back(both):
    jets, history = both
    value, mask = generation(jets, torch.zeros(6, 4, 20, 20), "ca")
    whole, _ = generation(jets, torch.zeros(6, 20, 20, 20), "ca")
    assert torch.equal(value, whole.clamp(max=3))
    assert mask.sum((1, 2)).tolist() == [n * n for n in COUNTS]
    merges = history.parents[history.merge_ptr[2] : history.merge_ptr[3]]
    assert [set(m) for m in tree_of(whole[2, :3, :3])] == [set(m) for m in merges.tolist()]


def test_a_head_of_pairs_learns_from_a_tree_that_is_not_shown(both):
    jets, _ = both
    body = {"brick": "jet_assembly", "inputs": {"p4": "p4"}, "outputs": {"lca": "tree"},
            "parts": {"lund": {"brick": "pair_bias", "out_dim": 8}, "up": {"brick": "lca_head", "out_dim": 6},
                      "ask": {"brick": "mlp", "hidden": [8]}},
            "steps": ["lca = up(lund(p4))", "logits = ask(mean(p4))"]}  # fmt: skip
    learn = {"lca": {"target": "generation", "tree": "ca", "loss": "cross_entropy", "factor": 2.0}}
    spec = {"brick": "many_heads", "body": body, "learn": learn}
    model = build(spec, seed=1, in_dim=4, num_classes=2)
    jets = type(jets)(**{**vars(jets), "p4": tiny_batch(COUNTS).p4})
    found = model.heads(jets, ("lca",))
    target, mask = generation(jets, found["lca"], "ca")
    chosen = found["lca"].movedim(1, -1)[mask]
    expected = 2 * torch.nn.functional.cross_entropy(chosen, target[mask])
    torch.testing.assert_close(model.head_losses(found, jets)["lca"], expected)
    for wrong in ({"target": "generation", "loss": "mse"}, {**learn["lca"], "target": "generatio"},
                  {"target": "ln_mass", "loss": "mse", "tree": "ca"}):  # fmt: skip
        with pytest.raises(ConfigError, match="learn"):
            build({**spec, "learn": {"lca": wrong}}, in_dim=4, num_classes=2)


def straight_tracks(rng, points):
    """Return (N, 7) of tracks through points (N, 3) in mm that fly away from the origin, give or take 0.2."""
    phi = np.arctan2(points[:, 1], points[:, 0]) + 0.2 * rng.normal(size=len(points))
    ux, uy, cot = np.cos(phi), np.sin(phi), points[:, 2] / np.hypot(*points[:, :2].T) + 0.2 * rng.normal(size=len(phi))
    d0 = points[:, 0] * uy - points[:, 1] * ux
    dz = points[:, 2] - cot * (points[:, 0] * ux + points[:, 1] * uy)
    return np.column_stack([ux, uy, cot, d0, np.full(len(phi), 0.02), dz, np.full(len(phi), 0.03)])


def test_tracks_of_one_vertex_meet_and_others_do_not():
    rng = np.random.default_rng(1)
    vertices = np.array([[4.0, 1.0, 3.0], [5.0, 1.5, -9.0], [0.0, 0.0, 0.0]])
    owner = np.repeat([0, 1, 2], [8, 8, 4])
    track = straight_tracks(rng, vertices[owner] + np.array([1e-9, 0, 0]))
    with no_sync():
        met = tracks_meet(torch.from_numpy(track))
    found = met.numpy()
    away = np.abs(track[:, 3]) > 0.06
    wanted = (owner[:, None] == owner) & away[:, None] & away & ~np.eye(20, dtype=bool)
    assert wanted.sum() > 60
    assert not (found & ~(away[:, None] & away)).any()
    assert found[wanted].all()
    apart = (owner[:, None] != owner) & away[:, None] & away
    assert found[apart].mean() < 0.1
    # with errors of the size of the smearing, chi2 of one degree of freedom is below 4 in 95 % of the cases
    smeared = track[wanted.any(1)]
    hits = []
    for _ in range(40):
        moved = smeared.copy()
        moved[:, [3, 5]] += rng.normal(size=(len(moved), 2)) * moved[:, [4, 6]]
        met = tracks_meet(torch.from_numpy(moved), displaced=0.0)
        hits.append(met.numpy()[owner[wanted.any(1)][:, None] == owner[wanted.any(1)]].sum())
    pairs = sum(n * (n - 1) for n in np.bincount(owner[wanted.any(1)]))
    assert 0.85 < np.mean(hits) / pairs < 0.97


def test_tracks_are_read_off_the_tree(both):
    jets, _ = both
    rng, total = np.random.default_rng(2), sum(COUNTS)
    made = tiny_batch(COUNTS, dtype=torch.float64)
    p4 = made.p4.numpy()
    columns = {n: rng.normal(size=total) for n in ("part_d0val", "part_dzval")}
    columns |= {n: np.where(rng.random(total) < 0.7, 0.1, 0.0) for n in ("part_d0err", "part_dzerr")}
    raw = Jets(p4=p4, jet_ptr=made.jet_ptr.numpy(), constituents=columns, jet={})
    trees = {"ca": TreeSpec(algorithm="cambridge_aachen", features="depth", targets="tracks", scaler="none")}
    batch = prepare(raw, trees=trees, keep_p4=True).batch(np.arange(len(COUNTS)))
    value, mask = TREE_TARGETS["same_vertex"](batch, torch.zeros(6, 1, 12, 12), "ca")
    first = int(made.jet_ptr[4])
    rows = slice(first, first + 12)
    direction = p4[rows, :3] / np.hypot(*p4[rows, :2].T)[:, None]
    track = np.column_stack([direction, *(columns[f"part_{n}"][rows] for n in ("d0val", "d0err", "dzval", "dzerr"))])
    known = track[:, 4] > 0
    both_known = known[:, None] & known & ~np.eye(12, dtype=bool)
    np.testing.assert_array_equal(mask[4, 0], both_known)
    np.testing.assert_array_equal(value[4, 0] > 0, tracks_meet(torch.from_numpy(track)).numpy() & both_known)
    with pytest.raises(ConfigError, match="tracks"):
        TREE_TARGETS["same_vertex"](type(batch)(**{**vars(batch), "trees": jets.trees}), torch.zeros(6, 1, 4, 4), "ca")
