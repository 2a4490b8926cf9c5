"""dvc.lock, read only: what DVC ran, whether the files on disk are still those, and what they say.

DVC's own API takes a second to import and wants its caches; the file is plain YAML, and the two
hashes in it are a file's md5 and the md5 of a folder's listing.
"""

import csv
import hashlib
import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from unroll import files
from unroll.failures import Refusal

SCHEMA = "2.0"
SUMMARY = ("mean", "std", "ensemble")
Scores = dict[str, float | None]
Points = list[tuple[str, float, int]]
"""(metric, value, epoch); epoch 0 where the metric is not one of an epoch."""


@dataclass(frozen=True)
class Entry:
    """One stage as DVC recorded it after it had run."""

    stage: str
    document: dict

    @cached_property
    def key(self) -> str:
        """Names the entry by all that DVC recorded: command, dependencies, parameters and outs."""
        return key_of(self.document)

    @cached_property
    def deps(self) -> dict[str, str]:
        return _hashes(self.document.get("deps"))

    @cached_property
    def outs(self) -> dict[str, str]:
        return _hashes(self.document.get("outs"))

    def made(self, path: Path) -> bool:
        """Whether `path` is on disk with the very bytes that this stage wrote."""
        expected = self.outs.get(path.as_posix())
        return expected is not None and md5_of(path) == expected

    def read_as_now(self, folder: Path) -> bool:
        """Whether what the stage read in `folder` is what lies there now."""
        read = {path: md5 for path, md5 in self.deps.items() if Path(path).is_relative_to(folder)}
        return bool(read) and all(md5_of(Path(path)) == md5 for path, md5 in read.items())


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


def read(path: Path) -> dict[str, Entry]:
    """Return every entry by the name of its stage.

    Raises:
        Refusal: the file is missing, damaged or of another schema.
    """
    mend = f"restore it (git checkout {path}), or delete it and run dvc repro"
    try:
        document = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Refusal(f"{path} is missing: run dvc repro, which writes it") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise Refusal(f"{path} cannot be read as YAML: {mend}. {error}") from None
    if not isinstance(document, dict) or str(document.get("schema")) != SCHEMA:
        raise Refusal(f"{path}: schema is not {SCHEMA}: {mend}")
    stages = document.get("stages") or {}
    for stage, recorded in stages.items():
        if not isinstance(recorded, dict) or not isinstance(recorded.get("cmd"), str):
            raise Refusal(f"{path}: stages.{stage} has no cmd: {mend}")
    return {stage: Entry(stage, recorded) for stage, recorded in stages.items()}


def by_arguments(entries: dict[str, Entry], name: str, command: str) -> dict[tuple[str, ...], Entry]:
    """Return the entries of the matrix stage `name` by the groups of `command`, a pattern for cmd.

    The entries' own names (train@sst5-lstm-1) are DVC's, and are not taken apart.

    Raises:
        Refusal: a command does not fit the pattern, or stands in two entries.
    """
    found: dict[tuple[str, ...], Entry] = {}
    mend = "delete that entry from dvc.lock and run dvc repro"
    for stage, entry in entries.items():
        if stage.split("@")[0] != name:
            continue
        match = re.fullmatch(command, entry.document["cmd"])
        if match is None:
            raise Refusal(f"dvc.lock: stages.{stage}: no cmd of dvc.yaml: {entry.document['cmd']!r}: {mend}")
        if match.groups() in found:
            raise Refusal(f"dvc.lock: stages.{stage} has the cmd of {found[match.groups()].stage}: {mend}")
        found[match.groups()] = entry
    return found


def key_of(document: object) -> str:
    """Return the sha256 of canonical JSON: the order of keys in a file does not matter."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def md5_of(path: Path) -> str | None:
    """Return a file's or folder's hash as dvc.lock has it, or None where there is nothing."""
    if path.is_dir():
        names = sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())
        listing = [{"md5": _md5_of_file(path / name), "relpath": name} for name in names]
        return hashlib.md5(json.dumps(listing).encode()).hexdigest() + ".dir"
    return _md5_of_file(path) if path.is_file() else None


def _md5_of_file(path: Path) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "md5").hexdigest()


def _hashes(recorded: list[dict] | None) -> dict[str, str]:
    return {one["path"]: one["md5"] for one in recorded or [] if "md5" in one}


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
