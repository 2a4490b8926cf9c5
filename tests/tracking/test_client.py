"""The database is made once, found again, and refused by name where it cannot be used."""

import ast
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from locked_project import Project

from stages import track
from unroll.failures import Refusal
from unroll.tracking import client, place

ROOT = Path(__file__).resolve().parents[2]
HOLD_FILE = """
import fcntl, sys
stream = open("runs.db-lock", "w")
fcntl.flock(stream, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""
HOLD_DATABASE = """
import sqlite3, sys
connection = sqlite3.connect("runs.db")
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


def test_the_line_counts_runs_and_hides_a_password(
    project: Project, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.track()
    assert capsys.readouterr().out.startswith(
        "track: 4 runs, their 2 parents, 0 floors, 0 ensembles and 1 comparisons current "
        "(7 new, 0 revived, 0 stale), 1 champions, sqlite:///"
    )
    assert place.without_password("postgresql://me:secret@host/db") == "postgresql://host/db"


def test_an_unusable_database_is_refused_by_name(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    (project.folder / "runs.db").write_text("no database " * 100)
    with pytest.raises(Refusal, match=r"runs\.db cannot be used .*doctor --fix"):
        project.track()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "gopher://me:secret@host")
    with pytest.raises(Refusal, match="MLFLOW_TRACKING_URI: gopher://host cannot be used"):
        track.main()


@pytest.mark.parametrize("locked", ["the file beside it", "the database"])
def test_a_database_that_somebody_holds_is_waited_for_and_then_refused_by_name(
    project: Project, monkeypatch: pytest.MonkeyPatch, locked: str
) -> None:
    monkeypatch.setattr(client, "WAIT_SECONDS", 0.3)
    shutil.copy(project.empty_database, "runs.db")
    hold = HOLD_FILE if locked == "the file beside it" else HOLD_DATABASE
    holder = subprocess.Popen([sys.executable, "-c", hold], stdout=subprocess.PIPE, stdin=subprocess.PIPE)
    try:
        holder.stdout.readline()
        with pytest.raises(Refusal, match=rf"runs\.db.*locked.*process {holder.pid} .*dvc repro track"):
            project.track()
    finally:
        holder.communicate()
    assert project.track() == (7, 0, 0)


def test_a_database_from_another_place_is_refused(project: Project) -> None:
    project.track()
    elsewhere = project.folder / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(project.folder / "runs.db", elsewhere / "moved.db")
    project.database = "elsewhere/moved.db"
    with pytest.raises(Refusal, match="Delete the database"):
        project.track()


def test_the_default_database_can_be_deleted_and_leaves_no_remnants(project: Project) -> None:
    """The first call as `dvc repro` makes it: in a process of its own, without database or variable."""
    project.write_lock()
    environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    environment["PYTHONPATH"] = str(ROOT)
    command = [sys.executable, "-m", "stages.track"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("(7 new, 0 revived, 0 stale), 1 champions, sqlite:///mlflow.db\n")
    assert done.stderr == ""
    with closing(sqlite3.connect("mlflow.db")) as connection:
        before = {key for (key,) in connection.execute("SELECT value FROM tags WHERE key = 'dvc.key'")}
    Path("mlflow.db").unlink()
    project.database = "mlflow.db"
    assert project.track() == (7, 0, 0)
    assert set(project.keys().values()) == before
    folders = {path.name for path in Path("mlartifacts/tiny").iterdir()}
    assert folders == set(project.ids().values()) | {"models"}
    models = {path.name for path in Path("mlartifacts/tiny/models").iterdir()}
    shown = [*project.models().values(), *project.packages().values()]
    assert models == {model.model_id for model in shown}
    assert project.champion.tags["model"] in models


def test_mlflow_is_imported_in_one_place_with_its_doors_shut() -> None:
    importing = set()
    for path in [*ROOT.glob("unroll/**/*.py"), *ROOT.glob("stages/*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(name.split(".")[0] == "mlflow" for name in names):
                importing.add(path.relative_to(ROOT).as_posix())
    # What a package holds runs without the tracker.
    assert importing == {"unroll/tracking/imports.py", "unroll/serving/served.py"}
    for door in ("ALLOW_PICKLE_DESERIALIZATION", "ALLOW_MODEL_CODE_EXECUTION", "SERVER_ENABLE_JOB_EXECUTION"):
        assert os.environ[f"MLFLOW_{door}"] == "false"


SYNCHRONOUS = """
from sqlalchemy import create_engine
from unroll.tracking.client import Tracker
tracker = Tracker("sqlite:///runs.db")
for _ in range(2):
    with tracker.alone(), create_engine(tracker.uri).connect() as connection:
        print(connection.exec_driver_sql("PRAGMA synchronous").scalar())
with create_engine(tracker.uri).connect() as connection:
    print(connection.exec_driver_sql("PRAGMA synchronous").scalar())
"""


def test_only_a_new_database_is_written_without_waiting_for_the_disk(tmp_path: Path) -> None:
    # In a process of its own: here no database waits (locked_project).
    command, variables = [sys.executable, "-c", SYNCHRONOUS], os.environ | {"PYTHONPATH": str(ROOT)}
    run = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["0", "2", "2"]
