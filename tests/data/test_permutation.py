import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jetlego.data.permutation import shuffled

PINNED = [9, 4, 7, 8, 2, 3, 0, 5, 1, 6]


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 3000), seed=st.integers(0, 2**63), epoch=st.integers(0, 1000))
def test_every_sample_stands_exactly_once(n, seed, epoch):
    order = shuffled(np.arange(n), num_samples=n, seed=seed, epoch=epoch)
    assert np.array_equal(np.sort(order), np.arange(n))


def test_position_alone_decides():
    whole = shuffled(np.arange(1000), num_samples=1000, seed=3, epoch=2)
    some = np.array([999, 0, 17, 500])
    assert np.array_equal(shuffled(some, num_samples=1000, seed=3, epoch=2), whole[some])


def test_epochs_and_seeds_differ_and_leave_no_order():
    n = 20_000
    orders = [shuffled(np.arange(n), num_samples=n, seed=s, epoch=e) for s, e in ((0, 0), (0, 1), (1, 0))]
    for order in orders:
        assert abs(np.corrcoef(np.arange(n), order)[0, 1]) < 0.03
        assert abs(np.corrcoef(order[:-1], order[1:])[0, 1]) < 0.03
    assert (orders[0] == orders[1]).mean() < 0.01
    assert (orders[0] == orders[2]).mean() < 0.01


def test_the_sequence_is_pinned_across_versions():
    assert shuffled(np.arange(10), num_samples=10, seed=1, epoch=0).tolist() == PINNED


def test_a_position_outside_the_epoch_is_refused():
    with pytest.raises(IndexError, match="position 10 is outside an epoch of 10 samples"):
        shuffled(np.array([10]), num_samples=10, seed=0, epoch=0)
