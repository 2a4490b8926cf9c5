"""Epochs appear in MLflow as they end, in an experiment of their own; what fails there is one line."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from locked_project import Project
from mlflow import MlflowClient
from mlflow.entities import Run

from unroll.tracking import live
from unroll.tracking.client import Tracker

ROOT = Path(__file__).resolve().parents[2]
EPOCHS = [
    {"epoch": 1, "train_loss": 1.5, "validation_accuracy": 0.25},
    {"epoch": 2, "train_loss": 1.25, "validation_accuracy": None},
]


def lines(*messages: dict) -> list[str]:
    return [json.dumps(message) + "\n" for message in messages]


def start(uri: str, *names: str) -> subprocess.Popen:
    """Start the process as a training does."""
    return subprocess.Popen(
        [sys.executable, "-m", "unroll.tracking.live", *names],
        env=os.environ | {"PYTHONPATH": str(ROOT), "MLFLOW_TRACKING_URI": uri},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def runs(uri: str, name: str = "tiny live") -> list[Run]:
    client = MlflowClient(tracking_uri=uri)
    return client.search_runs([client.get_experiment_by_name(name).experiment_id])


@pytest.fixture
def tracker(tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch) -> Tracker:
    monkeypatch.chdir(tmp_path)
    shutil.copy(empty_database, tmp_path / "runs.db")
    return Tracker(f"sqlite:///{tmp_path / 'runs.db'}")


def test_each_epoch_is_a_step_of_the_trainings_run(tracker: Tracker) -> None:
    live.show(tracker, "tiny", "gru", "3", lines(*EPOCHS, {"end": "FINISHED"}))
    (run,) = runs(tracker.uri)
    assert run.info.run_name == "gru seed 3" and run.info.status == "FINISHED"
    assert {"corpus": "tiny", "network": "gru", "seed": "3", "level": "live"}.items() <= run.data.tags.items()
    curve = tracker.client.get_metric_history(run.info.run_id, "train/loss")
    assert [(point.step, point.value) for point in curve] == [(1, 1.5), (2, 1.25)]
    assert len(tracker.client.get_metric_history(run.info.run_id, "validation/accuracy")) == 1


def test_an_epoch_is_there_before_the_next_one_ends(tracker: Tracker) -> None:
    seen = []

    def feed():
        yield from lines(EPOCHS[0])
        (run,) = runs(tracker.uri)
        seen.append((run.info.status, run.data.metrics["train/loss"]))
        yield from lines({"end": "FINISHED"})

    live.show(tracker, "tiny", "gru", "1", feed())
    assert seen == [("RUNNING", 1.5)]


@pytest.mark.parametrize(("end", "status"), [([], "KILLED"), ([{"end": "FAILED"}], "FAILED")])
def test_a_training_that_does_not_finish_is_told_apart(tracker: Tracker, end: list, status: str) -> None:
    live.show(tracker, "tiny", "gru", "1", lines(EPOCHS[0], *end))
    assert [run.info.status for run in runs(tracker.uri)] == [status]


def test_a_training_that_goes_on_is_another_run(tracker: Tracker) -> None:
    live.show(tracker, "tiny", "gru", "1", lines(EPOCHS[0]))
    live.show(tracker, "tiny", "gru", "1", lines(EPOCHS[1], {"end": "FINISHED"}))
    assert sorted(run.info.status for run in runs(tracker.uri)) == ["FINISHED", "KILLED"]


def test_neither_the_projection_nor_the_live_view_touches_the_other(project: Project) -> None:
    project.track()
    before = project.ids()
    live.show(Tracker(project.uri), "tiny", "bow", "1", lines(EPOCHS[0]))
    (run,) = runs(project.uri)
    assert project.track() == (0, 0, 0)
    assert project.ids() == before
    assert runs(project.uri)[0].to_dictionary() == run.to_dictionary()


def test_a_deleted_experiment_comes_back(tracker: Tracker) -> None:
    live.show(tracker, "tiny", "gru", "1", lines({"end": "FINISHED"}))
    tracker.client.delete_experiment(runs(tracker.uri)[0].info.experiment_id)
    live.show(tracker, "tiny", "gru", "2", lines({"end": "FINISHED"}))
    assert "gru seed 2" in {run.info.run_name for run in runs(tracker.uri)}


def test_a_run_whose_process_was_killed_is_closed_by_the_next_track_and_a_living_one_is_not(
    project: Project,
) -> None:
    project.track()
    names = {"1": "killed", "2": "alive", "3": "elsewhere"}
    processes = {seed: start(project.uri, "tiny", "gru", seed) for seed in names}
    for process in processes.values():
        process.stdin.writelines(lines(EPOCHS[0]))
        process.stdin.flush()
    while not (found := runs_if_any(project.uri)) or len(found) < 3:
        assert all(process.poll() is None for process in processes.values())
    elsewhere = next(run for run in found if run.data.tags["seed"] == "3")
    project.client.set_tag(elsewhere.info.run_id, live.HOST, "another machine")
    for seed in ("1", "3"):
        processes[seed].kill()
        processes[seed].communicate()
    try:
        project.track()
        status = {names[run.data.tags["seed"]]: run.info.status for run in runs(project.uri)}
    finally:
        processes["2"].communicate()
    assert status == {"killed": "KILLED", "alive": "RUNNING", "elsewhere": "RUNNING"}


def test_a_number_that_another_process_has_by_now_keeps_no_run_open(tracker: Tracker) -> None:
    run_id = live._begin(tracker, "tiny", "gru", "1")
    live.close_lost(tracker)
    assert runs(tracker.uri)[0].info.status == "RUNNING"  # that process is this one
    tracker.client.set_tag(run_id, live.STARTED, "1.0")
    live.close_lost(tracker)
    assert runs(tracker.uri)[0].info.status == "KILLED"


def runs_if_any(uri: str) -> list[Run]:
    experiment = MlflowClient(tracking_uri=uri).get_experiment_by_name("tiny live")
    return runs(uri) if experiment else []


def test_several_may_start_at_once_where_there_is_no_database(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'fresh.db'}"
    names = [("tiny", "gru", "1"), ("tiny", "gru", "2"), ("other", "bow", "1")]
    processes = [start(uri, *each) for each in names]
    for process in processes:
        said = process.communicate("".join(lines(EPOCHS[0], {"end": "FINISHED"})))
        assert said == ("", "") and process.returncode == 0
    assert sorted(run.info.run_name for run in runs(uri)) == ["gru seed 1", "gru seed 2"]
    assert [run.info.status for run in runs(uri, "other live")] == ["FINISHED"]


def test_an_interruption_ends_it_with_its_training_and_not_before(tracker: Tracker) -> None:
    process = start(tracker.uri, "tiny", "gru", "1")
    process.stdin.writelines(lines(EPOCHS[0]))
    process.stdin.flush()
    while not tracker.experiments().get("tiny live") or not runs(tracker.uri):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate("".join(lines(EPOCHS[1])))
    (run,) = runs(tracker.uri)
    assert run.info.status == "KILLED" and run.data.metrics["train/loss"] == 1.25


@pytest.mark.parametrize(
    ("uri", "sent", "named"),
    [
        ("gopher://me:secret@host", lines(EPOCHS[0]), "gopher://host cannot be used"),
        ("sqlite:///{folder}/runs.db", ["no JSON\n"], "Expecting value"),
    ],
)
def test_a_failure_is_one_line_and_no_traceback(
    tracker: Tracker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, uri, sent, named
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri.format(folder=Path.cwd()))
    monkeypatch.setattr(sys, "stdin", sent)
    monkeypatch.setattr(signal, "signal", lambda *arguments: None)
    with pytest.raises(SystemExit) as ended:
        live.main("tiny", "gru", "1")
    said = capsys.readouterr().err
    assert ended.value.code == 1 and len(said.splitlines()) == 1
    assert said.startswith("UNROLL_LIVE: tiny gru 1 is not shown in MLflow: ") and named in said
