"""Stages that run at once: each through DVC, so that DVC keeps the lock.

`dvc repro` runs one stage after the other. Here those that are to run go to a pool of processes in
the order of their graph, each of which does what `dvc --wait-for-lock repro --single-item` does.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from graphlib import TopologicalSorter
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from unroll.failures import Refusal
from unroll.pipeline import warm
from unroll.pipeline.survey import Graph
from unroll.progress import FILE_VARIABLE
from unroll.stage import RUN_BY

SHOW_SECONDS = 0.25


@dataclass
class Running:
    stage: str
    process: BaseProcess
    log: Path
    progress: Path
    slot: int
    started: float


def run_one(arguments: Iterable[str], log: Path) -> None:
    """Run `python ARGUMENTS` to its end, its output going to `log`.

    Raises:
        Refusal: it failed; the message ends with what it said last.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    command = " ".join(arguments)
    with open(log, "w", encoding="utf-8") as stream:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            stdout=stream,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=_variables() | {RUN_BY: command},  # a stage ends with this process as it does with DVC
        )
    try:
        if process.wait() != 0:
            raise Refusal(_failure(f"python {command}", log))
    except BaseException:
        process.terminate()
        process.wait()
        raise


def _variables() -> dict[str, str]:
    """The environment's own python first, whatever the caller's PATH: stages are `python -m ...`."""
    return os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def run_all(graph: Graph, slots: int, logs: Path, gpus: list[str], console: Console) -> None:
    """Run the stages of `graph`, as many at once as there are slots.

    With GPUs, the slots take turns: each sees one of them alone.

    Raises:
        Refusal: a stage failed; those running then were let end, no other was started.
        BaseException: whatever else came, once the running stages have been told to end and have.
    """
    sorter = TopologicalSorter(graph)
    sorter.prepare()
    free, running, waiting = list(range(slots)), [], []
    failed: Running | None = None
    view = _View(len(graph), console)
    with tempfile.TemporaryDirectory() as folder, view:
        try:
            while running or (sorter.is_active() and failed is None):
                waiting += sorted(sorter.get_ready())
                while waiting and free and failed is None:
                    running.append(_start(waiting.pop(0), free.pop(0), logs, Path(folder), gpus))
                view.show(running)
                ended = connection.wait([one.process.sentinel for one in running], SHOW_SECONDS)
                for one in [one for one in running if one.process.sentinel in ended]:
                    one.process.join()
                    running.remove(one)
                    free.append(one.slot)
                    sorter.done(one.stage)
                    view.ended(one)
                    if one.process.exitcode != 0:
                        warm.stop([one.process])  # its DVC may have been killed, not the stage itself
                        failed = failed or one
        except BaseException:
            if running:
                with suppress(OSError):  # the terminal may be gone
                    console.print(f"stopping {len(running)} stages; what trains saves (once more: at once)")
            warm.stop([one.process for one in running])
            raise
    if failed is not None:
        raise Refusal(_failure(failed.stage, failed.log))


def _start(stage: str, slot: int, logs: Path, folder: Path, gpus: list[str]) -> Running:
    log, progress = logs / f"{stage}.log", folder / stage
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_bytes(b"")  # what is killed before it has said anything has not said what it said last time
    variables = _variables() | {FILE_VARIABLE: str(progress)}
    if gpus:
        variables["CUDA_VISIBLE_DEVICES"] = gpus[slot % len(gpus)]
    process = warm.start(stage, log, variables)
    return Running(stage, process, log, progress, slot, time.monotonic())


def _failure(what: str, log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return "\n  ".join([f"{what} failed; the whole log is in {log}; it ends:", *lines[-20:]])


class _View:
    """One line a running stage and one for all of them; without a terminal, a line a stage that ended."""

    def __init__(self, total: int, console: Console) -> None:
        self.console = console
        columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()]
        self.overall = Progress(*columns, TextColumn("{task.fields[left]}"), console=console)
        self.task = self.overall.add_task("all stages", total=total, left="")
        self.total, self.done, self.started = total, 0, time.monotonic()
        self.live = (
            Live(console=console, refresh_per_second=4, transient=True) if console.is_terminal else None
        )

    def __enter__(self) -> "_View":
        if self.live:
            self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.live:
            self.live.stop()

    def ended(self, one: Running) -> None:
        self.done += 1
        seconds = time.monotonic() - one.started
        word = "done" if one.process.exitcode == 0 else "FAILED"
        self.console.print(f"[{self.done}/{self.total}] {one.stage} {word} in {seconds:.0f} s", markup=False)
        left = (time.monotonic() - self.started) / self.done * (self.total - self.done)
        self.overall.update(self.task, completed=self.done, left=f"about {left / 60:.0f} min left")

    def show(self, running: list[Running]) -> None:
        if self.live is None:
            return
        table = Table.grid(padding=(0, 2))
        for one in running:
            line = one.progress.read_text(encoding="utf-8") if one.progress.exists() else ""
            table.add_row(one.stage, f"{time.monotonic() - one.started:.0f} s", line)
        self.live.update(Group(table, self.overall))
