"""Stages in processes that are forked from one which has imported all that they need.

Each stage still runs through DVC and in a process of its own, and `dvc repro` runs the very same
commands. Only how that process starts differs: `python -m stages.train ...` is run from its file, as
Python itself would, in a process that has torch already. Bits do not depend on it.

SIGTERM ends a stage as it likes: training saves first. Its DVC waits for it and writes down no more
than what has come to a good end. The SIGKILL of who asked for them ends all of them at once.
"""

import multiprocessing
import os
import re
import runpy
import signal
import sys
import threading
import time
from multiprocessing import connection, forkserver
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path

from unroll import environment
from unroll.stage import GRACE_SECONDS

COMMAND = re.compile(r"python -m (stages\.[a-z_]+)((?: (?:--[a-z]+ )?[a-z0-9_]+)*)")
"""Any other command starts a Python of its own."""
TOLD_TO_END = 128 + signal.SIGTERM
Stamps = dict[str, tuple[int, int]]


told_to_end: list[int] = []
"""The signals that this process, a stage's DVC, has been sent."""


def prepare() -> ForkServerContext:
    """Start the process that imports everything, beside this one, if it is not there yet."""
    os.environ.update(environment.PINNED)  # which it inherits: Python reads PYTHONHASHSEED as it starts
    forked = multiprocessing.get_context("forkserver")
    forked.set_forkserver_preload(["unroll.pipeline.warm_imports"])
    forkserver.ensure_running()
    return forked


def start(stage: str, log: Path, variables: dict[str, str]) -> BaseProcess:
    """Start a stage in a process group of its own, its output going to `log`."""
    process = prepare().Process(target=run_stage, args=(stage, str(log), os.getcwd(), variables))
    process.start()
    return process


def stop(processes: list[BaseProcess]) -> None:
    """Tell stages to end and wait until they have, and all that they started; at once if interrupted."""
    for process in processes:
        process.terminate()  # in case it has no group of its own yet
        _signal_group(process, signal.SIGTERM)
    try:
        for process in processes:
            process.join()
            # What a shell stood before is cut off when that has ended, and ends itself in time.
            until = time.monotonic() + GRACE_SECONDS
            while _signal_group(process, 0) and time.monotonic() < until:
                time.sleep(0.05)
    except BaseException:
        for process in processes:
            _signal_group(process, signal.SIGKILL)
        raise


def _signal_group(process: BaseProcess, number: int) -> bool:
    """Send a signal, of which 0 is none, and tell whether there is anyone left to hear it."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return False
    return True


def run_stage(stage: str, log: str, folder: str, variables: dict[str, str]) -> None:
    """Run one stage through DVC, in the process that was made for it, and end that process."""
    settle(log, folder, variables)
    from unroll.pipeline import dvc_process

    sys.exit(dvc_process.repro(stage, run_command))


def settle(log: str, folder: str, variables: dict[str, str]) -> None:
    """Make this process, newly forked, the head of a group of its own, with its log, folder and variables."""
    os.setsid()
    signal.signal(signal.SIGTERM, lambda number, frame: told_to_end.append(number))
    end_with_parent()
    with open(log, "w", encoding="utf-8") as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)


def end_with_parent() -> None:
    """Let no process outlive the one that asked for it, however that ended."""
    parent = multiprocessing.parent_process()

    def wait() -> None:
        connection.wait([parent.sentinel])
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=wait, daemon=True).start()


def run_command(command: str, folder: str, variables: dict[str, str]) -> int | None:
    """Run a stage's command in a fork of this process; return its exit code, or None to leave it alone."""
    if told_to_end:
        return TOLD_TO_END
    fits = COMMAND.fullmatch(command)
    if fits is None or stamps() != LOADED:
        return None
    module, arguments = fits.groups()
    process = multiprocessing.get_context("fork").Process(
        target=_run_module, args=(module, arguments.split(), folder, variables)
    )
    process.start()
    if told_to_end:  # before there was a process to hear it
        process.terminate()
    process.join()
    return process.exitcode


def _run_module(module: str, arguments: list[str], folder: str, variables: dict[str, str]) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if told_to_end:
        sys.exit(TOLD_TO_END)
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
