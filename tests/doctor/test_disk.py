"""A full disk and a closed folder are told, with what may go."""

import os
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from unroll.doctor import disk

Usage = namedtuple("Usage", "total used free")


@pytest.mark.parametrize(("free", "found"), [(disk.ENOUGH_BYTES, False), (disk.ENOUGH_BYTES - 1, True)])
def test_little_room_names_what_grows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, found: bool
) -> None:
    (tmp_path / "cache").mkdir()
    with open(tmp_path / "cache/large", "wb") as stream:
        stream.truncate(2 * 10**9)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(free, 0, free))
    told = list(disk.no_space(tmp_path, {tmp_path / "cache": "may go", tmp_path / "missing": "too"}))
    assert bool(told) == found
    if found:
        assert "2.0 GB (may go)" in told[0].remedy and told[0].mend is None


def test_a_folder_without_the_right_to_write_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models/closed").mkdir(parents=True)
    folders = [tmp_path / "models", tmp_path / "missing"]
    assert not list(disk.no_right_to_write(tmp_path, folders))
    # Who runs the tests may write anywhere.
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "closed")
    (finding,) = disk.no_right_to_write(tmp_path, folders)
    assert finding.place == str(tmp_path / "models/closed")
