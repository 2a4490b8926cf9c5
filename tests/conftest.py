"""Every test runs under the pinned environment: one thread, and the kernels that results are made with."""

import gc
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from hub_server import HubServer
from hypothesis import HealthCheck, settings

from unroll import environment

environment.pin()
# A shell's background, and nohup, have it ignored, and so would every process that a test interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Drawn from the test's own code, not from chance or from a folder of past failures: a failure in CI is
# there again at the next run and on any machine, and which mutants the tests kill is a figure that repeats.
REPEATABLE = settings(
    deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("share", REPEATABLE, max_examples=100)
settings.register_profile("whole", REPEATABLE, max_examples=1000)  # --hypothesis-profile whole
settings.load_profile("share")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-golden", action="store_true", help="make tests/golden.json anew")


def pytest_collection_finish() -> None:
    """Let the garbage collector, which statsmodels calls at each correction, pass over what is imported."""
    gc.freeze()


@pytest.fixture(autouse=True)
def small_layers_are_fused_as_large_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests are small: what they hold fused layers to must not be shown by torch's own."""
    if encoders := sys.modules.get("unroll.networks.encoders"):
        monkeypatch.setattr(encoders, "FEW", 0)
        monkeypatch.setattr(encoders, "SMALL", dict.fromkeys(encoders.SMALL, 0))


@pytest.fixture(scope="session")
def hub_server() -> Iterator[HubServer]:
    with HubServer({}) as server:
        yield server


@pytest.fixture
def hub(hub_server: HubServer) -> Iterator[HubServer]:
    """A stand-in for the Hub with nothing on it, and nothing wrong with it."""
    hub_server.repositories = {}
    hub_server.requests.clear()
    yield hub_server
    hub_server.mend()


@pytest.fixture(scope="session")
def child(hub_server: HubServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator:
    """A process that asks `hub` and no other."""
    # Not at the top: it imports what most tests never need.
    import hub_child

    surroundings = hub_server.environment(tmp_path_factory.mktemp("child"))
    pool = ProcessPoolExecutor(
        1, get_context("spawn"), initializer=hub_child.become, initargs=(surroundings,)
    )
    with pool:
        yield hub_child.Child(pool)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory):
    """A runs.Corpus of the tiny rows; tests must not change it."""
    # Not at the top: most tests can do without torch.
    from runs import Corpus
    from tiny import COUNTS

    return Corpus(tmp_path_factory.mktemp("corpus"), COUNTS)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An initialised MLflow database to copy: making one takes seconds."""
    from unroll.tracking.client import Tracker

    path = tmp_path_factory.mktemp("mlflow") / "empty.db"
    with Tracker(f"sqlite:///{path}").alone():
        return path


@pytest.fixture
def project(tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch):
    """A locked_project.Project, which is the current folder."""
    from locked_project import Project

    monkeypatch.chdir(tmp_path)
    return Project(tmp_path, empty_database)


@pytest.fixture(scope="session")
def tracked(tmp_path_factory: pytest.TempPathFactory, empty_database: Path):
    """A locked_project.Project that has been tracked, for tests that only look."""
    from locked_project import Project

    from unroll.tracking import client

    project = Project(tmp_path_factory.mktemp("tracked"), empty_database)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client, "commit", lambda: "c0ffee")
        assert project.track() == (7, 0, 0)
    return project


@pytest.fixture(scope="module")
def browser() -> Iterator:
    """Playwright's Browser, a Chromium of this machine; PLAYWRIGHT may name another."""
    sync_api = pytest.importorskip("playwright.sync_api")
    names = ("chromium", "chromium-browser", "google-chrome")
    path = os.environ.get("PLAYWRIGHT") or next(filter(None, map(shutil.which, names)), None)
    if path is None:
        pytest.skip("no chromium here; PLAYWRIGHT may name one")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()
