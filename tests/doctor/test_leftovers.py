"""What was never finished goes, what is being written stays."""

import os
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from unroll import files
from unroll.doctor import leftovers
from unroll.networks.checkpoints import save_checkpoint

NOBODY = 2**22 + 1
"""More than Linux gives to any process."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_files_and_folders_of_ended_processes_go_and_of_living_ones_stay() -> None:
    models = Path("models/tiny")
    with files.whole_folder(models / "1") as living, files.whole_file(Path("dvc.lock")) as lock:
        lock.touch()
        for place in (
            models / f".2.{NOBODY}.tmp/inner",
            Path(f".dvc.lock.{NOBODY}.tmp"),
            models / ".a1b2.tmp",
        ):
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()
        (models / f".2.{NOBODY}.tmp/.inner.{NOBODY}.tmp").touch()
        (finding,) = leftovers.unfinished([Path("models"), Path("missing")])
        finding.mend()
        assert living.is_dir() and lock.exists()
        assert not list(leftovers.unfinished([Path("models")]))
    assert sorted(path.name for path in Path().rglob("*")) == ["1", "dvc.lock", "models", "tiny"]


def test_a_number_that_a_later_process_has_does_not_keep_a_file() -> None:
    left = Path(f".params.yaml.{os.getpid()}.tmp")
    left.touch()
    assert not list(leftovers.unfinished([]))
    before = time.time() - 24 * 3600
    os.utime(left, (before, before))
    assert list(leftovers.unfinished([]))


def test_a_checkpoint_that_cannot_be_read_goes() -> None:
    folder = Path("checkpoints")
    save_checkpoint(folder / "good.safetensors", {"model": {"weights": torch.zeros(8)}}, {"epoch": 1})
    content = (folder / "good.safetensors").read_bytes()
    (folder / "half.safetensors").write_bytes(content[: len(content) // 2])
    (folder / "empty.pretraining").touch()
    save_file({"model/weights": torch.zeros(8)}, folder / "nothing_said.safetensors")
    (finding,) = leftovers.unreadable_checkpoints(folder)
    finding.mend()
    assert [path.name for path in folder.iterdir()] == ["good.safetensors"]
    assert not list(leftovers.unreadable_checkpoints(folder))
    assert not list(leftovers.unreadable_checkpoints(Path("missing")))
