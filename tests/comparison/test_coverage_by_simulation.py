"""Thousands of invented comparisons whose truth is known: do the intervals cover it, how often is nothing
called something?

Whether run (k, s) is right about row n is the sign of a sum of normal effects: how good the network is and
how hard the class, what its seed adds, what the row adds for every network, for this network, for this run.
The true figure then is a normal probability. Axes: K networks, S seeds, N rows, C classes, T trials.
"""

from typing import NamedTuple

import numpy as np
import pytest
from scipy import stats

from unroll import metrics
from unroll.comparison import resampling, significance
from unroll.comparison.statistics import detectable_with_seeds, two_level

TRIALS, ROWS, RESAMPLES = 500, 240, 199
CLASSES = np.array([0.5, 0.3, 0.2])
EASE = np.array([0.3, 0.0, -0.2])
METRICS = ("accuracy", "macro_recall")


class Noise(NamedTuple):
    """Standard deviations of the effects."""

    seed: float
    row: float
    network_and_row: float
    run_and_row: float


REGIMES = {
    "seeds": Noise(0.3, 0.6, 0.2, 0.2),
    "rows": Noise(0.0, 0.6, 0.9, 0.3),
    "both": Noise(0.12, 0.6, 0.6, 0.6),
}


class Found(NamedTuple):
    """What T trials came to."""

    covered: dict[str, np.ndarray]
    """For each metric whether the interval of the first network's mean, and that of the difference, hold
    the truth: covered_T2."""
    p_TP: np.ndarray
    """Of the difference: two-level of each metric, McNemar, randomisation of macro recall."""


