"""Trainings that are killed: each a process that is forked from one which has imported all it needs."""

import hashlib
import os
import random
import runpy
import shutil
import signal
import sys
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import tiny
from clone import ROOT
from hub_server import HubServer
from waiting import wait_until

from unroll import files
from unroll.pipeline import warm

CORPUS, SEED = "tiny_rows", 1
NETWORKS = {"elman": "rnn", "lstm": "lstm", "gru": "gru", "bag": "bow"}
EPOCHS = 30
STARTED, STEPS, MADE = Path("started"), Path("steps"), ("models", "reports", ".unroll")
DATA_STAGES = ("environment", "download", "preprocess", "vocabulary", "vectors")


def prepare(folder: Path, caches: Path) -> None:
    """Leave in `folder` the data from which one small network of each cell is trained."""
    params = tiny.params()
    params["select"] |= {"corpora": [CORPUS], "networks": list(NETWORKS.values()), "seeds": [SEED]}
    params["training"] |= {"epochs": EPOCHS, "patience": EPOCHS, "batch_size": 8}
    params["corpora"][CORPUS]["training"] = {}
    for network in NETWORKS.values():
        params["networks"][network]["training"] = {}
    tiny.write_params(folder, params)
    with HubServer(tiny.repositories()) as hub:
        variables = hub.environment(caches)
        for stage in DATA_STAGES:
            arguments = [] if stage == "environment" else [CORPUS]
            process = warm.prepare().Process(target=_run, args=(folder, stage, arguments, variables))
            process.start()
            process.join()
            assert process.exitcode == 0, stage


def start(folder: Path, cell: str) -> BaseProcess:
    """Start a training in a process that notes when its loop starts, and each step that it has taken."""
    (folder / STARTED).unlink(missing_ok=True)
    arguments = [CORPUS, NETWORKS[cell], str(SEED)]
    process = warm.prepare().Process(target=_train, args=(folder, arguments))
    process.start()
    return process


def until_moment(process: BaseProcess, folder: Path, in_all: int, draw: random.Random) -> None:
    """Wait until a random one of the steps that are left has been taken, and in half of all cases for
    the next save to begin."""
    wait_until(lambda: (folder / STARTED).exists() or not process.is_alive(), pause=0.002)
    step = draw.uniform(min(len(steps(folder)), in_all - 1), in_all)
    wait_until(lambda: len(steps(folder)) >= step - 1 or not process.is_alive(), pause=0.002)
    if draw.random() < 0.5:
        time.sleep(draw.uniform(0, 0.005))
        return
    half_written = interrupted_saves(folder)
    wait_until(lambda: interrupted_saves(folder) > half_written or not process.is_alive(), pause=0)


def continued(folder: Path) -> bool:
    """Whether the loop that started last found a checkpoint."""
    return (folder / STARTED).exists() and (folder / STARTED).read_text() == "True"


def steps(folder: Path) -> list[str]:
    """The steps that were taken, by all processes, each `epoch batch`."""
    return (folder / STEPS).read_text().splitlines() if (folder / STEPS).exists() else []


def interrupted_saves(folder: Path) -> int:
    """How many files half-written there are."""
    return sum(path.name.endswith(".tmp") for part in MADE for path in (folder / part).rglob(".*.tmp"))


def sweep(folder: Path) -> None:
    """Remove the files that were never finished, so that those of the next kill are told apart."""
    for part in MADE:
        for path in [*(folder / part).rglob(".*.tmp")]:
            files.remove(path)


def forget(folder: Path) -> None:
    """Remove all but the data."""
    for name in MADE:
        shutil.rmtree(folder / name, ignore_errors=True)
    (folder / STEPS).unlink(missing_ok=True)


def digests(folder: Path, *parts: str) -> dict[str, str]:
    """The sha256 of every result in these folders; times and half-written files are none."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for part in parts
        for path in sorted((folder / part).rglob("*"))
        if path.is_file() and path.name not in (".gitignore", "times.js") and ".tmp" not in str(path)
    }


def _run(folder: Path, stage: str, arguments: list[str], variables: dict[str, str]) -> None:
    os.environ.clear()  # a mirror that the tests were given knows nothing of the tiny corpora
    os.environ.update(variables)
    os.chdir(folder)
    sys.path.insert(0, str(ROOT))
    sys.argv[1:] = arguments
    runpy.run_module(f"stages.{stage}", run_name="__main__", alter_sys=True)


def _train(folder: Path, arguments: list[str]) -> None:
    from unroll.training import loop

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    fit, steps = loop.fit, loop.steps

    def fit_noted(*given: object, checkpoint: Path, **named: object) -> object:
        files.write_text(STARTED, str(checkpoint.exists()))
        return fit(*given, checkpoint=checkpoint, **named)

    def steps_noted(run: object, epoch: int, first: int = 0) -> object:
        for number, step in enumerate(steps(run, epoch, first), start=first):
            with open(STEPS, "a") as stream:
                stream.write(f"{epoch} {number}\n")
            yield step

    loop.fit, loop.steps = fit_noted, steps_noted
    os.chdir(folder)
    with open("log", "a") as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
    _run(folder, "train", arguments, dict(os.environ))
