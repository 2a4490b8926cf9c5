"""TF-IDF of word and character n-grams, and logistic regression on both: scikit-learn's, without seeds.

Axes: N rows, F n-grams, C classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from unroll import frames
from unroll.failures import Refusal
from unroll.floor.spec import Floor

ClassWeights = Literal["none", "balanced"]
MOST_ITERATIONS = 1000
"""Of L-BFGS: ten times scikit-learn's own, which a weak penalty exceeds."""


@dataclass(frozen=True)
class Rows:
    """A split."""

    numbers_N: np.ndarray
    tokens: Sequence[Sequence[str]]
    """All that is read of a text, as by the networks: of a tree the text itself holds the label."""
    labels_N: np.ndarray

    def answered(self, answers_NC: np.ndarray) -> pd.DataFrame:
        """Return row, label, p_0 .. p_C-1: a line a row."""
        answers = {f"p_{index}": answers_N for index, answers_N in enumerate(answers_NC.T)}
        return pd.DataFrame({"row": self.numbers_N, "label": self.labels_N} | answers)


def read_rows(path: Path) -> Rows:
    frame = frames.read_parquet(path, ["row", "tokens", "label"])
    return Rows(frame["row"].to_numpy(), frame["tokens"].tolist(), frame["label"].to_numpy())


class Classifier:
    """The n-grams of training texts, and what each says of a class."""

    def __init__(self, rules: Floor, class_weights: ClassWeights) -> None:
        self.rules = rules
        self.counters: dict[str, TfidfVectorizer] = {}
        """By what they count; only those that have found an n-gram."""
        self.regression = LogisticRegression(
            C=rules.inverse_penalty,
            class_weight=None if class_weights == "none" else class_weights,
            max_iter=MOST_ITERATIONS,
        )

    def fit(self, train: Rows) -> None:
        """Learn from the training split.

        Raises:
            Refusal: no n-gram stands in as many texts as the rules ask for.
        """
        parts = []
        for kind, counter in self._counters().items():
            try:
                parts.append(counter.fit_transform(train.tokens))
            except ValueError:  # no n-gram is left, or there was none
                continue
            self.counters[kind] = counter
        if not parts:
            raise Refusal(
                f"floor.min_count is {self.rules.min_count}, but no n-gram stands in so many of the "
                f"{len(train.tokens):,} training texts: lower it"
            )
        self.regression.fit(sparse.hstack(parts, format="csr"), train.labels_N)

    def probabilities(self, rows: Rows) -> np.ndarray:
        """Return p_NC: preprocessing leaves no class without a training row."""
        return self.regression.predict_proba(self.weights(rows))

    def weights(self, rows: Rows) -> sparse.csr_array:
        """Return weights_NF: of each n-gram in each text."""
        parts = [counter.transform(rows.tokens) for counter in self.counters.values()]
        return sparse.hstack(parts, format="csr")

    @property
    def ngrams(self) -> dict[str, int]:
        """How many it knows of each kind."""
        return {kind: len(counter.vocabulary_) for kind, counter in self.counters.items()}

    @property
    def parameters(self) -> int:
        return self.regression.coef_.size + self.regression.intercept_.size

    def operations(self, rows: Rows) -> int:
        """Return those of a text in the mean: a product and a sum for each of its n-grams and each score."""
        return round(2 * self.weights(rows).nnz / len(rows.tokens) * len(self.regression.coef_))

    def _counters(self) -> dict[str, TfidfVectorizer]:
        # Tokens have been cut, and set in lower case or not, as the corpus says.
        reading: dict[str, dict[str, Any]] = {
            "words": {"preprocessor": list, "tokenizer": list, "token_pattern": None},
            "characters": {"analyzer": "char_wb", "preprocessor": " ".join},
        }
        lengths = {"words": self.rules.words, "characters": self.rules.characters}
        return {
            kind: TfidfVectorizer(
                ngram_range=shortest_and_longest,
                min_df=self.rules.min_count,
                sublinear_tf=True,
                **reading[kind],
            )
            for kind, shortest_and_longest in lengths.items()
            if shortest_and_longest is not None
        }
