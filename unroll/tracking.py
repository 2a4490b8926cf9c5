"""MLflow as a projection of dvc.lock: one run a training, one parent run a network.

The lock is the truth. A run carries `dvc.key`, the sha256 of what it shows, so that a second call
finds everything done; `dvc.train` names the trainings alone, so that a run stays known when the
files that its scores came from are gone. What the lock no longer knows is tagged stale, and what
comes back is revived. The database may be deleted at any time: it is rebuilt without training.
"""

import fcntl
import json
import os
import re
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from rich.console import Console
from rich.progress import Progress

from unroll import files
from unroll.failures import Refusal
from unroll.lockfile import key_of, md5_of
from unroll.projection import Content, Group, Scores

# What MLflow does of its own accord otherwise: unpickle, run code that lies beside a model, start
# jobs, report its use to its makers, and try a dead server for minutes.
os.environ.setdefault("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
os.environ.setdefault("MLFLOW_ALLOW_MODEL_CODE_EXECUTION", "false")
os.environ.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, Experiment, InputTag, Metric, Param, Run, ViewType
from mlflow.exceptions import MlflowException
from mlflow.store.entities import PagedList
from sqlalchemy.exc import SQLAlchemyError

OURS = {"unroll.source": "dvc.lock"}
"""Tag of the experiments that are filled here; the runs of any other are not touched."""


@dataclass(frozen=True)
class Plan:
    """A run that stands, or else the key of one to make, with its scores or without."""

    run: Run | None = None
    key: str = ""
    scored: bool = False


@dataclass
class Outcome:
    """How many runs stand, and what this call changed."""

    children: int = 0
    parents: int = 0
    new: int = 0
    revived: int = 0
    stale: int = 0


def project(groups: list[Group], comparison: list[Path], uri: str, commit: str | None) -> Outcome:
    """Make MLflow at `uri` show the groups; every parent run gets the comparison's files.

    Raises:
        Refusal: the database or server cannot be used.
    """
    place = unquote(uri.removeprefix("sqlite:///").split("?")[0])
    database = Path(place) if uri.startswith("sqlite:///") else None
    bar = Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
    try:
        with _alone(database) if database else nullcontext(), bar:
            store = Store(uri, database, {group.corpus for group in groups}, commit)
            for group in bar.track(groups, description="MLflow"):
                _project_group(store, group, comparison)
            store.retire()
    except (MlflowException, SQLAlchemyError, ModuleNotFoundError, PermissionError) as error:
        raise Refusal(without_password(f"MLFLOW_TRACKING_URI: {uri} cannot be used: {error}")) from None
    return store.outcome


def without_password(text: str) -> str:
    return re.sub(r"://[^/@\s]*@", "://", text)


def _project_group(store: "Store", group: Group, comparison: list[Path]) -> None:
    plans = {seed: plan for seed in sorted(group.trainings) if (plan := _plan_child(store, group, seed))}
    parent = _plan_parent(store, group)
    if not plans and not parent.run:
        return
    if parent.run:
        parent_id = store.keep(parent.run, {})
    else:
        seeds = list(group.scores if parent.scored else group.trainings)
        tags = {"dvc.key": parent.key, "dvc.train": _train_key(group, seeds)}
        parent_id = store.create(group.parent(parent.scored), tags)
    store.attach_comparison(parent_id, parent.run, comparison)
    for seed, plan in plans.items():
        link = {"mlflow.parentRunId": parent_id}
        if plan.run:
            store.keep(plan.run, link)
        else:
            tags = {"dvc.key": plan.key, "dvc.train": group.trainings[seed].entry.key}
            store.create(group.child(seed, plan.scored), tags | link)
    store.outcome.parents += 1
    store.outcome.children += len(plans)


def _plan_child(store: "Store", group: Group, seed: int) -> Plan | None:
    """Return None where there is neither a run of this training nor the files to make one."""
    training, scores = group.trainings[seed], group.scores.get(seed)
    key = _child_key(group, seed, scores)
    if scores and (run := store.first(lambda tags: tags["dvc.key"] == key)):
        return Plan(run)
    # Weights are hashed only before a run is made, never where there is nothing to do.
    if group.are_scores_of(seed):
        return Plan(key=key, scored=True)
    if run := store.first(lambda tags: tags["dvc.train"] == training.entry.key):
        return Plan(run)
    return Plan(key=_child_key(group, seed, None)) if training.is_whole else None


def _plan_parent(store: "Store", group: Group) -> Plan:
    key = key_of([[_child_key(group, seed, scores) for seed, scores in group.scores.items()], group.summary])
    if group.scores and (run := store.first(lambda tags: tags["dvc.key"] == key)):
        return Plan(run)
    if group.are_scores_of(*group.scores):
        return Plan(key=key, scored=True)

    def shows_trainings_of_the_lock(tags: dict[str, str]) -> bool:
        seeds = [int(seed) for seed in tags.get("seeds", "").split()]
        return set(seeds) <= set(group.trainings) and tags["dvc.train"] == _train_key(group, seeds)

    if run := store.first(shows_trainings_of_the_lock):
        return Plan(run)
    return Plan(key=key_of([_train_key(group, list(group.trainings)), None]))


def _child_key(group: Group, seed: int, scores: Scores | None) -> str:
    return key_of([group.trainings[seed].entry.key, scores])


def _train_key(group: Group, seeds: list[int]) -> str:
    """Names the trainings of these seeds, whatever they scored."""
    return key_of([group.trainings[seed].entry.key for seed in sorted(seeds)])


class Store:
    """The runs in MLflow that stand for entries of the lock."""

    def __init__(self, uri: str, database: Path | None, corpora: set[str], commit: str | None) -> None:
        self.artifacts = None  # the server's own choice
        if database:
            _initialise(database)
            # mlflow.db has mlartifacts beside it, any other database a folder of its own name.
            name = "mlartifacts" if database.name == "mlflow.db" else f"{database.name}-artifacts"
            self.artifacts = database.resolve().with_name(name)
        self.client = MlflowClient(tracking_uri=uri)
        self.commit = {"mlflow.source.git.commit": commit} if commit else {}
        self.outcome = Outcome()
        self.kept: set[str] = set()
        found = _all_pages(lambda token: self.client.search_experiments(ViewType.ALL, page_token=token))
        self.experiments = {experiment.name: experiment for experiment in found}
        for corpus in corpora & set(self.experiments):
            self._take(self.experiments[corpus])
        self.runs = self._load()

    def first(self, fits: Callable[[dict[str, str]], bool]) -> Run | None:
        """Return the first run whose tags fit: a current one before a stale one, then the newest."""
        return next((run for run in self.runs if fits(run.data.tags)), None)

    def keep(self, run: Run, tags: dict[str, str]) -> str:
        """Let a run stand, revive it if it was stale, and return its id."""
        self.kept.add(run.info.run_id)
        self.outcome.revived += run.data.tags["dvc.state"] != "current"
        for name, value in (tags | {"dvc.state": "current"}).items():
            if run.data.tags.get(name) != value:
                self.client.set_tag(run.info.run_id, name, value)
        return run.info.run_id

    def create(self, content: Content, tags: dict[str, str]) -> str:
        """Make a run and return its id. `dvc.state` comes last: a run without it is unfinished."""
        tags = content.tags | tags | self.commit | {"mlflow.note.content": content.note}
        experiment_id = self._experiment_id(content.corpus)
        run_id = self.client.create_run(experiment_id, tags=tags, run_name=content.name).info.run_id
        metrics = [
            Metric(name, value, int(time.time() * 1000), epoch) for name, value, epoch in content.points
        ]
        params = [Param(name, value) for name, value in content.params.items()]
        # In one call: MLflow's client cuts it up where its limits ask for it (1000 metrics, 100 params).
        self.client.log_batch(run_id, metrics, params)
        if content.digests:
            self.client.log_inputs(run_id, _inputs(content))
        for path, folder in content.artifacts:
            self.client.log_artifact(run_id, str(path), folder)
        self.client.set_terminated(run_id)
        self.client.set_tag(run_id, "dvc.state", "current")
        self.outcome.new += 1
        return run_id

    def attach_comparison(self, run_id: str, known: Run | None, comparison: list[Path]) -> None:
        """Give a parent run the comparison of all networks, unless it is known to have this very one."""
        digest = key_of([md5_of(path) for path in comparison])
        if comparison and not (known and known.data.tags.get("dvc.comparison") == digest):
            for path in comparison:
                self.client.log_artifact(run_id, str(path), "comparison")
            self.client.set_tag(run_id, "dvc.comparison", digest)

    def retire(self) -> None:
        """Tag stale whatever was not kept."""
        for run in self.runs:
            if run.info.run_id not in self.kept and run.data.tags["dvc.state"] == "current":
                self.client.set_tag(run.info.run_id, "dvc.state", "stale")
                self.outcome.stale += 1

    def _load(self) -> list[Run]:
        """Return every finished run, current and newest first; delete what a kill left unfinished."""
        ours = [one.experiment_id for one in self.experiments.values() if OURS.items() <= one.tags.items()]
        query = "tags.`dvc.key` LIKE '%'"
        found = _all_pages(lambda token: self.client.search_runs(ours, query, page_token=token))
        runs = []
        # A list first: to delete a run amid the pages would shift those that follow.
        for run in list(found) if ours else []:
            if run.info.status == "FINISHED" and "dvc.state" in run.data.tags:
                runs.append(run)
            else:
                self.client.delete_run(run.info.run_id)
        return sorted(runs, key=lambda run: (run.data.tags["dvc.state"] != "current", -run.info.start_time))

    def _take(self, experiment: Experiment) -> None:
        """Make an experiment that exists already fit to be filled."""
        if self.artifacts and experiment.artifact_location != (self.artifacts / experiment.name).as_uri():
            raise Refusal(
                f"the MLflow database was made in another place: the artifacts of {experiment.name} are in "
                f"{experiment.artifact_location}. Delete the database, it is rebuilt without training"
            )
        if experiment.lifecycle_stage == "deleted":
            self.client.restore_experiment(experiment.experiment_id)
        for name, value in OURS.items() - experiment.tags.items():
            self.client.set_experiment_tag(experiment.experiment_id, name, value)
            experiment.tags[name] = value

    def _experiment_id(self, corpus: str) -> str:
        if corpus not in self.experiments:
            folder = self.artifacts / corpus if self.artifacts else None
            # Folders of runs that lie there already belong to a database that is gone.
            for remnant in folder.glob("[0-9a-f]" * 32) if folder else []:
                shutil.rmtree(remnant)
            made = self.client.create_experiment(corpus, folder.as_uri() if folder else None, OURS)
            self.experiments[corpus] = self.client.get_experiment(made)
        return self.experiments[corpus].experiment_id


def _inputs(content: Content) -> list[DatasetInput]:
    """Name each split by DVC's hash of it, and its source as the evaluation does."""
    origin = content.source.get("from", "dvc")
    kind = "hugging_face" if origin == "hub" else origin
    inputs = []
    for split, digest in content.digests.items():
        place = {"path": content.source.get("repository", content.corpus), "split": split} | content.source
        dataset = Dataset(f"{content.corpus} {split}", digest, kind, json.dumps(place, ensure_ascii=False))
        inputs.append(DatasetInput(dataset, [InputTag("mlflow.data.context", split)]))
    return inputs


def _all_pages(search: Callable[[str | None], PagedList]) -> Iterator:
    page = search(None)
    yield from page
    while page.token:
        yield from (page := search(page.token))


@contextmanager
def _alone(database: Path) -> Iterator[None]:
    """Wait for any other process in here: its unfinished runs look like those of a killed one."""
    database.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{database}-lock", "w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _initialise(database: Path) -> None:
    """Make a new database under another name: one that is killed amid its tables never opens again."""
    if not database.exists() or database.stat().st_size == 0:
        with files.whole_file(database) as temporary:
            place = str(temporary).replace("%", "%25")
            MlflowClient(tracking_uri=f"sqlite:///{place}").search_experiments(max_results=1)
    try:
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master")
    except sqlite3.DatabaseError as error:
        raise Refusal(f"{database} cannot be read ({error}): delete it, it is rebuilt") from None
