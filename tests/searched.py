"""Searches that cost nothing, or a second: what the tests of unroll/search share."""

from collections.abc import Callable, Iterator
from pathlib import Path

import runs
import tiny

from unroll.failures import Refusal
from unroll.lexicon.vocabulary import Vocabulary, VocabularyRules
from unroll.params import parse
from unroll.search.course import Course, Trial
from unroll.search.record import Record
from unroll.search.sampler import Sampler
from unroll.search.space import Start
from unroll.search.spec import Search
from unroll.search.trainer import Job, Trained

LINES = {"cell": "gru", "pooling": "max", "hidden": 8, "embedding": {"size": 6}}
SPACE = {
    "hidden": {"low": 4, "high": 64},
    "pooling": ["max", "mean", "max+attention"],
    "dropout.output": {"low": 0.0, "high": 0.5, "step": 0.1},
    "training.learning_rate": {"low": 0.0001, "high": 0.1, "log": True},
}
CORPUS, NAME = "tiny_rows", "found"


def start(lines: dict | None = None, has_trees: bool = False, **corpus_training: object) -> Start:
    return Start(LINES if lines is None else lines, runs.RULES, corpus_training, has_trees)


def search(**changes: object) -> Search:
    made = {"corpus": CORPUS, "network": "gru", "seeds": [1, 2], "trials": 14, "seed": 3, "space": SPACE}
    return parse(made | changes, Search, "searches.found", Path("params.yaml"))


def invented(job: Job) -> Trained:
    """A score that is best at hidden 40 and a learning rate of 0.01, a little other for each seed."""
    apart = abs(job.network.hidden - 40) / 40 + abs(job.training.learning_rate - 0.01)
    score = 1 / (1 + apart) - job.network.dropout.output / 10 + job.seed / 1000
    return Trained(score, epochs=3, parameters=job.network.hidden, seconds=0.5)


class Stop(Exception):
    """Somebody pressed Ctrl-C."""


class Laboratory:
    """Runs searches over a table on disk, and remembers what was trained."""

    def __init__(self, folder: Path, train: Callable[[Job], Trained] = invented) -> None:
        self.table, self.train = folder / f"{NAME}.csv", train
        self.trained: list[str] = []

    def record(self, asked: Search, origin: dict | None = None) -> Record:
        return Record(self.table, list(asked.space), asked.seeds, origin or {"search": "this one"})

    def run(self, asked: Search, stop_after: int | None = None, lower_is_better: bool = False) -> list[Trial]:
        """Run a search, or as much of it as it takes to train so many jobs."""
        record = self.record(asked)

        def train(jobs: list[Job]) -> Iterator[Trained]:
            for job in jobs:
                if stop_after is not None and len(self.trained) >= stop_after:
                    raise Stop
                self.trained.append(job.name)
                yield self.train(job)

        course = Course(NAME, asked, start(), record.known, train, record.write)
        return course.run(Sampler(asked, lower_is_better))


def write_project(folder: Path, **changes: object) -> dict:
    """Write params.yaml with one search, and the two splits of its corpus that it may read.

    Return the document.
    """
    document = tiny.params()
    document["networks"] = {"gru": LINES, "bow": {"cell": "bag", "embedding": {"size": 6}}}
    document["select"] = {"corpora": [CORPUS], "networks": ["gru"], "seeds": [1]}
    document["suites"] = {}
    document["training"] |= {"epochs": 2, "batch_size": 8, "learning_rate": 0.01}
    document["searches"] = {
        NAME: {
            "corpus": CORPUS,
            "network": "gru",
            "seeds": [1, 2],
            "trials": 3,
            "seed": 1,
            "space": {
                "hidden": [4, 6, 8],
                "training.learning_rate": {"low": 0.001, "high": 0.1, "log": True},
            },
        }
        | changes
    }
    tiny.write_params(folder, document)
    data = folder / f"data/vocabulary/{CORPUS}"
    tables = {
        split: tiny.rows(tiny.COUNTS[split], seed) for seed, split in enumerate(("train", "validation"))
    }
    vocabulary = Vocabulary.build([row["text"].split() for row in tables["train"]], VocabularyRules())
    vocabulary.save(data / "vocabulary.txt")
    for split, table in tables.items():
        tiny.encoded(data / split, table, vocabulary)
    return document


def refusal_of(act: Callable[[], object]) -> str:
    try:
        act()
    except Refusal as refusal:
        return str(refusal)
    raise AssertionError("nothing was refused")
