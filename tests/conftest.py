"""Every test runs under the pinned environment: one thread, and the kernels that results are made with."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
from hub_server import HubServer

from unroll import environment

environment.pin()


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
