"""What one clone has computed is another's, by way of an S3 server: no stage of it runs again."""

import subprocess
from pathlib import Path

import pytest
import tiny
from clone import Clone, clone, run_once
from killing import digests
from ruamel.yaml import YAML

CORPUS, NETWORKS, SEEDS = "tiny_rows", ["bow", "gru"], [1, 2]
RESULTS = ("data", "models", "reports")
REMOTE = "s3://unroll/dvc"


@pytest.fixture(scope="module")
def first(tmp_path_factory, needs, s3) -> Clone:
    """A clone of the project in which two small networks have been trained; committed, and pushed by DVC."""
    needs("dvc_s3")
    folder = clone(tmp_path_factory.mktemp("first") / "project")
    params = tiny.params()
    params["select"] |= {"corpora": [CORPUS], "networks": NETWORKS, "seeds": SEEDS}
    params["training"] |= {"epochs": 1}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in s3.variables.items():
            patch.setenv(name, value)
        with run_once(folder, tmp_path_factory.mktemp("caches"), params) as ran:
            dvc(ran, "remote", "add", "--default", "team", REMOTE)
            dvc(ran, "remote", "modify", "team", "endpointurl", s3.endpoint)
            dvc(ran, "push", "--run-cache")
            commit(folder)
            yield ran


def dvc(one: Clone, *arguments: str) -> str:
    done = one.python("-m", "dvc", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def git(folder: Path, *arguments: str) -> None:
    names = ["-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *names, *arguments], cwd=folder, check=True, capture_output=True)


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--message", "What one clone has computed")


def cloned(first: Clone, folder: Path) -> Clone:
    """Return a second clone, as git makes it: with dvc.lock and the tables, and no data at all."""
    folder.mkdir(exist_ok=True)
    git(folder, "clone", "--quiet", str(first.folder), "project")
    second = Clone(folder / "project", first.environment, first.params, "")
    assert not (second.folder / "models" / CORPUS).exists() and not (second.folder / ".dvc/cache").exists()
    return second


def trained(one: Clone) -> set[str]:
    """The stages that really ran here: each leaves its time, which is no result."""
    return {path.stem for path in (one.folder / ".unroll/times").glob("*")}


def assert_same_results(one: Clone, other: Clone) -> None:
    assert (one.folder / "dvc.lock").read_bytes() == (other.folder / "dvc.lock").read_bytes()
    assert digests(one.folder, *RESULTS) == digests(other.folder, *RESULTS)


def test_a_second_clone_restores_everything_and_trains_nothing(first, tmp_path):
    assert trained(first)
    second = cloned(first, tmp_path)
    dvc(second, "pull", "--run-cache")
    said = dvc(second, "repro")
    assert "Running stage 'environment'" in said and said.count("Running stage") == 2  # and `track`
    assert not trained(second)
    assert_same_results(first, second)


def test_without_a_lock_the_run_cache_of_the_other_clone_stands_in(first, tmp_path):
    second = cloned(first, tmp_path)
    (second.folder / "dvc.lock").unlink()
    said = dvc(second, "repro", "--pull")
    assert "is cached - skipping run" in said
    assert not trained(second)
    assert_same_results(first, second)


def test_make_repro_restores_what_the_remote_has_and_sends_what_is_new(first, tmp_path):
    second = cloned(first, tmp_path)
    said = second.repro("--jobs", "2")
    assert f"records: {REMOTE}" in said and "fetched 0 files" not in said
    assert not trained(second)
    assert_same_results(first, second)
    # Another rate for one network: trained and evaluated here, and nowhere else.
    params = YAML(typ="safe").load((second.folder / "params.yaml").read_text(encoding="utf-8"))
    params["networks"]["bow"]["training"] = {"learning_rate": 0.02}
    second.set_params(params)
    second.repro("--jobs", "2")
    assert trained(second) == {f"{CORPUS}-bow", *(f"{CORPUS}-bow-{seed}" for seed in SEEDS)}
    third = cloned(first, tmp_path / "third")
    third.set_params(params)
    third.repro("--jobs", "2")
    assert not trained(third)
    assert_same_results(second, third)
