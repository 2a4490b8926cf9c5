"""Intervals against hand-computed values and against scipy's."""

import math

import hypothesis.strategies as st
import numpy as np
import pytest
import scipy.stats
from hypothesis import assume, given, settings

from unroll.statistics import Spread, difference, spread

VALUES = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=12)


def test_an_interval_worked_out_by_hand():
    # Mean 3, variance 10 / 4; t of 0.975 with 4 degrees of freedom is 2.776 (Student's own table).
    found = spread([1.0, 2.0, 3.0, 4.0, 5.0])
    assert found.mean == 3.0
    assert found.std == pytest.approx(math.sqrt(2.5))
    assert found.high - found.mean == pytest.approx(2.776 * math.sqrt(2.5 / 5), rel=3e-4)
    assert found.mean - found.low == pytest.approx(found.high - found.mean)


def test_two_seeds_give_a_wide_interval():
    # t of 0.975 with 1 degree of freedom is 12.706.
    assert spread([0.40, 0.42]).high == pytest.approx(0.41 + 12.706 * 0.01, rel=1e-4)


def test_one_seed_says_nothing_about_others():
    assert spread([0.4]) == Spread(0.4, None, None, None)


def test_equal_seeds_have_no_width():
    assert spread([0.25] * 3) == Spread(0.25, 0.0, 0.25, 0.25)


@settings(deadline=None)
@given(VALUES, st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_an_interval_is_scipys(values, level):
    found = spread(values, level)
    std = np.std(values, ddof=1)
    assert found.mean == pytest.approx(np.mean(values), abs=1e-9)
    assert found.std == pytest.approx(std, abs=1e-9)
    if std > 1e-6:
        low, high = scipy.stats.t.interval(level, len(values) - 1, np.mean(values), scipy.stats.sem(values))
        assert (found.low, found.high) == pytest.approx((low, high), rel=1e-9, abs=1e-9)


@settings(deadline=None)
@given(VALUES, st.randoms(use_true_random=False))
def test_the_order_of_seeds_does_not_change_a_bit(values, random):
    assert spread(values) == spread(random.sample(values, len(values)))


@settings(deadline=None)
@given(VALUES)
def test_the_mean_lies_in_its_interval(values):
    found = spread(values)
    assert found.low <= found.mean <= found.high


def test_the_interval_covers_the_truth_as_often_as_it_says():
    # 2,000 draws of 3 seeds each; the standard error of the share is 0.005.
    draws = np.random.default_rng(5).normal(0.6, 0.02, size=(2000, 3))
    covered = [found.low <= 0.6 <= found.high for found in map(spread, draws.tolist())]
    assert 0.93 < np.mean(covered) < 0.97


@settings(deadline=None)
@given(VALUES, VALUES, st.sampled_from([0.5, 0.95, 0.99]))
def test_a_difference_has_welchs_interval_as_scipy_has_it(ours, theirs, level):
    assume(np.std(ours) > 1e-3 and np.std(theirs) > 1e-3)
    found = difference(ours, theirs, level)
    expected = scipy.stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval(level)
    assert found.mean == pytest.approx(np.mean(ours) - np.mean(theirs), abs=1e-9)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-6, abs=1e-9)


def test_of_a_side_that_never_varies_the_other_alone_decides_how_wide_a_difference_is():
    # The majority class scores alike with every seed: what is left is Student's interval of the other.
    ours, always = [0.5, 0.6, 0.7], [0.4, 0.4, 0.4]
    found, alone = difference(ours, always), spread(ours)
    assert (found.low, found.high) == pytest.approx((alone.low - 0.4, alone.high - 0.4))


def test_a_difference_of_two_that_never_vary_has_no_width():
    assert difference([0.5, 0.5], [0.25, 0.25, 0.25]) == Spread(0.25, 0.0, 0.25, 0.25)


@pytest.mark.parametrize(("ours", "theirs"), [([0.5], [0.25, 0.5]), ([0.5, 0.25], [0.375]), ([0.5], [0.25])])
def test_a_difference_with_one_seed_on_a_side_has_no_interval(ours, theirs):
    found = difference(ours, theirs)
    assert (found.std, found.low, found.high) == (None, None, None)
    assert found.mean == pytest.approx(np.mean(ours) - np.mean(theirs))
