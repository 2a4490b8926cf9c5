"""Networks that are scored alike: their spread, each pair's difference, who is told apart from whom.

Axes: K networks, S seeds, N test rows, X what an answer has (C classes; for next words 1), B resamples,
P pairs.
"""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from unroll.comparison import significance, trials
from unroll.comparison.results import Result, Rows
from unroll.comparison.scores import lower_is_better
from unroll.comparison.spec import Comparison, Published
from unroll.comparison.statistics import (
    Interval,
    detectable_with_seeds,
    hedges_g,
    smallest_detectable,
    spread,
    two_level,
)
from unroll.comparison.verdict import told_apart, verdict
from unroll.evaluation.cost import Operations

MORE_SEEDS = (3, 5, 10, 20)


class Contest(ABC):
    """Networks that are scored by the same headline."""

    task: ClassVar[str]
    of_words: ClassVar[bool]
    metrics: ClassVar[tuple[str, ...]]
    tested: ClassVar[tuple[str, ...]]
    """Those with a test of every pair."""

    def __init__(
        self, results: list[Result], rows: Rows, rules: Comparison, published: tuple[Published, ...]
    ) -> None:
        self.headline = results[0].report["headline"]
        self.results = sorted(results, key=lambda one: (self._rank(one, self.headline), one.name))
        self.rows, self.rules, self.published = rows, rules, published
        self.answers_KSNX = np.stack([one.answers_SNX for one in self.results])
        self.pairs = list(itertools.combinations(range(len(self.results)), 2))
        self.observed_KS = {
            metric: np.array(
                [[scores[metric] for scores in one.report["seeds"].values()] for one in self.results]
            )
            for metric in self.metrics
        }

    @abstractmethod
    def resampled(self) -> dict[str, np.ndarray]:
        """Return values_BKS of the metrics that bootstrapped rows give."""

    @abstractmethod
    def chances(self) -> dict[str, np.ndarray]:
        """Return for each tested metric p_P: how often chance alone tells a pair's rows so far apart."""

    @abstractmethod
    def floor(self) -> dict:
        """Return what a system scores that reads nothing, as a reference."""

    def of_network(self, place: int) -> dict:
        """Return what else there is to say of one network."""
        return {}

    def of_all(self) -> dict:
        """Return the rows that are hard for all, and those on which two networks disagree."""
        return {"hard": [], "disagreements": [], "texts": {}}

    def document(self) -> dict:
        resampled = self.resampled()
        differences = {metric: self._differences(metric, resampled) for metric in self.tested}
        pairs = list(self._compared(differences)) if self.pairs else []
        groups = {metric: self._groups(metric, pairs) for metric in self.tested}
        found = {
            "task": self.task,
            "headline": self.headline,
            "metrics": list(self.metrics),
            "tested": list(self.tested),
            "labels": [] if self.of_words else self.results[0].report["labels"],
            "references": [
                self.floor(),
                *(
                    {"system": one.system, "source": one.source, "scores": {one.metric: one.value}}
                    for one in self.published
                    if not self.of_words
                ),
            ],
            "networks": [self._network(place, resampled, groups) for place in range(len(self.results))],
            "trials": trials.expected_best(
                [best for one in self.results for best in self._best(one)], lower_is_better(self.headline)
            ),
            "pairs": pairs,
            "power": {
                metric: self._power(intervals) for metric, intervals in differences.items() if intervals
            },
            **self.of_all(),
        }
        return {"verdict": verdict(found, self.rules.level)} | found

    def _rank(self, one: Result, metric: str) -> float:
        mean = one.report["mean"][metric]
        return mean if lower_is_better(metric) else -mean

    def _network(self, place: int, resampled: dict[str, np.ndarray], groups: dict[str, dict]) -> dict:
        one = self.results[place]
        spec = one.report["spec"]
        read = [
            [sum(epoch[unit] for epoch in one.curves if epoch["seed"] == seed) for seed in one.seeds]
            for unit in ("tokens", "rows")
        ]
        tokens, rows = (float(np.mean(counts)) for counts in read)
        counted = one.report["operations"]
        forward = Operations(counted["token"], counted["row"])
        training = forward.of_training(tokens, rows)
        if before := counted.get("pretraining"):
            passes = before["epochs"] * len(one.seeds) / len(one.curves)  # in those of the training
            pretrained = Operations(before["token"], before["row"])
            training += pretrained.of_training(passes * tokens, passes * rows)
        return {
            "name": one.name,
            "cell": spec["cell"],
            "bidirectional": spec.get("bidirectional", False),
            "pooling": spec["pooling"],
            "supervision": one.report["supervision"],
            "vectors": spec["embedding"]["vectors"],
            "parameters": one.report["parameters"],
            "operations": {
                "text": round(forward.of_text(float(self.rows.lengths_N.mean()))),
                "training": round(training),
            },
            "tokens_trained": tokens,
            "scores": {metric: self._scores(place, metric, resampled, groups) for metric in self.metrics},
            "curves": one.curves,
            "best_epochs": one.report["best_epochs"],
            "trials": trials.expected_best(self._best(one), lower_is_better(self.headline)),
            **self.of_network(place),
        }

    def _best(self, one: Result) -> list[float]:
        """The headline on validation of each seed's best epoch."""
        chosen = dict(zip(one.seeds, one.report["best_epochs"], strict=True))
        return [
            epoch[f"validation_{self.headline}"]
            for epoch in one.curves
            if epoch["epoch"] == chosen[epoch["seed"]]
        ]

    def _scores(
        self, place: int, metric: str, resampled: dict[str, np.ndarray], groups: dict[str, dict]
    ) -> dict:
        values = self.observed_KS[metric][place].tolist()
        seeds = spread(values, self.rules.level)
        both = None
        if metric in resampled:
            both = two_level(np.array(values), resampled[metric][:, place], self.rules.level)
        return {
            "seeds": values,
            "mean": seeds.mean,
            "std": seeds.std,
            "low": seeds.low,
            "high": seeds.high,
            "both_low": both and both.low,
            "both_high": both and both.high,
            "ensemble": self.results[place].report["ensemble"].get(metric),
            "group": groups.get(metric, {}).get(self.results[place].name, ""),
        }

    def _compared(self, differences: dict[str, list[Interval]]) -> Iterator[dict]:
        chances = self.chances()
        for metric, intervals in differences.items():
            # A difference is one only if neither other rows nor other seeds explain it: of two tests the
            # one that is less sure (an intersection-union test: Berger 1982, Technometrics 24).
            p_both = [max(p, one.p_value()) for p, one in zip(chances[metric], intervals, strict=True)]
            corrected = significance.holm(p_both)
            for place, (a, b) in enumerate(self.pairs):
                observed_KS, one = self.observed_KS[metric], intervals[place]
                yield {
                    "metric": metric,
                    "a": self.results[a].name,
                    "b": self.results[b].name,
                    "difference": one.mean,
                    "low": one.low,
                    "high": one.high,
                    "p_rows": float(chances[metric][place]),
                    "p": float(p_both[place]),
                    "p_holm": float(corrected[place]),
                    "effect": hedges_g(observed_KS[a], observed_KS[b]),
                    "detectable": self._detectable(one),
                }

    def _differences(self, metric: str, resampled: dict[str, np.ndarray]) -> list[Interval]:
        observed_KS, values_BKS = self.observed_KS[metric], resampled[metric]
        return [
            two_level(observed_KS[a] - observed_KS[b], values_BKS[:, a] - values_BKS[:, b], self.rules.level)
            for a, b in self.pairs
        ]

    def _groups(self, metric: str, pairs: list[dict]) -> dict[str, str]:
        best_first = [
            one.name for one in sorted(self.results, key=lambda one: (self._rank(one, metric), one.name))
        ]
        different = {
            frozenset((pair["a"], pair["b"]))
            for pair in pairs
            if pair["metric"] == metric and told_apart(pair, self.rules.level)
        }
        return significance.letters(best_first, different)

    def _detectable(self, interval: Interval) -> float:
        return smallest_detectable(interval.standard_error, interval.freedom, self.rules.level)

    def _power(self, intervals: list[Interval]) -> dict:
        """What the median pair could have shown, with these seeds and with others."""
        with_seeds = {
            str(seeds): float(
                np.median(
                    [
                        detectable_with_seeds(one.seed_part, one.row_part, seeds, self.rules.level)
                        for one in intervals
                    ]
                )
            )
            for seeds in MORE_SEEDS
            if intervals[0].seed_part is not None
        }
        return {
            "detectable": float(np.median([self._detectable(one) for one in intervals])),
            "with_seeds": with_seeds,
        }
