"""Where networks fail: each figure against a slow reference or worked out by hand."""

import json
from collections import Counter
from itertools import combinations, pairwise

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp
from scipy.spatial.distance import jensenshannon

from unroll import metrics
from unroll.comparison import breakdown
from unroll.comparison.breakdown import Answers, bands


def drawn(networks: int = 3, seeds: int = 2, rows: int = 40, classes: int = 3, seed: int = 5):
    """Return probabilities_KSNC and labels_N."""
    generator = np.random.default_rng(seed)
    probabilities = generator.dirichlet(np.full(classes, 0.7), size=(networks, seeds, rows))
    return probabilities, generator.integers(classes, size=rows)


def answers_of(probabilities: np.ndarray, labels: np.ndarray, texts: list[str] | None = None) -> Answers:
    rows = np.arange(len(labels)) * 3 + 2
    names = [f"n{place}" for place in range(len(probabilities))]
    return Answers(names, probabilities, labels, rows, texts or [f"text {row}" for row in rows])


def no_interval(rows: np.ndarray) -> tuple[None, None]:
    return None, None


# --- by class and by confidence ----------------------------------------------------------------------


def test_confusion_is_the_mean_of_the_seeds():
    # Two seeds on labels 0, 0, 1: the first answers 0, 1, 1, the second 0, 0, 0.
    first, second = np.eye(2)[[0, 1, 1]], np.eye(2)[[0, 0, 0]]
    found = breakdown.confusion(np.stack([first, second]), np.array([0, 0, 1]))
    assert found == [[1.5, 0.5], [0.5, 0.5]]


def test_confusion_counts_every_row_once():
    probabilities, labels = drawn()
    found = np.array(breakdown.confusion(probabilities[0], labels))
    assert found.sum(axis=1).tolist() == np.bincount(labels, minlength=3).tolist()
    accuracies = [metrics.all_metrics(seed, labels)["accuracy"] for seed in probabilities[0]]
    assert found.trace() / len(labels) == pytest.approx(np.mean(accuracies))


def test_calibration_worked_out_by_hand():
    # In bins of 1/15: 0.62 and 0.64 (one right), 0.9 twice (right), 0.97 (right) and full confidence (wrong).
    seeds = [[[0.62, 0.38], [0.36, 0.64], [0.9, 0.1]], [[0.9, 0.1], [0.97, 0.03], [0.0, 1.0]]]
    found = breakdown.calibration(np.array(seeds), np.array([0, 0, 0]))
    assert [one["rows"] for one in found] == [2, 2, 2]
    assert [one["confidence"] for one in found] == pytest.approx([0.63, 0.9, 0.985])
    assert [one["accuracy"] for one in found] == pytest.approx([0.5, 1.0, 0.5])


def test_the_gaps_of_calibration_are_the_calibration_error_of_all_seeds_together():
    probabilities, labels = drawn(rows=200)
    found = breakdown.calibration(probabilities[0], labels)
    assert all(one["rows"] > 0 for one in found)
    assert sum(one["rows"] for one in found) == 2 * 200
    error = sum(abs(one["confidence"] - one["accuracy"]) * one["rows"] for one in found) / 400
    together, twice = probabilities[0].reshape(400, 3), np.concatenate([labels, labels])
    assert error == pytest.approx(metrics.expected_calibration_error(together, twice))


# --- bands --------------------------------------------------------------------------------------------

LENGTHS = hnp.arrays(np.int64, st.integers(1, 200), elements=st.integers(1, 30))
SHARES = hnp.arrays(np.float64, st.integers(1, 200), elements=st.sampled_from([0, 0.05, 0.1, 0.25, 0.5, 1]))


@given(st.one_of(LENGTHS, SHARES), st.integers(1, 8), st.booleans())
def test_bands_hold_every_row_once_and_keep_equal_values_together(values, at_most, zero_apart):
    found = bands(values, at_most, zero_apart)
    assert sorted(np.concatenate([band.rows for band in found]).tolist()) == list(range(len(values)))
    # With one band wanted, zero stands beside it all the same.
    assert len(found) <= max(at_most, 1 + zero_apart)
    for band in found:
        assert (band.start, band.end) == (values[band.rows].min(), values[band.rows].max())
    assert all(low.end < high.start for low, high in pairwise(found))


@given(LENGTHS, st.integers(1, 8))
def test_no_band_is_tiny(values, at_most):
    found = bands(values, at_most)
    assert all(len(band.rows) >= len(values) / (2 * at_most) for band in found)


