"""Opinions of several networks -> what a student learns from, and how well they do together.

Axes: K networks, N rows, C classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unroll import metrics
from unroll.distillation import opinions, weights
from unroll.failures import damaged


@dataclass(frozen=True)
class Together:
    """Networks asked together."""

    train_NC: np.ndarray
    """Their weighted mean on the rows that each of them learned from."""
    document: dict
    """The weight of each, and scores on validation."""


def of(folder: Path, networks: Sequence[str], seeds: Sequence[int], labels_N: np.ndarray) -> Together:
    """Weigh the networks of an ensemble, whose opinions lie in `folder`, by validation's labels.

    Raises:
        Refusal: opinions are missing or damaged, or are not of the same rows.
    """
    validation_KNC = opinions.of_networks(folder, networks, seeds, opinions.VALIDATION)
    if validation_KNC.shape[1] != len(labels_N):
        raise damaged(folder, f"opinions of {validation_KNC.shape[1]} rows, but {len(labels_N)} labels")
    weights_K = weights.fit(validation_KNC, labels_N)

    def score(probabilities_NC: np.ndarray) -> dict[str, float]:
        return metrics.all_metrics(probabilities_NC, labels_N)

    document = {
        "networks": dict(zip(networks, weights_K.tolist(), strict=True)),
        "seeds": list(seeds),
        "validation": {
            "each": {name: score(one_NC) for name, one_NC in zip(networks, validation_KNC, strict=True)},
            "equal": score(validation_KNC.mean(axis=0)),
            "weighted": score(weights.weighted(weights_K, validation_KNC)),
        },
    }
    train_KNC = opinions.of_networks(folder, networks, seeds, opinions.TRAIN)
    return Together(weights.weighted(weights_K, train_KNC), document)
