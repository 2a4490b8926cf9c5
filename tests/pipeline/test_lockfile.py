"""dvc.lock is read as DVC wrote it, or refused by name."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from clone import ROOT
from locked_project import Project
from ruamel.yaml import YAML

from stages import track
from unroll.failures import Refusal
from unroll.pipeline import lockfile


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


def test_the_hash_of_a_folder_is_dvcs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = ["b.txt", "a/z.csv", "a-b.txt", "a.txt", "A.txt", "ü ñ.json", "a/deep/empty", "a/crlf.txt"]
    for name in names:
        path = tmp_path / "folder" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"" if name.endswith("empty") else f"{name}\r\n".encode())
    dvc = [sys.executable, "-m", "dvc"]
    subprocess.run([*dvc, "init", "-q", "--no-scm"], check=True)
    subprocess.run([*dvc, "add", "-q", "folder"], check=True)
    recorded = YAML(typ="safe").load(Path("folder.dvc").read_text())["outs"][0]["md5"]
    assert recorded.endswith(".dir") and lockfile.md5_of(Path("folder")) == recorded
    assert lockfile.md5_of(Path("folder/b.txt")) == hashlib.md5(b"b.txt\r\n").hexdigest()
    assert lockfile.md5_of(Path("nothing")) is None


def test_what_dvc_ignores_is_no_part_of_a_folder(tmp_path):
    for name in ("weights", "model.json"):
        (tmp_path / name).write_text(name)
    before = lockfile.md5_of(tmp_path)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__/code.pyc").touch()
    (tmp_path / ".gitignore").write_text("/1\n")
    (tmp_path / ".weights.12.tmp").mkdir()
    (tmp_path / ".weights.12.tmp/half").touch()
    assert lockfile.md5_of(tmp_path) == before
    ignored = (ROOT / ".dvcignore").read_text(encoding="utf-8").splitlines()
    assert {line for line in ignored if line and not line.startswith("#")} == set(lockfile.IGNORED)
