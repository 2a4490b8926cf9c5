"""How much each network of an ensemble counts: the weights with the lowest cross entropy, and no others."""

import itertools

import numpy as np
import pytest

from unroll import metrics
from unroll.distillation import weights

ROWS, CLASSES = 200, 3


def drawn(networks: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities_KNC of networks that know the labels, the later the less, and labels_N."""
    generator = np.random.default_rng(seed)
    labels_N = generator.integers(CLASSES, size=ROWS)
    scores_KNC = generator.normal(size=(networks, ROWS, CLASSES))
    for place, scores_NC in enumerate(scores_KNC):
        scores_NC[np.arange(ROWS), labels_N] += 1.5 / (1 + place)
    exponents_KNC = np.exp(scores_KNC)
    return exponents_KNC / exponents_KNC.sum(axis=2, keepdims=True), labels_N


def loss(weights_K: np.ndarray, probabilities_KNC: np.ndarray, labels_N: np.ndarray) -> float:
    return metrics.cross_entropy(weights.weighted(weights_K, probabilities_KNC), labels_N)


@pytest.mark.parametrize("networks", [1, 2, 3])
def test_no_weights_of_a_grid_are_better(networks):
    probabilities_KNC, labels_N = drawn(networks)
    found_K = weights.fit(probabilities_KNC, labels_N)
    assert found_K.shape == (networks,) and (found_K >= 0).all() and found_K.sum() == pytest.approx(1)
    shares = [np.array(one) / 20 for one in itertools.product(range(21), repeat=networks) if sum(one) == 20]
    lowest = min(loss(share_K, probabilities_KNC, labels_N) for share_K in shares)
    assert loss(found_K, probabilities_KNC, labels_N) <= lowest + weights.TOLERANCE


def test_who_knows_nothing_counts_for_nothing():
    [knows_NC], labels_N = drawn(1)
    wrong_NC = np.full((ROWS, CLASSES), 0.499)
    wrong_NC[np.arange(ROWS), labels_N] = 0.002
    found_K = weights.fit(np.stack([wrong_NC, knows_NC]), labels_N)
    assert found_K[0] < 0.01


def test_networks_that_say_the_same_count_alike_and_each_as_much_as_it_did_before():
    probabilities_KNC, labels_N = drawn(2)
    assert weights.fit(probabilities_KNC[[0, 0]], labels_N).tolist() == [0.5, 0.5]
    first, second = weights.fit(probabilities_KNC, labels_N)
    twice = weights.fit(probabilities_KNC[[0, 1, 1]], labels_N)
    assert twice[0] == pytest.approx(first, abs=0.02) and twice[1] == pytest.approx(twice[2])
    assert twice[1] + twice[2] == pytest.approx(second, abs=0.02)


def test_a_label_that_nobody_thought_possible_spoils_no_weight():
    probabilities_KNC, labels_N = drawn(2)
    probabilities_KNC[:, 0] = 0.0
    probabilities_KNC[:, 0, (labels_N[0] + 1) % CLASSES] = 1.0
    found_K = weights.fit(probabilities_KNC, labels_N)
    assert np.isfinite(found_K).all() and found_K[0] > found_K[1]


def test_the_weighted_mean_is_worked_out_by_hand():
    probabilities_KNC = np.array([[[1.0, 0.0]], [[0.2, 0.8]]])
    assert weights.weighted(np.array([0.25, 0.75]), probabilities_KNC) == pytest.approx(
        np.array([[0.4, 0.6]])
    )
