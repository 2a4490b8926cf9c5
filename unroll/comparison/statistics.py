"""How sure a figure is.

Axes: S seeds, B resamples of the test rows.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

SEEDS_LIMIT = 0.8
"""Confidence of the limit of the seeds' variance that decides the freedom of `two_level`."""


@dataclass(frozen=True)
class Spread:
    """Mean, sample standard deviation and 95 % interval of the mean; None where one value says nothing."""

    mean: float
    std: float | None
    low: float | None
    high: float | None


def spread(values: Sequence[float], level: float = 0.95) -> Spread:
    """Student's t interval over independent seeds (Student 1908).

    It speaks of other seeds on the same test rows, not of other test rows.
    """
    count, mean = len(values), math.fsum(values) / len(values)
    if count == 1:
        return Spread(mean, None, None, None)
    std = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (count - 1))
    half = float(stats.t.ppf((1 + level) / 2, count - 1)) * std / math.sqrt(count)
    return Spread(mean, std, mean - half, mean + half)


def difference(ours: Sequence[float], theirs: Sequence[float], level: float = 0.95) -> Spread:
    """Welch's interval of mean(ours) - mean(theirs): neither as many seeds nor as much spread are assumed.

    The standard deviation is that of the difference of the means; None where one side is one seed.
    """
    one, other = spread(ours), spread(theirs)
    mean = one.mean - other.mean
    if one.std is None or other.std is None:
        return Spread(mean, None, None, None)
    shares = [(one.std**2 / len(ours), len(ours)), (other.std**2 / len(theirs), len(theirs))]
    variance = math.fsum(share for share, _ in shares)
    if variance == 0:
        return Spread(mean, 0.0, mean, mean)
    freedom = variance**2 / math.fsum(share**2 / (count - 1) for share, count in shares)
    half = float(stats.t.ppf((1 + level) / 2, freedom)) * math.sqrt(variance)
    return Spread(mean, math.sqrt(variance), mean - half, mean + half)


@dataclass(frozen=True)
class Interval:
    """What is known of a mean over seeds and test rows both, by Student's t."""

    mean: float
    low: float
    high: float
    standard_error: float
    freedom: float
    seed_part: float | None
    """The variance that more seeds would divide, of one seed; None where one seed cannot tell."""
    row_part: float
    """The variance that stays however many seeds there are."""

    def p_value(self) -> float:
        """Return the two-sided p of a true mean of zero."""
        if self.standard_error == 0:
            return 1.0 if self.mean == 0 else 0.0
        return float(2 * stats.t.sf(abs(self.mean) / self.standard_error, self.freedom))


def two_level(observed_S: np.ndarray, resampled_BS: np.ndarray, level: float = 0.95) -> Interval:
    """Return the interval over seeds and test rows, from a bootstrap of the rows alone.

    `observed_S` holds a figure of each seed, `resampled_BS` the same on B draws of the rows, one draw for
    all seeds. Of two networks, their differences give the interval of the difference, paired over both.
    Seeds and rows are crossed random effects: the variance of the mean is a^2/S + b^2/N + ab^2/(S N).
    Resampling both ways counts the interaction ab three times (Owen 2007, Annals of Applied Statistics,
    theorem 3), and resampling 3 seeds shows 2/3 of their variance. So the parts are taken one by one. The
    variance over draws of the mean over seeds, V_r, holds b^2/N + ab^2/(S N); the mean of the seeds'
    own, V_1, holds (b^2 + ab^2)/N; hence the interaction V_i = (V_1 - V_r)/(S - 1) = ab^2/(S N). The
    variance s^2 between seeds holds a^2 + ab^2/N, so that V = max(s^2/S - V_i, 0) + V_r.

    Satterthwaite's freedom (1946) with s^2 put in for its expectation is too great whenever s^2 happens
    to be small, which is when V is too small too: with 3 seeds 95 % intervals then cover down to 92 %, with 2
    87 %. The upper 80 % confidence limit of the seeds' variance put in instead keeps them at 95 % or
    more in every mixture of the parts, exactly 95 % where either is nothing. (At a level of 99 % and 3
    seeds they cover 98.5 %.)

    One seed says nothing of others: the interval is then of the rows alone, normal, `freedom` infinite.

    A resampled ECE lies above the observed one, since noise in a bin adds to its distance: ECE itself is
    larger on fewer rows. The interval takes only the spread of the draws, not their place; it is one of
    the ECE that tests of this size give on average, not of the error that an endless test would show.
    """
    seeds, mean = len(observed_S), float(np.mean(observed_S))
    of_mean = float(resampled_BS.mean(axis=1).var(ddof=1))
    if seeds == 1:
        return _interval(mean, of_mean, math.inf, level, None, of_mean)
    of_one = float(resampled_BS.var(axis=0, ddof=1).mean())
    # Sampling noise can make the estimate exceed the whole of which it is a part.
    interaction = min(max((of_one - of_mean) / (seeds - 1), 0.0), of_mean)
    between, row_part = float(np.var(observed_S, ddof=1)), of_mean - interaction
    variance = max(between / seeds, interaction) + row_part
    freedom = _freedom(between / seeds, interaction, row_part, seeds)
    return _interval(mean, variance, freedom, level, max(between, seeds * interaction), row_part)


