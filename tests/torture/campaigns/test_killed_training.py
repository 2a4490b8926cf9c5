"""No lost work: trainings that are killed and go on."""

import os
import random
import signal
from contextlib import suppress

import killing
import pytest

CELLS = tuple(killing.NETWORKS)
KILLS = (1, 1, 2, 3)
"""How often a run is killed before it may end: half of them more than once."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    killing.prepare(folder, tmp_path_factory.mktemp("caches"))
    return folder


@pytest.fixture(scope="module")
def clean(folder):
    """Of each cell the bytes of a run that nobody disturbs, and how many steps it takes."""
    found = {}
    for cell in CELLS:
        killing.forget(folder)
        go_on(folder, cell)
        found[cell] = results(folder), len(killing.steps(folder))
    return found


def go_on(folder, cell):
    process = killing.start(folder, cell)
    process.join()
    assert process.exitcode == 0, (folder / "log").read_text()


def results(folder):
    return killing.digests(folder, "models", "reports/history")


@pytest.mark.parametrize("cell", CELLS)
def test_a_training_that_is_killed_ends_with_the_bytes_of_one_that_is_not(folder, clean, cell, tell, times):
    draw = random.Random(cell)
    wanted, taken = clean[cell]
    runs, kills, saves, onward, equal, repeated = times(20, 1), 0, 0, 0, 0, 0
    for run in range(runs):
        killing.forget(folder)
        for _ in range(KILLS[run % len(KILLS)]):
            killing.sweep(folder)
            process = killing.start(folder, cell)
            killing.until_moment(process, folder, taken, draw)
            process.kill()
            process.join()
            kills += process.exitcode == -signal.SIGKILL
            saves += killing.interrupted_saves(folder) > 0
        go_on(folder, cell)
        onward += killing.continued(folder)
        equal += results(folder) == wanted
        repeated += len(killing.steps(folder)) - taken
    tell(
        f"{cell}: SIGKILL at a random moment of training's loop, {kills} times in {runs} runs",
        f"{equal} of {runs} ended with the bytes of a run that was left alone; {saves} kills hit a file "
        f"half-written; {onward} runs went on from a checkpoint; of {taken} steps "
        f"{repeated / max(kills, 1):.1f} were taken again after a kill",
    )
    assert equal == runs and kills >= runs


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT], ids=lambda how: how.name)
def test_a_training_that_is_told_to_end_saves_and_repeats_no_step(folder, clean, how, tell, times):
    draw = random.Random(how.name)
    cells, stopped, saved, equal, again = CELLS * times(5, 1), 0, 0, 0, 0
    for cell in cells:
        wanted, taken = clean[cell]
        killing.forget(folder)
        process = killing.start(folder, cell)
        killing.until_moment(process, folder, taken, draw)
        with suppress(ProcessLookupError):
            os.kill(process.pid, how)
        process.join()
        if process.exitcode != 0:
            stopped += process.exitcode == 1
            saved += any((folder / ".unroll/checkpoints").glob("*.safetensors"))
            go_on(folder, cell)
        equal += results(folder) == wanted
        again += len(killing.steps(folder)) - taken
    asked = len(cells)
    tell(
        f"{how.name} at a random moment of training's loop, {asked} times over all cells",
        f"{stopped} ended with status 1 and a checkpoint, {asked - stopped} had come to their end; "
        f"{equal} of {asked} then had the bytes of a run that was left alone; {again} steps were taken twice",
    )
    assert 0 < stopped == saved and equal == asked and again == 0
    assert "run it again" in (folder / "log").read_text()
