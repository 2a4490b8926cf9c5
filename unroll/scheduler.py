"""Which stages may run at once, and running them: each through DVC, so that DVC keeps the lock.

`dvc repro` runs one stage after the other. Here the stages that changed, and all that depend on
them, go to a pool of `dvc --wait-for-lock repro --single-item` processes in the order of their
graph; one plain `dvc repro` afterwards finds them done, runs what is left and seals the lock.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from unroll.failures import Refusal
from unroll.progress import FILE_VARIABLE

SERIAL = frozenset({"environment", "report", "track"})
"""Stages that run alone: the first of all, and those that read every other stage's results."""
LEARNING = frozenset({"train", "evaluate", "compare"})
"""Stages of models and what comes of them; all others prepare their data, or run alone."""
POLL_SECONDS = 0.05

Graph = dict[str, set[str]]
"""For each stage the stages that it needs."""


@dataclass
class Running:
    stage: str
    process: subprocess.Popen
    log: Path
    progress: Path
    slot: int
    started: float


@dataclass(frozen=True)
class Survey:
    """All stages in the order of dvc.yaml, and those that are to run."""

    names: list[str]
    stale: Graph
    reported: bool
    """Nothing is stale, and neither is the report of it all."""


def survey(root: Path) -> Survey:
    """Ask DVC which stages are to run.

    That is every stage that DVC calls changed, and every stage downstream of one: whether the
    latter really change only DVC can tell, once the former have run.

    Raises:
        Refusal: DVC cannot say, because another one is at work, say.
    """
    import networkx
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    with Repo(str(root)) as repo:
        try:
            with _parameters_read_once():
                status = set(repo.status())
        except DvcException as error:
            raise Refusal(f"dvc status: {error}") from None
        graph = repo.index.graph
        stages = {stage.addressing: stage for stage in repo.index.stages}
        changed = status - SERIAL
        # DVC's edges lead from a stage to what it needs.
        stale = {one.addressing for name in changed for one in networkx.ancestors(graph, stages[name])}
        stale = (stale | changed) - SERIAL
        needs = {name: {one.addressing for one in graph.successors(stages[name])} & stale for name in stale}
        return Survey(list(stages), needs, reported=not needs and "report" not in status)


@contextmanager
def _parameters_read_once() -> Iterator[None]:
    """DVC reads params.yaml anew for each stage that tracks some of it: 65 times, 3 of its 7 s."""
    from dvc.dependency import param

    read, documents = param.load_path, {}

    def read_once(path: str, *rest: object, **options: object) -> object:
        if path not in documents:
            documents[path] = read(path, *rest, **options)
        return documents[path]

    param.load_path = read_once
    try:
        yield
    finally:
        param.load_path = read


def preparation(stale: Graph) -> Graph:
    """Return the part of a survey's graph that prepares data.

    Once it has run, a second survey tells whether the data have changed at all. Without that every
    model downstream would go through DVC, 2 s each, only to find that they have not.
    """
    prepares = {name for name in stale if name.split("@")[0] not in LEARNING}
    return {name: stale[name] & prepares for name in prepares}


def start_python(
    arguments: Iterable[str], log: Path, extra: dict[str, str] | None = None
) -> subprocess.Popen:
    """Start `python ARGUMENTS` in a process group of its own, its output going to `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    # The environment's own python first, whatever the caller's PATH: stages are `python -m ...`.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with open(log, "w", encoding="utf-8") as stream:
        return subprocess.Popen(
            [sys.executable, *arguments],
            stdout=stream,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=os.environ | {"PATH": path} | (extra or {}),
            start_new_session=True,
        )


def run_one(arguments: Iterable[str], log: Path) -> None:
    """Run `python ARGUMENTS` to its end.

    Raises:
        Refusal: it failed; the message ends with what it said last.
    """
    process = start_python(arguments, log)
    try:
        if process.wait() != 0:
            raise Refusal(_failure("python " + " ".join(arguments), log))
    except BaseException:
        _stop(process)
        raise


def run_all(graph: Graph, slots: int, logs: Path, gpus: list[str], console: Console) -> None:
    """Run the stages of `graph`, as many at once as there are slots.

    With GPUs, the slots take turns: each sees one of them alone.

    Raises:
        Refusal: a stage failed; those running then were let end, no other was started.
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
                for one in [one for one in running if one.process.poll() is not None]:
                    running.remove(one)
                    free.append(one.slot)
                    sorter.done(one.stage)
                    view.ended(one)
                    if one.process.returncode != 0 and failed is None:
                        failed = one
                view.show(running)
                time.sleep(POLL_SECONDS)
        finally:
            for one in running:
                _stop(one.process)
    if failed is not None:
        raise Refusal(_failure(failed.stage, failed.log))


def _start(stage: str, slot: int, logs: Path, folder: Path, gpus: list[str]) -> Running:
    log, progress = logs / f"{stage}.log", folder / stage
    environment = {FILE_VARIABLE: str(progress)}
    if gpus:
        environment["CUDA_VISIBLE_DEVICES"] = gpus[slot % len(gpus)]
    process = start_python(
        ["-m", "unroll.dvc_process", "--wait-for-lock", "repro", "--single-item", stage], log, environment
    )
    return Running(stage, process, log, progress, slot, time.monotonic())


def _stop(process: subprocess.Popen) -> None:
    """End DVC together with its stage: DVC alone would leave the stage running as an orphan."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


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
        word = "done" if one.process.returncode == 0 else "FAILED"
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
