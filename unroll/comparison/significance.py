"""Whether a difference can be chance: one pair at a time, then corrected for how many there are.

Axes: S seeds, N rows.
"""

from collections.abc import Sequence
from itertools import combinations
from string import ascii_lowercase

import numpy as np
from scipy import stats
from scipy.signal import upfirdn
from statsmodels.stats.multitest import multipletests

NEGLIGIBLE = 1e-40
"""Chances below this share of the largest are left out of a sum; smaller p are given as this."""


def mcnemar_exact(right_a_SN: np.ndarray, right_b_SN: np.ndarray) -> float:
    """Return the exact two-sided p that two networks are right equally often (McNemar 1947).

    With several seeds, row n counts d_n = how many more of a's seeds than of b's got it right. Were the
    networks alike, each d_n would have either sign with equal chance (Fisher's randomisation test, 1935),
    so that the sum over rows is a sum of k (2 Binomial(m_k, 1/2) - m_k) over k = 1 .. S, where m_k rows
    have |d_n| = k. With one seed that is McNemar's exact test. It takes the trained networks as they are:
    of other seeds it says nothing.
    """
    surplus_N = right_a_SN.sum(axis=0, dtype=int) - right_b_SN.sum(axis=0, dtype=int)
    rows_K = np.bincount(np.abs(surplus_N))
    chances, lowest = np.ones(1), 0
    for surplus, rows in enumerate(rows_K[1:], start=1):
        wins = np.arange(rows + 1)
        binomial = stats.binom.pmf(wins, rows, 0.5)
        kept = wins[binomial > NEGLIGIBLE * binomial.max()]
        # Convolves with the binomial, its values `surplus` apart.
        chances = upfirdn(chances, binomial[kept], up=surplus)
        lowest += surplus * kept[0]
    wins = lowest + np.arange(len(chances))
    sums = 2 * wins - np.arange(len(rows_K)) @ rows_K
    p = chances[np.abs(sums) >= abs(surplus_N.sum())].sum()
    return float(np.clip(p, NEGLIGIBLE, 1.0))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p adjusted so that any false alarm among them all has the chance of one (Holm 1979)."""
    return multipletests(p_values, method="holm")[1].tolist() if len(p_values) else []


def letters(names_best_first: Sequence[str], different: set[frozenset[str]]) -> dict[str, str]:
    """Return the compact letter display of networks by the insert-and-absorb algorithm (Piepho 2004).

    Those that share a letter have not been told apart; a pair in `different` shares none. The best has
    "a". After "z" comes "a'".
    """
    rank = {name: place for place, name in enumerate(names_best_first)}
    groups = [frozenset(names_best_first)]
    for pair in combinations(names_best_first, 2):
        if frozenset(pair) not in different:
            continue
        split = [group for group in groups if not group.issuperset(pair)]
        split += [group - {name} for group in groups if group.issuperset(pair) for name in pair]
        # A group within another says nothing that the larger does not; of equal ones one is kept.
        groups = [one for one in dict.fromkeys(split) if not any(one < other for other in split)]
    in_order = sorted(groups, key=lambda group: sorted(rank[name] for name in group))
    signs = [ascii_lowercase[place % 26] + "'" * (place // 26) for place in range(len(in_order))]
    return {
        name: "".join(sign for sign, group in zip(signs, in_order, strict=True) if name in group)
        for name in names_best_first
    }
