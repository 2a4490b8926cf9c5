"""Whose lock it is: of a run that is at work, of one that has ended, or of another program by now."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from unroll import processes
from unroll.doctor import runs
from unroll.failures import Refusal

SLEEP = "import time; time.sleep(60)"


@pytest.fixture
def rwlock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(runs, "PATIENCE_SECONDS", 0.2)
    (tmp_path / "project/.dvc/tmp").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project/.dvc/tmp/rwlock"


@pytest.fixture
def asleep() -> Iterator:
    """asleep(folder, *arguments): start a process there that waits; it ends with the test."""
    started = []

    def start(folder: Path, *arguments: str, code: str = SLEEP) -> subprocess.Popen:
        started.append(subprocess.Popen([sys.executable, "-c", code, *arguments], cwd=folder))
        while psutil.Process(started[-1].pid).cmdline()[1:2] != ["-c"]:
            time.sleep(0.01)
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def dead() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def lock(rwlock: Path, *pids: int) -> None:
    entries = [{"pid": pid, "cmd": "repro"} for pid in pids]
    locked = {"write": {f"models/{one['pid']}": one for one in entries}, "read": {"data": entries}}
    rwlock.write_text(json.dumps(locked))


def found(rwlock: Path) -> list[str]:
    examinations = {"torn": runs.torn_rwlock, "foreign": runs.foreign_rwlock, "dead": runs.dead_rwlock}
    return [name for name, examine in examinations.items() if list(examine(rwlock))]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"write": {"a": 1}}', '{"read": {"a": [{"pid": "x"}]}}'])
def test_a_torn_rwlock_is_removed(rwlock: Path, content: str) -> None:
    rwlock.write_text(content)
    (finding,) = runs.torn_rwlock(rwlock)
    finding.mend()
    assert not rwlock.exists() and found(rwlock) == []


def test_an_empty_rwlock_and_none_are_well(rwlock: Path) -> None:
    assert found(rwlock) == []
    rwlock.write_text('{"write": {}}')
    assert found(rwlock) == []


def test_a_lock_of_a_run_that_is_at_work_is_kept_and_another_goes(rwlock: Path, asleep) -> None:
    here, gone = asleep(Path()).pid, dead()
    lock(rwlock, here, gone)
    assert found(rwlock) == ["dead"]
    next(runs.dead_rwlock(rwlock)).mend()
    kept = json.loads(rwlock.read_text())
    assert list(kept["write"]) == [f"models/{here}"] and [one["pid"] for one in kept["read"]["data"]] == [
        here
    ]
    assert f"process {here}" in runs.at_work(Path(), rwlock.with_name("lock"), rwlock)


def test_a_number_that_another_program_has_by_now_is_no_lock(rwlock: Path, asleep, tmp_path: Path) -> None:
    elsewhere = asleep(tmp_path).pid
    lock(rwlock, elsewhere)
    assert found(rwlock) == ["foreign"]
    # One that works here, but began after the lock was written.
    later = asleep(Path()).pid
    lock(rwlock, later)
    assert found(rwlock) == []
    before = time.time() - 3600
    os.utime(rwlock, (before, before))
    assert found(rwlock) == ["foreign"]
    next(runs.foreign_rwlock(rwlock)).mend()
    assert json.loads(rwlock.read_text()) == {"write": {}, "read": {}}


HOLD = """
import fcntl, sys, time
stream = open(sys.argv[1], "w")
fcntl.flock(stream, fcntl.LOCK_EX)
open(sys.argv[1] + ".held", "w")
time.sleep(60)
"""


def test_a_lock_that_somebody_holds_names_who_does(rwlock: Path, asleep) -> None:
    place = rwlock.with_name("lock")
    assert not list(runs.held(place))
    place.touch()
    assert not list(runs.held(place))
    holder = asleep(Path("/"), str(place), code=HOLD)
    while not Path(f"{place}.held").exists():
        time.sleep(0.01)
    (finding,) = runs.held(place)
    assert f"process {holder.pid}" in finding.wrong and finding.mend is None


def test_a_run_here_is_at_work_and_one_elsewhere_is_not(rwlock: Path, asleep, tmp_path: Path) -> None:
    asleep(tmp_path, "unroll", "repro")
    assert runs.at_work(Path(), rwlock.with_name("lock"), rwlock) is None
    process = asleep(Path(), "unroll", "repro")
    assert f"process {process.pid}" in runs.at_work(Path(), rwlock.with_name("lock"), rwlock)


def test_a_stage_whose_parent_was_killed_is_ended_and_no_other(
    rwlock: Path, asleep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages = [asleep(folder, "stages.train") for folder in (Path(), tmp_path)]
    other = asleep(Path(), "notes.train")
    assert not list(runs.orphans(Path()))  # this process is their parent
    monkeypatch.setattr(processes, "lost_its_parent", lambda process: True)
    (finding,) = runs.orphans(Path())
    finding.mend()
    assert stages[0].wait(10) is not None and stages[1].poll() is None and other.poll() is None


def test_a_process_outlives_its_parent_and_is_known_for_it(tmp_path: Path) -> None:
    code = f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {SLEEP!r}]).pid)"
    # To a file: a pipe would stay open as long as it lives.
    with open(tmp_path / "pid", "w") as stream:
        subprocess.run([sys.executable, "-c", code], stdout=stream, check=True)
    orphan = psutil.Process(int((tmp_path / "pid").read_text()))
    try:
        assert processes.lost_its_parent(orphan) and not processes.lost_its_parent(psutil.Process())
    finally:
        orphan.kill()


def test_refusal_is_what_a_blocked_run_ends_with(rwlock: Path) -> None:
    from unroll.doctor import command

    rwlock.write_text("{")
    with pytest.raises(Refusal, match="rwlock is in the way, torn: python -m unroll doctor --fix"):
        command.refuse_what_blocks()
