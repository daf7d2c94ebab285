"""Ranks, rejection, distance correlation and sums of losses, against counting, scipy and O(N^2) oracles."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import norm, spearmanr

from jetlego import losses
from jetlego.errors import ConfigError


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def apart(rows: int, items: int) -> torch.Tensor:
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.permuted(np.arange(items) + rng.uniform(0, 0.5, (rows, items)), axis=1))


# soft 0/1 and top-k


def test_hard_limits_count_the_classes_above():
    logits, target = apart(12, 6), torch.arange(12) % 6
    above = (logits > logits.gather(1, target[:, None])).sum(1).double()
    found = losses.soft01(logits, target, epsilon=2e-4, reduction="none")
    torch.testing.assert_close(found, above, atol=0.03, rtol=0)
    for k in (1, 2, 4):
        found = losses.soft_topk_loss(logits, target, k=k, epsilon=2e-4, reduction="none")
        torch.testing.assert_close(found, (above - k + 1).clamp(min=0), atol=0.03, rtol=0)


def test_soft01_weights_masks_and_gradient():
    logits, target = draw(6, 4), torch.tensor([0, 1, 2, -1, 3, 0])
    w = torch.tensor([1.0, 2.0, 1.0, 5.0, 1.0, 9.0]).double()
    mask = torch.arange(6) < 5
    index = [0, 1, 1, 2, 4]
    expected = losses.soft01(logits[index], target[index])
    dirty = logits.masked_fill(~mask[:, None], torch.nan).requires_grad_()
    found = losses.soft01(dirty, target, weight=w, mask=mask)
    torch.testing.assert_close(found, expected)
    found.backward()
    assert (dirty.grad[[3, 5]] == 0).all()
    assert torch.autograd.gradcheck(lambda x: losses.soft_topk_loss(x, target, k=2, epsilon=0.05),
                                    logits.requires_grad_(), fast_mode=True)  # fmt: skip
    with pytest.raises(ConfigError, match="k = 5"):
        losses.soft_topk_loss(logits, target, k=5)


# Spearman


def test_spearman_is_scipys():
    x, y = apart(5, 9), torch.round(2 * draw(5, 9, seed=1))  # ties among the targets
    expected = [1 - spearmanr(a, b).statistic for a, b in zip(x.numpy(), y.numpy(), strict=True)]
    np.testing.assert_allclose(losses.spearman(x, y, epsilon=1e-4, reduction="none").numpy(), expected, atol=5e-3)


def test_spearman_weights_and_masks():
    x, y = draw(2, 7), draw(2, 7, seed=1)
    mask = torch.arange(7) < torch.tensor([7, 4])[:, None]
    each = [losses.spearman(x[i][mask[i]], y[i][mask[i]]) for i in range(2)]
    dirty = x.masked_fill(~mask, torch.nan).requires_grad_()
    found = losses.spearman(dirty, y.masked_fill(~mask, torch.inf), mask=mask, weight=torch.tensor([3.0, 1.0]).double())
    torch.testing.assert_close(found, (3 * each[0] + each[1]) / 4)
    found.backward()
    assert (dirty.grad[~mask] == 0).all()
    counts = torch.tensor([1, 2, 0, 1, 3, 1, 1])
    index = torch.repeat_interleave(torch.arange(7), counts)
    twice = losses.spearman(x[0], y[0], weight=counts.double(), epsilon=1e-4)
    expected = 1 - spearmanr(x[0][index].numpy(), y[0][index].numpy()).statistic
    assert float(twice) == pytest.approx(expected, abs=0.02)


def test_spearman_of_constants_counts_nothing():
    x = draw(2, 5).requires_grad_()
    y = torch.stack([torch.ones(5).double(), draw(5, seed=2)])
    torch.testing.assert_close(losses.spearman(x, y), losses.spearman(x[1], y[1]))
    assert torch.autograd.gradcheck(lambda x: losses.spearman(x, y, epsilon=0.05), x, fast_mode=True)


# rejection


def two_classes(items: int = 4000) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    target = torch.arange(items) % 2
    return draw(items) + 1.5 * target, target, draw(items, seed=1).exp()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("efficiency", [0.3, 0.5, 0.7])
def test_rejection_in_the_hard_limit_is_counted(efficiency, weighted):
    score, target, weight = two_classes()
    w = weight if weighted else torch.ones_like(weight)
    order = score[target == 1].argsort()
    cumulative = w[target == 1][order].cumsum(0) / w[target == 1].sum()
    threshold = score[target == 1][order][int(torch.searchsorted(cumulative, 1 - efficiency))]
    expected = (w * (score > threshold) * (target == 0)).sum() / w[target == 0].sum()
    found = losses.rejection_at(
        score, target, weight=weight if weighted else None, signal_efficiency=efficiency, temperature=1e-3,
        epsilon=1e-3, width=0.01,
    )  # fmt: skip
    assert float(found) == pytest.approx(math.log(expected), abs=0.03)
    assert float(found) == pytest.approx(math.log(norm.sf(1.5 + norm.isf(efficiency))), abs=0.25)


def test_rejection_takes_logits_scales_masks_and_unlabelled():
    score, target, weight = two_classes(600)
    options = {"temperature": 0.2, "min_background": 1.0}
    expected = losses.rejection_at(score, target, weight=weight, **options)
    logits = torch.stack([0.3 * score, 1.3 * score], 1)
    torch.testing.assert_close(losses.rejection_at(logits, target, weight=weight, **options), expected)
    torch.testing.assert_close(losses.rejection_at(5 * score - 3, target, weight=weight, **options), expected)
    flipped = losses.rejection_at(torch.stack([score, 0 * score], 1), 1 - target, weight=weight, signal=0, **options)
    torch.testing.assert_close(flipped, expected)
    more = torch.cat([score, torch.full((50,), torch.nan).double(), draw(50)]).requires_grad_()
    labels = torch.cat([target, torch.ones(50).long(), torch.full((50,), -1)])
    mask = torch.arange(700) // 600 == 0
    mask[650:] = True
    found = losses.rejection_at(more, labels, weight=torch.cat([weight, torch.ones(100)]), mask=mask, **options)
    torch.testing.assert_close(found, expected)
    found.backward()
    assert (more.grad[600:] == 0).all()
    assert torch.isfinite(more.grad).all()


def test_rejection_gradient():
    score, target, weight = two_classes(60)

    def run(x):  # the spread of the scores is a unit: hold it fixed by an offset that leaves it alone
        return losses.rejection_at(x, target, weight=weight, temperature=0.3, epsilon=0.05, min_background=0.0)

    x = score.clone().requires_grad_()
    run(x).backward()
    signal = target == 1
    shift = torch.where(signal, 0.0, 1.0).double()  # moves background alone: mean and spread of the signal stay
    step = 1e-5
    slope = (run(score + step * shift) - run(score - step * shift)) / (2 * step)
    torch.testing.assert_close((x.grad * shift).sum(), slope.detach(), rtol=1e-5, atol=1e-8)


def test_too_little_background_is_refused():
    score, target, _ = two_classes(60)
    x = score.clone().requires_grad_()
    value = losses.rejection_at(x, target, signal_efficiency=0.2)
    value.backward()
    assert value == 0
    assert (x.grad == 0).all()
    with pytest.raises(ConfigError, match="outside"):
        losses.rejection_at(score, target, signal_efficiency=1.0)
    with pytest.raises(ConfigError, match="one number"):
        losses.rejection_at(score, target, reduction="none")


def test_bank_remembers_and_anneals():
    score, target, _ = two_classes(3000)
    score = score.float()
    bank = losses.build_loss({
        "loss": "rejection_bank", "bank": 2000, "steps": 4, "share": [0.0, 2.0], "temperature": [0.4, 0.1],
        "cross_entropy_share": 0.0,
    })  # fmt: skip
    parts = score.split(1000), target.split(1000)
    first = bank(parts[0][0], parts[1][0])
    assert first == 0  # its share has not begun to rise
    bank(parts[0][1], parts[1][1])
    x = parts[0][2].clone().requires_grad_()
    found = bank(x, parts[1][2])
    whole = losses.rejection_at(score, target, temperature=0.4 * 0.25**0.5)
    torch.testing.assert_close(found, 2.0 * 0.5 * whole, rtol=1e-4, atol=1e-4)
    found.backward()
    assert x.grad.abs().sum() > 0
    assert bank.step == 3
    bank.eval()
    bank(x, parts[1][2])
    assert bank.step == 3
    tiny = losses.RejectionBank(bank=0, signal_efficiency=0.2)
    logits = torch.stack([torch.zeros(40), score[:40]], 1)
    torch.testing.assert_close(tiny(score[:40], target[:40]), losses.cross_entropy(logits, target[:40]))
    assert tiny.refused == 1


# distance correlation


def distance_correlation(x: np.ndarray, y: np.ndarray, w: np.ndarray) -> float:
    """Return dCor^2 by loops over its definition with integer weights as repetitions."""
    index = np.repeat(np.arange(len(x)), w)
    x, y = x[index], y[index]

    def centred(v: np.ndarray) -> np.ndarray:
        d = np.abs(v[:, None] - v[None])
        return d - d.mean(0) - d.mean(1)[:, None] + d.mean()

    a, b = centred(x), centred(y)
    return (a * b).mean() / np.sqrt((a * a).mean() * (b * b).mean())


def test_disco_is_its_definition():
    x, y = draw(30), draw(30, seed=1) + 0.5 * draw(30) ** 2
    w = torch.randint(0, 4, (30,), generator=torch.Generator().manual_seed(2))
    expected = distance_correlation(x.numpy(), y.numpy(), w.numpy())
    found = losses.disco(x, y, weight=w.double())
    assert float(found) == pytest.approx(expected, abs=1e-12)
    assert float(losses.disco(x, y, weight=w.double(), squared=False)) == pytest.approx(math.sqrt(expected), abs=1e-12)


def test_disco_limits():
    x = draw(20)
    assert losses.disco(x, 3.0 * x - 1.0) == pytest.approx(1.0)
    grid = torch.cartesian_prod(torch.arange(5.0), torch.arange(4.0)).double()
    assert losses.disco(grid[:, 0], grid[:, 1]) == pytest.approx(0.0, abs=1e-12)
    assert losses.disco(x, torch.ones(20)) == 0


@pytest.mark.parametrize("squared", [True, False])
def test_disco_padding_and_gradient(squared):
    x, y = draw(12), draw(12, seed=1)
    mask = torch.arange(12) < 8
    dirty = x.masked_fill(~mask, torch.nan).requires_grad_()
    found = losses.disco(dirty, y.masked_fill(~mask, torch.nan), mask=mask, squared=squared)
    torch.testing.assert_close(found, losses.disco(x[:8], y[:8], squared=squared))
    found.backward()
    assert (dirty.grad[8:] == 0).all()
    assert torch.autograd.gradcheck(lambda x: losses.disco(x, y, mask=mask, squared=squared), x.requires_grad_())


# several losses


def streams() -> tuple[dict, dict]:
    prediction = {"tag": draw(6, 3), "mass": draw(6, 2, seed=1)}
    return prediction, {"tag": torch.arange(6) % 3, "mass": draw(6, seed=2), "other": draw(6, seed=3)}


def test_multi_task_is_the_sum():
    prediction, target = streams()
    terms = {"tag": "cross_entropy", "mass": {"loss": "gaussian_nll", "factor": 0.5, "target": "other"}}
    w = draw(6, seed=4).exp()
    mask = {"mass": torch.arange(6) < 4}
    entropy = losses.cross_entropy(prediction["tag"], target["tag"], weight=w)
    nll = losses.gaussian_nll(prediction["mass"], target["other"], weight=w, mask=mask["mass"])
    for balance in ("fixed", "uncertainty"):
        module = losses.build_loss({"loss": "multi_task", "terms": terms, "balance": balance}).double()
        torch.testing.assert_close(module(prediction, target, weight=w, mask=mask), entropy + 0.5 * nll)
    module.log_variance.data = torch.tensor([0.3, -1.0]).double()
    expected = entropy * math.exp(-0.3) + 0.5 * nll * math.e + 0.3 - 1.0
    torch.testing.assert_close(module(prediction, target, weight=w, mask=mask), expected)
    module(prediction, target, weight=w, mask=mask).backward()
    torch.testing.assert_close(module.log_variance.grad[0], 1 - entropy * math.exp(-0.3))


def test_multi_task_mistakes():
    prediction, target = streams()
    with pytest.raises(ConfigError, match=r"loss\.terms\.tag\.gama: focal has no option 'gama'"):
        losses.MultiTask(terms={"tag": {"loss": "focal", "gama": 1}})
    with pytest.raises(ConfigError, match="no stream 'tags'; did you mean 'tag'"):
        losses.MultiTask(terms={"tag": {"loss": "bce", "target": "tags"}})(prediction, target)
    with pytest.raises(ConfigError, match="no terms"):
        losses.MultiTask(terms={})
    with pytest.raises(ConfigError, match="did you mean 'fixed'"):
        losses.MultiTask(terms={"tag": "bce"}, balance="fix")
