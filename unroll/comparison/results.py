"""What was found on one corpus, read back: the answers and learning curves of each network, the test rows.

Axes: S seeds, N test rows, C classes.
"""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pandera.pandas as pandera
from pandera.errors import SchemaError

from unroll import arrays, files, frames
from unroll.failures import Refusal, damaged
from unroll.lexicon.vocabulary import UNKNOWN


@dataclass(frozen=True)
class Result:
    """One network, all its seeds."""

    report: dict
    """Its scores, as the stage `evaluate` wrote them."""
    answers_SNX: np.ndarray
    """The probability of each class (X = C); of a next-word network the nats that each row cost (X = 1)."""
    curves: list[dict[str, float]]
    """Every epoch of every seed."""

    @property
    def name(self) -> str:
        return self.report["network"]

    @property
    def seeds(self) -> list[int]:
        return [int(seed) for seed in self.report["seeds"]]


@dataclass(frozen=True)
class Floor:
    """What needs no network answers, once: it has no seeds."""

    report: dict
    """Its scores, as the stage `floor` wrote them."""
    answers_NC: np.ndarray

    @property
    def name(self) -> str:
        return self.report["floor"]

    @property
    def scores(self) -> dict[str, float]:
        return self.report["scores"]


@dataclass(frozen=True)
class Rows:
    """The test split."""

    numbers_N: np.ndarray
    texts: list[str]
    labels_N: np.ndarray
    lengths_N: np.ndarray
    """Tokens."""
    unknown_N: np.ndarray
    """The share of a row's tokens that the vocabulary lacks."""

    @property
    def predicted_words_N(self) -> np.ndarray:
        """Of a next-word network: all but each row's first."""
        return self.lengths_N - 1


def read_rows(clean: Path, encoded: Path, vocabulary: int) -> Rows:
    """Read a split's texts from its clean rows, and of its encoded form what the networks saw of them."""

    def read(name: str) -> np.ndarray:
        return arrays.load(encoded / f"{name}.npy", "<i4" if name == "ids" else "<i8")

    ids, offsets = read("ids"), read("offsets")
    unknown = (ids >= vocabulary) | (ids == UNKNOWN)
    lengths_N = np.diff(offsets)
    texts = frames.read_parquet(clean, ["row", "text"]).set_index("row")["text"]
    numbers_N = read("rows")
    return Rows(
        numbers_N=numbers_N,
        texts=texts.loc[numbers_N].tolist(),
        labels_N=read("labels"),
        lengths_N=lengths_N,
        unknown_N=np.add.reduceat(unknown, offsets[:-1]) / lengths_N,
    )


def read_result(scores: Path, predictions: Path, histories: dict[int, Path], rows: Rows) -> Result:
    """Read what one network came to.

    Raises:
        Refusal: its answers are not for these rows, or not for these seeds.
    """
    report = files.read_json(scores)
    if [int(seed) for seed in report["seeds"]] != list(histories):
        raise Refusal(f"{scores} is for the seeds {', '.join(report['seeds'])}: run dvc repro")
    frame = _predictions(predictions, PREDICTIONS)
    answers = [_answers(frame[frame["seed"] == seed], predictions, rows) for seed in histories]
    return Result(report, np.stack(answers), list(_curves(histories)))


def read_floor(scores: Path, predictions: Path, rows: Rows) -> Floor:
    """Read what the floor came to.

    Raises:
        Refusal: its answers are not for these rows.
    """
    frame = _predictions(predictions, PREDICTIONS.remove_columns(["seed", "nats"]))
    return Floor(files.read_json(scores), _answers(frame, predictions, rows))


def _predictions(path: Path, schema: pandera.DataFrameSchema) -> pd.DataFrame:
    frame = frames.read_parquet(path)
    try:
        schema.validate(frame)
    except SchemaError as error:
        raise damaged(path, error) from None
    return frame


def _answers(frame: pd.DataFrame, path: Path, rows: Rows) -> np.ndarray:
    """Return answers_NX of one seed, or of what has none."""
    if not np.array_equal(frame["row"], rows.numbers_N):
        raise Refusal(f"{path} is not of the rows of this test split: run dvc repro")
    columns = frame[["nats"]] if "nats" in frame else frame.filter(regex=PROBABILITY)
    return columns.to_numpy()


def _sums_to_one(frame: pd.DataFrame) -> bool:
    probabilities_NC = frame.filter(regex=PROBABILITY).to_numpy()
    return not probabilities_NC.size or bool(np.allclose(probabilities_NC.sum(axis=1), 1.0))


PROBABILITY = r"^p_\d+$"
PREDICTIONS = pandera.DataFrameSchema(
    {
        "seed": pandera.Column("int64"),
        "row": pandera.Column("int64"),
        PROBABILITY: pandera.Column("float64", pandera.Check.in_range(0, 1), regex=True, required=False),
        "nats": pandera.Column("float64", pandera.Check.ge(0), required=False),
    },
    checks=pandera.Check(_sums_to_one, error="the probabilities of a row do not sum to 1"),
)
"""Of classes a probability for each, of next words what a row cost."""


def _curves(histories: dict[int, Path]) -> Iterable[dict[str, float]]:
    for seed, path in histories.items():
        with open(path, encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                whole = {name: int(row.pop(name)) for name in ("epoch", "rows", "tokens")}
                yield {"seed": seed} | whole | {name: float(value) for name, value in row.items() if value}
