"""Our metrics against scikit-learn's on random cases."""

import hypothesis.strategies as st
import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis.extra import numpy as hnp

from unroll import metrics


@st.composite
def scored(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities_NC and labels_N; classes may lack labels, predictions, or both."""
    rows, classes = draw(st.integers(1, 30)), draw(st.integers(2, 5))
    scores = draw(hnp.arrays(np.float64, (rows, classes), elements=st.floats(-8, 8)))
    exponents = np.exp(scores)
    labels = draw(hnp.arrays(np.int64, rows, elements=st.integers(0, classes - 1)))
    return exponents / exponents.sum(axis=1, keepdims=True), labels


@given(scored())
def test_metrics_are_those_of_scikit_learn(case):
    probabilities, labels = case
    predicted, classes = probabilities.argmax(axis=1), probabilities.shape[1]
    found = metrics.all_metrics(probabilities, labels)
    everything = list(range(classes))
    expected = {
        "accuracy": sklearn.metrics.accuracy_score(labels, predicted),
        "macro_recall": sklearn.metrics.recall_score(
            labels, predicted, average="macro", labels=np.unique(labels), zero_division=0
        ),
        "macro_f1": sklearn.metrics.f1_score(labels, predicted, average="macro", zero_division=0),
        "loss": sklearn.metrics.log_loss(labels, probabilities, labels=everything),
    }
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-9, abs=1e-12), name
    confusion = sklearn.metrics.confusion_matrix(labels, predicted, labels=everything)
    assert (metrics.confusion(predicted, labels, classes) == confusion).all()


@given(scored())
def test_the_calibration_error_is_that_of_its_definition(case):
    probabilities, labels = case
    bins: dict[int, list[tuple[float, bool]]] = {}
    for row, label in zip(probabilities, labels, strict=True):
        confidence = float(row.max())
        bins.setdefault(min(int(confidence * 15), 14), []).append((confidence, bool(row.argmax() == label)))
    error = sum(
        len(rows) / len(labels) * abs(np.mean([c for c, _ in rows]) - np.mean([hit for _, hit in rows]))
        for rows in bins.values()
    )
    assert metrics.expected_calibration_error(probabilities, labels) == pytest.approx(error, abs=1e-12)


@given(scored(), st.randoms(use_true_random=False))
def test_metrics_do_not_depend_on_the_order_of_rows(case, random):
    probabilities, labels = case
    order = random.sample(range(len(labels)), len(labels))
    before, after = (
        metrics.all_metrics(probabilities, labels),
        metrics.all_metrics(probabilities[order], labels[order]),
    )
    assert before == pytest.approx(after, rel=1e-9, abs=1e-12)


def test_figures_worked_out_by_hand():
    # Predicted 0 0 1 2 2 where 0 0 0 1 2 is true.
    probabilities = np.array(
        [[0.8, 0.1, 0.1], [0.6, 0.2, 0.2], [0.3, 0.4, 0.3], [0.1, 0.1, 0.8], [0.0, 0.1, 0.9]]
    )
    labels = np.array([0, 0, 0, 1, 2])
    found = metrics.all_metrics(probabilities, labels)
    assert found["accuracy"] == pytest.approx(3 / 5)
    assert found["macro_recall"] == pytest.approx((2 / 3 + 0 + 1) / 3)
    assert found["macro_f1"] == pytest.approx((4 / 5 + 0 + 2 / 3) / 3)
    assert found["loss"] == pytest.approx(-np.log(0.8 * 0.6 * 0.3 * 0.1 * 0.9) / 5)
    # Bins of 1/15: 0.8 twice (one hit), 0.6 (hit), 0.4 (miss), 0.9 (hit).
    assert found["ece"] == pytest.approx((2 * 0.3 + 0.4 + 0.4 + 0.1) / 5)


def test_a_certain_error_costs_much_but_not_infinitely():
    assert metrics.cross_entropy(np.array([[1.0, 0.0]]), np.array([1])) == pytest.approx(-np.log(1e-12))


def test_full_confidence_falls_into_the_last_bin():
    assert metrics.expected_calibration_error(np.array([[1.0, 0.0]]), np.array([0])) == 0.0
    assert metrics.expected_calibration_error(np.array([[1.0, 0.0]]), np.array([1])) == 1.0


def test_a_row_of_any_confidence_has_its_bin_of_15():
    edges = np.arange(16) / 15
    assert metrics.calibration_bins(edges[:-1] + 1e-9).tolist() == list(range(15))
    assert metrics.calibration_bins(np.array([1.0])).tolist() == [14]


def test_metrics_are_plain_numbers():
    found = metrics.all_metrics(np.array([[0.5, 0.5]]), np.array([0]))
    assert all(type(value) is float for value in found.values())
