"""The tiny project whose runs are killed, and what a run makes that nobody disturbs."""

import time

import killed_runs
import pytest


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    with killed_runs.project(tmp_path_factory.mktemp("clone"), tmp_path_factory.mktemp("caches")) as made:
        yield made


@pytest.fixture(scope="session")
def clean(project, tmp_path_factory):
    """What a run that nobody disturbs makes, and how long it takes."""
    copy = project.copied(tmp_path_factory.mktemp("clean"))
    started = time.monotonic()
    assert copy.repro().wait() == 0, copy.said()
    return copy.results(), time.monotonic() - started
