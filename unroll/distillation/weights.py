"""How much each network of an ensemble counts.

Axes: K networks, N rows, C classes.
"""

import numpy as np

TOLERANCE = 1e-6
"""Nats a row by which the loss may miss the lowest that there is."""
MOST_ROUNDS = 10_000
LEAST = 1e-12
"""Below it no probability of a label is told from another, as in metrics.nats."""


def fit(probabilities_KNC: np.ndarray, labels_N: np.ndarray) -> np.ndarray:
    """Return weights_K, of a sum of 1, whose mean of the networks gives the labels the lowest cross entropy.

    That loss is convex in the weights. Expectation maximisation from equal ones (Dempster et al. 1977)
    never raises it. It ends once the largest derivative shows that no weights are better by more than
    TOLERANCE (Lindsay 1983), or after MOST_ROUNDS.
    """
    chosen_KN = np.maximum(probabilities_KNC[:, np.arange(len(labels_N)), labels_N], LEAST)
    weights_K = np.full(len(chosen_KN), 1 / len(chosen_KN))
    for _ in range(MOST_ROUNDS):
        gains_K = (chosen_KN / (weights_K @ chosen_KN)).mean(axis=1)
        if gains_K.max() - 1 < TOLERANCE:
            break
        weights_K *= gains_K
        weights_K /= weights_K.sum()
    return weights_K


def weighted(weights_K: np.ndarray, probabilities_KNC: np.ndarray) -> np.ndarray:
    """Return the weighted mean of the networks' probabilities, (N, C)."""
    return np.tensordot(weights_K, probabilities_KNC, axes=1)
