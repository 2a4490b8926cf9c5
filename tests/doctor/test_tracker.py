"""A damaged database is set aside with all that belongs to it; a locked one is left alone."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from unroll.doctor import tracker


def test_a_database_that_is_well_and_none_are_left_alone(empty_database: Path, tmp_path: Path) -> None:
    assert not list(tracker.damaged(empty_database))
    assert not list(tracker.damaged(tmp_path / "missing.db")) and not list(tracker.damaged(None))
    assert not (tmp_path / "missing.db").exists()


@pytest.mark.parametrize("damage", ["torn", "overwritten", "no database"])
def test_a_damaged_database_is_set_aside(empty_database: Path, tmp_path: Path, damage: str) -> None:
    database = shutil.copy(empty_database, tmp_path / "mlflow.db")
    content = database.read_bytes()
    half = len(content) // 2
    database.write_bytes(
        {
            "torn": content[:half],
            "overwritten": content[:half] + b"\xff" * 20_000 + content[half + 20_000 :],
            "no database": b"nothing of the kind " * 1000,
        }[damage]
    )
    (tmp_path / "mlflow.db-journal").touch()
    before = database.read_bytes()
    (finding,) = tracker.damaged(database)
    finding.mend()
    assert not list(tmp_path.glob("mlflow.db-journal")) and not database.exists()
    kept = {path.read_bytes() for path in tmp_path.glob("mlflow.db-damaged-*")}
    assert before in kept


def test_a_locked_database_is_told_and_not_mended(empty_database: Path, tmp_path: Path) -> None:
    database = shutil.copy(empty_database, tmp_path / "mlflow.db")
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        (finding,) = tracker.damaged(database)
    assert "locked by" in finding.wrong and finding.mend is None
    assert not list(tracker.damaged(database))
