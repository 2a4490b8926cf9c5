"""dvc.lock is read as DVC wrote it, or refused by name."""

import pytest
from locked_project import Project

from stages import track
from unroll.failures import Refusal


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        ("missing", "dvc.lock is missing: run dvc repro"),
        ("conflict", "dvc.lock cannot be read as YAML"),
        ("schema", "schema is not 2.0"),
        (
            "command",
            "stages.train@tiny-bow-1: no cmd of dvc.yaml: "
            "'python -m stages.train --corpus tiny --network ../bow --seed 1'",
        ),
        ("repeated", "stages.train@copy has the cmd of train@tiny-bow-1: delete that entry"),
    ],
)
def test_a_damaged_lock_is_refused_by_name(project: Project, damage: str, named: str) -> None:
    lock = project.folder / "dvc.lock"
    project.write_lock()
    if damage == "missing":
        lock.unlink()
    elif damage == "conflict":
        lock.write_text("<<<<<<< HEAD\n" + lock.read_text())
    elif damage == "schema":
        lock.write_text(lock.read_text().replace("schema: '2.0'", "schema: '3.0'"))
    elif damage == "command":
        lock.write_text(lock.read_text().replace("--network bow --seed 1", "--network ../bow --seed 1"))
    else:
        lock.write_text(
            lock.read_text()
            + "  train@copy:\n    cmd: python -m stages.train --corpus tiny --network bow --seed 1\n"
        )
    with pytest.raises(Refusal, match=r"dvc\.lock") as refusal:
        track.main()
    assert named in str(refusal.value)
