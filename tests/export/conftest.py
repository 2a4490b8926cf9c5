"""A project with two trained seeds, and what was exported of it."""

from pathlib import Path

import pytest


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A trained_project.Project with seeds 1 and 2, which is the current folder."""
    # Not at the top: torch must find the environment pinned.
    from trained_project import READER, Project

    monkeypatch.chdir(tmp_path)
    return Project.make(tmp_path, {1: READER, 2: READER})


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds seeds 1 and 2 of a network, for tests that only read it."""
    from trained_project import READER, Project

    from unroll.export import folder

    project = Project.make(tmp_path_factory.mktemp("project"), {1: READER, 2: READER})
    to = tmp_path_factory.mktemp("exported") / "gru"
    folder.write(project.trained(), to, "float32")
    return to
