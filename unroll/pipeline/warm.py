"""Stages in processes that are forked from one which has imported all that they need.

Each stage still runs through DVC and in a process of its own, and `dvc repro` runs the very same
commands. Only how that process starts differs: `python -m stages.train ...` is run from its file, as
Python itself would, in a process that has torch already. Bits do not depend on it.
"""

import multiprocessing
import os
import re
import runpy
import signal
import sys
import threading
from contextlib import suppress
from multiprocessing import connection, forkserver
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path

from unroll import environment

COMMAND = re.compile(r"python -m (stages\.[a-z]+)((?: (?:--[a-z]+ )?[a-z0-9_]+)*)")
"""Any other command starts a Python of its own."""
Stamps = dict[str, tuple[int, int]]


def prepare() -> ForkServerContext:
    """Start the process that imports everything, beside this one, if it is not there yet."""
    forked = multiprocessing.get_context("forkserver")
    forked.set_forkserver_preload(["unroll.pipeline.warm_imports"])
    forkserver.ensure_running()
    return forked


def start(stage: str, log: Path, variables: dict[str, str]) -> BaseProcess:
    """Start a stage in a process group of its own, its output going to `log`."""
    process = prepare().Process(target=run_stage, args=(stage, str(log), os.getcwd(), variables))
    process.start()
    return process


def stop(process: BaseProcess) -> None:
    """End a stage and all that it started."""
    process.terminate()  # in case it has no group of its own yet
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    process.join()


def run_stage(stage: str, log: str, folder: str, variables: dict[str, str]) -> None:
    """Run one stage through DVC, in the process that was made for it, and end that process."""
    os.setsid()
    end_with_parent()
    with open(log, "w", encoding="utf-8") as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    from unroll.pipeline import dvc_process

    sys.exit(dvc_process.repro(stage, run_command))


def end_with_parent() -> None:
    """Let no process outlive the one that asked for it, however that ended."""
    parent = multiprocessing.parent_process()

    def wait() -> None:
        connection.wait([parent.sentinel])
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=wait, daemon=True).start()


def run_command(command: str, folder: str, variables: dict[str, str]) -> int | None:
    """Run a stage's command in a fork of this process; return its exit code, or None to leave it alone."""
    fits = COMMAND.fullmatch(command)
    if fits is None or stamps() != LOADED:
        return None
    module, arguments = fits.groups()
    process = multiprocessing.get_context("fork").Process(
        target=_run_module, args=(module, arguments.split(), folder, variables)
    )
    process.start()
    process.join()
    return process.exitcode


def _run_module(module: str, arguments: list[str], folder: str, variables: dict[str, str]) -> None:
    end_with_parent()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables | environment.PINNED)
    sys.argv[1:] = arguments
    sys.path.insert(0, folder)
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def stamps() -> Stamps:
    """Return what tells whether the code is still that which was imported."""
    found = {}
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        stat = path.stat()
        found[str(path)] = (stat.st_mtime_ns, stat.st_size)
    return found


LOADED = stamps()
"""Code that is edited while stages run is read anew by those that follow: DVC records it as theirs."""
