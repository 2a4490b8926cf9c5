"""Nodes of Ray as processes of this machine, and a grid of trainings that take no time for them to run."""

import os
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks import grid

STORE_BYTES = 80 << 20
PATIENCE_SECONDS = 120
LONGEST_RUN = 600
AUTHOR = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.org"]


@dataclass
class Project:
    """A grid in a git checkout with a DVC remote, and what its commands are run with."""

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
        """Return what it said.

        Raises:
            RuntimeError: it failed; the message is what it said.
        """
        process = self.start(*arguments)
        said, _ = process.communicate(timeout=LONGEST_RUN)
        if process.returncode != 0:
            raise RuntimeError(said)
        return said

    @property
    def lock(self) -> bytes:
        return (self.folder / "dvc.lock").read_bytes()


def make(folder: Path, corpora: int, networks: int, seeds: int) -> Project:
    """Lay out a grid in `folder`/project, with its remote beside it."""
    project = folder / "project"
    project.mkdir()
    grid.make(project, corpora, networks, seeds)
    remote = ["remote", "add", "--quiet", "--default", "shared", str(folder / "remote")]
    for command in (
        [sys.executable, "-m", "dvc", *remote],
        ["git", "add", "--all"],
        ["git", *AUTHOR, "commit", "--quiet", "--message", "the grid"],
    ):
        subprocess.run(command, cwd=project, check=True)
    return Project(project, variables() | {"UNROLL_NODE_FOLDER": str(folder / "node")})


def variables() -> dict[str, str]:
    """Return the environment without what would lead elsewhere: to this checkout's code, say."""
    left_out = ("RAY_ADDRESS", "MLFLOW_TRACKING_URI", "PYTHONPATH")
    return {name: value for name, value in os.environ.items() if name not in left_out}


class Cluster:
    """Two nodes with a core each and folders of their own; who has no token cannot reach them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.nodes = folder, []
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self.variables = {"RAY_ADDRESS": self.address, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "5" * 64}
        self._add("--head", f"--port={self.address.split(':')[1]}", "--include-dashboard=false")
        self._add(f"--address={self.address}")

    def _add(self, *arguments: str) -> None:
        name = f"node{len(self.nodes)}"
        own = {"UNROLL_NODE_FOLDER": str(self.folder / name), "RAY_USAGE_STATS_ENABLED": "0"}
        limits = ["--num-cpus=1", f"--object-store-memory={STORE_BYTES}", "--node-ip-address=127.0.0.1"]
        ray = [str(Path(sys.executable).parent / "ray"), "start", "--block", "--disable-usage-stats"]
        log = self.folder / f"{name}.log"
        with open(log, "w") as stream:
            process = subprocess.Popen(
                [*ray, *limits, *arguments],
                env=variables() | self.variables | own,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.nodes.append(process)
        until = time.monotonic() + PATIENCE_SECONDS
        while "Ray runtime started" not in log.read_text():
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{name} of Ray did not start: {log.read_text()}")
            time.sleep(0.2)

    def kill(self, number: int) -> None:
        """End all of a node's processes at once, as a power cut does."""
        everyone = [psutil.Process(self.nodes[number].pid)]
        everyone += everyone[0].children(recursive=True)
        for process in everyone:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.nodes[number].wait()

    def end(self) -> None:
        for number in reversed(range(len(self.nodes))):
            if self.nodes[number].poll() is None:
                self.kill(number)
