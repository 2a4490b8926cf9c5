"""Two nodes of Ray with networks and file systems of their own, which share nothing but an S3 bucket."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import boto3
import psutil
import pytest
import small_project
from waiting import wait_until

from unroll.pipeline import lock_text

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes network namespaces")
HOST, OTHER = "10.87.31.1", "10.87.31.2"
NEEDS = {"first": [], **{f"middle{number}": ["first"] for number in range(6)}}
KEYS = {"AWS_ACCESS_KEY_ID": "mine", "AWS_SECRET_ACCESS_KEY": "hush", "AWS_DEFAULT_REGION": "us-east-1"}
TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "5" * 64, "RAY_USAGE_STATS_ENABLED": "0"}
PORT, S3_PORT = 26379, 25555


def quietly(*command: str, check: bool = True) -> None:
    subprocess.run(command, check=check, capture_output=True)


@pytest.fixture(scope="module", autouse=True)
def all_is_installed(needs):
    for name in ("ray", "moto"):
        needs(name)
    needs("ip", "apt-get install iproute2")
    needs("unshare", "apt-get install util-linux")


@pytest.fixture
def network():
    """A namespace `unroll-test`, joined to this one by a pair of interfaces."""
    space = "unroll-test"
    try:
        quietly("ip", "netns", "add", space)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no network namespace can be made here: {error.stderr.decode().strip()}")
    try:
        quietly("ip", "link", "add", "unroll0", "type", "veth", "peer", "name", "unroll1", "netns", space)
        quietly("ip", "addr", "add", f"{HOST}/24", "dev", "unroll0")
        quietly("ip", "link", "set", "unroll0", "up")
        quietly("ip", "-n", space, "addr", "add", f"{OTHER}/24", "dev", "unroll1")
        quietly("ip", "-n", space, "link", "set", "unroll1", "up")
        quietly("ip", "-n", space, "link", "set", "lo", "up")
        yield space
    finally:
        quietly("ip", "link", "del", "unroll0", check=False)
        quietly("ip", "netns", "del", space, check=False)


@pytest.fixture
def started(tmp_path):
    """Starts processes that end with the test, and all that they started."""
    running = []

    def start(name: str, command: list[str], variables: dict[str, str], ready: str = "") -> subprocess.Popen:
        log = tmp_path / f"{name}.log"
        with open(log, "w") as stream:
            process = subprocess.Popen(
                command, env=variables, stdout=stream, stderr=subprocess.STDOUT, start_new_session=True
            )
        running.append(process)
        wait_until(lambda: process.poll() is not None or ready in log.read_text(), pause=0.2)
        assert process.poll() is None, log.read_text()
        return process

    yield start
    for process in reversed(running):
        for one in [*psutil.Process(process.pid).children(recursive=True), process]:
            one.kill()
        process.wait()


def ray(*arguments: str) -> list[str]:
    limits = ["--block", "--num-cpus=1", f"--object-store-memory={80 << 20}"]
    return [str(Path(sys.executable).parent / "ray"), "start", *limits, *arguments]


def test_nodes_that_share_no_file_run_the_stages_and_the_lock_is_a_serial_ones(network, started, tmp_path):
    for name in ("project", "notes"):
        (tmp_path / name).mkdir()
    project = tmp_path / "project"
    small_project.make(project, NEEDS, "s3://bucket/unroll")
    endpoint = f"http://{HOST}:{S3_PORT}"
    remote = [sys.executable, "-m", "dvc", "remote", "modify", "shared", "endpointurl", endpoint]
    subprocess.run(remote, cwd=project, check=True, capture_output=True)
    # The code's own path, notes and the environment stay what they are in both; all else that either
    # writes lies in folders for temporary files, of which the other node has one of its own.
    common = {
        **os.environ,
        **KEYS,
        **TOKEN,
        "PYTHONPATH": small_project.PYTHONPATH,
        "NOTES": str(tmp_path / "notes"),
    }
    moto = ["moto_server", "-H", HOST, "-p", str(S3_PORT)]
    started("moto", [str(Path(sys.executable).parent / moto[0]), *moto[1:]], common, "Running on")
    boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id="mine",
        aws_secret_access_key="hush",
        region_name="us-east-1",
    ).create_bucket(Bucket="bucket")
    own = {"UNROLL_NODE_FOLDER": str(tmp_path / "first")}
    head = ray("--head", f"--node-ip-address={HOST}", f"--port={PORT}", "--include-dashboard=false")
    started("head", head, common | own, "Ray runtime started")
    # A file system of its own for all that is written: what the first node has in /dev/shm and in the
    # folder for temporary files is hidden, and the project with it.
    temporary = tempfile.gettempdir()
    hidden = f"mount -t tmpfs none /dev/shm && mount -t tmpfs none {temporary}"
    private = f'{hidden} && mkdir -p "$NOTES" && exec "$@"'
    other = ray(f"--node-ip-address={OTHER}", f"--address={HOST}:{PORT}", f"--temp-dir={temporary}/ray")
    inside = ["ip", "netns", "exec", network, "unshare", "--mount", "sh", "-c", private, "sh"]
    started(
        "other",
        [*inside, *other],
        common | {"UNROLL_NODE_FOLDER": f"{temporary}/other"},
        "Ray runtime started",
    )

    script = (
        "from pathlib import Path; from rich.console import Console; from unroll.catalogue import Machine;"
        "from unroll.executors import head, ray_cluster;"
        f"head.run({ {name: set(needs) for name, needs in NEEDS.items()}!r}, ray_cluster.opened,"
        "Machine(runs_per_gpu=1), 'cpu', {}, Path('logs'), Console(width=200))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=project,
        env=common | {"RAY_ADDRESS": f"{HOST}:{PORT}"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    nodes = {line.split(" on ")[1] for line in done.stdout.splitlines() if " done in " in line}
    assert len(nodes) == 2, done.stdout
    noted = {path.name for path in (tmp_path / "notes").iterdir()}
    assert noted < set(NEEDS), "the other node wrote into this one's files"
    lock_text.arrange(project / "dvc.lock", project / "parked.lock", NEEDS)  # as `repro` does
    lock = (project / "dvc.lock").read_bytes()
    serial = tmp_path / "serial"
    shutil.copytree(project, serial, ignore=shutil.ignore_patterns("cache", "dvc.lock", "tmp"))
    subprocess.run([sys.executable, "-m", "dvc", "repro", "--quiet"], cwd=serial, env=common, check=True)
    lock_text.arrange(serial / "dvc.lock", serial / "parked.lock", NEEDS)
    assert (serial / "dvc.lock").read_bytes() == lock
