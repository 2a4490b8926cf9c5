"""MLflow's server over PostgreSQL and S3 is filled as a local database is, by one clone and by several."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest
from locked_project import Project
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from server_process import free_port
from tiny import ROOT
from waiting import wait_until

from unroll.tracking import turns

WHOLE = {"bow", "bow seed 1", "bow seed 2", "bilstm", "bilstm seed 1", "bilstm seed 2", "comparison"}


@dataclass
class Clone(Project):
    """One whose tracker is a server."""

    server: str = ""

    @property
    def uri(self) -> str:
        return self.server

    def start(self) -> subprocess.Popen:
        """Start the stage on the entries, as a process of its own."""
        self.write_lock()
        variables = os.environ | {"MLFLOW_TRACKING_URI": self.server, "PYTHONPATH": str(ROOT)}
        return subprocess.Popen(
            [sys.executable, "-m", "stages.track"],
            cwd=self.folder,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture
def server(mlflow_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """One that knows of no run: what earlier tests left goes by other names."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    client = MlflowClient(mlflow_server)
    for experiment in client.search_experiments():
        if "unroll.source" in experiment.tags:
            client.set_experiment_tag(experiment.experiment_id, "unroll.source", "an earlier test")
            client.rename_experiment(experiment.experiment_id, f"earlier {experiment.experiment_id}")
    for model in client.search_registered_models():
        client.delete_registered_model(model.name)
    return mlflow_server


@pytest.fixture
def clones(server: str, tmp_path: Path, empty_database: Path) -> tuple[Clone, Clone]:
    for name in ("mine", "yours"):
        (tmp_path / name).mkdir()
    return tuple(Clone(tmp_path / name, empty_database, server=server) for name in ("mine", "yours"))


def marks(one: Clone) -> dict[str, int]:
    """How many clones' locks name each current run."""
    return {name: sum(tag.startswith("lock.") for tag in run.data.tags) for name, run in one.runs().items()}


def test_a_server_shows_what_a_database_shows(clones, tracked):
    one, _ = clones
    assert one.track() == (7, 0, 0)
    shown, expected = one.runs(), tracked.runs()
    assert set(shown) == set(expected) == WHOLE
    for name, run in shown.items():
        other = expected[name]
        assert run.data.metrics == other.data.metrics and run.data.params == other.data.params
        of_the_run = ("mlflow.parentRunId", "mlflow.source.git.commit", "mlflow.user")
        tags = {tag: word for tag, word in other.data.tags.items() if tag not in of_the_run}
        assert tags.items() <= run.data.tags.items()
        assert set(run.data.tags) - set(other.data.tags) <= {"mlflow.user", *marks_of(run)}
    best = one.client.search_runs(
        [one.experiment.experiment_id],
        "tags.level = 'network'",
        order_by=["metrics.`test/accuracy_mean` DESC"],
    )
    assert [run.data.metrics["test/accuracy_mean"] for run in best] == [0.515, 0.515]


def marks_of(run) -> set[str]:
    return {tag for tag in run.data.tags if tag.startswith("lock.")}


def test_a_second_call_makes_nothing(clones):
    one, _ = clones
    one.track()
    before = one.ids()
    assert one.track() == (0, 0, 0)
    assert one.ids() == before and len(one.models()) == 4


def test_what_was_sent_comes_back_byte_for_byte_and_lies_in_s3(clones, s3, tmp_path):
    one, _ = clones
    one.track()
    scores = one.ids()["bow"]
    back = Path(one.client.download_artifacts(scores, "predictions/bow.parquet", str(tmp_path)))
    assert back.read_bytes() == (one.folder / "reports/predictions/tiny/bow.parquet").read_bytes()
    model = one.models()["bow seed 1"]
    there = Path(download_artifacts(f"models:/{model.model_id}", dst_path=str(tmp_path)))
    for path in (one.folder / "models/tiny/bow/1").iterdir():
        assert (there / path.name).read_bytes() == path.read_bytes()
    store = boto3.client(
        "s3",
        endpoint_url=s3.endpoint,
        aws_access_key_id=s3.variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=s3.variables["AWS_SECRET_ACCESS_KEY"],
    )
    place = f"mlflow/{one.experiment.experiment_id}/"
    kept = [found["Key"] for found in store.list_objects_v2(Bucket=s3.bucket, Prefix=place)["Contents"]]
    assert any(name.endswith("/artifacts/predictions/bow.parquet") for name in kept)
    # Those of the champion's two seeds are in its package too.
    assert sum(name.endswith("weights.safetensors") for name in kept) == 4 + 2
    assert not (one.folder / "mlartifacts").exists()


