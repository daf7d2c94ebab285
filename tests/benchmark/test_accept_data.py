"""The data of learning tasks are what they say: checked against definitions in plain Python."""

import itertools

import pytest
import torch
from scipy.optimize import linear_sum_assignment

from jetlego.benchmark.accept import (
    computers,
    glyphs,
    hulls,
    lookup,
    palindromes,
    point_sets,
    thinking,
    translation,
)
from jetlego.benchmark.accept.training import generator


def test_hulls_are_those_of_scipy():
    spatial = pytest.importorskip("scipy.spatial")
    points, mask = hulls.some_points(generator(3), 60)
    corner = hulls.hull(points, mask)
    for one, count, found, size in zip(points, mask.sum(1), corner, hulls.area(points, corner), strict=True):
        expected = spatial.ConvexHull(one[:count].double().numpy())
        order = list(expected.vertices)
        first = order.index(min(order))
        assert [c for c in found.tolist() if c >= 0] == order[first:] + order[:first]
        assert size.item() == pytest.approx(expected.volume, abs=1e-5)
    assert hulls.convex(points, corner).all()
    assert not hulls.convex(points, corner[:, [1, 0, *range(2, 10)]]).any()
    assert hulls.simple(points, corner).all()


def test_polygons_cross_themselves_where_two_of_their_edges_meet():
    points = torch.rand(300, 6, 2, generator=generator(1), dtype=torch.float64)
    number = 3 + torch.arange(300) % 4
    answer = torch.where(torch.arange(6) < number.unsqueeze(1), torch.arange(6), -1)
    found = hulls.simple(points, answer)
    for one, count, alone in zip(points, number.tolist(), found.tolist(), strict=True):
        ends = torch.cat([one[:count], one[:1]])
        meet = False
        for i, j in itertools.combinations(range(count), 2):
            if j in (i + 1, i + count - 1):
                continue
            ways = torch.stack([ends[i + 1] - ends[i], ends[j] - ends[j + 1]], 1)
            at = torch.linalg.solve(ways, ends[j] - ends[i])  # how far along each of the two lines they meet
            meet |= bool(((at > 0) & (at < 1)).all())
        assert alone == (not meet)
    assert 0.2 < found.double().mean() < 0.8


def test_palindromes():
    word, mask, label = palindromes.words(generator(0), 500)
    for letters, count, right in zip(word.argmax(2).tolist(), mask.sum(1).tolist(), label.tolist(), strict=True):
        assert (letters[:count] == letters[:count][::-1]) == bool(right)
    assert 0.45 < label[mask.sum(1) > 1].mean() < 0.55


def test_reversed_words():
    x, mask, target = translation.words(generator(0), 50)
    for letters, count, back in zip(x.argmax(2).tolist(), mask.sum(1).tolist(), target.tolist(), strict=True):
        assert back == letters[:count][::-1] + [12] * (11 - count)


def test_repeats():
    x, target, counts = computers.repeats(generator(0), 50)
    for fed, said, real in zip(x, target, counts, strict=True):
        mark = int(fed[:, 4].argmax())
        times = round(fed[mark, 5].item() * 3)
        expected = torch.cat([fed[:mark, :4].repeat(times, 1), torch.zeros(1, 4)])
        assert torch.equal(said[real][:, :4], expected)
        assert said[real][:, 4].tolist() == [0.0] * (mark * times) + [1.0]
        assert not real[: mark + 1].any()


def test_episodes_show_a_label_one_step_late():
    x, label, time = computers.episodes(generator(0), 4)
    assert torch.equal(x[:, 1:, 8:].argmax(2), label[:, :-1])
    for row, times in zip(label.tolist(), time.tolist(), strict=True):
        assert [row[: i + 1].count(c) for i, c in enumerate(row)] == times
        assert sorted(times) == sorted(list(range(1, 11)) * 5)


def test_stories_and_pairs_have_one_answer():
    story, mask, question, answer = lookup.stories(generator(0), 100)
    for sentences, real, who, where in zip(story, mask, question.argmax(1), answer, strict=True):
        about = [s for s, r in zip(sentences, real, strict=True) if r and s[who] == 1]
        assert about[-1][4:].argmax() == where
    key, value, query, symbol = lookup.pairs(generator(0), 30)
    same = (key == query.unsqueeze(1)).all(2)
    assert (same.sum(1) == 1).all()
    assert torch.equal(value[same].argmax(1), symbol)


def test_nearest_points():
    items, queries, kind = lookup.points_and_queries(generator(0), 20)
    for b in range(20):
        for q in range(3):
            near = min(range(8), key=lambda i: (items[b, i, :2] - queries[b, q]).norm().item())
            assert items[b, near, 2:].argmax() == kind[b, q]


def test_a_source_speaks_as_its_table_says():
    chance = torch.rand(6, 6, 6, generator=generator(0), dtype=torch.float64).softmax(-1)
    words = thinking.spoken(chance, generator(1), 2000, 40)
    a, b, c = (words[:, i : i + 38].flatten() for i in range(3))
    number = torch.zeros(6, 6, 6).index_put((a, b, c), torch.ones(1), accumulate=True)
    assert (number / number.sum(-1, keepdim=True) - chance).abs().max() < 0.06


def test_parity_turns_and_spirals():
    x, odd = thinking.vectors(generator(0), 100, least=8)
    assert torch.equal((x == 1).sum((1, 2)) % 2, odd.long())
    assert (x != 0).sum((1, 2)).min() >= 8
    x, target = thinking.turns(generator(0), 100, 1, 4)
    cosine = (x[:, :2] * target).sum(1)
    torch.testing.assert_close(cosine, (0.5 * x[:, 2]).cos(), rtol=0, atol=1e-5)
    x, label = thinking.spirals(generator(0), 1000)
    assert x[label == 0, 1].max() > 0.4
    assert 0.4 < label.float().mean() < 0.6


def test_glyphs_of_one_class_are_alike():
    x, label, support, given = glyphs.episodes(generator(0), 50)
    for b in range(50):
        assert sorted(given[b].tolist()) == list(range(5))
    distance = torch.cdist(x, support)
    same = label.unsqueeze(2) == given.unsqueeze(1)
    assert distance[same].mean() < 0.9 * distance[~same].mean()


def test_slots_claim_one_item_each_and_do_not_see_their_order():
    score = torch.randn(40, 6, 6, generator=generator(0), dtype=torch.float64).requires_grad_()
    claims = point_sets.claimed(score)
    best = [torch.from_numpy(linear_sum_assignment(-s)[1]) for s in score.detach().numpy()]
    assert torch.equal(claims.argmax(-1), torch.stack(best))
    torch.testing.assert_close(claims.sum(-1), torch.ones(40, 6, dtype=torch.float64))
    assert torch.autograd.grad(claims[:, 0, 0].sum(), score)[0].abs().max() > 1e-3
    net, (points, mask) = point_sets.Claims(), point_sets.some_points(generator(1), 50)
    order = torch.randperm(6, generator=generator(2))
    for a, b in zip(net(points, mask), net(points[:, order], mask[:, order]), strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=0)
