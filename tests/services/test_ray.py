"""Two nodes of Ray as processes of this machine: 24 stages, of which one node's are lost midway."""

import re
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from waiting import wait_until

from benchmarks import grid, ray_nodes
from benchmarks.ray_nodes import Cluster, Project, variables

CORPORA, NETWORKS, SEEDS = 2, 3, 2
STAGES = CORPORA * (NETWORKS * SEEDS + NETWORKS + 3)
"""A corpus has a floor, an ensemble and a comparison."""


@pytest.fixture(scope="module", autouse=True)
def ray_is_installed(needs: Callable[..., None]) -> None:
    needs("ray")


def made(folder: Path, corpora: int = CORPORA) -> Project:
    return ray_nodes.make(folder, corpora, NETWORKS, SEEDS)


@pytest.fixture(scope="module")
def serial(tmp_path_factory) -> Project:
    """The same grid, run on this machine alone, one stage after the other."""
    project = made(tmp_path_factory.mktemp("serial"))
    project.repro("--jobs", "1")
    return project


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """All tests share it, as its start takes long: the last of them takes one of its nodes away."""
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    yield made
    made.end()


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


def test_all_stages_survive_the_loss_of_a_node_and_leave_the_lock_of_a_serial_run(cluster, serial, tmp_path):
    project = made(tmp_path)
    clones = partial((cluster.folder / "node1").glob, "*/0")
    earlier = set(clones())
    project.variables |= cluster.variables
    process = project.start("--on", "ray")
    said = read_until(
        process, lambda said: len({node for _, node in ends(said)}) == 2 and len(ends(said)) >= 6
    )
    [clone] = set(clones()) - earlier
    begun = (clone / "dvc.lock").stat().st_mtime_ns
    wait_until(lambda: (clone / "dvc.lock").stat().st_mtime_ns != begun)  # a stage has begun there
    cluster.kill(1)
    said += process.stdout.read()
    assert process.wait(timeout=60) == 0, said
    assert len(ends(said)) == len({stage for stage, _ in ends(said)}) == STAGES, said
    assert re.search(r"lost \(\w+\); attempt 1 of 3", said), said
    assert project.lock == serial.lock
    assert not list((project.folder / ".unroll/checkpoints").glob("*"))
