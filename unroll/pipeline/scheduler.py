"""Stages in the order of their graph: who runs them, the executor says.

`dvc repro` runs one stage after the other. Here those that are to run are handed over as soon as all
that they need has ended, and each goes through DVC on its own, so that DVC keeps the lock.
"""

import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Collection, Iterable
from contextlib import suppress
from graphlib import TopologicalSorter
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from unroll.executors.executor import End, Executor, Running
from unroll.executors.local import LocalProcesses, own_python_first
from unroll.failures import Refusal
from unroll.pipeline.survey import Graph
from unroll.stage import RUN_BY

SHOW_SECONDS = 0.25
SHOWN_WAITING = 3
"""Of the stages that wait for a node, so many are named."""


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
            env=own_python_first() | {RUN_BY: command},  # a stage ends with this process as it does with DVC
        )
    try:
        if process.wait() != 0:
            raise Refusal(_failure(f"python {command}", log))
    except BaseException:
        process.terminate()
        process.wait()
        raise


def run_all(graph: Graph, slots: int, logs: Path, gpus: list[str], console: Console) -> None:
    """Run the stages of `graph` as processes of this machine, as many at once as there are slots.

    Raises:
        Refusal: a stage failed; those running then were let end, no other was started.
        BaseException: whatever else came, once the running stages have been told to end and have.
    """
    with tempfile.TemporaryDirectory() as progress:
        run(graph, LocalProcesses(slots, gpus, logs, Path(progress)), logs, console)


def run(graph: Graph, executor: Executor, logs: Path, console: Console) -> None:
    """Hand the stages of `graph` to `executor`, each once all that it needs has ended well.

    A stage that fails is tried again as often as the executor says, then given up. Whether others are
    still started after that, the executor says too.

    Raises:
        Refusal: stages were given up; the message names each, and ends with what its log says last.
        BaseException: whatever else came, once the running stages have been told to end and have.
    """
    sorter = TopologicalSorter(graph)
    sorter.prepare()
    ready, done, given_up = sorted(sorter.get_ready()), set(), []
    tried = Counter()
    with _View(len(graph), console) as view:
        try:
            while ready or executor.running:
                while ready and executor.has_room():
                    executor.start(ready.pop(0))
                view.show(executor.running)
                for end in executor.ends(SHOW_SECONDS):
                    tried[end.stage] += end.counts
                    if end.wrong is None:
                        done.add(end.stage)
                        sorter.done(end.stage)
                        ready += sorted(sorter.get_ready())
                    elif tried[end.stage] < executor.attempts:
                        ready.insert(0, end.stage)
                    else:
                        given_up.append(end.stage)
                    view.ended(end, tried[end.stage], executor.attempts)
                if given_up and not executor.goes_on:
                    ready.clear()
        except BaseException:
            if executor.running:
                with suppress(OSError):  # the terminal may be gone
                    told = f"stopping {len(executor.running)} stages; what trains saves (once more: at once)"
                    console.print(told)
            executor.stop()
            raise
    if given_up:
        failures = [_failure(stage, logs / f"{stage}.log") for stage in given_up]
        if left := len(graph) - len(done) - len(given_up):
            failures.append(f"{left} stages that come after did not run")
        raise Refusal("\n".join(failures))


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

    def ended(self, end: End, tried: int, attempts: int) -> None:
        """Tell how an attempt came out, of so many that a stage has."""
        place = f" on {end.where}" if end.where else ""
        if end.wrong and tried < attempts:
            how = f"attempt {tried} of {attempts}" if end.counts else "it goes elsewhere"
            self._tell(f"{end.stage}{place}: {end.wrong}; {how}")
            return
        self.done += 1
        word = "FAILED" if end.wrong else "done"
        self._tell(f"[{self.done}/{self.total}] {end.stage} {word} in {end.seconds:.0f} s{place}")
        left = (time.monotonic() - self.started) / self.done * (self.total - self.done)
        self.overall.update(self.task, completed=self.done, left=f"about {left / 60:.0f} min left")

    def _tell(self, line: str) -> None:
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def show(self, running: Collection[Running]) -> None:
        if self.live is None:
            return
        table = Table.grid(padding=(0, 2))
        for one in running:
            if not one.waits:
                table.add_row(one.stage, one.where, f"{time.monotonic() - one.started:.0f} s", one.line())
        waiting = [one.stage for one in running if one.waits]
        if waiting:
            named = ", ".join(waiting[:SHOWN_WAITING]) + (" ..." if len(waiting) > SHOWN_WAITING else "")
            table.add_row(f"{len(waiting)} wait for a node", "", "", named)
        self.live.update(Group(table, self.overall))
