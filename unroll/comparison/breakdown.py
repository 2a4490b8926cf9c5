"""Where networks fail: by class, by confidence, by kind of text, and in which texts.

Pure functions from probabilities to what the document of a corpus says of them.

Axes: K networks, S seeds, N test rows, C classes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
from scipy.special import entr

from unroll import metrics

HEADLINES = {
    "accuracy": metrics.accuracy,
    "macro_recall": metrics.macro_recall,
    "macro_f1": metrics.macro_f1,
}
LONGEST_TEXT = 500
"""Characters."""
# Of what is shown for each text: a page holds some 10,000 such numbers.
DECIMALS = 4

Interval = Callable[[np.ndarray], tuple[float | None, float | None]]
"""Places of rows -> the ends of the interval of their score; None where there is none."""


def confusion(probabilities_SNC: np.ndarray, labels_N: np.ndarray) -> list[list[float]]:
    """Return counts, the mean over seeds: true class by row, predicted class by column."""
    classes = probabilities_SNC.shape[2]
    counts = [metrics.confusion(seed_N, labels_N, classes) for seed_N in probabilities_SNC.argmax(axis=2)]
    return np.mean(counts, axis=0).tolist()


def calibration(probabilities_SNC: np.ndarray, labels_N: np.ndarray) -> list[dict]:
    """Return mean confidence and accuracy in bins of equal confidence (Guo et al. 2017), where there are any.

    The rows of all seeds are counted together.
    """
    confidence = probabilities_SNC.max(axis=2).ravel()
    right = (probabilities_SNC.argmax(axis=2) == labels_N).ravel()
    bins = metrics.calibration_bins(confidence)
    rows, sums, hits = (np.bincount(bins, weights) for weights in (None, confidence, right))
    return [
        {
            "confidence": float(sums[place] / rows[place]),
            "accuracy": float(hits[place] / rows[place]),
            "rows": int(rows[place]),
        }
        for place in np.flatnonzero(rows)
    ]


@dataclass(frozen=True)
class Band:
    """The places of the rows whose values lie in [start, end]; some row has either end."""

    start: float
    end: float
    rows: np.ndarray


def bands(values_N: np.ndarray, at_most: int = 6, zero_apart: bool = False) -> list[Band]:
    """Return groups of about as many rows, by value; equal values stay together.

    A group smaller than half an equal share joins its neighbour: its score would be all noise. With
    `zero_apart` rows of exactly 0 are a group of their own, however few.
    """
    apart = zero_apart and bool((values_N == 0).any())
    ordered = np.sort(values_N[values_N != 0] if apart else values_N)
    ends = [0] if apart else []
    if len(ordered):
        ends += _quantiles(ordered, at_most - len(ends), least=len(values_N) / (2 * at_most))
    groups = np.searchsorted(ends, values_N)
    found = [np.flatnonzero(groups == place) for place in range(len(ends))]
    return [Band(_end(values_N[rows].min()), _end(values_N[rows].max()), rows) for rows in found]


def _quantiles(ordered: np.ndarray, parts: int, least: float) -> list:
    """Return the largest value of each part; each is a value that occurs."""
    wanted = np.unique(np.quantile(ordered, np.arange(1, parts + 1) / parts, method="inverted_cdf"))
    ends, begun = [], 0
    for end, below in zip(wanted, np.searchsorted(ordered, wanted, side="right"), strict=True):
        if below - begun >= least:
            ends.append(end)
            begun = below
    return [*ends[:-1], ordered[-1]]


def _end(value: np.generic) -> float:
    return int(value) if isinstance(value, np.integer) else round(float(value), DECIMALS)


def scores_in_bands(
    probabilities_SNC: np.ndarray,
    labels_N: np.ndarray,
    groups: Sequence[Band],
    headline: str,
    interval: Interval,
) -> list[dict]:
    """Return the headline metric within each band, its mean over seeds, and its interval.

    Classes that do not occur in a band have no say in its macro recall.
    """
    predicted_SN = probabilities_SNC.argmax(axis=2)
    classes = probabilities_SNC.shape[2]
    found = []
    for band in groups:
        labels_n = labels_N[band.rows]
        counts = [metrics.confusion(seed_n, labels_n, classes) for seed_n in predicted_SN[:, band.rows]]
        low, high = interval(band.rows)
        found.append(
            {
                "from": band.start,
                "to": band.end,
                "rows": len(band.rows),
                "score": float(np.mean([HEADLINES[headline](seed_CC) for seed_CC in counts])),
                "low": low,
                "high": high,
            }
        )
    return found


@dataclass(frozen=True)
class Answers:
    """What every run answered to every test row."""

    networks: Sequence[str]
    probabilities_KSNC: np.ndarray
    labels_N: np.ndarray
    rows_N: np.ndarray
    """Their numbers in the corpus."""
    texts: Sequence[str]

    @cached_property
    def mean_KNC(self) -> np.ndarray:
        return self.probabilities_KSNC.mean(axis=1)

    def shown(self, place: int) -> dict:
        """Return a row's text, its label, and each network's mean probabilities over seeds."""
        text = self.texts[place]
        return {
            "text": text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…",
            "label": int(self.labels_N[place]),
            "answers": {
                network: probabilities_NC[place].round(DECIMALS).tolist()
                for network, probabilities_NC in zip(self.networks, self.mean_KNC, strict=True)
            },
        }


def hard_rows(answers: Answers, at_most: int = 30) -> list[dict]:
    """Return the rows that more than half of the runs get wrong, those that most get wrong first.

    Of rows that equally many get wrong the one whose label has the least probability comes first.
    """
    labels_N = answers.labels_N
    wrong_N = (answers.probabilities_KSNC.argmax(axis=3) != labels_N).mean(axis=(0, 1))
    chance_N = answers.mean_KNC[:, np.arange(len(labels_N)), labels_N].mean(axis=0).round(DECIMALS)
    order = np.lexsort((answers.rows_N, chance_N, -wrong_N))[:at_most]
    return [
        {
            "row": int(answers.rows_N[place]),
            "wrong": round(float(wrong_N[place]), DECIMALS),
            **answers.shown(place),
        }
        for place in order
        if wrong_N[place] > 0.5
    ]


def disagreements(answers: Answers, at_most: int = 8) -> tuple[list[dict], dict[str, dict]]:
    """Return for each pair of networks the rows where they differ most, and those rows' texts.

    The distance is that of Jensen and Shannon to base 2, between mean probabilities over seeds: 0
    between equal answers, which are left out, 1 between certainties of two classes (Endres and
    Schindelin 2003, A new metric for probability distributions).
    """
    entropy_KN = entr(answers.mean_KNC).sum(axis=2)
    pairs, places = [], set()
    for a, b in combinations(range(len(answers.networks)), 2):
        between_N = entr((answers.mean_KNC[a] + answers.mean_KNC[b]) / 2).sum(axis=1)
        divergence_N = (between_N - (entropy_KN[a] + entropy_KN[b]) / 2) / np.log(2)
        # Rounded before they are ordered: equals to the eye stand by their rows.
        distance_N = np.sqrt(np.clip(divergence_N, 0, 1)).round(DECIMALS)
        order = np.lexsort((answers.rows_N, -distance_N))[:at_most]
        order = order[distance_N[order] > 0]
        places.update(order.tolist())
        rows = [{"row": int(answers.rows_N[place]), "distance": float(distance_N[place])} for place in order]
        pairs.append({"a": answers.networks[a], "b": answers.networks[b], "rows": rows})
    in_order = sorted(places, key=lambda place: int(answers.rows_N[place]))
    return pairs, {str(int(answers.rows_N[place])): answers.shown(place) for place in in_order}
