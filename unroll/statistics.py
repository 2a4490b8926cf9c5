"""How sure a figure is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import stats


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