def _interval(
    mean: float, variance: float, freedom: float, level: float, seed_part: float | None, row_part: float
) -> Interval:
    error = math.sqrt(variance)
    half = float(stats.t.ppf((1 + level) / 2, freedom)) * error
    return Interval(mean, mean - half, mean + half, error, freedom, seed_part, row_part)


def _freedom(of_seeds: float, interaction: float, row_part: float, seeds: int) -> float:
    """Return Satterthwaite's degrees of freedom at the upper 80 % limit of the seeds' variance."""
    limit = of_seeds * (seeds - 1) / float(stats.chi2.ppf(1 - SEEDS_LIMIT, seeds - 1))
    if limit == 0:
        return math.inf
    return (seeds - 1) * ((max(limit, interaction) + row_part) / limit) ** 2


def smallest_detectable(
    standard_error: float, freedom: float, level: float = 0.95, power: float = 0.8
) -> float:
    """Return the true difference that a two-sided t test finds with this power (Cohen 1988, chapter 2).

    Before correction for the number of comparisons; by the noncentral t distribution.
    """
    if standard_error == 0:
        return 0.0
    critical = float(stats.t.ppf((1 + level) / 2, freedom))

    # The chance of a difference found with the wrong sign is left out: it is below 1e-4 at such powers.
    def missing(shift: float) -> float:
        if freedom > 1e6:  # scipy's noncentral t gives NaN further on
            return float(stats.norm.sf(critical - shift)) - power
        return float(stats.nct.sf(critical, freedom, shift)) - power

    farthest = 2 * critical
    while missing(farthest) < 0:
        farthest *= 2
    return standard_error * float(optimize.brentq(missing, 0.0, farthest))


def detectable_with_seeds(
    seed_part: float, row_part: float, seeds: int, level: float = 0.95, power: float = 0.8
) -> float:
    """Return what `smallest_detectable` would be with so many seeds, at least 2, on the same test rows.

    The parts are an Interval's.
    """
    of_seeds = seed_part / seeds
    freedom = _freedom(of_seeds, 0.0, row_part, seeds)
    return smallest_detectable(math.sqrt(of_seeds + row_part), freedom, level, power)


def hedges_g(ours_S: Sequence[float], theirs_S: Sequence[float]) -> float | None:
    """Return the difference of the means in pooled standard deviations, unbiased (Hedges 1981, eq. 6e).

    None with one seed, or where neither side varies.
    """
    if min(len(ours_S), len(theirs_S)) < 2:
        return None
    one, other = spread(ours_S), spread(theirs_S)
    freedom = len(ours_S) + len(theirs_S) - 2
    pooled = ((len(ours_S) - 1) * one.std**2 + (len(theirs_S) - 1) * other.std**2) / freedom
    if pooled == 0:
        return None
    correction = math.exp(math.lgamma(freedom / 2) - math.lgamma((freedom - 1) / 2)) / math.sqrt(freedom / 2)
    return correction * (one.mean - other.mean) / math.sqrt(pooled)
