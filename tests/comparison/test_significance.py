"""Exact tests against statsmodels' and every outcome written out; letters against what they promise."""

from itertools import combinations, product

import hypothesis.strategies as st
import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis.extra import numpy as hnp
from statsmodels.stats.contingency_tables import mcnemar

from unroll.comparison.significance import holm, letters, mcnemar_exact

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def answers(only_a: int, only_b: int, both: int = 0) -> tuple[np.ndarray, np.ndarray]:
    right_a = np.array([[True] * only_a + [False] * only_b + [True] * both])
    right_b = np.array([[False] * only_a + [True] * only_b + [True] * both])
    return right_a, right_b


@given(st.integers(0, 200), st.integers(0, 200), st.integers(0, 50))
def test_one_seed_gives_the_p_of_statsmodels_and_of_a_coin(only_a, only_b, both):
    found = mcnemar_exact(*answers(only_a, only_b, both))
    assert found == pytest.approx(
        mcnemar([[both, only_a], [only_b, 0]], exact=True).pvalue if only_a + only_b else 1.0, rel=1e-9
    )
    if only_a + only_b:
        assert found == pytest.approx(scipy.stats.binomtest(only_a, only_a + only_b).pvalue, rel=1e-9)


def test_a_figure_worked_out_by_hand():
    # Two rows count 2 and one counts 1, all for a: 5 is reached by 1 of the 8 signs, -5 by another.
    right_a = np.array([[True, True, True], [True, True, False]])
    assert mcnemar_exact(right_a, np.zeros((2, 3), bool)) == pytest.approx(2 / 8)


@given(hnp.arrays(bool, st.tuples(st.just(2), st.integers(1, 4), st.integers(1, 9))))
def test_several_seeds_give_the_p_of_every_sign_written_out(right_2SN):
    surplus = right_2SN[0].sum(axis=0) - right_2SN[1].sum(axis=0)
    sums = [np.dot(signs, surplus) for signs in product((-1, 1), repeat=len(surplus))]
    expected = np.mean(np.abs(sums) >= abs(surplus.sum()))
    assert mcnemar_exact(*right_2SN) == pytest.approx(expected, rel=1e-9)


@given(
    hnp.arrays(bool, st.tuples(st.just(2), st.integers(1, 5), st.integers(1, 60))),
    st.randoms(use_true_random=False),
)
def test_neither_sides_nor_the_order_of_rows_matter(right_2SN, random):
    p = mcnemar_exact(*right_2SN)
    order = random.sample(range(right_2SN.shape[2]), right_2SN.shape[2])
    assert mcnemar_exact(*right_2SN[::-1]) == p
    assert mcnemar_exact(*right_2SN[:, :, order]) == p


def test_many_rows_keep_the_tail_exact():
    assert mcnemar_exact(*answers(3200, 2800)) == pytest.approx(
        scipy.stats.binomtest(3200, 6000).pvalue, rel=1e-9
    )
    assert 0 < mcnemar_exact(*answers(4000, 10)) < 1e-30


def test_holms_figures_worked_out_by_hand():
    # Sorted: 0.01 x 4, 0.02 x 3, 0.03 x 2 (below the one before: 0.06 stays), 0.5.
    assert holm([0.03, 0.01, 0.5, 0.02]) == pytest.approx([0.06, 0.04, 0.5, 0.06])
    assert holm([]) == []


@given(P_VALUES)
def test_a_corrected_p_is_never_below_its_own_and_keeps_their_order(p_values):
    corrected = holm(p_values)
    assert all(after >= before for after, before in zip(corrected, p_values, strict=True))
    for one, other in combinations(range(len(p_values)), 2):
        if p_values[one] < p_values[other]:
            assert corrected[one] <= corrected[other]


def test_letters_worked_out_by_hand():
    # c is told apart from neither, so that it stands between the two groups.
    assert letters(["a", "b", "c"], {frozenset("ab")}) == {"a": "a", "b": "b", "c": "ab"}
    assert letters(["a", "b"], set()) == {"a": "a", "b": "a"}
    assert letters(["a", "b"], {frozenset("ab")}) == {"a": "a", "b": "b"}
    assert letters(["a"], set()) == {"a": "a"}


@given(st.data(), st.integers(1, 8))
def test_networks_share_a_letter_exactly_if_they_were_not_told_apart(data, count):
    names = [f"n{place}" for place in range(count)]
    pairs = [frozenset(pair) for pair in combinations(names, 2)]
    different = data.draw(st.sets(st.sampled_from(pairs))) if pairs else set()
    found = letters(names, different)
    assert list(found) == names
    assert found[names[0]].startswith("a")
    for pair in pairs:
        one, other = (set(found[name]) for name in pair)
        assert (not one & other) == (pair in different)


@given(st.data(), st.permutations(range(6)))
def test_who_shares_a_letter_does_not_depend_on_the_order(data, order):
    names = [f"n{place}" for place in range(6)]
    pairs = [frozenset(pair) for pair in combinations(names, 2)]
    different = data.draw(st.sets(st.sampled_from(pairs)))

    def groups(found: dict[str, str]) -> set[frozenset[str]]:
        signs = {sign for shown in found.values() for sign in shown}
        return {frozenset(name for name in names if sign in found[name]) for sign in signs}

    assert groups(letters(names, different)) == groups(letters([names[place] for place in order], different))


def test_more_groups_than_letters_get_a_mark():
    names = [f"n{place}" for place in range(28)]
    found = letters(names, {frozenset(pair) for pair in combinations(names, 2)})
    assert [found[names[place]] for place in (0, 25, 26, 27)] == ["a", "z", "a'", "b'"]
