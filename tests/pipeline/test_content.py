"""The hashes of files and folders are DVC's."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from clone import ROOT
from ruamel.yaml import YAML

from unroll.pipeline import content


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
    assert recorded.endswith(".dir") and content.md5_of(Path("folder")) == recorded
    assert content.md5_of(Path("folder/b.txt")) == hashlib.md5(b"b.txt\r\n").hexdigest()
    assert content.md5_of(Path("nothing")) is None


def test_what_dvc_ignores_is_no_part_of_a_folder(tmp_path):
    for name in ("weights", "model.json"):
        (tmp_path / name).write_text(name)
    before = content.md5_of(tmp_path)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__/code.pyc").touch()
    (tmp_path / ".gitignore").write_text("/1\n")
    (tmp_path / ".weights.12.tmp").mkdir()
    (tmp_path / ".weights.12.tmp/half").touch()
    assert content.md5_of(tmp_path) == before
    ignored = (ROOT / ".dvcignore").read_text(encoding="utf-8").splitlines()
    assert {line for line in ignored if line and not line.startswith("#")} == set(content.IGNORED)
