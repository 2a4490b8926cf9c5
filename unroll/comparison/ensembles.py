"""Networks asked together: their one answer to each test row, from those that each has given already.

Axes: K networks, S seeds, N test rows, C classes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unroll import files, metrics
from unroll.comparison.results import Result
from unroll.distillation.weights import weighted
from unroll.failures import Refusal, damaged


@dataclass(frozen=True)
class Ensemble:
    """Several networks, each with all its seeds."""

    name: str
    weights: dict[str, float]
    """Of each network, as they were fitted to validation; their sum is 1."""
    validation: dict
    """Scores there: of each network's seeds together, of equal weights and of these (weighted)."""
    answers_NC: np.ndarray
    scores: dict[str, float]
    """Of these answers, by every metric."""


def read_ensemble(
    path: Path, networks: Sequence[str], results: Sequence[Result], labels_N: np.ndarray
) -> Ensemble:
    """Read the weights in a folder of the stage `ensemble`, and mix with them what the networks answered.

    Raises:
        Refusal: the weights are damaged, or are those of other networks or seeds.
    """
    known = {one.name: one for one in results}
    members = [known[network] for network in networks]
    found = files.read_json(path)
    try:
        weights = {str(network): float(weight) for network, weight in found["networks"].items()}
        seeds, validation = list(found["seeds"]), found["validation"]
        fitted = {name: float(value) for name, value in validation["weighted"].items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise damaged(path, f"no weights and scores: {error!r}") from None
    if list(weights) != list(networks) or any(seeds != one.seeds for one in members):
        raise Refusal(f"{path} is of other networks or seeds than params.yaml names: run dvc repro")
    if not all(weight >= 0 for weight in weights.values()) or not math.isclose(sum(weights.values()), 1):
        raise damaged(path, "its weights are no shares of 1")
    if not all(map(math.isfinite, fitted.values())):
        raise damaged(path, "its scores are no numbers")
    answers_NC = mixed(list(weights.values()), [one.answers_SNX for one in members])
    return Ensemble(
        path.parent.name, weights, validation, answers_NC, metrics.all_metrics(answers_NC, labels_N)
    )


def mixed(weights_K: Sequence[float], answers_KSNC: Sequence[np.ndarray]) -> np.ndarray:
    """Return p_NC: the mean over seeds of each network, weighted, as the stage `ensemble` has it."""
    return weighted(np.array(weights_K), np.stack([one_SNC.mean(axis=0) for one_SNC in answers_KSNC]))
