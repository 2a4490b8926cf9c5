"""Two nodes of Ray as processes of this machine: twenty stages, of which one node's are lost midway."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from small_project import AUTHOR
from waiting import wait_until

from benchmarks import grid

CORPORA, NETWORKS, SEEDS = 2, 3, 2
STAGES = CORPORA * (NETWORKS * SEEDS + NETWORKS + 1)
STORE_BYTES = 80 << 20


@pytest.fixture(scope="module", autouse=True)
def ray_is_installed(needs: Callable[..., None]) -> None:
    needs("ray")


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
    return Project(project, variables() | {"UNROLL_NODE_FOLDER": str(folder / "node")})


def variables() -> dict[str, str]:
    """Return the environment without what would lead elsewhere: to this checkout's code, say."""
    left_out = ("RAY_ADDRESS", "MLFLOW_TRACKING_URI", "PYTHONPATH")
    return {name: value for name, value in os.environ.items() if name not in left_out}


@pytest.fixture(scope="module")
def serial(tmp_path_factory) -> Project:
    """The same grid, run on this machine alone, one stage after the other."""
    project = made(tmp_path_factory.mktemp("serial"))
    project.repro("--jobs", "1")
    return project


class Cluster:
    """Nodes with a core each and folders of their own; who has no token cannot reach them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.nodes = folder, []
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self.variables = {"RAY_ADDRESS": self.address, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "5" * 64}
        self.add("--head", f"--port={self.address.split(':')[1]}", "--include-dashboard=false")
        self.add(f"--address={self.address}")

    def add(self, *arguments: str) -> None:
        name = f"node{len(self.nodes)}"
        own = {"UNROLL_NODE_FOLDER": str(self.folder / name), "RAY_USAGE_STATS_ENABLED": "0"}
        limits = ["--num-cpus=1", f"--object-store-memory={STORE_BYTES}", "--node-ip-address=127.0.0.1"]
        with open(self.folder / f"{name}.log", "w") as log:
            process = subprocess.Popen(
                [
                    Path(sys.executable).parent / "ray",
                    "start",
                    "--block",
                    "--disable-usage-stats",
                    *limits,
                    *arguments,
                ],
                env=variables() | self.variables | own,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.nodes.append(process)
        wait_until(lambda: "Ray runtime started" in (self.folder / f"{name}.log").read_text(), pause=0.2)

    def kill(self, number: int) -> None:
        """End all of a node's processes at once, as a power cut does."""
        everyone = [psutil.Process(self.nodes[number].pid)]
        everyone += everyone[0].children(recursive=True)
        for process in everyone:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.nodes[number].wait()


@pytest.fixture
def cluster(tmp_path):
    made = Cluster(tmp_path)
    yield made
    for number in reversed(range(len(made.nodes))):
        if made.nodes[number].poll() is None:
            made.kill(number)


def ends(said: str) -> list[tuple[str, str]]:
    """Return each stage that ended well elsewhere, with its node."""
    return re.findall(r"\] (\S+) done in \d+ s on (\S+)", said)


def read_until(process: subprocess.Popen, enough: Callable[[str], bool]) -> str:
    said = ""
    while not enough(said):
        line = process.stdout.readline()
        assert line, said
        said += line
    return said


def test_twenty_stages_survive_the_loss_of_a_node_and_leave_the_lock_of_a_serial_run(
    cluster, serial, tmp_path
):
    project = made(tmp_path)
    project.variables |= cluster.variables
    process = project.start("--on", "ray")
    said = read_until(
        process, lambda said: len({node for _, node in ends(said)}) == 2 and len(ends(said)) >= 6
    )
    [clone] = (tmp_path / "node1").glob("*/0")
    begun = (clone / "dvc.lock").stat().st_mtime_ns
    wait_until(lambda: (clone / "dvc.lock").stat().st_mtime_ns != begun)  # a stage has begun there
    cluster.kill(1)
    said += process.stdout.read()
    assert process.wait(timeout=60) == 0, said
    assert len(ends(said)) == len({stage for stage, _ in ends(said)}) == STAGES, said
    assert re.search(r"lost \(\w+\); attempt 1 of 3", said), said
    assert project.lock == serial.lock
    assert not list((project.folder / ".unroll/checkpoints").glob("*"))


def test_ctrl_c_ends_what_runs_on_the_nodes_and_the_same_command_goes_on(cluster, tmp_path):
    project = made(tmp_path, corpora=1)
    project.variables |= cluster.variables
    process = project.start("--on", "ray")
    said = read_until(process, lambda said: len(ends(said)) >= 2)
    process.send_signal(signal.SIGINT)
    said += process.stdout.read()
    assert process.wait(timeout=60) == 128 + signal.SIGINT, said
    assert "stopped; the same command goes on from here" in said and "Traceback" not in said
    again = project.repro("--on", "ray")
    assert len(ends(again)) == STAGES // CORPORA


def test_who_has_no_token_is_refused_and_told_where_it_belongs(cluster, tmp_path):
    project = made(tmp_path, corpora=1)
    project.variables |= cluster.variables | {"RAY_AUTH_TOKEN": "6" * 64}
    process = project.start("--on", "ray")
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 1 and "no Ray cluster answers" in said and "Traceback" not in said, said


LISTENING = """
import psutil
from unroll.catalogue import Machine
from unroll.executors import ray_cluster
from unroll.executors.head import Parcel
with ray_cluster.opened(Parcel("project", "commit", b""), Machine(runs_per_gpu=1)) as cluster:
    assert len(cluster.nodes()) == 1
    this = psutil.Process()
    for process in [this, *this.children(recursive=True)]:
        for one in process.net_connections(kind="inet"):
            if one.status == psutil.CONN_LISTEN:
                print(one.laddr.ip.removeprefix("::ffff:"))
"""


def test_a_cluster_of_this_machine_alone_listens_to_this_machine_alone():
    done = subprocess.run(
        [sys.executable, "-c", LISTENING], cwd=grid.ROOT, env=variables(), capture_output=True, text=True
    )
    assert set(done.stdout.split()) == {"127.0.0.1"}, done.stdout + done.stderr
