"""Who is at work in the project, and what of DVC's own locks a killed run has left."""

import fcntl
import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psutil

from unroll import files, processes
from unroll.doctor.finding import Finding, and_more

PATIENCE_SECONDS = 3
"""As long as DVC itself tries to get its lock."""
END_SECONDS = 30
"""A training that is told to end saves its state first."""
Locked = dict[str, dict[str, list[dict]]]
"""For "read" and "write" and each path who locked it, as DVC has it: {"pid": 1, "cmd": "repro"}."""


def orphans(folder: Path) -> Iterator[Finding]:
    """Find stages whose parent has been killed: they would write into what a later run makes."""
    for process in processes.working_in(folder):
        stage = any(argument.startswith("stages.") for argument in processes.command_of(process))
        if stage and processes.lost_its_parent(process):
            yield Finding(
                processes.in_words(process),
                "a stage whose run has been killed, still at work",
                "it is told to end",
                partial(end, process),
            )


def end(process: psutil.Process) -> None:
    family = [*process.children(recursive=True), process]
    for one in family:
        one.terminate()
    _, alive = psutil.wait_procs(family, END_SECONDS)
    for one in alive:
        one.kill()
    psutil.wait_procs(alive)


def at_work(folder: Path, lock: Path, rwlock: Path) -> str | None:
    """Say who runs the pipeline here, or holds a lock of DVC's, if anyone does."""
    for process in processes.working_in(folder):
        arguments = {Path(argument).name for argument in processes.command_of(process)}
        if "repro" in arguments and arguments & {"unroll", "dvc", "unroll.pipeline.dvc_process"}:
            return processes.in_words(process)
    for _, _, locker in _lockers(_read(rwlock) or {}):
        if process := _real(locker, rwlock):
            return processes.in_words(process)
    return holder(lock)


def held(lock: Path) -> Iterator[Finding]:
    """Find DVC's lock in somebody's hands for longer than DVC itself ever needs it."""
    if who := holder(lock):
        yield Finding(str(lock), f"held by {who}", "wait until that has ended, or end it")


def holder(lock: Path) -> str | None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while _is_held(lock):
        if time.monotonic() > deadline:
            return processes.holders_in_words(lock)
        time.sleep(0.05)
    return None


def torn_rwlock(rwlock: Path) -> Iterator[Finding]:
    """Find DVC's list of who reads and writes what, where it cannot be read."""
    if _read(rwlock) is None:
        yield Finding(str(rwlock), "torn", "it is removed: DVC makes a new one", rwlock.unlink)


def dead_rwlock(rwlock: Path) -> Iterator[Finding]:
    """Find the locks of processes that have ended: DVC takes them away itself, at times."""
    wrong = "locked by processes that have ended"
    yield from _locks(rwlock, wrong, lambda one: not psutil.pid_exists(one["pid"]))


def foreign_rwlock(rwlock: Path) -> Iterator[Finding]:
    """Find the locks of processes whose number another program has by now: DVC would wait for that."""
    wrong = "locked by processes that have ended, whose numbers others have now"
    yield from _locks(rwlock, wrong, lambda one: psutil.pid_exists(one["pid"]) and not _real(one, rwlock))


def _locks(rwlock: Path, wrong: str, is_left: Callable[[dict], bool]) -> Iterator[Finding]:
    left = {one["pid"] for _, _, one in _lockers(_read(rwlock) or {}) if is_left(one)}
    if left:
        named = and_more([str(pid) for pid in sorted(left)])
        release = partial(_release, rwlock, lambda one: one["pid"] not in left)
        yield Finding(str(rwlock), f"{wrong}: {named}", "their locks are taken away", release)


def _read(rwlock: Path) -> Locked | None:
    """Return who locks what, nothing where there is no file, or None where it cannot be read."""
    try:
        document = json.loads(rwlock.read_text(encoding="utf-8"))
        found = {
            "write": {path: [one] for path, one in document.get("write", {}).items()},
            "read": {path: list(them) for path, them in document.get("read", {}).items()},
        }
        readable = all(isinstance(one["pid"], int) for _, _, one in _lockers(found))
    except FileNotFoundError:
        return {}
    except (ValueError, AttributeError, KeyError, TypeError):
        return None
    return found if readable else None


def _lockers(locked: Locked) -> Iterator[tuple[str, str, dict]]:
    for kind, paths in locked.items():
        for path, lockers in paths.items():
            for one in lockers:
                yield kind, path, one


def _real(locker: dict, rwlock: Path) -> psutil.Process | None:
    """Return the process that the lock speaks of: it is older than the file, and runs DVC or works here."""
    process = processes.alive(locker["pid"], rwlock.stat().st_mtime)
    if process is None:
        return None
    runs_dvc = any("dvc" in Path(argument).name for argument in processes.command_of(process))
    # .dvc/tmp/rwlock
    return process if runs_dvc or processes.works_in(process, rwlock.parents[2]) else None


def _release(rwlock: Path, stays: Callable[[dict], bool]) -> None:
    kept: dict[str, dict] = {"write": {}, "read": {}}
    for kind, path, one in _lockers(_read(rwlock) or {}):
        if stays(one):
            kept[kind] |= {path: one if kind == "write" else [*kept[kind].get(path, []), one]}
    files.write_text(rwlock, json.dumps(kept))


def _is_held(lock: Path) -> bool:
    try:
        with open(lock, "rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