def invented(
    noise: Noise, better: float, seeds: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    labels_N = generator.choice(3, size=ROWS, p=CLASSES)
    effects_KSN = (
        np.array([0.0, better])[:, None, None]
        + EASE[labels_N]
        + noise.seed * generator.normal(size=(2, seeds, 1))
        + noise.row * generator.normal(size=ROWS)
        + noise.network_and_row * generator.normal(size=(2, 1, ROWS))
        + noise.run_and_row * generator.normal(size=(2, seeds, ROWS))
    )
    said_KSN = np.where(effects_KSN > 0, labels_N, (labels_N + 1) % 3)
    return np.eye(3)[said_KSN] * 0.7 + 0.1, labels_N


def truth(noise: Noise, better: float) -> dict[str, np.ndarray]:
    """Return the first network's figure and the difference from the second."""
    recall_KC = stats.norm.cdf((np.array([[0.0], [better]]) + EASE) / np.linalg.norm(noise))
    both = {"accuracy": recall_KC @ CLASSES, "macro_recall": recall_KC.mean(axis=1)}
    return {name: np.array([first, first - second]) for name, (first, second) in both.items()}


def simulate(noise: Noise, better: float, seeds: int) -> Found:
    generator, true = np.random.default_rng(7), truth(noise, better)
    covered, p_values = {name: [] for name in METRICS}, []
    for trial in range(TRIALS):
        probabilities, labels = invented(noise, better, seeds, generator)
        resampled = resampling.bootstrap_classes(probabilities, labels, RESAMPLES, trial)
        seen = [[metrics.all_metrics(run, labels) for run in network] for network in probabilities]
        p = []
        for name in METRICS:
            observed_KS = np.array([[scores[name] for scores in network] for network in seen])
            first_BS, second_BS = resampled[name].transpose(1, 0, 2)
            mean = two_level(observed_KS[0], first_BS)
            difference = two_level(observed_KS[0] - observed_KS[1], first_BS - second_BS)
            covered[name].append(
                [
                    one.low <= figure <= one.high
                    for one, figure in zip((mean, difference), true[name], strict=True)
                ]
            )
            p.append(difference.p_value())
        right_KSN = probabilities.argmax(axis=3) == labels
        p.append(significance.mcnemar_exact(*right_KSN))
        swaps = resampling.approximate_randomisation(probabilities, labels, [(0, 1)], RESAMPLES, trial)
        p_values.append([*p, swaps["macro_recall"][0]])
    return Found({name: np.array(found) for name, found in covered.items()}, np.array(p_values))


@pytest.fixture(scope="module", params=[(regime, seeds) for regime in REGIMES for seeds in (3, 5)], ids=str)
def alike(request) -> tuple[str, Found]:
    regime, seeds = request.param
    return regime, simulate(REGIMES[regime], 0.0, seeds)


def sampling_error(share: float, trials: int) -> float:
    """Return 3.3 standard errors of a share of trials: one true claim in 1,000 would miss it."""
    return 3.3 * np.sqrt(share * (1 - share) / trials)


def test_intervals_cover_the_truth_at_least_as_often_as_they_say(alike):
    _, found = alike
    for name, covered_T2 in found.covered.items():
        assert (covered_T2.mean(axis=0) > 0.95 - sampling_error(0.95, TRIALS)).all(), name


def test_intervals_are_not_wider_than_they_need_be_where_one_kind_of_noise_is_all_there_is(alike):
    regime, found = alike
    if regime != "both":
        for name, covered_T2 in found.covered.items():
            assert (covered_T2.mean(axis=0) < 0.95 + sampling_error(0.95, TRIALS)).all(), name


def test_under_no_difference_the_two_level_test_rejects_one_in_twenty_at_most(alike):
    _, found = alike
    assert ((found.p_TP[:, :2] <= 0.05).mean(axis=0) < 0.05 + sampling_error(0.05, TRIALS)).all()


def test_under_no_difference_the_tests_of_rows_reject_one_in_twenty_if_seeds_change_nothing(alike):
    regime, found = alike
    rejected = (found.p_TP[:, 2:] <= 0.05).mean(axis=0)
    if regime == "rows":
        assert (abs(rejected - 0.05) < sampling_error(0.05, TRIALS)).all()
    else:
        # They speak of these trained networks, which do differ: alone they would call luck a gain.
        assert (rejected > 0.1).all()


def test_of_tests_on_both_levels_the_larger_p_is_never_too_small(alike):
    _, found = alike
    for one, other in ((0, 2), (1, 3)):
        larger_T = np.maximum(found.p_TP[:, one], found.p_TP[:, other])
        assert (larger_T <= 0.05).mean() < 0.05 + sampling_error(0.05, TRIALS)


def test_a_difference_that_is_there_is_covered_too():
    for covered_T2 in simulate(REGIMES["both"], 0.3, 3).covered.values():
        assert (covered_T2.mean(axis=0) > 0.95 - sampling_error(0.95, TRIALS)).all()


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.9, 1.0])
def test_intervals_cover_the_truth_whatever_share_of_the_variance_is_the_seeds(seeds, share):
    # Rows that every seed reads alike; where most is the seeds', the usual freedom covers only 92 %.
    trials, generator = 3000, np.random.default_rng(3)
    covered = 0
    rows_B1 = np.sqrt((1 - share) / 2) * np.array([[1.0], [-1.0]])
    for _ in range(trials):
        luck = generator.normal(scale=np.sqrt(1 - share))
        seen_S = luck + generator.normal(scale=np.sqrt(share * seeds), size=seeds)
        found = two_level(seen_S, seen_S + rows_B1)
        covered += found.low <= 0 <= found.high
    assert covered / trials > 0.95 - sampling_error(0.95, trials)


def test_the_smallest_detectable_difference_is_found_four_times_in_five():
    # Of a seed's own variance 3, of the rows' 0.2.
    trials, seeds, generator = 2000, 4, np.random.default_rng(4)
    shift = detectable_with_seeds(3.0, 0.2, seeds)
    rows_B1 = np.sqrt(0.1) * np.array([[1.0], [-1.0]])
    seen_TS = (
        shift
        + generator.normal(scale=np.sqrt(0.2), size=(trials, 1))
        + generator.normal(scale=np.sqrt(3.0), size=(trials, seeds))
    )
    found = np.mean([two_level(seen_S, seen_S + rows_B1).p_value() < 0.05 for seen_S in seen_TS])
    assert found == pytest.approx(0.8, abs=0.04)
