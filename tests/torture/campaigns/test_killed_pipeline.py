"""No orphan: pipelines that are killed and go on."""

import itertools
import os
import random
import shutil
import signal
import time
from collections import Counter
from contextlib import suppress
from dataclasses import replace

import killed_runs
import pytest

ORPHAN_SECONDS = 10
AGAIN = 5
"""One run in so many is killed once more when it goes on."""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    with killed_runs.project(tmp_path_factory.mktemp("clone"), tmp_path_factory.mktemp("caches")) as made:
        yield made


@pytest.fixture(scope="module")
def clean(project, tmp_path_factory):
    """What a run that nobody disturbs makes, and how long it takes."""
    copy = fresh(project, tmp_path_factory.mktemp("clean"))
    started = time.monotonic()
    assert copy.repro().wait() == 0, log(copy)
    return copy.results(), time.monotonic() - started


def fresh(project, folder):
    shutil.copytree(project.folder, folder, dirs_exist_ok=True)
    return replace(project, folder=folder)


def log(project):
    return (project.folder / "log").read_text()


def kill_everything(project, run):
    for one in project.alive():
        with suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)


def kill_the_group(project, run):
    os.killpg(run.pid, signal.SIGKILL)


def kill_repro(project, run):
    run.kill()


def kill_one_dvc(project, run):
    while run.poll() is None and (dvc := project.dvc_of_a_stage(run)) is None:
        time.sleep(0.01)
    if run.poll() is None:
        with suppress(ProcessLookupError):
            os.kill(dvc, signal.SIGKILL)


def end_repro(project, run):
    run.terminate()


def interrupt_repro(project, run):
    run.send_signal(signal.SIGINT)


KILLS = {
    "SIGKILL of every process": kill_everything,
    "SIGKILL of its process group": kill_the_group,
    "SIGKILL of `unroll repro` alone": kill_repro,
    "SIGKILL of a stage's DVC alone": kill_one_dvc,
    "SIGTERM of `unroll repro`": end_repro,
    "SIGINT of `unroll repro`": interrupt_repro,
}
# While it imports, and when all is done, a signal ends it as it ends any program.
EXIT = {"SIGTERM of `unroll repro`": (143, -15), "SIGINT of `unroll repro`": (130, -2)}


def test_a_pipeline_that_is_killed_leaves_no_orphan_and_ends_with_the_bytes_of_one_that_is_not(
    project, clean, tell, times, tmp_path
):
    draw = random.Random(0)
    wanted, seconds = clean
    runs, hit = times(50, 2), Counter()
    kills = itertools.cycle(draw.sample(list(KILLS), len(KILLS)))
    orphans = repairs = 0
    other: list[str] = []
    for number in range(runs):
        copy = fresh(project, tmp_path / "copy")
        for how in itertools.islice(kills, 2 if number % AGAIN == 0 else 1):
            run = copy.repro()
            time.sleep(draw.uniform(0.5, max(1, seconds * 0.7)))
            was_running = run.poll() is None
            KILLS[how](copy, run)
            code = run.wait()
            hit[how] += was_running and code != 0
            if was_running and code not in (0, *EXIT.get(how, (code,))):
                other.append(f"run {number}: status {code} after {how}")
            orphans += len(copy.outlived(ORPHAN_SECONDS))
        if copy.repro().wait() != 0:
            repairs += 1
            assert copy.start("unroll", "doctor", "--fix").wait() == 0, log(copy)
            assert copy.repro().wait() == 0, log(copy)
        found = copy.results()
        if found != wanted:
            unlike = [name for name in found | wanted if found.get(name) != wanted.get(name)]
            other.append(f"run {number}: {unlike}")
        shutil.rmtree(copy.folder)
    tell(
        f"{runs} runs of the whole pipeline, killed at random moments, one in {AGAIN} once more: "
        + ", ".join(f"{count} {how}" for how, count in hit.items()),
        f"{runs - len(other)} of {runs} ended with the bytes of a run that was left alone, "
        f"{repairs} needed `doctor --fix`; {orphans} processes outlived a kill by {ORPHAN_SECONDS} s",
    )
    assert (other, orphans) == ([], 0)


HOW = {
    "SIGKILL of plain `dvc repro` alone": lambda run: run.kill(),
    "SIGTERM of plain `dvc repro` alone": lambda run: run.terminate(),
    "SIGINT of the group of plain `dvc repro`": lambda run: os.killpg(run.pid, signal.SIGINT),
}


@pytest.mark.parametrize("how", HOW)
def test_a_dvc_that_is_killed_alone_leaves_no_orphan(project, clean, how, tell, times, tmp_path):
    """In every other case with a shell that stays between DVC and the stage."""
    draw = random.Random(how)
    shell = tmp_path / "sh"
    shell.write_text('#!/bin/sh\n/bin/sh "$@"\nexit $?\n')
    shell.chmod(0o755)
    killed, orphans, equal = times(6, 1), 0, 0
    copy = fresh(project, tmp_path / "copy")
    for number in range(killed):
        run = copy.start("dvc", "repro", SHELL=str(shell) if number % 2 == 0 else "/bin/sh")
        if copy.wait_for_stage("train", run):
            time.sleep(draw.uniform(0, 2))
            HOW[how](run)
        run.wait()
        orphans += len(copy.outlived(ORPHAN_SECONDS))
    assert copy.start("dvc", "repro").wait() == 0, log(copy)
    assert copy.repro().wait() == 0, log(copy)  # puts the lock's entries in order
    equal = copy.results() == clean[0]
    tell(
        f"{how} while a stage trains, {killed} times one after another",
        f"{log(copy).count('and saved: run it again')} trainings said that they had saved; "
        f"{orphans} processes were alive {ORPHAN_SECONDS} s later; the run that was let end had "
        f"{'the' if equal else 'other'} bytes of a run that was left alone",
    )
    assert equal and orphans == 0
