"""Resampled figures against metrics.py row by row, and p against scipy's enumeration of every swap."""

import math
from itertools import combinations

import hypothesis.strategies as st
import numpy as np
import pytest
import scipy.stats
import sklearn.metrics
from hypothesis import given

from unroll import metrics
from unroll.comparison import resampling

METRICS = ("accuracy", "macro_recall", "macro_f1", "loss", "ece")


def invented(
    networks: int, seeds: int, rows: int, classes: int = 3, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities_KSNC and labels_N that the networks know something of."""
    generator = np.random.default_rng(seed)
    labels_N = generator.integers(classes, size=rows)
    scores = generator.normal(size=(networks, seeds, rows, classes)) + np.eye(classes)[labels_N]
    return scipy.special.softmax(scores, axis=3), labels_N


def drawn_rows(labels_N: np.ndarray, resamples: int, seed: int) -> list[np.ndarray]:
    """Return the rows, repeated as often as they were drawn, of every resample."""
    order_N = np.argsort(labels_N, kind="stable")
    draws = resampling._draws(len(labels_N), resamples, seed)
    return [np.repeat(order_N, counts.astype(int)) for _, weights in draws for counts in weights]


@given(st.integers(1, 12), st.integers(2, 5), st.integers(0, 1000))
def test_a_resample_scores_as_its_rows_do_even_if_a_class_is_missing(rows, classes, seed):
    probabilities, labels = invented(2, 2, rows, classes, seed)
    found = resampling.bootstrap_classes(probabilities, labels, 6, seed)
    assert tuple(found) == METRICS
    for place, chosen in enumerate(drawn_rows(labels, 6, seed)):
        assert len(chosen) == rows
        for network in range(2):
            for run in range(2):
                expected = metrics.all_metrics(probabilities[network, run, chosen], labels[chosen])
                for name in METRICS:
                    assert found[name][place, network, run] == pytest.approx(expected[name], abs=1e-9), name


def test_a_resample_scores_as_scikit_learn_says():
    probabilities, labels = invented(1, 1, 60, 4)
    found = resampling.bootstrap_classes(probabilities, labels, 5, 2)
    for place, chosen in enumerate(drawn_rows(labels, 5, 2)):
        said, true = probabilities[0, 0, chosen].argmax(axis=1), labels[chosen]
        expected = sklearn.metrics.f1_score(true, said, average="macro", zero_division=0)
        assert found["macro_f1"][place, 0, 0] == pytest.approx(expected)
        expected = sklearn.metrics.recall_score(true, said, average="macro", zero_division=0)
        assert found["macro_recall"][place, 0, 0] == pytest.approx(expected)


def test_the_spread_of_the_resamples_is_that_of_scipys_bootstrap():
    probabilities, labels = invented(1, 1, 300)
    found = resampling.bootstrap_classes(probabilities, labels, 2000, 1)

    def figure(name):
        return lambda rows: metrics.all_metrics(probabilities[0, 0, rows], labels[rows])[name]

    for name in METRICS:
        expected = scipy.stats.bootstrap(
            (np.arange(300),), figure(name), n_resamples=1000, method="basic", vectorized=False, rng=1
        )
        # Each of the two errors is off by up to 1 in sqrt(2 B): 2.2 % and 1.6 %.
        assert found[name].std() == pytest.approx(expected.standard_error, rel=0.09), name


def test_every_run_is_read_on_the_same_rows():
    probabilities, labels = invented(1, 1, 80)
    found = resampling.bootstrap_classes(np.tile(probabilities, (3, 2, 1, 1)), labels, 50, 1)
    for values_BKS in found.values():
        assert (values_BKS == values_BKS[:, :1, :1]).all()
        assert values_BKS[:, 0, 0].std() > 0


def test_networks_in_another_order_give_the_same_bits_in_that_order():
    probabilities, labels = invented(5, 3, 200)
    order = [3, 0, 4, 1, 2]
    before = resampling.bootstrap_classes(probabilities, labels, 40, 1)
    after = resampling.bootstrap_classes(probabilities[order], labels, 40, 1)
    alone = resampling.bootstrap_classes(probabilities[2:3], labels, 40, 1)
    for name in METRICS:
        assert (before[name][:, order] == after[name]).all(), name
        assert (before[name][:, 2:3] == alone[name]).all(), name


@pytest.mark.parametrize("cells", [1, 700, 10**6])
def test_how_many_resamples_are_held_at_once_does_not_change_a_bit(monkeypatch, cells):
    probabilities, labels = invented(3, 2, 100)
    nats, words = np.abs(probabilities[..., 0]) * 20, labels + 1

    def everything() -> list[bytes]:
        found = [
            resampling.bootstrap_classes(probabilities, labels, 23, 1),
            resampling.bootstrap_words(nats, words, 23, 1),
            resampling.approximate_randomisation(probabilities, labels, [(0, 1), (1, 2)], 23, 1),
            resampling.approximate_randomisation_words(nats, words, [(0, 1)], 23, 1),
        ]
        return [values.tobytes() for one in found for values in one.values()]

    whole = everything()
    monkeypatch.setattr(resampling, "CELLS", cells)
    assert everything() == whole


def test_the_seed_decides_the_draws():
    probabilities, labels = invented(1, 1, 100)
    one, again, other = (
        resampling.bootstrap_classes(probabilities, labels, 5, seed)["loss"] for seed in (1, 1, 2)
    )
    assert (one == again).all()
    assert (one != other).any()


@given(st.lists(st.floats(0, 300), min_size=1, max_size=50), st.randoms(use_true_random=False))
def test_sums_of_rounded_values_do_not_depend_on_their_order(values, random):
    rounded = resampling._exact(np.array(values), len(values)).tolist()
    assert rounded == pytest.approx(values, abs=1e-9)
    assert sum(rounded) == sum(random.sample(rounded, len(rounded))) == math.fsum(rounded)


def test_words_that_were_drawn_together_are_scored_together():
    generator = np.random.default_rng(0)
    nats, words = generator.gamma(20, size=(2, 3, 50)), generator.integers(1, 9, size=50)
    found = resampling.bootstrap_words(nats, words, 8, 1)
    draws = np.concatenate([weights for _, weights in resampling._draws(50, 8, 1)])
    for place, counts in enumerate(draws):
        loss = (nats * counts).sum(axis=2) / (words * counts).sum()
        assert found["loss"][place] == pytest.approx(loss)
        assert found["perplexity"][place] == pytest.approx(np.exp(loss))


def enumerated(figure, rows: int) -> float:
    """Return scipy's p over every way to swap: codes below `rows` are answers of the first network."""

    def statistic(first, second):
        return figure(first >= rows, first % rows) - figure(second >= rows, second % rows)

    found = scipy.stats.permutation_test(
        (np.arange(rows), np.arange(rows) + rows),
        statistic,
        permutation_type="samples",
        n_resamples=np.inf,
        vectorized=False,
    )
    return min(found.pvalue, 1.0)


@pytest.mark.parametrize("seed", range(3))
def test_randomisation_comes_to_the_p_of_all_swaps(seed):
    rows, resamples = 9, 4000
    probabilities, labels = invented(2, 2, rows, 2, seed)
    found = resampling.approximate_randomisation(probabilities, labels, [(0, 1)], resamples, 1)
    for name, p in found.items():

        def figure(which_N, rows_N, name=name):
            # Of mean over seeds, since all seeds of a row are swapped together.
            runs = probabilities[which_N.astype(int), :, rows_N].transpose(1, 0, 2)
            return np.mean([metrics.all_metrics(run, labels[rows_N])[name] for run in runs])

        expected = enumerated(figure, rows)
        error = math.sqrt(expected * (1 - expected) / resamples)
        assert p[0] == pytest.approx(expected, abs=3.5 * error + 1 / resamples), name


def test_randomisation_of_words_comes_to_the_p_of_all_swaps():
    generator, resamples = np.random.default_rng(2), 4000
    nats, words = generator.gamma(8, size=(2, 2, 9)), generator.integers(1, 6, size=9)
    nats[1] += 0.7
    found = resampling.approximate_randomisation_words(nats, words, [(0, 1)], resamples, 1)
    shapes = {"loss": lambda loss: loss, "perplexity": np.exp}
    for name, shape in shapes.items():

        def figure(which_N, rows_N, shape=shape):
            return shape(nats[which_N.astype(int), :, rows_N].sum(axis=0) / words.sum()).mean()

        expected = enumerated(figure, 9)
        error = math.sqrt(expected * (1 - expected) / resamples)
        assert found[name][0] == pytest.approx(expected, abs=3.5 * error + 1 / resamples), name


def test_a_pair_has_the_same_p_from_either_side_and_whatever_else_is_compared():
    probabilities, labels = invented(4, 2, 60)
    pairs = list(combinations(range(4), 2))
    nats = -np.log(probabilities[..., 0])
    for test, answers, known in (
        (resampling.approximate_randomisation, probabilities, labels),
        (resampling.approximate_randomisation_words, nats, labels + 1),
    ):
        found = test(answers, known, pairs, 199, 1)
        for column, (one, other) in enumerate(pairs):
            turned = test(answers[[other, one]], known, [(0, 1)], 199, 1)
            for name in found:
                assert turned[name][0] == found[name][column], name


def test_what_does_not_differ_has_p_1():
    probabilities, labels = invented(1, 2, 40)
    same = np.tile(probabilities, (2, 1, 1, 1))
    found = resampling.approximate_randomisation(same, labels, [(0, 1)], 99, 1)
    assert {name: p.tolist() for name, p in found.items()} == {
        "macro_recall": [1.0],
        "macro_f1": [1.0],
        "loss": [1.0],
    }


def test_what_no_swap_brings_about_again_has_the_smallest_p_there_is():
    labels = np.arange(60) % 2
    right = np.eye(2)[labels] * 0.8 + 0.1
    found = resampling.approximate_randomisation(
        np.stack([right, 1 - right])[:, None], labels, [(0, 1)], 99, 1
    )
    assert all(p[0] == 1 / 100 for p in found.values())


def test_ties_count_as_far_out_as_what_was_observed():
    # Of 4 rows one differs: either way the difference is as large, so that every swap is as far out.
    labels = np.array([0, 1, 0, 1])
    probabilities = np.tile(np.eye(2)[labels] * 0.6 + 0.2, (2, 1, 1, 1))
    probabilities[1, 0, 0] = [0.1, 0.9]
    found = resampling.approximate_randomisation(probabilities, labels, [(0, 1)], 50, 1)
    assert all(p[0] == 1.0 for p in found.values())


def test_nothing_to_compare_gives_no_p():
    probabilities, labels = invented(1, 2, 10)
    found = resampling.approximate_randomisation(probabilities, labels, [], 9, 1)
    assert all(p.shape == (0,) for p in found.values())
