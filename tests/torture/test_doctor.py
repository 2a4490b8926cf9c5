"""What a crash leaves behind, and `python -m unroll doctor --fix`."""

import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import crashes
import psutil
import pytest
import tiny
from clone import Clone, clone, run_once
from crashes import NOBODY, cut, results

DOCTOR = ["-m", "unroll", "doctor"]
REPRO = ["-m", "unroll", "repro", "--suite", "keep", "--jobs", "2"]
FOREIGN = 1
"""A number that certainly another program has."""
Fault = Callable[[Path], object]

FAULTS: dict[str, tuple[Fault, str, int]] = {
    # What is done, what the doctor names, how many trainings are lost for good.
    "dvc.lock emptied": (lambda folder: cut(folder / "dvc.lock", 0), "dvc.lock: empty", 0),
    "the end of dvc.lock zeroed": (
        lambda folder: crashes.zero_the_end(folder / "dvc.lock"),
        "dvc.lock: torn",
        0,
    ),
    "the parked entries cut": (crashes.cut_parked, "parked.lock: torn", 0),
    "DVC's rwlock torn": (
        lambda folder: (folder / ".dvc/tmp/rwlock").write_text('{"write": {'),
        "rwlock: torn",
        0,
    ),
    "DVC's rwlock names a process that is dead": (
        lambda folder: crashes.lock_as(folder, NOBODY),
        f"rwlock: locked by processes that have ended: {NOBODY}",
        0,
    ),
    "DVC's rwlock names a process that is another program now": (
        lambda folder: crashes.lock_as(folder, FOREIGN),
        "whose numbers others have now: 1",
        0,
    ),
    "temporary files and folders of killed processes": (
        crashes.leave_unfinished,
        "never finished by a process that ended",
        0,
    ),
    "a checkpoint torn": (crashes.tear_checkpoint, "a checkpoint that cannot be read", 0),
    "a model without its weights, and half a file of data": (
        crashes.half_write,
        "not what dvc.lock says",
        0,
    ),
    "weights cut in DVC's cache, whole on disk": (
        crashes.truncate_in_cache,
        "not the bytes that it is named after",
        0,
    ),
    "weights cut in DVC's cache, and gone from disk": (
        crashes.truncate_all_there_is,
        "not the bytes that it is named after",
        1,
    ),
    "all of DVC's cache lost, the results on disk": (
        lambda folder: shutil.rmtree(folder / ".dvc/cache/files"),
        "missing in DVC's cache",
        0,
    ),
    "MLflow's database cut": (lambda folder: cut(folder / "mlflow.db", 0.6), "mlflow.db: damaged", 0),
    "MLflow's database overwritten": (
        lambda folder: (folder / "mlflow.db").write_text("no database " * 999),
        "mlflow.db: damaged",
        0,
    ),
}
TOGETHER = (
    "the end of dvc.lock zeroed",
    "the parked entries cut",
    "DVC's rwlock names a process that is dead",
    "temporary files and folders of killed processes",
    "a checkpoint torn",
    "a model without its weights, and half a file of data",
    "weights cut in DVC's cache, whole on disk",
    "MLflow's database overwritten",
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """Two networks with one seed each on the tiny trees, run once."""
    params = tiny.params()
    params["select"] |= {"corpora": ["tiny_trees"], "networks": ["bow", "gru"], "seeds": [1]}
    params["training"] |= {"epochs": 2}
    with run_once(clone(tmp_path_factory.mktemp("crashed")), tmp_path_factory.mktemp("hub"), params) as ran:
        yield ran


def trainings(project: Clone) -> dict[str, int]:
    """When each training ended that really ran: what is restored does not change that."""
    return {path.name: path.stat().st_mtime_ns for path in (project.folder / ".unroll/times").glob("*.json")}


def look(project: Clone, *arguments: str) -> tuple[int, str]:
    done = project.python(*DOCTOR, *arguments)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout + done.stderr


def mend_and_run(project: Clone, faults: list[Fault], named: list[str], lost: int) -> str:
    """Commit the faults, have them found and mended, run; what is there then is what was there before."""
    before, trained = results(project.folder), trainings(project)
    for fault in faults:
        fault(project.folder)
    status, said = look(project)
    assert status == 1
    for name in named:
        assert name in said, said
    status, said = look(project, "--fix")
    assert status == 0 and "all is well" in said, said
    ran = project.stages_run(project.repro("--jobs", "2"))
    assert results(project.folder) == before
    again = sum(trainings(project)[name] != when for name, when in trained.items())
    assert again == lost, f"{again} trainings ran again"
    assert look(project)[0] == 0
    return f"told and mended; the next run ends with the same bytes: {len(ran)} stages ran, {again} trained"


def test_faults_all_at_once(project, tell):
    tell(f"{len(TOGETHER)} of the faults below at once", "")
    chosen = [FAULTS[name] for name in TOGETHER]
    did = mend_and_run(project, [fault for fault, *_ in chosen], [named for _, named, _ in chosen], 0)
    tell(f"{len(TOGETHER)} of the faults below at once", did)


@pytest.mark.parametrize("tried", FAULTS)
def test_a_fault_alone(project, tell, times, tried):
    if not times(1, 0):
        pytest.skip("by make torture: here they are tried at once")
    tell(tried, "")
    fault, named, lost = FAULTS[tried]
    tell(tried, mend_and_run(project, [fault], [named], lost))


def cut_lock(folder: Path, share: float) -> None:
    cut(folder / "dvc.lock", share)


def test_dvc_lock_cut_anywhere(project, tell, times):
    if not (count := times(10, 0)):
        pytest.skip("by make torture: tests/doctor/test_locks.py cuts without a run")
    tried = f"dvc.lock cut at {count} random places"
    tell(tried, "")
    draw, ran = random.Random(6), 0
    whole = (project.folder / "dvc.lock").read_bytes()
    for _ in range(count):
        place = draw.randrange(len(whole))
        place += whole[place - 1 : place] == b"\n"  # amid a line
        cut_there = partial(cut_lock, share=place / len(whole))
        did = mend_and_run(project, [cut_there], ["dvc.lock: "], 0)
        ran += int(re.search(r"(\d+) stages", did)[1])
    tell(
        tried,
        f"told and mended; {count} of {count} runs end with the same bytes: {ran} stages ran, 0 trained",
    )


@pytest.mark.parametrize(
    "tried",
    [
        "dvc.lock emptied",
        "the parked entries cut",
        "DVC's rwlock torn",
        "DVC's rwlock names a process that is another program now",
    ],
)
def test_a_run_that_meets_it_says_so_and_names_the_doctor(project, refused, times, tried):
    if tried != "dvc.lock emptied" and not times(1, 0):
        pytest.skip("by make torture: a second or two each")
    fault, _, _ = FAULTS[tried]
    places = [project.folder / name for name in ("dvc.lock", "parked.lock", ".dvc/tmp/rwlock")]
    before = {place: place.read_bytes() for place in places if place.exists()}
    fault(project.folder)
    try:
        refused(f"make repro with {tried}", REPRO, project.folder, "python -m unroll doctor --fix")
    finally:
        for place in places:
            place.unlink(missing_ok=True)
        for place, content in before.items():
            place.write_bytes(content)


def test_a_stage_that_outlived_its_run_is_ended(project, tell):
    tried = "a stage that goes on after its run was killed"
    tell(tried, "")
    orphan = psutil.Process(crashes.start_orphan(project.folder))
    try:
        status, said = look(project)
        assert status == 1 and f"process {orphan.pid}" in said and orphan.is_running()
        status, said = look(project, "--fix")
        assert status == 0 and not orphan.is_running(), said
    finally:
        if orphan.is_running():
            orphan.kill()
    tell(tried, "named with its number; with --fix ended")


HOLD = """
import fcntl, sys
stream = open(sys.argv[1], "a")
fcntl.flock(stream, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def hold(path: Path) -> subprocess.Popen:
    pipe = subprocess.PIPE
    holder = subprocess.Popen([sys.executable, "-c", HOLD, path], stdin=pipe, stdout=pipe, cwd="/")
    holder.stdout.readline()
    return holder


def test_dvcs_lock_in_the_hands_of_a_living_process(project, refused):
    holder = hold(project.folder / ".dvc/tmp/lock")
    try:
        command = [*DOCTOR, "--fix"]
        refused("DVC's lock held by a living process", command, project.folder, f"process {holder.pid}")
    finally:
        holder.communicate()


def test_a_damaged_tracker_takes_nothing_from_the_results(project, tell):
    tried = "make repro with MLflow's database overwritten"
    tell(tried, "")
    before = (project.folder / "mlflow.db").read_bytes()
    (project.folder / "mlflow.db").write_text("no database " * 999)
    done = project.python(*REPRO)
    (project.folder / "mlflow.db").write_bytes(before)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "tiny_trees: accuracy" in done.stdout and "python -m unroll doctor --fix" in done.stderr
    tell(tried, "the tables are shown, then status 1 and who mends it: python -m unroll doctor --fix")


def test_a_locked_tracker_is_waited_for_a_minute(project, tell, times):
    if not times(1, 0):
        pytest.skip("by make torture: it takes a minute")
    tried = "make repro with MLflow's database locked by a living process"
    tell(tried, "")
    holder = hold(project.folder / "mlflow.db-lock")
    try:
        done = project.python(*REPRO)
    finally:
        holder.communicate()
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "tiny_trees: accuracy" in done.stdout
    assert f"process {holder.pid}" in done.stderr and "dvc repro track" in done.stderr
    tell(tried, "the tables are shown; a minute later status 1 and which process it is")
