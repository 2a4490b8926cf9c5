"""Two nodes of Ray as processes of this machine: twenty stages, of which one node's are lost midway."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from small_project import AUTHOR

from benchmarks import grid

pytest.importorskip("ray", reason="make services installs Ray")

CORPORA, NETWORKS, SEEDS = 2, 3, 2
STAGES = CORPORA * (NETWORKS * SEEDS + NETWORKS + 1)
STORE_BYTES = 80 << 20


@dataclass
class Project:
    """A grid of trainings that take no time, its remote, and what its commands are run with."""

    folder: Path
    variables: dict[str, str]

    def start(self, *arguments: str) -> subprocess.Popen:
        command = [sys.executable, "-m", "unroll", "repro", "--suite", "keep", *arguments]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def repro(self, *arguments: str) -> str:
        process = self.start(*arguments)
        said, _ = process.communicate(timeout=600)
        assert process.returncode == 0, said
        return said

    @property
    def lock(self) -> bytes:
        return (self.folder / "dvc.lock").read_bytes()


def made(folder: Path, corpora: int = CORPORA) -> Project:
    project = folder / "project"
    project.mkdir()
    grid.make(project, corpora, NETWORKS, SEEDS)
    for command in (
        [
            sys.executable,
            "-m",
            "dvc",
            "remote",
            "add",
            "--quiet",
            "--default",
            "shared",
            str(folder / "remote"),
        ],
        ["git", "add", "--all", "--", ":!.venv"],
        ["git", *AUTHOR, "commit", "--quiet", "--message", "the grid"],
    ):
        subprocess.run(command, cwd=project, check=True)
    left_out = ("RAY_ADDRESS", "MLFLOW_TRACKING_URI", "PYTHONPATH")
    variables = {name: value for name, value in os.environ.items() if name not in left_out}
    return Project(project, variables | {"UNROLL_NODE_FOLDER": str(folder / "node")})


@pytest.fixture(scope="module")
def serial(tmp_path_factory) -> Project:
    """The same grid, run on this machine alone, one stage after the other."""
    project = made(tmp_path_factory.mktemp("serial"))
    project.repro("--jobs", "1")
    return project


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """Two nodes, a core each, with folders of their own; who has no token cannot reach them."""
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "5" * 64)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    from ray.cluster_utils import Cluster

    shared = {"num_cpus": 1, "object_store_memory": STORE_BYTES}
    first = shared | {"include_dashboard": False, "env_vars": {"UNROLL_NODE_FOLDER": str(tmp_path / "first")}}
    cluster = Cluster(initialize_head=True, head_node_args=first)
    cluster.add_node(**shared, env_vars={"UNROLL_NODE_FOLDER": str(tmp_path / "second")})
    yield cluster
    cluster.shutdown()


def ends(said: str) -> list[tuple[str, str]]:
    """Return each stage that ended well elsewhere, with its node."""
    return re.findall(r"\] (\S+) done in \d+ s on (\S+)", said)


def test_twenty_stages_survive_the_loss_of_a_node_and_leave_the_lock_of_a_serial_run(
    cluster, tmp_path, serial
):
    project = made(tmp_path)
    project.variables |= {
        "RAY_ADDRESS": cluster.address,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": "5" * 64,
    }
    process, said = project.start("--on", "ray"), ""
    for line in process.stdout:
        said += line
        if len({node for _, node in ends(said)}) == 2 and len(ends(said)) >= 6:
            break
    cluster.remove_node(list(cluster.worker_nodes)[0], allow_graceful=False)
    said += process.stdout.read()
    assert process.wait(timeout=60) == 0, said
    assert len({stage for stage, _ in ends(said)}) == STAGES, said
    assert "lost" in said and "attempt 1 of 3" in said
    assert project.lock == serial.lock
    assert not list((project.folder / ".unroll/checkpoints").glob("*"))
