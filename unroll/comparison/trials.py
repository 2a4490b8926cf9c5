"""What a budget of trials can be expected to find."""

import math
from collections.abc import Sequence


def expected_best(values: Sequence[float], lower_is_better: bool) -> list[float]:
    """Return the expected best of n trials, n = 1 .. len(values), drawn without replacement.

    The expected validation score of Dodge et al. (2019, EMNLP, equation 3) draws with replacement, which
    is biased: it is too low for every n above 1. The mean best over all subsets of n is not (Tang et al.
    2020, ACL, section 4).
    """
    best_last = sorted(values, reverse=lower_is_better)
    total = len(best_last)
    # The value in place i (from 0) is the best of the comb(i, n - 1) subsets that it closes.
    return [
        math.fsum(
            value * (math.comb(place, drawn - 1) / math.comb(total, drawn))
            for place, value in enumerate(best_last)
        )
        for drawn in range(1, total + 1)
    ]
