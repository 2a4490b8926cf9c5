"""MLflow shows what dvc.lock says: nothing twice, nothing that is gone, nothing that is not so.

The project here is made of the files alone, two networks with two seeds each, and no training.
"""

import ast
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy
from mlflow import MlflowClient
from mlflow.entities import Run
from ruamel.yaml import YAML

from stages import track
from unroll import lockfile, tracking
from unroll.failures import Refusal

ROOT = Path(__file__).resolve().parents[1]
SPLITS = ("train", "validation", "test")
NETWORKS = {
    "bow": {"cell": "bag", "embedding": {"size": 4}},
    "bilstm": {"cell": "lstm", "bidirectional": True, "pooling": "max", "embedding": {"size": 4}},
}


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An initialised database to copy: making one takes seconds."""
    path = tmp_path_factory.mktemp("mlflow") / "empty.db"
    tracking._initialise(path)
    return path


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
        for network in NETWORKS:
            for seed in (1, 2):
                self.train(network, seed)
            self.evaluate(network)
        self.compare()

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def record(self, stage: str, command: str, deps: list[str], outs: list[str]) -> None:
        """Make the stage's entry as DVC does."""
        recorded = {
            kind: [
                {"path": name, "hash": "md5", "md5": lockfile.md5_of(self.folder / name)} for name in names
            ]
            for kind, names in (("deps", deps), ("outs", outs))
        }
        self.stages[stage] = {"cmd": f"python -m stages.{command}", **recorded}

    def write_lock(self) -> None:
        with open(self.folder / "dvc.lock", "w", encoding="utf-8") as stream:
            YAML().dump({"schema": "2.0", "stages": self.stages}, stream)

    def train(self, network: str, seed: int, rate: float = 0.1, epochs: int = 2) -> None:
        document = {
            "corpus": "tiny",
            "network": NETWORKS[network],
            "training": {"learning_rate": rate},
            "seed": seed,
            "labels": ["bad", "good"],
            "parameters": 42,
            "best_epoch": 2,
        }
        self.write(f"models/tiny/{network}/{seed}/model.json", json.dumps(document))
        self.write(f"models/tiny/{network}/{seed}/weights.safetensors", f"weights {network} {seed} {rate}")
        lines = [f"{epoch},{1 / epoch},{epoch / 1000}" for epoch in range(1, epochs + 1)]
        self.write(
            f"reports/history/tiny/{network}/{seed}.csv",
            "\n".join(["epoch,train_loss,validation_accuracy", *lines]),
        )
        self.record(
            f"train@tiny-{network}-{seed}",
            f"train tiny {network} {seed}",
            ["data/vocabulary/tiny/train", "data/vocabulary/tiny/validation"],
            [f"models/tiny/{network}/{seed}", f"reports/history/tiny/{network}/{seed}.csv"],
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
        self.write(f"reports/metrics/tiny/{network}.json", json.dumps(report))
        self.write(f"reports/predictions/tiny/{network}.parquet", f"predictions {network} {seeds} {shift}")
        self.record(
            f"evaluate@tiny-{network}",
            f"evaluate tiny {network}",
            ["data/vocabulary/tiny", f"models/tiny/{network}"],
            [f"reports/metrics/tiny/{network}.json", f"reports/predictions/tiny/{network}.parquet"],
        )

    def compare(self, text: str = "first") -> None:
        outs = ["reports/comparison.csv", "reports/comparison.md"]
        for name in outs:
            self.write(name, text)
        self.record("compare", "compare", ["reports/metrics"], outs)

    @property
    def uri(self) -> str:
        return f"sqlite:///{self.folder / self.database}"

    def track(self) -> tuple[int, int, int]:
        """Run the stage on the entries; return how many runs are new, revived and stale by it."""
        self.write_lock()
        if not (self.folder / self.database).exists():
            shutil.copy(self.empty_database, self.folder / self.database)
        outcomes = []
        project = tracking.project

        def remembered(*arguments: object) -> tracking.Outcome:
            outcomes.append(project(*arguments))
            return outcomes[0]

        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            patch.setenv("MLFLOW_TRACKING_URI", self.uri)
            patch.setattr(tracking, "project", remembered)
            track.main()
        return outcomes[0].new, outcomes[0].revived, outcomes[0].stale

    @property
    def client(self) -> MlflowClient:
        return MlflowClient(tracking_uri=self.uri)

    def runs(self, state: str = "current") -> dict[str, Run]:
        """Return the runs of a state by name; no two have the same."""
        experiment = self.client.get_experiment_by_name("tiny")
        found = self.client.search_runs([experiment.experiment_id], f"tags.`dvc.state` = '{state}'")
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


@pytest.fixture
def project(tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path, empty_database)


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Project:
    """A project that has been tracked, for tests that only look."""
    project = Project(tmp_path_factory.mktemp("tracked"), empty_database)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(track, "commit", lambda: "c0ffee")
        assert project.track() == (6, 0, 0)
    return project


def test_each_training_is_a_run_below_its_networks_run(tracked: Project) -> None:
    runs = tracked.runs()
    assert set(runs) == {f"{network}{seed}" for network in NETWORKS for seed in ("", " seed 1", " seed 2")}
    for network in NETWORKS:
        assert "mlflow.parentRunId" not in runs[network].data.tags
        for seed in (1, 2):
            child = runs[f"{network} seed {seed}"]
            assert child.data.tags["mlflow.parentRunId"] == runs[network].info.run_id
            assert child.info.status == "FINISHED"


def test_a_run_shows_what_its_files_say(tracked: Project) -> None:
    run = tracked.runs()["bilstm seed 2"]
    shown = {
        "network.cell": "lstm",
        "network.embedding.size": "4",
        "network.bidirectional": "true",
        "seed": "2",
    }
    assert shown.items() <= run.data.params.items()
    assert run.data.params["training.learning_rate"] == "0.1" and run.data.params["parameters"] == "42"
    tags = {
        "corpus": "tiny",
        "network": "bilstm",
        "seed": "2",
        "cell": "lstm",
        "direction": "both",
        "pooling": "max",
    }
    assert tags.items() <= run.data.tags.items()
    assert run.data.tags["mlflow.source.git.commit"] == "c0ffee"
    assert "bilstm on tiny, seed 2: kept epoch 2" in run.data.tags["mlflow.note.content"]
    assert run.data.metrics["test_accuracy"] == 0.52 and run.data.metrics["test_loss"] == 0.7
    curve = tracked.client.get_metric_history(run.info.run_id, "train_loss")
    assert [(point.step, point.value) for point in curve] == [(1, 1.0), (2, 0.5)]
    files = tracked.artifacts(run)
    assert set(files) == {"model/model.json", "model/weights.safetensors", "history/2.csv"}
    assert files["model/weights.safetensors"] == "weights bilstm 2 0.1"


def test_a_run_names_its_data_by_the_locks_hashes(tracked: Project) -> None:
    inputs = tracked.runs()["bow seed 1"].inputs.dataset_inputs
    digests = {one.tags[0].value: one.dataset.digest for one in inputs}
    # The test split has no hash of its own in the lock: evaluation reads the whole folder.
    folders = {"train": "tiny/train", "validation": "tiny/validation", "test": "tiny"}
    hashes = {
        split: lockfile.md5_of(tracked.folder / "data/vocabulary" / folder)
        for split, folder in folders.items()
    }
    assert digests == hashes
    source = json.loads(inputs[0].dataset.source)
    assert inputs[0].dataset.source_type == "hugging_face" and source["path"] == "someone/tiny"


def test_a_parent_shows_mean_spread_and_ensemble(tracked: Project) -> None:
    run = tracked.runs()["bow"]
    expected = {"test_accuracy_mean": 0.515, "test_accuracy_std": 0.007, "test_accuracy_ensemble": 0.6}
    assert expected.items() <= run.data.metrics.items()
    assert run.data.params["network.cell"] == "bag" and "seed" not in run.data.params
    comparison = {"comparison/comparison.csv", "comparison/comparison.md"}
    assert set(tracked.artifacts(run)) == {"metrics/bow.json", "predictions/bow.parquet"} | comparison


def test_one_seed_has_no_spread_to_show(project: Project) -> None:
    project.evaluate("bow", seeds=(1,))
    project.track()
    assert "test_accuracy_std" not in project.runs()["bow"].data.metrics


def test_a_curve_longer_than_one_batch_is_whole(project: Project) -> None:
    project.train("bow", 1, epochs=700)
    project.evaluate("bow")
    project.track()
    run = project.runs()["bow seed 1"]
    for metric in ("train_loss", "validation_accuracy"):
        steps = [point.step for point in project.client.get_metric_history(run.info.run_id, metric)]
        assert sorted(steps) == list(range(1, 701))


def test_a_second_call_makes_nothing_and_reads_no_weights(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.track()
    before = project.ids()
    read = []
    hash_of_file = lockfile._md5_of_file
    monkeypatch.setattr(lockfile, "_md5_of_file", lambda path: read.append(path.name) or hash_of_file(path))
    assert project.track() == (0, 0, 0)
    assert project.ids() == before
    assert read and "weights.safetensors" not in read


def test_a_changed_entry_makes_a_new_run_and_the_old_one_stale(project: Project) -> None:
    project.track()
    before = project.ids()
    project.train("bow", 1, rate=0.2)
    project.evaluate("bow", shift=0.01)
    # Seed 2 was trained as before, but scored anew.
    assert project.track() == (3, 0, 3)
    after = project.runs()
    assert after["bow seed 1"].data.params["training.learning_rate"] == "0.2"
    assert after["bilstm"].info.run_id == before["bilstm"]
    stale = {run.info.run_id for run in project.runs("stale").values()}
    assert stale == {before["bow"], before["bow seed 1"], before["bow seed 2"]}


def test_what_comes_back_is_revived(project: Project) -> None:
    project.track()
    before = project.ids()
    project.train("bow", 1, rate=0.2)
    project.evaluate("bow")
    # The second seed's entry and scores are as before.
    assert project.track() == (2, 0, 2)
    project.train("bow", 1)
    project.evaluate("bow")
    assert project.track() == (0, 2, 2)
    assert project.ids() == before
    assert project.runs()["bow seed 2"].data.tags["mlflow.parentRunId"] == before["bow"]


def test_keys_do_not_depend_on_the_order_in_the_lock(project: Project) -> None:
    project.track()
    project.stages = {
        stage: dict(reversed(entry.items())) for stage, entry in reversed(list(project.stages.items()))
    }
    assert project.track() == (0, 0, 0)


@pytest.mark.parametrize("fault", ["running", "without state"])
@pytest.mark.parametrize("name", ["bow", "bow seed 1"])
def test_a_half_written_run_is_made_again(project: Project, name: str, fault: str) -> None:
    project.track()
    broken = project.ids()[name]
    if fault == "running":
        project.client.update_run(broken, status="RUNNING")
    else:
        project.client.delete_tag(broken, "dvc.state")
    assert project.track() == (1, 0, 0)
    assert project.client.get_run(broken).info.lifecycle_stage == "deleted"
    runs = project.runs()
    assert runs[name].info.run_id != broken and len(runs) == 6
    assert runs["bow seed 1"].data.tags["mlflow.parentRunId"] == runs["bow"].info.run_id


@pytest.mark.parametrize("fault", ["missing", "changed"])
def test_no_run_is_made_of_files_that_are_not_the_locks(project: Project, fault: str) -> None:
    weights = project.folder / "models/tiny/bow/1/weights.safetensors"
    if fault == "missing":
        weights.unlink()
    else:
        weights.write_text("of another training")
    project.track()
    runs = project.runs()
    assert "bow seed 1" not in runs
    # The scores are of models that are no longer on disk, so that they are not shown either.
    assert "bow seed 2" in runs and "test_accuracy" not in runs["bow seed 2"].data.metrics
    assert "test_accuracy" in runs["bilstm seed 1"].data.metrics


def test_a_run_outlives_its_files_while_the_lock_knows_it(project: Project) -> None:
    project.track()
    project.evaluate("bow", shift=0.01)
    assert project.track() == (3, 0, 3)
    before = project.ids()
    for folder in ("models", "reports/history", "reports/metrics", "reports/predictions"):
        shutil.rmtree(project.folder / folder)
    assert project.track() == (0, 0, 0)
    assert project.ids() == before


def test_a_run_dies_with_its_entry_though_its_files_remain(project: Project) -> None:
    project.track()
    del project.stages["train@tiny-bow-2"]
    new, revived, stale = project.track()
    assert "bow seed 2" in project.runs("stale") and "bow seed 2" not in project.runs()
    # The parent's mean is of both seeds, and one of them is none of the lock's any more.
    assert (new, revived, stale) == (1, 0, 2)


def test_all_runs_of_a_corpus_that_left_the_lock_are_stale(project: Project) -> None:
    project.track()
    project.stages = {}
    assert project.track() == (0, 0, 6)
    assert project.runs() == {}


def test_scores_are_not_given_to_a_model_that_was_trained_after_them(project: Project) -> None:
    project.track()
    before = project.ids()
    project.train("bow", 1, rate=0.2)
    project.track()
    runs = project.runs()
    assert "test_accuracy" not in runs["bow seed 1"].data.metrics
    assert "test_accuracy_mean" not in runs["bow"].data.metrics
    assert runs["bow seed 2"].info.run_id == before["bow seed 2"]
    project.evaluate("bow")
    project.track()
    assert "test_accuracy" in project.runs()["bow seed 1"].data.metrics
    assert len(project.runs()) == 6


def test_fewer_seeds_make_another_parent_and_keep_every_training(project: Project) -> None:
    project.track()
    before = project.ids()
    project.evaluate("bow", seeds=(1,))
    assert project.track() == (1, 0, 1)
    runs = project.runs()
    assert runs["bow"].data.tags["seeds"] == "1" and runs["bow"].info.run_id != before["bow"]
    assert runs["bow seed 2"].info.run_id == before["bow seed 2"]
    project.evaluate("bow")
    assert project.track() == (0, 1, 1)
    assert project.ids() == before


def test_a_parent_keeps_up_with_the_comparison(project: Project) -> None:
    project.track()
    project.compare("second")
    assert project.track() == (0, 0, 0)
    run = project.runs()["bow"]
    assert project.artifacts(run)["comparison/comparison.md"] == "second"


def test_an_edited_report_is_not_shown(project: Project) -> None:
    project.write("reports/comparison.md", "edited")
    metrics = project.folder / "reports/metrics/tiny/bow.json"
    metrics.write_text(metrics.read_text().replace("0.51", "0.91"))
    project.track()
    runs = project.runs()
    assert "test_accuracy" not in runs["bow seed 1"].data.metrics and not runs["bow"].data.metrics
    assert "comparison/comparison.md" not in project.artifacts(runs["bow"])


def test_runs_of_others_are_left_alone(project: Project) -> None:
    project.track()
    ours = project.client.get_experiment_by_name("tiny").experiment_id
    theirs = project.client.create_experiment("theirs")
    by_hand = project.client.create_run(ours).info.run_id
    elsewhere = project.client.create_run(theirs, tags={"dvc.key": "x", "dvc.state": "current"}).info.run_id
    assert project.track() == (0, 0, 0)
    for run_id in (by_hand, elsewhere):
        run = project.client.get_run(run_id)
        assert run.info.lifecycle_stage == "active" and run.data.tags.get("dvc.state") != "stale"


def test_what_was_deleted_in_mlflow_is_there_again(project: Project) -> None:
    project.track()
    before = project.keys()
    project.client.delete_run(project.ids()["bow seed 1"])
    assert project.track() == (1, 0, 0)
    assert project.keys() == before
    project.client.delete_experiment(project.client.get_experiment_by_name("tiny").experiment_id)
    project.track()
    assert project.keys() == before


def test_a_repeated_run_steps_back(project: Project) -> None:
    """Two machines that track into one server at once can each make the same run."""
    project.track()
    run = project.runs()["bow seed 1"]
    tags = {name: value for name, value in run.data.tags.items() if name != "mlflow.runName"}
    again = project.client.create_run(run.info.experiment_id, tags=tags, run_name="again").info.run_id
    project.client.set_terminated(again)
    assert project.track() == (0, 0, 1)
    assert len(project.runs()) == 6


def test_the_line_counts_runs_and_hides_a_password(
    project: Project, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.track()
    assert capsys.readouterr().out.startswith(
        "track: 4 runs and their 2 parents current (6 new, 0 revived, 0 stale), sqlite:///"
    )
    assert tracking.without_password("postgresql://me:secret@host/db") == "postgresql://host/db"


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        ("missing", "dvc.lock is missing: run dvc repro"),
        ("conflict", "dvc.lock cannot be read as YAML"),
        ("schema", "schema is not 2.0"),
        ("command", "stages.train@tiny-bow-1: no cmd of dvc.yaml: 'python -m stages.train tiny ../bow 1'"),
        ("repeated", "stages.train@copy has the cmd of train@tiny-bow-1: delete that entry"),
    ],
)
def test_a_damaged_lock_is_refused_by_name(project: Project, damage: str, named: str) -> None:
    lock = project.folder / "dvc.lock"
    project.write_lock()
    if damage == "missing":
        lock.unlink()
    elif damage == "conflict":
        lock.write_text("<<<<<<< HEAD\n" + lock.read_text())
    elif damage == "schema":
        lock.write_text(lock.read_text().replace("schema: '2.0'", "schema: '3.0'"))
    elif damage == "command":
        lock.write_text(lock.read_text().replace("stages.train tiny bow 1", "stages.train tiny ../bow 1"))
    else:
        lock.write_text(lock.read_text() + "  train@copy:\n    cmd: python -m stages.train tiny bow 1\n")
    with pytest.raises(Refusal, match=r"dvc\.lock") as refusal:
        track.main()
    assert named in str(refusal.value)


def test_an_unusable_database_is_refused_by_name(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    (project.folder / "runs.db").write_text("no database " * 100)
    with pytest.raises(Refusal, match=r"runs\.db cannot be read"):
        project.track()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "gopher://me:secret@host")
    with pytest.raises(Refusal, match="MLFLOW_TRACKING_URI: gopher://host cannot be used"):
        track.main()


def test_a_database_from_another_place_is_refused(project: Project) -> None:
    project.track()
    elsewhere = project.folder / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(project.folder / "runs.db", elsewhere / "moved.db")
    project.database = "elsewhere/moved.db"
    with pytest.raises(Refusal, match="Delete the database"):
        project.track()


def test_the_default_database_can_be_deleted_and_leaves_no_remnants(project: Project) -> None:
    """The first call as `dvc repro` makes it: in a process of its own, without database or variable."""
    project.write_lock()
    environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    environment["PYTHONPATH"] = str(ROOT)
    command = [sys.executable, "-m", "stages.track"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("(6 new, 0 revived, 0 stale), sqlite:///mlflow.db\n") and done.stderr == ""
    with closing(sqlite3.connect("mlflow.db")) as connection:
        before = {key for (key,) in connection.execute("SELECT value FROM tags WHERE key = 'dvc.key'")}
    Path("mlflow.db").unlink()
    project.database = "mlflow.db"
    assert project.track() == (6, 0, 0)
    assert set(project.keys().values()) == before
    assert {path.name for path in Path("mlartifacts/tiny").iterdir()} == set(project.ids().values())


def test_the_hash_of_a_folder_is_dvcs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = ["b.txt", "a/z.csv", "a-b.txt", "a.txt", "A.txt", "ü ñ.json", "a/deep/empty", "a/crlf.txt"]
    for name in names:
        path = tmp_path / "folder" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"" if name.endswith("empty") else f"{name}\r\n".encode())
    dvc = [sys.executable, "-m", "dvc"]
    subprocess.run([*dvc, "init", "-q", "--no-scm"], check=True)
    subprocess.run([*dvc, "add", "-q", "folder"], check=True)
    recorded = YAML(typ="safe").load(Path("folder.dvc").read_text())["outs"][0]["md5"]
    assert recorded.endswith(".dir") and lockfile.md5_of(Path("folder")) == recorded
    assert lockfile.md5_of(Path("folder/b.txt")) == hashlib.md5(b"b.txt\r\n").hexdigest()
    assert lockfile.md5_of(Path("nothing")) is None


def test_only_tracking_imports_mlflow_and_leaves_its_doors_shut() -> None:
    importing = set()
    for path in [*ROOT.glob("unroll/*.py"), *ROOT.glob("stages/*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(name.split(".")[0] == "mlflow" for name in names):
                importing.add(path.relative_to(ROOT).as_posix())
    assert importing == {"unroll/tracking.py"}
    for door in ("ALLOW_PICKLE_DESERIALIZATION", "ALLOW_MODEL_CODE_EXECUTION", "SERVER_ENABLE_JOB_EXECUTION"):
        assert os.environ[f"MLFLOW_{door}"] == "false"
