"""No orphan: pipelines that are killed and go on."""

import itertools
import os
import random
import shutil
import signal
import time
from collections import Counter
from contextlib import suppress

from killed_runs import ORPHAN_SECONDS

AGAIN = 5
"""One run in so many is killed once more when it goes on."""


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
    runs, hit = times(50, 1), Counter()
    kills = itertools.cycle(draw.sample(list(KILLS), len(KILLS)))
    orphans = repairs = 0
    other: list[str] = []
    for number in range(runs):
        copy = project.copied(tmp_path / "copy")
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
            assert copy.start("unroll", "doctor", "--fix").wait() == 0, copy.said()
            assert copy.repro().wait() == 0, copy.said()
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