def test_distinct_values_are_cut_into_equal_bands():
    found = bands(np.arange(1, 61)[::-1], at_most=6)
    assert [(band.start, band.end) for band in found] == [
        (1, 10),
        (11, 20),
        (21, 30),
        (31, 40),
        (41, 50),
        (51, 60),
    ]
    assert json.dumps([found[0].start, found[0].end]) == "[1, 10]"


def test_a_value_that_fills_several_quantiles_is_one_band():
    values = np.array([3] * 50 + [4] * 2 + list(range(5, 53)))
    found = bands(values, at_most=4)
    # The two rows of 4 are too few for a band of their own.
    assert [(band.start, band.end, len(band.rows)) for band in found] == [
        (3, 3, 50),
        (4, 27, 25),
        (28, 52, 25),
    ]


def test_what_is_left_over_joins_the_last_band():
    values = np.array([1] * 45 + [2] * 45 + [3] * 3)
    assert [(band.start, band.end) for band in bands(values, at_most=6)] == [(1, 1), (2, 3)]


def test_rows_without_unknown_words_are_a_band_of_their_own():
    values = np.array([0.0] * 5 + list(np.linspace(0.01, 0.5, 95)))
    apart, together = bands(values, zero_apart=True), bands(values)
    assert (apart[0].start, apart[0].end, len(apart[0].rows)) == (0, 0, 5)
    assert len(apart) == 6 and apart[1].start == 0.01
    assert together[0].start == 0 and together[0].end > 0


def test_where_all_rows_are_without_unknown_words_there_is_one_band():
    assert [(band.start, band.end) for band in bands(np.zeros(9), zero_apart=True)] == [(0, 0)]


def test_edges_of_shares_are_short():
    [band] = bands(np.array([1 / 3, 2 / 3]), at_most=1)
    assert (band.start, band.end) == (0.3333, 0.6667)


# --- scores in bands ----------------------------------------------------------------------------------


@pytest.mark.parametrize("headline", breakdown.HEADLINES)
def test_the_score_in_a_band_is_that_of_its_rows_alone(headline):
    probabilities, labels = drawn(rows=60, seeds=3)
    groups = bands(np.arange(60) % 7, at_most=3)
    found = breakdown.scores_in_bands(probabilities[0], labels, groups, headline, no_interval)
    for band, one in zip(groups, found, strict=True):
        alone = [
            metrics.all_metrics(seed[band.rows], labels[band.rows])[headline] for seed in probabilities[0]
        ]
        assert one["score"] == pytest.approx(np.mean(alone))
        assert (one["from"], one["to"], one["rows"]) == (band.start, band.end, len(band.rows))
        assert one["low"] is None and one["high"] is None


def test_the_interval_is_asked_for_each_bands_rows():
    probabilities, labels = drawn(rows=30)
    groups = bands(np.arange(30), at_most=3)

    def ends(rows: np.ndarray) -> tuple[float, float]:
        return float(rows.min()), float(rows.max())

    found = breakdown.scores_in_bands(probabilities[0], labels, groups, "accuracy", ends)
    assert [(one["low"], one["high"]) for one in found] == [(0, 9), (10, 19), (20, 29)]


# --- single texts -------------------------------------------------------------------------------------


def test_hard_rows_are_those_that_most_runs_get_wrong():
    probabilities, labels = drawn(networks=4, seeds=3, rows=80)
    answers = answers_of(probabilities, labels)
    found = breakdown.hard_rows(answers, at_most=10)
    runs = probabilities.reshape(12, 80, 3)
    wrong = Counter(2 + 3 * n for run in runs for n in range(80) if run[n].argmax() != labels[n])
    assert len(found) == 10
    assert [one["wrong"] for one in found] == [round(count / 12, 4) for _, count in wrong.most_common(10)]
    assert all(one["wrong"] == round(wrong[one["row"]] / 12, 4) for one in found)


def certain(*rows: list[float]) -> np.ndarray:
    """Return the probabilities of one network and one seed."""
    return np.array([[rows]])


def test_of_rows_equally_hard_the_one_whose_label_has_least_chance_comes_first_then_the_row():
    probabilities = certain([0.4, 0.6], [0.1, 0.9], [0.4, 0.6], [0.9, 0.1], [0.2, 0.8])
    found = breakdown.hard_rows(answers_of(probabilities, np.zeros(5, int)))
    assert [one["row"] for one in found] == [5, 14, 2, 8]


