"""Stages as processes of this machine, each forked from one that has imported what they need."""

import os
import sys
import time
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from unroll.executors.executor import End, Running
from unroll.pipeline import warm
from unroll.progress import FILE_VARIABLE


@dataclass
class Slot:
    number: int
    process: BaseProcess
    running: Running


class LocalProcesses:
    """As many stages at once as there are slots. With GPUs these take turns: each sees one of them alone."""

    attempts, goes_on = 1, False

    def __init__(self, slots: int, gpus: list[str], logs: Path, progress: Path) -> None:
        """Stages tell in the folder `progress` how far they are."""
        self.gpus, self.logs, self.progress = gpus, logs, progress
        self.free, self.taken = list(range(slots)), []

    @property
    def running(self) -> list[Running]:
        return [slot.running for slot in self.taken]

    def has_room(self) -> bool:
        return bool(self.free)

    def start(self, stage: str) -> None:
        number, log, progress = self.free.pop(0), log_of(stage, self.logs), self.progress / stage
        variables = own_python_first() | {FILE_VARIABLE: str(progress)}
        if self.gpus:
            variables["CUDA_VISIBLE_DEVICES"] = self.gpus[number % len(self.gpus)]
        running = Running(stage, lambda: progress.read_text(encoding="utf-8") if progress.exists() else "")
        self.taken.append(Slot(number, warm.start(stage, log, variables), running))

    def ends(self, seconds: float) -> list[End]:
        ended = connection.wait([slot.process.sentinel for slot in self.taken], seconds)
        found = []
        for slot in [slot for slot in self.taken if slot.process.sentinel in ended]:
            slot.process.join()
            self.taken.remove(slot)
            self.free.append(slot.number)
            code = slot.process.exitcode
            if code != 0:
                warm.stop([slot.process])  # its DVC may have been killed, not the stage itself
            wrong = None if code == 0 else f"ended with {code}"
            found.append(End(slot.running.stage, time.monotonic() - slot.running.started, wrong))
        return found

    def stop(self) -> None:
        warm.stop([slot.process for slot in self.taken])


def log_of(stage: str, logs: Path) -> Path:
    """Return where the stage's log goes: what is killed before it says anything has not said what it said
    last time."""
    log = logs / f"{stage}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_bytes(b"")
    return log


def own_python_first() -> dict[str, str]:
    """Return this environment with its own python first on the path: stages are `python -m ...`."""
    return os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
