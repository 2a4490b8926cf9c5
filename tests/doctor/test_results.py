"""Results that are not the lock's bytes go, and what the cache lacks is put back as DVC had it."""

import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from unroll.doctor import results

LOCK, CACHE, PIPELINE = Path("dvc.lock"), Path(".dvc/cache/files/md5"), Path("dvc.yaml")
STAGES = """
stages:
  make:
    cmd: mkdir -p made/deep && cp text made/a && cp text made/deep/b && echo more >> made/a
    deps: [text]
    outs: [made]
  copy:
    cmd: cp made/a single && cp text shown
    deps: [made, text]
    outs: [single, {shown: {cache: false}}]
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ran")
    (folder / "text").write_text("a text\n")
    (folder / PIPELINE).write_text(STAGES)
    for arguments in (["init", "-q", "--no-scm"], ["repro", "-q"]):
        subprocess.run([sys.executable, "-m", "dvc", *arguments], cwd=folder, check=True)
    return folder


@pytest.fixture
def project(ran: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ran, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")


def content(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


half_written = partial(results.half_written, LOCK)
broken_cache = partial(results.broken_cache, CACHE, LOCK, PIPELINE)


def test_a_run_that_ended_has_nothing_wrong_and_neither_has_a_fresh_clone(project: None) -> None:
    assert not list(half_written()) and not list(broken_cache())
    for name in ("made", ".dvc/cache"):
        shutil.rmtree(name)
    Path("single").unlink()
    assert not list(half_written()) and not list(broken_cache())
    LOCK.unlink()
    assert not list(half_written()) and not list(broken_cache())


@pytest.mark.parametrize("damage", ["half a file", "a file less", "a file more"])
def test_a_half_written_result_goes(project: None, damage: str) -> None:
    if damage == "half a file":
        Path("made/a").write_bytes(Path("made/a").read_bytes()[:3])
    elif damage == "a file less":
        Path("made/deep/b").unlink()
    else:
        Path("made/c").touch()
    (finding,) = half_written()
    assert "made" in finding.place
    finding.mend()
    assert not Path("made").exists() and Path("single").exists()


def test_of_a_torn_lock_the_whole_entries_count(project: None) -> None:
    LOCK.write_text(LOCK.read_text()[:-9])
    Path("made/a").write_text("half")
    Path("single").write_text("half")
    assert [finding.place for finding in half_written()] in (["made"], ["single"])


def test_what_is_other_because_its_stage_reads_something_else_stays(project: None) -> None:
    Path("text").write_text("another text\n")
    Path("made/a").write_text("made of it\n")
    Path("single").write_text("made of that\n")
    assert not list(half_written())


@pytest.mark.parametrize("kind", ["a file", "a listing"])
@pytest.mark.parametrize("on_disk", [True, False])
def test_a_damaged_file_in_the_cache_is_put_back_if_it_can_be_and_else_goes(
    project: None, kind: str, on_disk: bool
) -> None:
    before = content(CACHE)
    entry = next(path for path in CACHE.glob("??/*") if (path.suffix == ".dir") == (kind == "a listing"))
    entry.chmod(0o644)
    entry.write_bytes(entry.read_bytes()[:-4])
    if not on_disk:
        shutil.rmtree("made")
        Path("single").unlink()
    (finding,) = broken_cache()
    assert str(entry) in finding.place
    finding.mend()
    assert not list(broken_cache())
    if on_disk:
        assert content(CACHE) == before and entry.stat().st_mode & 0o777 == 0o444
    else:
        assert not entry.exists() and len(content(CACHE)) == len(before) - 1


def test_a_cache_that_is_gone_comes_back_from_disk_byte_for_byte(project: None) -> None:
    before = content(CACHE)
    shutil.rmtree(CACHE)
    (finding,) = broken_cache()
    finding.mend()
    assert content(CACHE) == before
    done = subprocess.run([sys.executable, "-m", "dvc", "repro"], capture_output=True, text=True, check=True)
    assert "Running stage" not in done.stdout
