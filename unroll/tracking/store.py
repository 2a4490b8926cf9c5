"""The runs in MLflow that stand for entries of dvc.lock, and what is written of each."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass

from unroll.failures import Refusal
from unroll.tracking.client import NOTE, Tracker, all_pages
from unroll.tracking.imports import Dataset, DatasetInput, Experiment, InputTag, Metric, Param, Run
from unroll.tracking.models import log_model, settle_models
from unroll.tracking.place import clone
from unroll.tracking.projection import Content

OURS = {"unroll.source": "dvc.lock"}
"""Tag of the experiments that are filled here; the runs of any other are not touched."""
LOCK = "lock."
"""How tags of runs on a server begin which name a clone whose dvc.lock knows the run."""
SOURCE = {"mlflow.source.name": "dvc.lock", "mlflow.source.type": "LOCAL"}
TEXTS = json.dumps(
    {"mlflow_colspec": [{"type": "string", "name": name, "required": True} for name in ("text", "label")]}
)
"""The columns of every corpus, as MLflow's page reads them."""


@dataclass
class Outcome:
    """How many runs stand, and what this call changed."""

    children: int = 0
    parents: int = 0
    floors: int = 0
    ensembles: int = 0
    comparisons: int = 0
    champions: int = 0
    new: int = 0
    revived: int = 0
    stale: int = 0

    def __str__(self) -> str:
        runs = f"{self.children} runs, their {self.parents} parents, {self.floors} floors, "
        runs += f"{self.ensembles} ensembles and {self.comparisons} comparisons"
        changes = f"{self.new} new, {self.revived} revived, {self.stale} stale"
        return f"{runs} current ({changes}), {self.champions} champions"


