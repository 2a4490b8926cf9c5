"""What each run in the tracker shows: read from dvc.lock and the files that it vouches for.

Nothing here knows the tracker: a `Group` is one network on one corpus, and a `Content` all that is
to be shown of one of its seeds, or of the network as a whole.
"""

import csv
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from unroll import files
from unroll.lockfile import Entry

SUMMARY = ("mean", "std", "ensemble")
Scores = dict[str, float | None]
Points = list[tuple[str, float, int]]
"""(metric, value, epoch); epoch 0 where the metric is not one of an epoch."""


@dataclass(frozen=True)
class Training:
    """One training run: its entry, and where its files belong."""

    seed: int
    entry: Entry
    model: Path
    history: Path
    data: dict[str, Path]

    @cached_property
    def is_whole(self) -> bool:
        return self.entry.made(self.model) and self.entry.made(self.history)

    @cached_property
    def document(self) -> dict:
        """model.json, or nothing where the files are not the entry's."""
        return files.read_json(self.model / "model.json") if self.is_whole else {}

    def curve(self) -> Points:
        with open(self.history, encoding="utf-8", newline="") as stream:
            rows = [(int(row.pop("epoch")), row) for row in csv.DictReader(stream)]
        return [(name, float(value), epoch) for epoch, row in rows for name, value in row.items() if value]


@dataclass(frozen=True)
class Evaluation:
    """One network's evaluation on the test split: its entry, and where its files belong."""

    entry: Entry
    models: Path
    metrics: Path
    predictions: Path
    data: Path

    @cached_property
    def report(self) -> dict:
        """The metrics, or nothing where the file is not the entry's."""
        return files.read_json(self.metrics) if self.entry.made(self.metrics) else {}

    @cached_property
    def is_of_these_models(self) -> bool:
        """Whether it scored the models that are on disk: not so after a training without it."""
        return self.entry.read_as_now(self.models)


@dataclass(frozen=True)
class Content:
    """What there is to show of one run: of one seed, or of a network as a whole."""

    corpus: str
    name: str
    note: str
    tags: dict[str, str]
    params: dict[str, str]
    points: Points
    digests: dict[str, str]
    """DVC's hash of each split that was read."""
    source: dict
    """Where the corpus came from."""
    artifacts: list[tuple[Path, str]]
    """Files, each with the folder that it goes to."""


@dataclass(frozen=True)
class Group:
    """All that the lock knows of one network on one corpus."""

    corpus: str
    network: str
    trainings: dict[int, Training]
    evaluation: Evaluation | None

    @cached_property
    def report(self) -> dict:
        return self.evaluation.report if self.evaluation else {}

    @cached_property
    def scores(self) -> dict[int, Scores]:
        """Test metrics by seed, for the seeds that both the report and the lock know."""
        found = self.report.get("seeds", {})
        return {seed: found[str(seed)] for seed in sorted(self.trainings) if str(seed) in found}

    @cached_property
    def summary(self) -> dict[str, Scores]:
        return {part: self.report[part] for part in SUMMARY} if self.scores else {}

    def are_scores_of(self, *seeds: int) -> bool:
        """Whether these seeds have scores, and the scores are those of the files on disk."""
        known = bool(seeds) and all(seed in self.scores and self.trainings[seed].is_whole for seed in seeds)
        return known and self.evaluation.is_of_these_models

    def child(self, seed: int, scored: bool) -> Content:
        training = self.trainings[seed]
        note = f"{self.network} on {self.corpus}, seed {seed}: kept epoch {training.document['best_epoch']}"
        paths, points = dict(training.data), training.curve()
        recorded = training.entry.deps
        if scored:
            note += f"; on the test split {_in_words(self.scores[seed])}"
            points += _points("test_{}", self.scores[seed])
            paths["test"] = self.evaluation.data
            recorded = self.evaluation.entry.deps | recorded
        digests = {split: recorded.get(path.as_posix()) for split, path in paths.items()}
        return Content(
            corpus=self.corpus,
            name=f"{self.network} seed {seed}",
            note=f"{note}. To repeat it: dvc repro {training.entry.stage}",
            tags=self._tags() | {"seed": str(seed), "dvc.stage": training.entry.stage},
            params=_flat(training.document),
            points=points,
            digests={split: digest for split, digest in digests.items() if digest},
            source=self.report.get("source", {}),
            artifacts=[
                *((path, "model") for path in sorted(training.model.iterdir())),
                (training.history, "history"),
            ],
        )

    def parent(self, scored: bool) -> Content:
        seeds = sorted(self.scores if scored else self.trainings)
        note = f"{self.network} on {self.corpus}, seeds {', '.join(map(str, seeds))}"
        points, artifacts = [], []
        if scored:
            note += f": on the test split {_in_words(self.summary['mean'])} in the mean"
            points = [point for part in SUMMARY for point in _points(f"test_{{}}_{part}", self.summary[part])]
            made = [(self.evaluation.metrics, "metrics"), (self.evaluation.predictions, "predictions")]
            artifacts = [(path, folder) for path, folder in made if self.evaluation.entry.made(path)]
        params = [set(_flat(self.trainings[seed].document).items()) for seed in seeds]
        return Content(
            corpus=self.corpus,
            name=self.network,
            note=f"{note}.",
            tags=self._tags() | {"seeds": " ".join(map(str, seeds))},
            params=dict(sorted(set.intersection(*params))),
            points=points,
            digests={},
            source={},
            artifacts=artifacts,
        )

    def _tags(self) -> dict[str, str]:
        """What to filter runs by; of the network's shape what a model on disk tells."""
        network = next((one.document["network"] for one in self.trainings.values() if one.is_whole), {})
        tags = {name: network[name] for name in ("cell", "pooling") if name in network}
        if "bidirectional" in network:
            tags["direction"] = "both" if network["bidirectional"] else "forward"
        return tags | {"corpus": self.corpus, "network": self.network}


def _flat(document: dict, prefix: str = "") -> dict[str, str]:
    """Return {"network.embedding.size": "100", ...}."""
    found = {}
    for name, value in document.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return found


def _points(pattern: str, scores: Scores) -> Points:
    return [(pattern.format(name), value, 0) for name, value in scores.items() if value is not None]


def _in_words(scores: Scores) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in scores.items())
