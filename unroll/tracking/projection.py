"""What each run in the tracker shows: read from dvc.lock and the files that it vouches for.

Nothing here knows the tracker: a `Group` is one network on one corpus, and a `Content` all that is
to be shown of one of its seeds, or of the network as a whole.
"""

import csv
import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from unroll import files
from unroll.pipeline.content import md5_of
from unroll.pipeline.lockfile import Entry

SUMMARY = ("mean", "std", "ensemble")
SPLITS = ("train", "validation", "test")
PACKAGES = ("numpy", "safetensors", "torch")
"""Of the profile that a training recorded: what its model needs to be loaded."""
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
    vocabulary: Path
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
        return [
            (metric_name(name), float(value), epoch)
            for epoch, row in rows
            for name, value in row.items()
            if value
        ]

    def files(self) -> list[Path]:
        """What the model is made of; its vocabulary too, while that is the one which it was trained with."""
        read = self.entry.deps.get(self.vocabulary.as_posix())
        words = [self.vocabulary] if read and md5_of(self.vocabulary) == read else []
        return sorted(self.model.iterdir()) + words


@dataclass(frozen=True)
class Evaluation:
    """One network's evaluation on the test split: its entry, and where its files belong."""

    entry: Entry
    models: Path
    scores: Path
    predictions: Path
    data: Path

    @cached_property
    def report(self) -> dict:
        """The scores, or nothing where the file is not the entry's."""
        return files.read_json(self.scores) if self.entry.made(self.scores) else {}

    @cached_property
    def is_of_these_models(self) -> bool:
        """Whether it scored the models that are on disk: not so after a training without it."""
        return self.entry.read_as_now(self.models)


@dataclass(frozen=True)
class Model:
    """A trained model as a thing of its own, which can be found, loaded and compared without its run."""

    name: str
    document: dict
    """model.json"""
    files: list[Path]
    tags: dict[str, str]
    params: dict[str, str]

    @property
    def requirements(self) -> dict[str, str]:
        """The packages that it was trained with, without the build (+cpu) that an index does not know."""
        profile = self.document["profile"]
        return {name: profile[name].split("+")[0] for name in PACKAGES}


@dataclass(frozen=True)
class Content:
    """What there is to show of one run: of one seed, of a network as a whole, or of a comparison."""

    corpus: str
    name: str
    note: str
    tags: dict[str, str]
    params: dict[str, str]
    points: Points
    artifacts: list[tuple[Path, str]]
    """Files, each with the folder that it goes to."""
    digests: dict[str, str] = field(default_factory=dict)
    """DVC's hash of each split that was read."""
    source: dict = field(default_factory=dict)
    """Where the corpus came from."""
    model: Model | None = None


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
        best = training.document["best_epoch"]
        note = f"{self.network} on {self.corpus}, seed {seed}: kept epoch {best}"
        paths, points = dict(training.data), [*training.curve(), ("best_epoch", best, 0)]
        recorded = training.entry.deps
        if scored:
            note += f"; on the test split {in_words(self.scores[seed])}"
            points += as_points("test/{}", self.scores[seed])
            paths["test"] = self.evaluation.data
            recorded = self.evaluation.entry.deps | recorded
        note = f"{note}. To repeat it: `dvc repro {training.entry.stage}`."
        digests = {split: recorded.get(path.as_posix()) for split, path in paths.items()}
        name, params = f"{self.network} seed {seed}", _params(training.document)
        tags = self._tags("seed") | {"seed": str(seed)}
        return Content(
            corpus=self.corpus,
            name=name,
            note=note,
            tags=tags | {"dvc.stage": training.entry.stage},
            params=params,
            points=points,
            artifacts=[(training.history, "history")],
            digests={split: digest for split, digest in digests.items() if digest},
            source=self.report.get("source", {}),
            model=Model(name, training.document, training.files(), tags, params),
        )

    def parent(self, scored: bool) -> Content:
        seeds = sorted(self.scores if scored else self.trainings)
        note = f"{self.network} on {self.corpus}, seeds {', '.join(map(str, seeds))}"
        points, artifacts = [], []
        if scored:
            note += f": on the test split {in_words(self.summary['mean'])} in the mean"
            points = [
                point for part in SUMMARY for point in as_points(f"test/{{}}_{part}", self.summary[part])
            ]
            made = [(self.evaluation.scores, "scores"), (self.evaluation.predictions, "predictions")]
            artifacts = [(path, folder) for path, folder in made if self.evaluation.entry.made(path)]
        known = [self.trainings[seed].document for seed in seeds if self.trainings[seed].is_whole]
        params = [set(_params(document).items()) for document in known]
        return Content(
            corpus=self.corpus,
            name=self.network,
            note=f"{note}. Its runs below are one a seed.",
            tags=self._tags("network") | {"seeds": " ".join(map(str, seeds))},
            params=dict(sorted(set.intersection(*params) if params else ())),
            points=points,
            artifacts=artifacts,
        )

    def _tags(self, level: str) -> dict[str, str]:
        """What to filter runs by; of the network's shape what a model on disk tells."""
        tags = {"corpus": self.corpus, "network": self.network, "level": level}
        document = next((one.document for one in self.trainings.values() if one.is_whole), None)
        if document is None:
            return tags
        network, rules = document["network"], document["training"]
        taught_by = [network[who] for who in ("tutor", "teacher") if network.get(who)]
        both = network.get("bidirectional")  # None where nothing recurs
        return tags | {
            "cell": network["cell"],
            "direction": "none" if both is None else "both" if both else "forward",
            "pooling": network["pooling"],
            "supervision": "phrases, then sentences" if rules.get("phrases_first") else rules["supervision"],
            "taught_by": ",".join(taught_by) or "none",
            "vectors": ",".join(network["embedding"]["vectors"]) or "none",
        }


def metric_name(column: str) -> str:
    """Return test/accuracy for test_accuracy: MLflow draws what stands before a slash as one section."""
    split, _, metric = column.partition("_")
    return f"{split}/{metric}" if split in SPLITS and metric else column


def _params(document: dict) -> dict[str, str]:
    """Return what was decided and differs between runs, under the names that params.yaml has for it.

    What a network says of its training has been merged into `training`; null is what is left out.
    """
    network = {name: value for name, value in document["network"].items() if name != "training"}
    known = {name: document[name] for name in ("training", "parameters", "vocabulary_size", "seed")}
    return as_params(
        {"task": "classification"}
        | network
        | known
        | {name: document["profile"][name] for name in ("device", "torch")}
    )


def as_params(document: dict, prefix: str = "") -> dict[str, str]:
    """Return {"embedding.size": "100", ...}, without what is null or empty."""
    found = {}
    for name, value in document.items():
        if isinstance(value, dict):
            found |= as_params(value, f"{prefix}{name}.")
        elif value is not None and value != []:
            found[prefix + name] = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return found


def as_points(pattern: str, scores: Scores) -> Points:
    return [(pattern.format(name), value, 0) for name, value in scores.items() if value is not None]


def in_words(scores: Scores) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in scores.items())
