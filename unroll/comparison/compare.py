"""The networks of one corpus, held against each other: one document with all that can be said of them.

Axes: K networks, S seeds, N test rows, X what an answer has (C classes; for next words 1), B resamples,
P pairs.
"""

from collections.abc import Collection, Iterator, Sequence
from functools import partial

import numpy as np

from unroll.comparison import breakdown, resampling, significance
from unroll.comparison.contest import Contest
from unroll.comparison.ensembles import Ensemble
from unroll.comparison.results import Floor, Result, Rows
from unroll.comparison.scores import METRICS, NEXT_WORD_METRICS
from unroll.comparison.spec import Comparison, Published
from unroll.comparison.statistics import two_level
from unroll.comparison.verdict import listed
from unroll.metrics import all_metrics

RESAMPLES_OF_BANDS = 1000
"""At most: every band of rows is a bootstrap of its own."""


def document(
    corpus: str,
    title: str,
    published: tuple[Published, ...],
    results: list[Result],
    rows: Rows,
    rules: Comparison,
    floors: Sequence[Floor] = (),
    encoders: Collection[str] = (),
    ensembles: Sequence[Ensemble] = (),
) -> dict:
    """Return the comparison of one corpus's networks, as JSON can hold it: proportions, not percent.

    `ensembles` and `floors` are held against its classifiers; `encoders` are those word vectors that a
    transformer made.
    """
    source = results[0].report["source"]
    fallback = [source["fallback"]] if "fallback" in source else []
    contests = []
    for kind in (Classification, NextWords):
        if entered := [one for one in results if (one.report["headline"] == "perplexity") == kind.of_words]:
            single = ((), ()) if kind.of_words else (ensembles, floors)
            contests.append(kind(entered, rows, rules, published, *single))
    return {
        "corpus": corpus,
        "title": title,
        "source": source,
        "warnings": [*fallback, *source["differences"], *_of_transformers(results, encoders, ensembles)],
        "rows": len(rows.numbers_N),
        "seeds": results[0].seeds,
        "level": rules.level,
        "resamples": rules.resamples,
        "tasks": [contest.document() for contest in contests],
    }


def _of_transformers(
    results: list[Result], encoders: Collection[str], ensembles: Sequence[Ensemble]
) -> Iterator[str]:
    """Yield one warning of all that a transformer has a part in."""
    read = {
        one.name: [name for name in one.report["spec"]["embedding"]["vectors"] if name in encoders]
        for one in results
    }
    readers = [name for name, vectors in read.items() if vectors]
    tutors = {one.name: tutor for one in results if (tutor := one.report["spec"].get("tutor"))}
    parts = []
    if readers:
        made = listed(sorted({name for vectors in read.values() for name in vectors}))
        parts.append(f"{_clause(readers, 'read')} word vectors that a transformer made ({made})")
    if tutors:
        who = listed(sorted(set(tutors.values())))
        parts.append(
            f"{_clause([*tutors], 'learn')} from what a transformer makes of the training rows ({who})"
        )
    if not parts:
        return
    knowing = {*readers, *tutors}
    if asking := [one.name for one in ensembles if not one.weights.keys().isdisjoint(knowing)]:
        parts.append(f"{_clause(asking, 'ask')} such networks")
        if taught := [one.name for one in results if one.report["spec"].get("teacher") in asking]:
            parts.append(f"{_clause(taught, 'learn')} from such an ensemble")
    yield "; ".join(parts)


def _clause(names: list[str], verb: str) -> str:
    """Return "a reads", "a and b read"."""
    return f"{listed(names)} {verb}{'s' if len(names) == 1 else ''}"


class Classification(Contest):
    task = "classification"
    of_words = False
    metrics = METRICS
    tested = ("accuracy", "macro_recall", "macro_f1", "loss")

    def resampled(self) -> dict[str, np.ndarray]:
        return resampling.bootstrap_classes(
            self.answers_KSNX, self.rows.labels_N, self.rules.resamples, self.rules.seed
        )

    def chances(self) -> dict[str, np.ndarray]:
        right_KSN = self.answers_KSNX.argmax(axis=-1) == self.rows.labels_N
        exact = [significance.mcnemar_exact(right_KSN[a], right_KSN[b]) for a, b in self.pairs]
        return {"accuracy": np.array(exact)} | resampling.approximate_randomisation(
            self.answers_KSNX, self.rows.labels_N, self.pairs, self.rules.resamples, self.rules.seed
        )

    def reference(self) -> dict:
        return {"system": "majority class", "source": "", "scores": self.results[0].report["majority"]}

    def of_network(self, place: int) -> dict:
        answers_SNC, labels_N = self.answers_KSNX[place], self.rows.labels_N
        by_length = breakdown.bands(self.rows.lengths_N)
        by_unknown = breakdown.bands(self.rows.unknown_N, zero_apart=True)
        interval = partial(self._interval_in_band, place)
        return {
            "confusion": breakdown.confusion(answers_SNC, labels_N),
            "calibration": breakdown.calibration(answers_SNC, labels_N),
            "by_length": breakdown.scores_in_bands(answers_SNC, labels_N, by_length, self.headline, interval),
            "by_unknown": breakdown.scores_in_bands(
                answers_SNC, labels_N, by_unknown, self.headline, interval
            ),
        }

    def _interval_in_band(self, place: int, chosen_n: np.ndarray) -> tuple[float, float]:
        answers_1SnC, labels_n = self.answers_KSNX[[place]][:, :, chosen_n], self.rows.labels_N[chosen_n]
        resamples = min(self.rules.resamples, RESAMPLES_OF_BANDS)
        resampled = resampling.bootstrap_classes(answers_1SnC, labels_n, resamples, self.rules.seed)
        observed_S = [all_metrics(answers_nC, labels_n)[self.headline] for answers_nC in answers_1SnC[0]]
        found = two_level(np.array(observed_S), resampled[self.headline][:, 0], self.rules.level)
        return found.low, found.high

    def of_all(self) -> dict:
        answers = breakdown.Answers(
            [one.name for one in self.results],
            self.answers_KSNX[: len(self.results)],
            self.rows.labels_N,
            self.rows.numbers_N,
            self.rows.texts,
        )
        disagreements, texts = breakdown.disagreements(answers)
        return {"hard": breakdown.hard_rows(answers), "disagreements": disagreements, "texts": texts}


class NextWords(Contest):
    task = "next_word"
    of_words = True
    metrics = NEXT_WORD_METRICS
    tested = ("perplexity", "loss")

    def resampled(self) -> dict[str, np.ndarray]:
        return resampling.bootstrap_words(
            self.answers_KSNX[..., 0], self.rows.predicted_words_N, self.rules.resamples, self.rules.seed
        )

    def chances(self) -> dict[str, np.ndarray]:
        return resampling.approximate_randomisation_words(
            self.answers_KSNX[..., 0],
            self.rows.predicted_words_N,
            self.pairs,
            self.rules.resamples,
            self.rules.seed,
        )

    def reference(self) -> dict:
        return {"system": "frequency of words", "source": "", "scores": self.results[0].report["unigrams"]}