def test_a_row_that_half_of_the_runs_get_right_is_not_hard():
    probabilities = np.array([[[[0.9, 0.1]]], [[[0.1, 0.9]]]])
    assert breakdown.hard_rows(answers_of(probabilities, np.array([0]))) == []


def test_a_hard_row_is_shown_with_its_text_and_every_networks_mean_probabilities():
    probabilities = np.array([[[[0.1, 0.9]], [[0.2, 0.8]]], [[[0.3, 0.7]], [[1 / 3, 2 / 3]]]])
    [found] = breakdown.hard_rows(answers_of(probabilities, np.array([0]), ["a lamp"]))
    assert found == {
        "row": 2,
        "text": "a lamp",
        "label": 0,
        "wrong": 1.0,
        "answers": {"n0": [0.15, 0.85], "n1": [0.3167, 0.6833]},
    }


@pytest.mark.parametrize(("length", "shown"), [(500, "x" * 500), (501, "x" * 499 + "…")])
def test_a_long_text_is_cut(length, shown):
    answers = answers_of(certain([0.1, 0.9]), np.array([0]), ["x" * length])
    assert breakdown.hard_rows(answers)[0]["text"] == shown


def test_networks_disagree_by_the_distance_of_jensen_and_shannon():
    probabilities, labels = drawn(networks=4, seeds=3, rows=50, classes=5)
    answers = answers_of(probabilities, labels)
    pairs, _ = breakdown.disagreements(answers)
    assert [(pair["a"], pair["b"]) for pair in pairs] == list(combinations(answers.networks, 2))
    mean = probabilities.mean(axis=1)
    for pair in pairs:
        a, b = answers.networks.index(pair["a"]), answers.networks.index(pair["b"])
        slow = {
            int(row): jensenshannon(mean[a, n], mean[b, n], base=2) for n, row in enumerate(answers.rows_N)
        }
        farthest = sorted(slow, key=lambda row: -slow[row])[:8]
        assert [one["row"] for one in pair["rows"]] == farthest
        assert [one["distance"] for one in pair["rows"]] == pytest.approx(
            [slow[row] for row in farthest], abs=5e-5
        )


def test_certainties_of_two_classes_are_one_apart_and_equal_answers_are_left_out():
    probabilities = np.array([[[[1.0, 0.0], [0.3, 0.7]]], [[[0.0, 1.0], [0.3, 0.7]]]])
    [pair], texts = breakdown.disagreements(answers_of(probabilities, np.array([0, 1])))
    assert pair == {"a": "n0", "b": "n1", "rows": [{"row": 2, "distance": 1.0}]}
    assert texts == {"2": {"text": "text 2", "label": 0, "answers": {"n0": [1.0, 0.0], "n1": [0.0, 1.0]}}}


def test_rows_equally_far_apart_stand_in_their_order():
    probabilities = np.tile(np.array([[[[1.0, 0.0]]], [[[0.0, 1.0]]]]), (1, 1, 12, 1))
    [pair], _ = breakdown.disagreements(answers_of(probabilities, np.zeros(12, int)))
    assert [one["row"] for one in pair["rows"]] == [2, 5, 8, 11, 14, 17, 20, 23]


def test_the_text_of_every_row_in_a_disagreement_is_there_once_and_in_order():
    answers = answers_of(*drawn(networks=5, rows=60))
    pairs, texts = breakdown.disagreements(answers)
    named = {one["row"] for pair in pairs for one in pair["rows"]}
    assert list(texts) == [str(row) for row in sorted(named)]
    for row, one in texts.items():
        assert one["text"] == f"text {row}"
        assert list(one["answers"]) == list(answers.networks)


def test_one_network_disagrees_with_nobody():
    assert breakdown.disagreements(answers_of(*drawn(networks=1))) == ([], {})


def test_all_of_it_can_be_written_as_json():
    probabilities, labels = drawn()
    answers = answers_of(probabilities, labels)
    groups = bands(np.arange(40) / 40, zero_apart=True)
    found = [
        breakdown.confusion(probabilities[0], labels),
        breakdown.calibration(probabilities[0], labels),
        breakdown.scores_in_bands(probabilities[0], labels, groups, "macro_f1", no_interval),
        breakdown.hard_rows(answers),
        breakdown.disagreements(answers),
    ]
    assert json.loads(json.dumps(found[:4], allow_nan=False)) == found[:4]
    json.dumps(found[4], allow_nan=False)
