"""Networks that are scored alike: their spread, each pair's difference, who is told apart from whom.

Axes: K networks and after them ensembles and floors, S seeds, N test rows, X what an answer has (C
classes; for next words 1), B resamples, P pairs.
"""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import ClassVar

import numpy as np

from unroll.comparison import costs, significance, trials
from unroll.comparison.ensembles import Ensemble
from unroll.comparison.results import Floor, Result, Rows
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

MORE_SEEDS = (3, 5, 10, 20)


class Contest(ABC):
    """Networks scored by the same headline; ensembles and floors, which answer alike for every seed."""

    task: ClassVar[str]
    of_words: ClassVar[bool]
    metrics: ClassVar[tuple[str, ...]]
    tested: ClassVar[tuple[str, ...]]
    """Those with a test of every pair."""

    def __init__(
        self,
        results: list[Result],
        rows: Rows,
        rules: Comparison,
        published: tuple[Published, ...],
        ensembles: Sequence[Ensemble] = (),
        floors: Sequence[Floor] = (),
    ) -> None:
        self.headline = results[0].report["headline"]
        self.results = sorted(results, key=lambda one: (_rank(one.report["mean"], self.headline), one.name))
        self.rows, self.rules, self.published = rows, rules, published
        self.ensembles, self.floors = ensembles, floors
        once = (*ensembles, *floors)
        self.names = [one.name for one in (*self.results, *once)]
        seeds = len(self.results[0].seeds)
        self.answers_KSNX = np.stack(
            [one.answers_SNX for one in self.results] + [np.stack([one.answers_NC] * seeds) for one in once]
        )
        self.pairs = list(itertools.combinations(range(len(self.names)), 2))
        each = [list(one.report["seeds"].values()) for one in self.results]
        each += [[one.scores] * seeds for one in once]
        self.observed_KS = {
            metric: np.array([[scores[metric] for scores in of_seeds] for of_seeds in each])
            for metric in self.metrics
        }

    @abstractmethod
    def resampled(self) -> dict[str, np.ndarray]:
        """Return values_BKS of the metrics that bootstrapped rows give."""

    @abstractmethod
    def chances(self) -> dict[str, np.ndarray]:
        """Return for each tested metric p_P: how often chance alone tells a pair's rows so far apart."""

    @abstractmethod
    def reference(self) -> dict:
        """Return what a system scores that reads nothing."""

    def of_network(self, place: int) -> dict:
        """Return what else there is to say of one network."""
        return {}

    def of_all(self) -> dict:
        """Return the rows that are hard for all, and those on which two networks disagree."""
        return {"hard": [], "disagreements": [], "texts": {}}

    def document(self) -> dict:
        resampled = self.resampled()
        differences = {metric: self._differences(metric, resampled) for metric in self.tested}
        pairs = list(self._compared(differences, resampled)) if self.pairs else []
        groups = {metric: self._groups(metric, pairs) for metric in self.tested}
        found = {
            "task": self.task,
            "headline": self.headline,
            "metrics": list(self.metrics),
            "tested": list(self.tested),
            "labels": [] if self.of_words else self.results[0].report["labels"],
            "references": [
                self.reference(),
                *(
                    {"system": one.system, "source": one.source, "scores": {one.metric: one.value}}
                    for one in self.published
                    if not self.of_words
                ),
            ],
            "networks": [self._network(place, resampled, groups) for place in range(len(self.results))],
            "ensembles": [self._ensemble(one, resampled, groups) for one in self.ensembles],
            "floors": [self._floor(one, resampled, groups) for one in self.floors],
            "trials": trials.expected_best(
                [best for one in self.results for best in self._best(one)], lower_is_better(self.headline)
            ),
            "pairs": pairs,
            "power": {
                metric: self._power(of_networks)
                for metric, intervals in differences.items()
                if (
                    of_networks := [
                        one for one, pair in zip(intervals, self.pairs, strict=True) if self._vary(pair)
                    ]
                )
            },
            **self.of_all(),
        }
        return {"verdict": verdict(found, self.rules.level)} | found

    def _network(self, place: int, resampled: dict[str, np.ndarray], groups: dict[str, dict]) -> dict:
        one = self.results[place]
        spec = one.report["spec"]
        return {
            "name": one.name,
            "cell": spec["cell"],
            "bidirectional": spec.get("bidirectional", False),
            "pooling": spec["pooling"],
            "supervision": one.report["supervision"],
            "vectors": spec["embedding"]["vectors"],
            **self._cost(one),
            "scores": {metric: self._scores(place, metric, resampled, groups) for metric in self.metrics},
            "curves": one.curves,
            "best_epochs": one.report["best_epochs"],
            "trials": trials.expected_best(self._best(one), lower_is_better(self.headline)),
            **self.of_network(place),
        }

    def _cost(self, one: Result) -> dict:
        return costs.of_network(one, float(self.rows.lengths_N.mean()))

    def _ensemble(self, one: Ensemble, resampled: dict[str, np.ndarray], groups: dict[str, dict]) -> dict:
        members = [self._cost(result) for result in self.results if result.name in one.weights]
        return {
            "name": one.name,
            "networks": one.weights,
            "validation": one.validation,
            **costs.together(members, len(self.results[0].seeds)),
            "scores": self._scores_once(one, resampled, groups),
        }

    def _floor(self, one: Floor, resampled: dict[str, np.ndarray], groups: dict[str, dict]) -> dict:
        return {
            "name": one.name,
            "system": one.report["system"],
            "parameters": one.report["parameters"],
            "operations": {"text": one.report["operations"], "training": None},
            "scores": self._scores_once(one, resampled, groups),
        }

    def _scores_once(
        self, one: Ensemble | Floor, resampled: dict[str, np.ndarray], groups: dict[str, dict]
    ) -> dict:
        """Return what it scores by each metric, and of other test rows; of other seeds nothing is known."""
        place, scores = self.names.index(one.name), {}
        for metric, mean in ((metric, one.scores[metric]) for metric in self.metrics):
            rows = None
            if metric in resampled:
                rows = two_level(np.array([mean]), resampled[metric][:, place, :1], self.rules.level)
            scores[metric] = {
                "seeds": [],
                "mean": mean,
                "std": None,
                "low": None,
                "high": None,
                "both_low": rows and rows.low,
                "both_high": rows and rows.high,
                "ensemble": None,
                "group": groups.get(metric, {}).get(one.name, ""),
            }
        return scores

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

    def _compared(
        self, differences: dict[str, list[Interval]], resampled: dict[str, np.ndarray]
    ) -> Iterator[dict]:
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
                    "a": self.names[a],
                    "b": self.names[b],
                    "difference": one.mean,
                    "low": one.low,
                    "high": one.high,
                    "p_rows": float(chances[metric][place]),
                    "p": float(p_both[place]),
                    "p_holm": float(corrected[place]),
                    # In deviations over seeds, of which what answers once has none.
                    "effect": hedges_g(observed_KS[a], observed_KS[b]) if self._vary((a, b)) else None,
                    "detectable": self._detectable(one),
                    **self._over_rows(metric, place, resampled),
                }

    def _over_rows(self, metric: str, place: int, resampled: dict[str, np.ndarray]) -> dict:
        """Return how sure a pair's difference is for these very seeds: over other test rows alone."""
        a, b = self.pairs[place]
        observed_S = self.observed_KS[metric][a] - self.observed_KS[metric][b]
        resampled_B = (resampled[metric][:, a] - resampled[metric][:, b]).mean(axis=1)
        one = two_level(np.array([observed_S.mean()]), resampled_B[:, None], self.rules.level)
        return {"rows_low": one.low, "rows_high": one.high, "rows_detectable": self._detectable(one)}

    def _differences(self, metric: str, resampled: dict[str, np.ndarray]) -> list[Interval]:
        observed_KS, values_BKS = self.observed_KS[metric], resampled[metric]
        return [
            two_level(observed_KS[a] - observed_KS[b], values_BKS[:, a] - values_BKS[:, b], self.rules.level)
            for a, b in self.pairs
        ]

    def _groups(self, metric: str, pairs: list[dict]) -> dict[str, str]:
        ranks = {one.name: _rank(one.report["mean"], metric) for one in self.results}
        ranks |= {one.name: _rank(one.scores, metric) for one in (*self.ensembles, *self.floors)}
        best_first = sorted(ranks, key=lambda name: (ranks[name], name))
        different = {
            frozenset((pair["a"], pair["b"]))
            for pair in pairs
            if pair["metric"] == metric and told_apart(pair, self.rules.level)
        }
        return significance.letters(best_first, different)

    def _vary(self, pair: tuple[int, int]) -> bool:
        """Whether both of a pair are networks, which other seeds would make others."""
        return max(pair) < len(self.results)

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


def _rank(scores: dict[str, float], metric: str) -> float:
    """Return the metric so that the best comes first."""
    return scores[metric] if lower_is_better(metric) else -scores[metric]
