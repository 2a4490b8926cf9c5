"""The expected best of a budget against every subset written out."""

from itertools import combinations, pairwise

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from unroll.comparison.trials import expected_best

VALUES = st.lists(st.floats(-100, 100), min_size=1, max_size=8)


def test_figures_worked_out_by_hand():
    # Of two among 1, 2, 3 the best is 2, 3 or 3.
    assert expected_best([3.0, 1.0, 2.0], False) == pytest.approx([2, 8 / 3, 3])
    assert expected_best([3.0, 1.0, 2.0], True) == pytest.approx([2, 4 / 3, 1])


@given(VALUES, st.booleans())
def test_it_is_the_mean_best_of_every_subset(values, lower_is_better):
    best = min if lower_is_better else max
    expected = [np.mean([best(few) for few in combinations(values, n + 1)]) for n in range(len(values))]
    assert expected_best(values, lower_is_better) == pytest.approx(expected, abs=1e-9)


@given(VALUES)
def test_more_trials_are_never_expected_to_do_worse(values):
    found = expected_best(values, False)
    assert all(after >= before - 1e-9 for before, after in pairwise(found))
    assert found[-1] == max(values)


@given(VALUES, st.randoms(use_true_random=False))
def test_the_order_of_trials_does_not_change_a_bit(values, random):
    assert expected_best(values, True) == expected_best(random.sample(values, len(values)), True)


def test_it_does_not_err_on_average_where_drawing_with_replacement_does():
    # Best of 3 uniform values is 3/4 on average; from 4 trials each, 4,000 times.
    draws = np.random.default_rng(1).random((4000, 4))
    assert np.mean([expected_best(few, False)[2] for few in draws.tolist()]) == pytest.approx(0.75, abs=0.01)
    shares = np.diff((np.arange(5) / 4) ** 3)
    assert (np.sort(draws, axis=1) @ shares).mean() < 0.72


def test_hundreds_of_trials_are_no_trouble():
    found = expected_best([float(value) for value in range(400)], False)
    assert found[0] == pytest.approx(199.5)
    assert found[1] == pytest.approx(401 * 2 / 3 - 1)  # the mean of the larger of two of 0 .. 399
