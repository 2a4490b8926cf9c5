"""A clone of the project as it stands, uncommitted changes included, for tests that run it whole."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import tiny
from hub_server import HubServer

from unroll.pipeline.copies import copy_project

ROOT = Path(__file__).resolve().parents[1]


def clone(destination: Path) -> Path:
    """Copy the project but for what the pipeline itself made."""
    tables = [f"{name}.{kind}" for name in ("comparison", "reference") for kind in ("csv", "md")]
    made = {"dvc.lock", "parked.lock", *(f"reports/{name}" for name in ("pairs.csv", *tables))}
    copy_project(ROOT, destination, lambda name: name not in made and not name.startswith("reports/ladder/"))
    subprocess.run(["git", "init", "-q"], cwd=destination, check=True)
    return destination


def run(
    arguments: list[str], folder: Path, environment: dict[str, str], timeout: float = 600
) -> subprocess.CompletedProcess:
    """Run `python ARGUMENTS` in the clone, with this environment's python first on the path."""
    path = f"{Path(sys.executable).parent}:{environment['PATH']}"
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=timeout,
    )


@dataclass(frozen=True)
class Clone:
    """A clone in which the pipeline has run once: what it ran with, and what it said."""

    folder: Path
    environment: dict[str, str]
    params: dict
    said: str

    def python(self, *arguments: str):
        return run(list(arguments), self.folder, self.environment)

    def repro(self, *arguments: str, suite: str = "keep") -> str:
        done = self.python("-m", "unroll", "repro", "--suite", suite, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def set_params(self, document: dict) -> None:
        tiny.write_params(self.folder, document)

    def stages_run(self, said: str) -> set[str]:
        return set(re.findall(r"\] (\S+) done in", said))


@contextmanager
def run_once(folder: Path, caches: Path, document: dict, suite: str = "keep") -> Iterator[Clone]:
    """Run the pipeline of the clone in `folder` with these parameters; the tiny corpora are on the Hub
    for as long as the block lasts."""
    tiny.write_params(folder, document)
    with HubServer(tiny.repositories()) as hub:
        environment = hub.environment(caches)
        environment.pop("MLFLOW_TRACKING_URI", None)
        done = run(["-m", "unroll", "repro", "--suite", suite, "--jobs", "2"], folder, environment)
        assert done.returncode == 0, done.stdout + done.stderr
        yield Clone(folder, environment, document, done.stdout)
