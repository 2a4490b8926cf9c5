"""No orphan: plain `dvc repro` that is killed alone."""

import os
import random
import signal
import time

import pytest
from killed_runs import ORPHAN_SECONDS

HOW = {
    "SIGKILL of plain `dvc repro` alone": lambda run: run.kill(),
    "SIGTERM of plain `dvc repro` alone": lambda run: run.terminate(),
    "SIGINT of the group of plain `dvc repro`": lambda run: os.killpg(run.pid, signal.SIGINT),
}


SHARE = "SIGINT of the group of plain `dvc repro`"


@pytest.mark.parametrize("how", HOW)
def test_a_dvc_that_is_killed_alone_leaves_no_orphan(project, clean, how, tell, times, tmp_path):
    """In every other case with a shell that stays between DVC and the stage."""
    if how != SHARE and not times(1, 0):
        pytest.skip("make torture tries it")
    draw = random.Random(how)
    shell = tmp_path / "sh"
    shell.write_text('#!/bin/sh\n/bin/sh "$@"\nexit $?\n')
    shell.chmod(0o755)
    killed, orphans, equal = times(6, 1), 0, 0
    copy = project.copied(tmp_path / "copy")
    for number in range(killed):
        run = copy.start("dvc", "repro", SHELL=str(shell) if number % 2 == 0 else "/bin/sh")
        if copy.wait_for_stage("train", run):
            time.sleep(draw.uniform(1.5, 4))
            HOW[how](run)
        run.wait()
        orphans += len(copy.outlived(ORPHAN_SECONDS))
    assert copy.repro().wait() == 0, copy.said()  # which puts the lock's entries in order too
    equal = copy.results() == clean[0]
    tell(
        f"{how} while a stage trains, {killed} times one after another",
        f"{copy.said().count('and saved: run it again')} trainings said that they had saved; "
        f"{orphans} processes were alive {ORPHAN_SECONDS} s later; the run that was let end had "
        f"{'the' if equal else 'other'} bytes of a run that was left alone",
    )
    assert equal and orphans == 0
