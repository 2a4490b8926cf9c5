"""Runs of the whole tiny pipeline, in processes that can be found again whatever became of their parents."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import killing
import tiny
from clone import clone
from hub_server import HubServer

MARK = "UNROLL_KILLED_RUN"
NETWORKS, SEEDS = ("bow", "gru"), (1, 2)
EPOCHS = 60
"""A training takes a second or two then."""
RESULTS = ("data", "models", "reports")
ORPHAN_SECONDS = 10
"""After which nothing of a killed run may be alive."""


@dataclass(frozen=True)
class Project:
    """A clone of the project with a tiny corpus."""

    folder: Path
    environment: dict[str, str]

    def copied(self, folder: Path) -> "Project":
        """Return a copy of it, as far as it has run."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        return replace(self, folder=folder)

    def said(self) -> str:
        return (self.folder / "log").read_text()

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen:
        """Start `python -m ARGUMENTS` as the leader of a process group, its output going to `log`."""
        path = f"{Path(sys.executable).parent}:{self.environment['PATH']}"
        with open(self.folder / "log", "a") as stream:
            return subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=self.folder,
                env=self.environment | {"PATH": path, MARK: str(self.folder)} | variables,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def repro(self) -> subprocess.Popen:
        return self.start("unroll", "repro", "--suite", "keep", "--jobs", "2")

    def results(self) -> dict[str, str]:
        lock = {"dvc.lock": (self.folder / "dvc.lock").read_text()}
        return killing.digests(self.folder, *RESULTS) | lock

    def alive(self) -> dict[int, int]:
        """The parent of each process of any of its runs that is alive."""
        mark, found = f"{MARK}={self.folder}".encode(), {}
        for place in Path("/proc").glob("[0-9]*"):
            try:
                if mark not in (place / "environ").read_bytes().split(b"\0"):
                    continue
                state, parent = (place / "stat").read_text().rpartition(")")[2].split()[:2]
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
            if state != "Z":  # nobody has buried it yet
                found[int(place.name)] = int(parent)
        return found

    def dvc_of_a_stage(self, repro: subprocess.Popen) -> int | None:
        """A process that runs a stage through DVC: a child of the one from which all are forked."""
        alive = self.alive()
        return next((one for one, parent in alive.items() if alive.get(parent) == repro.pid), None)

    def wait_for_stage(self, name: str, run: subprocess.Popen) -> int | None:
        """Wait for a process of this stage, and return it; None if the run ends first."""
        while run.poll() is None:
            for one in self.alive():
                try:
                    words = Path(f"/proc/{one}/cmdline").read_bytes().split(b"\0")
                except (FileNotFoundError, ProcessLookupError):
                    continue
                if f"stages.{name}".encode() in words:
                    return one
            time.sleep(0.02)
        return None

    def outlived(self, seconds: float) -> list[int]:
        """The processes that are still alive so many seconds later, which are ended then."""
        until = time.monotonic() + seconds
        while (left := self.alive()) and time.monotonic() < until:
            time.sleep(0.1)
        for one in left:
            os.kill(one, signal.SIGKILL)
        return list(left)


@contextmanager
def project(folder: Path, caches: Path) -> Iterator[Project]:
    """Clone the project, and serve its tiny corpus while the block lasts."""
    params = tiny.params()
    params["select"] |= {"corpora": ["tiny_rows"], "networks": list(NETWORKS), "seeds": list(SEEDS)}
    params["training"] |= {"epochs": EPOCHS, "patience": EPOCHS}
    params["corpora"]["tiny_rows"]["training"] = {}
    for network in NETWORKS:
        params["networks"][network]["training"] = {}
    tiny.write_params(clone(folder), params)
    with HubServer(tiny.repositories()) as hub:
        environment = hub.environment(caches)
        environment.pop("MLFLOW_TRACKING_URI", None)
        yield Project(folder, environment)
