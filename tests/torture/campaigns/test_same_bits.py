"""The same bits: stages run again as `unroll check` does it, and what is lost comes back.

`make torture` does it to every network of the starter suite, `make test` to one on a tiny corpus.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import tiny
from clone import Clone, clone, run, run_once

CONDITIONS = {
    "one after the other, under another PYTHONHASHSEED": (1, {"PYTHONHASHSEED": "4321"}, False),
    "two at once": (2, {}, False),
    "two at once while a busy loop holds each core": (2, {}, True),
}
HOUR_SECONDS = 3600
SHARE = "two at once while a busy loop holds each core"
LOSSES = {
    "dvc.lock": ["dvc.lock"],
    "models/": ["models"],
    "reports/": ["reports"],
    "mlflow.db": ["mlflow.db"],
    "all of these": ["dvc.lock", "models", "reports", "mlflow.db"],
}


@pytest.fixture(scope="module")
def project(tmp_path_factory, pytestconfig: pytest.Config) -> Iterator[Clone]:
    """A clone in which the pipeline has run."""
    folder = clone(tmp_path_factory.mktemp("same_bits"))
    if pytestconfig.getoption("--torture"):
        environment = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
        command = ["-m", "unroll", "repro", "--suite", "starter"]
        done = run(command, folder, environment, HOUR_SECONDS)
        assert done.returncode == 0, done.stdout + done.stderr
        yield Clone(folder, environment, {}, done.stdout)
        return
    params = tiny.params()
    params["select"] |= {"corpora": ["tiny_rows"], "networks": ["gru"], "seeds": [1]}
    params["training"] |= {"epochs": 2}
    with run_once(folder, tmp_path_factory.mktemp("caches"), params) as ran:
        yield ran


@contextmanager
def busy_cores() -> Iterator[None]:
    with ExitStack() as running:
        for _ in os.sched_getaffinity(0):
            loop = running.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
            running.callback(loop.kill)
        yield


def digests(folder: Path) -> dict[str, str]:
    """The sha256 of every result; times and MLflow's database are none."""
    found = {"dvc.lock": folder / "dvc.lock"}
    for part in ("data", "models", "reports"):
        found |= {str(path): path for path in sorted((folder / part).rglob("*")) if path.is_file()}
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in found.items()
        if path.name not in (".gitignore", "times.js")
    }


@pytest.mark.parametrize("condition", CONDITIONS)
def test_trainings_and_evaluations_give_the_same_bytes_again(condition, project, tell, pytestconfig):
    if condition != SHARE and not pytestconfig.getoption("--torture"):
        pytest.skip("make torture tries it")
    jobs, variables, loaded = CONDITIONS[condition]
    with busy_cores() if loaded else ExitStack():
        done = run(
            ["-m", "unroll", "check", "train", "evaluate", "--jobs", str(jobs)],
            project.folder,
            project.environment | variables,
            HOUR_SECONDS,
        )
    equal = re.findall(r"^(train|evaluate)@(\S+): equal$", done.stdout, re.MULTILINE)
    trained = {re.sub(r"-\d+$", "", name) for kind, name in equal if kind == "train"}
    tell(
        f"every training and evaluation again, each in a process of its own, {condition}",
        f"{len(equal)} stages equal, of {len(trained)} networks on a corpus, to the last byte",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(equal)} stages gave the same bytes again" in done.stdout
    assert trained == {name for kind, name in equal if kind == "evaluate"} != set()


@pytest.mark.parametrize("lost", LOSSES)
def test_what_is_lost_comes_back_with_the_same_bytes_and_no_training(lost, project, tell, pytestconfig):
    if not pytestconfig.getoption("--torture"):
        pytest.skip("make torture tries it; tests/test_pipeline.py does so on a tiny corpus")
    wanted = digests(project.folder)
    for name in LOSSES[lost]:
        path = project.folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    times = project.folder / ".unroll/times"  # which a training or an evaluation writes that runs
    shutil.rmtree(times, ignore_errors=True)
    project.repro("--jobs", "2", suite="starter")
    found, ran = digests(project.folder), list(times.glob("*"))
    tell(
        f"{lost} deleted, make repro again",
        f"{len(found)} files as before, {len(ran)} trainings or evaluations ran",
    )
    assert found == wanted
    assert not ran
    assert (project.folder / "mlflow.db").exists()
