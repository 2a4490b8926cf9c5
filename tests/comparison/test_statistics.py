"""Intervals against hand-computed values and against scipy's."""

import math

import hypothesis.strategies as st
import numpy as np
import pytest
import scipy.stats
from hypothesis import assume, given
from statsmodels.stats.power import TTestPower

from unroll.comparison.statistics import (
    Spread,
    detectable_with_seeds,
    difference,
    hedges_g,
    smallest_detectable,
    spread,
    two_level,
)

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


@given(VALUES, st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_an_interval_is_scipys(values, level):
    found = spread(values, level)
    std = np.std(values, ddof=1)
    assert found.mean == pytest.approx(np.mean(values), abs=1e-9)
    assert found.std == pytest.approx(std, abs=1e-9)
    if std > 1e-6:
        low, high = scipy.stats.t.interval(level, len(values) - 1, np.mean(values), scipy.stats.sem(values))
        assert (found.low, found.high) == pytest.approx((low, high), rel=1e-9, abs=1e-9)


@given(VALUES, st.randoms(use_true_random=False))
def test_the_order_of_seeds_does_not_change_a_bit(values, random):
    assert spread(values) == spread(random.sample(values, len(values)))


@given(VALUES)
def test_the_mean_lies_in_its_interval(values):
    found = spread(values)
    assert found.low <= found.mean <= found.high


def test_the_interval_covers_the_truth_as_often_as_it_says():
    # 2,000 draws of 3 seeds each; the standard error of the share is 0.005.
    draws = np.random.default_rng(5).normal(0.6, 0.02, size=(2000, 3))
    covered = [found.low <= 0.6 <= found.high for found in map(spread, draws.tolist())]
    assert 0.93 < np.mean(covered) < 0.97


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
    assert found.std == pytest.approx(alone.std / math.sqrt(3))
    assert (found.low, found.high) == pytest.approx((alone.low - 0.4, alone.high - 0.4))


def test_a_difference_of_two_that_never_vary_has_no_width():
    assert difference([0.5, 0.5], [0.25, 0.25, 0.25]) == Spread(0.25, 0.0, 0.25, 0.25)


@pytest.mark.parametrize(("ours", "theirs"), [([0.5], [0.25, 0.5]), ([0.5, 0.25], [0.375]), ([0.5], [0.25])])
def test_a_difference_with_one_seed_on_a_side_has_no_interval(ours, theirs):
    found = difference(ours, theirs)
    assert (found.std, found.low, found.high) == (None, None, None)
    assert found.mean == pytest.approx(np.mean(ours) - np.mean(theirs))


# Two seeds on two draws of the rows, which move the first by 1 and the second by 0.5 either way.
MOVED_BS = np.array([[1.0, 0.5], [-1.0, -0.5]])


def test_an_interval_on_two_levels_worked_out_by_hand():
    # V_r of 0.75 and -0.75 is 1.125; V_1 is the mean of 2 and 0.5; V_i = 1.25 - 1.125; s^2 / S = 2 / 2.
    found = two_level(np.array([1.0, 3.0]), np.array([1.0, 3.0]) + MOVED_BS)
    assert (found.mean, found.seed_part, found.row_part) == pytest.approx((2.0, 2.0, 1.0))
    assert found.standard_error == pytest.approx(math.sqrt(2 / 2 + 1))
    # 20 % of chi-squared with 1 degree of freedom lie below 0.0642: the limit of 1 is 15.58.
    assert found.freedom == pytest.approx((16.58 / 15.58) ** 2, rel=1e-3)
    half = scipy.stats.t.ppf(0.975, found.freedom) * math.sqrt(2)
    assert (found.low, found.high) == pytest.approx((2 - half, 2 + half))


def test_seeds_nearer_than_their_noise_over_rows_count_as_that_noise():
    found = two_level(np.array([2.0, 2.0]), 2.0 + MOVED_BS)
    assert found.seed_part == pytest.approx(2 * 0.125)
    assert found.standard_error == pytest.approx(math.sqrt(1.125))
    assert math.isinf(found.freedom)


def test_without_noise_over_rows_the_interval_is_students():
    values = [0.4, 0.43, 0.47]
    found = two_level(np.array(values), np.tile(values, (5, 1)))
    alone = spread(values)
    assert (found.mean, found.low, found.high) == pytest.approx((alone.mean, alone.low, alone.high))
    assert found.freedom == pytest.approx(2)
    assert found.p_value() == pytest.approx(scipy.stats.ttest_1samp(values, 0).pvalue)


def test_one_seed_has_the_interval_of_the_rows_alone():
    found = two_level(np.array([1.0]), np.array([[0.5], [1.0], [1.5]]))
    assert (found.mean, found.standard_error, found.seed_part) == (1.0, 0.5, None)
    assert found.high == pytest.approx(1 + 1.959964 * 0.5)
    assert found.p_value() == pytest.approx(0.0455, abs=1e-4)


def test_one_seeds_variance_is_that_of_the_rows():
    assert two_level(np.array([1.0]), np.array([[0.5], [1.0], [1.5]])).row_part == pytest.approx(0.25)


def test_the_interaction_of_three_seeds_worked_out_by_hand():
    # Two draws move three seeds by +-(1, 1, 4): V_r = 2 (2^2) = 8, V_1 = 2 (1 + 1 + 16) / 3 = 12, and
    # V_i = (12 - 8) / 2.
    moved_BS = np.array([[1.0, 1.0, 4.0], [-1.0, -1.0, -4.0]])
    found = two_level(np.array([0.0, 5.0, 10.0]), np.array([0.0, 5.0, 10.0]) + moved_BS)
    assert (found.seed_part, found.row_part) == pytest.approx((25.0, 6.0))
    # 20 % of chi-squared with 2 degrees of freedom lie below -2 ln 0.8.
    limit = (25 / 3) * 2 / (-2 * math.log(0.8))
    assert found.freedom == pytest.approx(2 * ((limit + 6) / limit) ** 2)


def test_networks_that_are_equal_differ_by_nothing_for_certain():
    found = two_level(np.zeros(3), np.zeros((20, 3)))
    assert (found.low, found.mean, found.high, found.p_value()) == (0, 0, 0, 1.0)


def test_a_difference_that_nothing_can_change_is_certain():
    found = two_level(np.full(3, 0.5), np.full((20, 3), 0.5))
    assert (found.low, found.high, found.p_value()) == (0.5, 0.5, 0.0)


@given(st.integers(0, 10**6), st.integers(2, 6), st.sampled_from([0.9, 0.95, 0.99]))
def test_two_levels_hold_together(seed, seeds, level):
    generator = np.random.default_rng(seed)
    spreads = generator.uniform(0, 2, size=3)
    observed = generator.normal(size=seeds) * spreads[0] + 0.5
    drawn = generator.normal(size=(30, seeds)) * spreads[1] + generator.normal(size=(30, 1)) * spreads[2]
    found = two_level(observed, drawn, level)
    turned = two_level(-observed, -drawn, level)
    assert (turned.low, turned.mean, turned.high) == (-found.high, -found.mean, -found.low)
    order = generator.permutation(seeds)
    again = two_level(observed[order], drawn[:, order], level)
    assert (again.low, again.high) == pytest.approx((found.low, found.high), rel=1e-6, abs=1e-9)
    assert (found.p_value() < 1 - level) == (not found.low <= 0 <= found.high)
    assert found.freedom >= seeds - 1 - 1e-9
    assert found.seed_part >= 0 and found.row_part >= 0
    assert found.standard_error**2 == pytest.approx(found.seed_part / seeds + found.row_part)


def test_the_smallest_detectable_difference_of_many_seeds_is_cohens():
    # 1.960 + 0.842 standard errors.
    assert smallest_detectable(0.01, math.inf) == pytest.approx(0.02802, rel=1e-3)
    assert smallest_detectable(0.01, 1e5) == pytest.approx(0.02802, rel=1e-3)
    assert smallest_detectable(0.0, 3) == 0.0
    assert smallest_detectable(1.0, math.inf) == pytest.approx(2.802, rel=1e-3)


def test_eighty_percent_power_is_the_default():
    assert smallest_detectable(1.0, 4) == smallest_detectable(1.0, 4, power=0.8)
    assert detectable_with_seeds(1.0, 1.0, 5, power=0.9) > detectable_with_seeds(1.0, 1.0, 5)


def test_a_power_that_takes_many_standard_errors_is_found():
    # With a level of 20 % the critical value is small, so that twice it has not this power.
    found = smallest_detectable(1.0, math.inf, level=0.2, power=0.99)
    assert found == pytest.approx(scipy.stats.norm.ppf(0.6) + scipy.stats.norm.ppf(0.99), rel=1e-9)


def test_a_power_that_takes_little_is_found():
    found = smallest_detectable(1.0, math.inf, level=0.2, power=0.5)
    assert found == pytest.approx(scipy.stats.norm.ppf(0.6), rel=1e-9)


@pytest.mark.parametrize("seeds", [2, 3, 5, 20])
@pytest.mark.parametrize(("level", "power"), [(0.95, 0.8), (0.99, 0.9)])
def test_the_smallest_detectable_difference_has_that_power_by_statsmodels(seeds, level, power):
    found = smallest_detectable(1 / math.sqrt(seeds), seeds - 1, level, power)
    # Its two-sided power is NaN for few seeds.
    expected = TTestPower().power(found, seeds, (1 - level) / 2, alternative="larger")
    assert power == pytest.approx(expected, rel=1e-6)


def test_more_seeds_detect_less_down_to_what_the_rows_hide():
    found = [detectable_with_seeds(1e-4, 4e-5, seeds) for seeds in (2, 3, 5, 10, 100, 10_000)]
    assert found == sorted(found, reverse=True)
    assert found[-1] == pytest.approx(smallest_detectable(math.sqrt(4e-5), math.inf), rel=1e-3)


def test_an_intervals_own_seeds_detect_what_it_says_itself():
    generator = np.random.default_rng(0)
    found = two_level(generator.normal(size=5), np.tile(generator.normal(size=(50, 1)), 5))
    assert detectable_with_seeds(found.seed_part, found.row_part, 5) == pytest.approx(
        smallest_detectable(found.standard_error, found.freedom)
    )


def test_an_effect_size_worked_out_by_hand():
    # Means 2 and 4, variances 1 and 1; with 4 degrees of freedom the correction is sqrt(2 / pi).
    assert hedges_g([1.0, 2.0, 3.0], [3.0, 4.0, 5.0]) == pytest.approx(-2 * math.sqrt(2 / math.pi))
    # Standard deviations: in ten times the unit it is the same, and two seeds are enough.
    assert hedges_g([10.0, 20.0, 30.0], [30.0, 40.0, 50.0]) == hedges_g([1.0, 2.0, 3.0], [3.0, 4.0, 5.0])
    assert hedges_g([1.0, 2.0], [3.0, 4.0]) is not None


@given(VALUES, VALUES)
def test_an_effect_size_turns_with_its_sides(ours, theirs):
    found, turned = hedges_g(ours, theirs), hedges_g(theirs, ours)
    assert (found is None) == (turned is None)
    if found is not None:
        assert found == -turned


@pytest.mark.parametrize(("ours", "theirs"), [([0.5], [0.25, 0.5]), ([0.5, 0.5], [0.25, 0.25])])
def test_one_seed_or_no_spread_has_no_effect_size(ours, theirs):
    assert hedges_g(ours, theirs) is None
