"""Time scales: clocks that stand still bit by bit, receptive fields by gradient, boundaries that copy and flush."""

import pytest
import torch
from torch import nn

from jetlego.bricks.hm_rnn import HMRNN, hard_step
from jetlego.bricks.pixel import PixelCNN
from jetlego.bricks.temporal import Clockwork, WaveNet


@pytest.fixture(autouse=True)
def same_start():
    torch.manual_seed(1)


def draw(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_a_clock_of_one_period_is_the_plain_net():
    model, plain = Clockwork(in_dim=3, hidden=6, periods=[1, 1]).double(), nn.RNN(3, 6, batch_first=True).double()
    with torch.no_grad():
        plain.weight_ih_l0.copy_(model.drive.weight)
        plain.weight_hh_l0.copy_(model.weight)
        plain.bias_ih_l0.copy_(model.drive.bias)
        plain.bias_hh_l0.zero_()
    x = draw(2, 9, 3)
    torch.testing.assert_close(model(x), plain(x)[0], rtol=1e-12, atol=1e-12)


def test_silent_groups_stand_still_and_learn_nothing():
    model, x = Clockwork(in_dim=2, hidden=6, periods=[1, 2, 4]).double(), draw(3, 8, 2)
    y = model(x)
    for t in range(1, 8):
        for group, period in enumerate([1, 2, 4]):
            same = torch.equal(y[:, t, 2 * group : 2 * group + 2], y[:, t - 1, 2 * group : 2 * group + 2])
            assert same == (t % period != 0)
    _, state = model.run(x[:, :3])
    start = tuple(s.detach() for s in state)  # t = 3: the first group alone moves
    h, _ = model.step(x[:, 3], start)
    weight, drive = torch.autograd.grad(h.sum(), [model.weight, model.drive.weight])
    assert (weight[2:] == 0).all()
    assert (drive[2:] == 0).all()
    assert weight[:2].abs().min() > 0


def test_fast_groups_do_not_speak_to_slow_ones():
    model, x = Clockwork(in_dim=1, hidden=4, periods=[1, 3]).double(), draw(1, 7, 1)
    _, state = model.run(x[:, :3])
    heard = torch.autograd.functional.jacobian(lambda h: model.step(x[:, 3], (h, state[1]))[0][0], state[0].detach())
    assert (heard[2:, 0, :2] == 0).all()
    assert (heard[:2, 0] != 0).all()


def test_a_carried_clock_goes_on():
    model, x = Clockwork(in_dim=1, hidden=4, periods=[1, 3]).double(), draw(2, 7, 1)
    _, state = model.run(x[:, :2])
    torch.testing.assert_close(model(x[:, 2:], state=state), model(x)[:, 2:])
    with pytest.raises(ValueError, match="do not divide"):
        Clockwork(in_dim=1, hidden=4, periods=[1, 2, 4])


@pytest.mark.parametrize(("kernel", "layers", "stacks"), [(2, 4, 1), (3, 2, 2)])
def test_the_receptive_field_is_exact(kernel, layers, stacks):
    model = WaveNet(in_dim=1, hidden=8, kernel=kernel, layers=layers, stacks=stacks).double()
    field = 1 + stacks * sum((kernel - 1) * 2**i for i in range(layers))
    assert model.receptive_field == field
    x = draw(1, field + 3, 1).requires_grad_()
    (seen,) = torch.autograd.grad(model(x)[0, -1].square().sum(), x)
    assert (seen[0, :3] == 0).all()
    assert (seen[0, 3:] != 0).all()


def test_hard_steps_pass_the_gradient_of_the_hard_sigmoid():
    score = torch.tensor([-3.0, -0.2, 0.0, 0.2, 3.0], requires_grad=True)
    z = hard_step(score, 2.0)
    assert z.tolist() == [0, 0, 0, 1, 1]
    z.sum().backward()
    assert score.grad.tolist() == [0, 1, 1, 1, 0]


def test_levels_copy_update_and_flush():
    torch.manual_seed(0)
    model, x = HMRNN(in_dim=2, hidden=5, levels=2).double(), draw(6, 30, 2)
    state, moves = None, {"copy": 0, "update": 0, "flush": 0}
    for t in range(x.shape[1]):
        before = model._fresh(x[:, 0]) if state is None else state
        _, state = model.step(x[:, t], state)
        assert ((state[2] == 0) | (state[2] == 1)).all()
        for row in range(6):
            flush, ends = bool(before[2][row] == 1), bool(state[2][row] == 1)
            upper = all(torch.equal(before[k][row], state[k][row]) for k in (3, 4))
            assert upper != ends  # the upper level copies bit by bit unless the lower ends a unit
            moves["flush" if flush else "update"] += 1
            moves["copy"] += upper
    assert min(moves.values()) > 10
    level = model.levels[0]
    h, z1 = draw(1, 5, seed=1), torch.ones(1, 1, dtype=torch.float64)
    kept = [level(x[:1, 0], z1, (h, c, z1), draw(1, 5, seed=2), 1.0)[1] for c in (h, 7 * h)]
    assert torch.equal(*kept)  # a flush forgets c exactly


def test_if_every_unit_ends_at_once_every_level_moves():
    model, x = HMRNN(in_dim=2, hidden=4, levels=3).double(), draw(2, 6, 2)
    with torch.no_grad():
        for level in model.levels[:-1]:
            level.across.bias[-1] = 100.0
    _, marks, _ = model.run(x)
    assert (marks == 1).all()
    state = None
    for t in range(6):
        before = state
        _, state = model.step(x[:, t], state)
        assert before is None or all((before[k] != state[k]).all() for k in (0, 3, 6))


def test_a_pixel_sees_all_earlier_pixels_and_no_later_one():
    torch.manual_seed(1)
    height, width = 5, 4
    model = PixelCNN(in_dim=1, out_dim=2, hidden=6, layers=5).double()
    x = draw(1, 1, height, width)
    seen = torch.autograd.functional.jacobian(lambda v: model(v)[0, 0].flatten(), x).reshape(20, 20)
    assert torch.equal(seen != 0, torch.ones(20, 20).tril(-1).bool())


def test_what_is_drawn_has_the_probability_that_is_told():
    torch.manual_seed(2)
    model = PixelCNN(in_dim=1, out_dim=3, hidden=8, layers=3).double()
    pixels, log_p = model.sample(5, 4, 3, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(model.log_prob(pixels), log_p, rtol=1e-12, atol=1e-12)
    every = torch.cartesian_prod(*[torch.arange(3)] * 4).reshape(81, 2, 2)
    torch.testing.assert_close(model.log_prob(every).exp().sum(), torch.tensor(1.0, dtype=torch.float64))
    assert ((pixels >= 0) & (pixels < 3)).all()
    with pytest.raises(ValueError, match="odd kernel"):
        PixelCNN(kernel=4)
