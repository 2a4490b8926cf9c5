"""A project that is made of files alone: two networks with two seeds each, and no training."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy
from mlflow import MlflowClient
from mlflow.entities import Experiment, LoggedModel, Run
from mlflow.entities.model_registry import ModelVersion
from ruamel.yaml import YAML

from stages import track
from unroll.pipeline import content
from unroll.tracking import tracker

SPLITS = ("train", "validation", "test")
NETWORKS = {
    "bow": {
        "cell": "bag",
        "pooling": "mean",
        "embedding": {"size": 4, "vectors": ["glove", "mine"]},
        "tutor": "minilm",
    },
    "bilstm": {
        "cell": "lstm",
        "bidirectional": True,
        "pooling": "max",
        "embedding": {"size": 4, "vectors": []},
        "training": {"learning_rate": 0.1},
    },
}


@sqlalchemy.event.listens_for(sqlalchemy.engine.Engine, "connect")
def _hurry(connection: sqlite3.Connection, record: object) -> None:
    """No test cuts the power: a fifth of their time would go into flushing to the disk."""
    connection.execute("PRAGMA synchronous = OFF")


@dataclass
class Project:
    """A folder with a dvc.lock and the files that it speaks of."""

    folder: Path
    empty_database: Path
    database: str = "runs.db"

    def __post_init__(self) -> None:
        self.stages: dict[str, dict] = {}
        for split in SPLITS:
            self.write(f"data/vocabulary/tiny/{split}/ids.npy", f"ids of {split}")
        self.write("data/vocabulary/tiny/vocabulary.txt", "<pad>\n<unk>\nfine\n")
        self.clean()
        for network in NETWORKS:
            for seed in (1, 2):
                self.train(network, seed)
            self.evaluate(network)
        self.compare()

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def record(
        self, stage: str, command: str, deps: list[str], outs: list[str], params: dict | None = None
    ) -> None:
        """Make the stage's entry as DVC does."""
        recorded = {
            kind: [{"path": name, "hash": "md5", "md5": content.md5_of(self.folder / name)} for name in names]
            for kind, names in (("deps", deps), ("outs", outs))
        }
        read = {"params": {"params.yaml": params}} if params else {}
        self.stages[stage] = {"cmd": f"python -m stages.{command}", **recorded, **read}

    def write_lock(self) -> None:
        with open(self.folder / "dvc.lock", "w", encoding="utf-8") as stream:
            YAML().dump({"schema": "2.0", "stages": self.stages}, stream)

    def clean(self, **rules: object) -> None:
        self.write("data/clean/tiny/train.parquet", "clean rows")
        params = {"corpora.tiny.text": {"tokenizer": "whitespace"} | rules}
        self.record("preprocess@tiny", "preprocess --corpus tiny", [], ["data/clean/tiny"], params)

    def train(self, network: str, seed: int, rate: float = 0.1, epochs: int = 2, bonus: float = 0.0) -> None:
        """Write a model and its learning curve; `bonus` is added to what it scores on validation."""
        document = {
            "corpus": "tiny",
            "network": NETWORKS[network],
            "training": {
                "learning_rate": rate,
                "supervision": "sentences",
                "phrases_first": {"epochs": 1},
                "batches_per_epoch": None,
            },
            "seed": seed,
            "labels": ["bad", "good"],
            "vocabulary_size": 9,
            "profile": {"device": "cpu", "numpy": "2.0.1", "safetensors": "0.8.0", "torch": "2.13.0+cpu"},
            "parameters": 42,
            "best_epoch": 2,
        }
        self.write(f"models/tiny/{network}/{seed}/model.json", json.dumps(document))
        self.write(f"models/tiny/{network}/{seed}/weights.safetensors", f"weights {network} {seed} {rate}")
        lines = [f"{epoch},{1 / epoch},{epoch / 1000 + bonus}" for epoch in range(1, epochs + 1)]
        self.write(
            f"reports/history/tiny/{network}/{seed}.csv",
            "\n".join(["epoch,train_loss,validation_accuracy", *lines]),
        )
        self.record(
            f"train@tiny-{network}-{seed}",
            f"train --corpus tiny --network {network} --seed {seed}",
            [f"data/vocabulary/tiny/{name}" for name in ("train", "validation", "vocabulary.txt")],
            [f"models/tiny/{network}/{seed}", f"reports/history/tiny/{network}/{seed}.csv"],
            {"corpora.tiny.headline": "accuracy", f"networks.{network}": NETWORKS[network]},
        )

    def evaluate(self, network: str, seeds: tuple[int, ...] = (1, 2), shift: float = 0.0) -> None:
        scores = {str(seed): {"accuracy": 0.5 + seed / 100 + shift, "loss": 0.7} for seed in seeds}
        report = {
            "seeds": scores,
            "mean": {"accuracy": 0.515 + shift, "loss": 0.7},
            "std": {"accuracy": 0.007, "loss": 0.0} if len(seeds) > 1 else {"accuracy": None, "loss": None},
            "ensemble": {"accuracy": 0.6, "loss": 0.6},
            "source": {"from": "hub", "repository": "someone/tiny", "revision": "5" * 40},
        }
        self.write(f"reports/scores/tiny/{network}.json", json.dumps(report))
        self.write(f"reports/predictions/tiny/{network}.parquet", f"predictions {network} {seeds} {shift}")
        self.record(
            f"evaluate@tiny-{network}",
            f"evaluate --corpus tiny --network {network}",
            ["data/vocabulary/tiny", f"models/tiny/{network}"],
            [f"reports/scores/tiny/{network}.json", f"reports/predictions/tiny/{network}.parquet"],
        )

    def floor(self, accuracy: float = 0.51) -> None:
        report = {
            "floor": "tfidf",
            "system": "TF-IDF and logistic regression",
            "spec": {"words": [1, 2], "characters": None, "min_count": 2, "inverse_penalty": 1.0},
            "class_weights": "balanced",
            "parameters": 77,
            "scores": {"accuracy": accuracy, "loss": 0.7},
            "source": {"from": "hub", "repository": "someone/tiny", "revision": "5" * 40},
        }
        self.write("data/clean/tiny/test.parquet", "clean test rows")
        self.write("reports/scores/tiny/tfidf.json", json.dumps(report))
        self.write("reports/predictions/tiny/tfidf.parquet", f"predictions {accuracy}")
        self.record(
            "floor@tiny",
            "floor --corpus tiny",
            [f"data/clean/tiny/{split}.parquet" for split in ("train", "test")],
            ["reports/scores/tiny/tfidf.json", "reports/predictions/tiny/tfidf.parquet"],
        )

    def compare(
        self,
        text: str = "first",
        networks: tuple[str, ...] = tuple(NETWORKS),
        reported: str = "tiny",
        together: float | None = None,
    ) -> None:
        """Compare the networks of tiny, and an ensemble that scores so; the report is of `reported`."""
        ensemble = {
            "name": "both",
            "networks": {"bow": 0.75, "bilstm": 0.25},
            "validation": {"weighted": {"accuracy": 0.55}},
            "parameters": 168,
            "scores": {"accuracy": {"mean": together}, "loss": {"mean": 0.65}},
        }
        document = {
            "corpus": "tiny",
            "title": "invented reviews",
            "source": {
                "from": "mirror",
                "repository": "someone/tiny",
                "revision": "5" * 40,
                "licence": "MIT",
                "citation": "Nobody 2020",
            },
            "warnings": ["train: 9 rows where 10 are expected"],
            "rows": 7,
            "seeds": [1, 2],
            "level": 0.95,
            "resamples": 100,
            "tasks": [
                {
                    "verdict": f"bow is best, said the {text}.",
                    "networks": [{"name": name} for name in networks],
                    "ensembles": [ensemble] if together else [],
                    "floors": [],
                }
            ],
        }
        self.write("reports/comparison/tiny.json", json.dumps(document))
        self.record(
            "compare@tiny", "compare --corpus tiny", ["reports/scores"], ["reports/comparison/tiny.json"]
        )
        names = (*networks, "both") if together else networks
        rows = [f"{reported},{network},accuracy" for network in names for _ in ("accuracy", "loss")]
        self.write("reports/comparison.csv", "\n".join(["corpus,network,metric", *rows]))
        for name in ("comparison.md", "pairs.csv", "index.html"):
            self.write(f"reports/{name}", text)
        for name in ("tiny-confusion", "tiny-curves", "other-curves"):
            self.write(f"reports/figures/{name}.svg", f"<svg><!-- {name} {text} --></svg>")
        names = ["comparison.csv", "comparison.md", "pairs.csv", "index.html", "figures"]
        self.record("report", "report", ["reports/comparison"], [f"reports/{name}" for name in names])

    @property
    def uri(self) -> str:
        return f"sqlite:///{self.folder / self.database}"

    def track(self) -> tuple[int, int, int]:
        """Run the stage on the entries; return how many runs are new, revived and stale by it."""
        self.write_lock()
        if not (self.folder / self.database).exists():
            shutil.copy(self.empty_database, self.folder / self.database)
        outcomes = []
        project = tracker.project

        def remembered(*arguments: object) -> tracker.Outcome:
            outcomes.append(project(*arguments))
            return outcomes[0]

        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            patch.setenv("MLFLOW_TRACKING_URI", self.uri)
            patch.setattr(tracker, "project", remembered)
            track.main()
        return outcomes[0].new, outcomes[0].revived, outcomes[0].stale

    @property
    def client(self) -> MlflowClient:
        return MlflowClient(tracking_uri=self.uri)

    def runs(self, state: str = "current") -> dict[str, Run]:
        """Return the runs of a state by name; no two have the same."""
        found = self.client.search_runs([self.experiment.experiment_id], f"tags.state = '{state}'")
        assert len({run.info.run_name for run in found}) == len(found)
        return {run.info.run_name: run for run in found}

    def keys(self) -> dict[str, str]:
        return {name: run.data.tags["dvc.key"] for name, run in self.runs().items()}

    def ids(self) -> dict[str, str]:
        return {name: run.info.run_id for name, run in self.runs().items()}

    def artifacts(self, run: Run) -> dict[str, str]:
        folder = self.folder / f"{self.database}-artifacts/tiny/{run.info.run_id}/artifacts"
        return {
            path.relative_to(folder).as_posix(): path.read_text()
            for path in folder.rglob("*")
            if path.is_file()
        }

    @property
    def experiment(self) -> Experiment:
        return self.client.get_experiment_by_name("tiny")

    def models(self) -> dict[str, LoggedModel]:
        """Return the current models of runs by name; no two have the same."""
        return self._current_models(lambda model: "dvc.package" not in model.tags)

    def packages(self) -> dict[str, LoggedModel]:
        """Return the current packages by name; no two have the same."""
        return self._current_models(lambda model: "dvc.package" in model.tags)

    def _current_models(self, wanted: Callable[[LoggedModel], bool]) -> dict[str, LoggedModel]:
        current = self.client.search_logged_models([self.experiment.experiment_id], "tags.state = 'current'")
        found = [model for model in current if wanted(model)]
        assert len({model.name for model in found}) == len(found)
        return {model.name: model for model in found}

    def versions(self) -> dict[str, ModelVersion]:
        """Return the versions of the corpus in the registry by their network."""
        found = self.client.search_model_versions("name = 'tiny'")
        return {one.tags["network"]: self.client.get_model_version("tiny", one.version) for one in found}

    @property
    def champion(self) -> ModelVersion:
        return self.client.get_model_version_by_alias("tiny", "champion")