def test_its_registry_gives_the_champion_by_alias(clones, tmp_path):
    one, _ = clones
    one.track()
    network = one.champion.tags["network"]
    there = Path(download_artifacts("models:/tiny@champion", dst_path=str(tmp_path)))
    for seed in (1, 2):
        [weights] = there.rglob(f"seeds/{seed}/weights.safetensors")
        trained = one.folder / f"models/tiny/{network}/{seed}/weights.safetensors"
        assert weights.read_bytes() == trained.read_bytes()
    assert one.track() == (0, 0, 0)


# --- several clones -----------------------------------------------------------------------------------


def test_clones_of_one_lock_share_their_runs(clones):
    mine, yours = clones
    assert mine.track() == (7, 0, 0) and yours.track() == (0, 0, 0)
    assert marks(mine) == dict.fromkeys(WHOLE, 2)
    assert len(mine.models()) == 4


def test_the_lock_of_one_clone_retires_no_run_of_another(clones):
    mine, yours = clones
    mine.track()
    yours.train("bow", 1, rate=0.2)
    yours.evaluate("bow", shift=0.01)
    # Three runs of bow are others, and those of mine stay: only nobody's go.
    assert yours.track() == (3, 0, 0)
    assert mine.track() == (0, 0, 0)
    found = mine.client.search_runs([mine.experiment.experiment_id], "tags.state = 'current'")
    assert len(found) == 10 and not mine.runs("stale")
    assert not mine.client.search_logged_models([mine.experiment.experiment_id], "tags.state = 'stale'")
    # Once neither of them has the old ones in its lock, they are stale.
    mine.train("bow", 1, rate=0.2)
    mine.evaluate("bow", shift=0.01)
    assert mine.track() == (0, 0, 3)
    assert set(mine.runs("stale")) == {"bow", "bow seed 1", "bow seed 2"}
    assert marks(mine) == dict.fromkeys(WHOLE, 2)


def test_clones_that_track_at_once_make_each_run_once(clones):
    mine, yours = clones
    yours.train("bow", 1, rate=0.2)
    yours.evaluate("bow", shift=0.01)
    at_once = [one.start() for one in clones]
    said = [one.communicate(timeout=120) for one in at_once]
    assert [one.returncode for one in at_once] == [0, 0], said
    found = mine.client.search_runs([mine.experiment.experiment_id], "tags.state = 'current'")
    assert len({run.data.tags["dvc.key"] for run in found}) == len(found) == 10
    assert all(run.info.status == "FINISHED" for run in found)
    assert mine.track() == (0, 0, 0) and yours.track() == (0, 0, 0)
    assert not mine.client.search_registered_models(f"name LIKE '{turns.PREFIX}%'")


def test_what_a_killed_clone_has_begun_is_cleared_away_by_the_next(clones, monkeypatch):
    monkeypatch.setattr(turns, "GONE_SECONDS", 8)
    mine, yours = clones
    killed = mine.start()
    wait_until(lambda: "tiny" in {one.name for one in mine.client.search_experiments()} and mine.runs())
    killed.kill()
    killed.communicate()
    yours.track()
    assert set(yours.runs()) == WHOLE
    found = mine.client.search_runs([mine.experiment.experiment_id])
    assert {run.info.status for run in found} == {"FINISHED"} and len(found) == 7
    assert len(yours.models()) == 4 and len(yours.packages()) == 1
    assert len(yours.client.search_logged_models([mine.experiment.experiment_id])) == 5


# --- no server ----------------------------------------------------------------------------------------


def test_a_server_that_is_down_is_told_within_a_minute(clones):
    one, _ = clones
    one.server = f"http://somebody:secret@127.0.0.1:{free_port()}"
    began = time.monotonic()
    down = one.start()
    said = down.communicate(timeout=120)[1]
    assert down.returncode == 1 and time.monotonic() - began < 60
    assert "MLFLOW_TRACKING_URI: http://127.0.0.1" in said and "cannot be used" in said
    assert "secret" not in said and "Traceback" not in said