class Store:
    """The runs in MLflow that stand for entries of the lock."""

    def __init__(self, tracker: Tracker, corpora: set[str], commit: str | None) -> None:
        self.tracker = tracker
        self.client = tracker.client
        self.commit = {"mlflow.source.git.commit": commit} if commit else {}
        # A local database is filled from one lock alone.
        self.current = {"state": "current"} | ({} if tracker.database else {f"{LOCK}{clone()}": "current"})
        self.outcome = Outcome()
        self.kept: set[str] = set()
        """The ids of runs that stand, and of models that no run made."""
        self.experiments = tracker.experiments()
        for corpus in corpora & set(self.experiments):
            self._take(self.experiments[corpus])
        self.runs = self._load()

    def first(self, fits: Callable[[dict[str, str]], bool]) -> Run | None:
        """Return the first run whose tags fit: a current one before a stale one, then the newest."""
        return next((run for run in self.runs if fits(run.data.tags)), None)

    def keep(self, run: Run, tags: dict[str, str]) -> str:
        """Let a run stand, revive it if it was stale, and return its id."""
        self.kept.add(run.info.run_id)
        self.outcome.revived += run.data.tags["state"] != "current"
        for name, value in (tags | self.current).items():
            if run.data.tags.get(name) != value:
                self.client.set_tag(run.info.run_id, name, value)
        return run.info.run_id

    def create(self, content: Content, tags: dict[str, str]) -> str:
        """Make a run and return its id; one that is not FINISHED was cut short."""
        tags = content.tags | tags | self.commit | SOURCE | {NOTE: content.note} | self.current
        experiment_id = self.experiment(content.corpus).experiment_id
        run = self.client.create_run(experiment_id, tags=tags, run_name=content.name).info
        run_id = run.run_id
        inputs = _inputs(content)
        if inputs:
            self.client.log_inputs(run_id, inputs)
        model_id = content.model and log_model(self.tracker, run, content.model, content.note)
        test = next((one.dataset for one in inputs if one.dataset.name.endswith(" test")), None)
        now = int(time.time() * 1000)
        metrics = []
        for name, value, epoch in content.points:
            of = {}
            if model_id and test and name.startswith("test/"):
                of = {"model_id": model_id, "dataset_name": test.name, "dataset_digest": test.digest}
            metrics.append(Metric(name, value, now, epoch, **of))
        params = [Param(name, value) for name, value in content.params.items()]
        # In one call: MLflow's client cuts it up where its limits ask for it (1000 metrics, 100 params).
        self.client.log_batch(run_id, metrics, params)
        for path, folder in content.artifacts:
            self.tracker.files_at(run.artifact_uri).log_artifact(str(path), folder)
        self.client.set_terminated(run_id)
        self.kept.add(run_id)
        self.outcome.new += 1
        return run_id

    def describe(self, corpus: str, text: str) -> None:
        """Let the experiment of a corpus say in words what it is about."""
        experiment = self.experiment(corpus)
        if experiment.tags.get(NOTE) != text:
            self.client.set_experiment_tag(experiment.experiment_id, NOTE, text)

    def retire(self) -> None:
        """Tag stale whatever was not kept, here or by the lock of another clone."""
        for run in self.runs:
            run_id, tags = run.info.run_id, run.data.tags
            if run_id in self.kept:
                continue
            locks = {name for name in tags if name.startswith(LOCK)}
            for ours in locks & self.current.keys():
                self.client.delete_tag(run_id, ours)
            if locks - self.current.keys():
                self.kept.add(run_id)
            elif tags["state"] == "current":
                self.client.set_tag(run_id, "state", "stale")
                self.outcome.stale += 1
        settle_models(self.client, self._ours(), self.kept)

    def _ours(self) -> list[str]:
        return [one.experiment_id for one in self.experiments.values() if OURS.items() <= one.tags.items()]

    def _load(self) -> list[Run]:
        """Return every finished run, current and newest first; delete what a kill left unfinished."""
        ours, query = self._ours(), "tags.`dvc.key` LIKE '%'"
        found = all_pages(lambda token: self.client.search_runs(ours, query, page_token=token))
        runs = []
        # A list first: to delete a run amid the pages would shift those that follow.
        for run in list(found) if ours else []:
            if run.info.status == "FINISHED" and "state" in run.data.tags:
                runs.append(run)
            else:
                if run.info.status == "RUNNING":  # what wrote it keeps out every other: it has been killed
                    self.client.set_terminated(run.info.run_id, "KILLED")
                self.client.delete_run(run.info.run_id)
        return sorted(runs, key=lambda run: (run.data.tags["state"] != "current", -run.info.start_time))

    def _take(self, experiment: Experiment) -> None:
        """Make an experiment that exists already fit to be filled."""
        folder = self.tracker.artifacts(experiment.name)
        if folder and experiment.artifact_location != folder.as_uri():
            raise Refusal(
                f"the MLflow database was made in another place: the artifacts of {experiment.name} are in "
                f"{experiment.artifact_location}. Delete the database, it is rebuilt without training"
            )
        if experiment.lifecycle_stage == "deleted":
            self.client.restore_experiment(experiment.experiment_id)
        for name, value in OURS.items() - experiment.tags.items():
            self.client.set_experiment_tag(experiment.experiment_id, name, value)
            experiment.tags[name] = value

    def experiment(self, corpus: str) -> Experiment:
        if corpus not in self.experiments:
            self.experiments[corpus] = self.tracker.make_experiment(corpus, OURS)
        return self.experiments[corpus]


def _inputs(content: Content) -> list[DatasetInput]:
    """Name each split by DVC's hash of it, and its source as the evaluation does."""
    origin = content.source.get("from", "dvc")
    kind = "hugging_face" if origin == "hub" else origin
    inputs = []
    for split, digest in content.digests.items():
        place = {"path": content.source.get("repository", content.corpus), "split": split} | content.source
        dataset = Dataset(
            f"{content.corpus} {split}", digest, kind, json.dumps(place, ensure_ascii=False), TEXTS
        )
        inputs.append(DatasetInput(dataset, [InputTag("mlflow.data.context", split)]))
    return inputs
