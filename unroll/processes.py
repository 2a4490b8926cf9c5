"""Which process left its number somewhere, whether it is still that one, and who has a file open."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from textwrap import shorten

import psutil

SLACK_SECONDS = 2
"""The clocks of a file system and of the table of processes differ by less."""
REAPERS = frozenset({"systemd"})
"""Who takes in a process whose parent has died, beside process 1."""


def alive(pid: int, seen: float) -> psutil.Process | None:
    """Return the process that had this number at the time `seen`, in seconds since 1970.

    None where it has ended, or where its number has gone to a later process since.
    """
    try:
        process = psutil.Process(pid)
        running = process.status() != psutil.STATUS_ZOMBIE and process.create_time() <= seen + SLACK_SECONDS
    except (psutil.Error, ValueError):
        return None
    return process if running else None


def started(pid: int) -> float | None:
    """When the process started, which with its number names it for good; None where it has ended."""
    try:
        return psutil.Process(pid).create_time()
    except (psutil.Error, ValueError):
        return None


def command_of(process: psutil.Process) -> list[str]:
    """Return its arguments; none where it has ended or is somebody else's."""
    with suppress(psutil.Error):
        return process.cmdline()
    return []


def in_words(process: psutil.Process) -> str:
    command = shorten(" ".join(command_of(process)), 80, placeholder=" ...") or "command unknown"
    return f"process {process.pid} ({command})"


def working_in(folder: Path) -> Iterator[psutil.Process]:
    """Yield every process whose current folder is this one or below it, but for this one's own line."""
    this = psutil.Process()
    own = {this, *this.parents()}
    for process in psutil.process_iter():
        if process not in own and works_in(process, folder):
            yield process


def works_in(process: psutil.Process, folder: Path) -> bool:
    with suppress(psutil.Error, OSError):
        return Path(process.cwd()).is_relative_to(folder.resolve())
    return False


def lost_its_parent(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        parent = process.parent()
        return parent is None or parent.pid == 1 or parent.name() in REAPERS
    return False


def holding(path: Path) -> list[psutil.Process]:
    """Return every other process that has the file open; those of other people cannot be seen."""
    found, place = [], str(path.resolve())
    for process in psutil.process_iter():
        if process.pid != os.getpid():
            with suppress(psutil.Error, OSError):
                if any(one.path == place for one in process.open_files()):
                    found.append(process)
    return found


def holders_in_words(path: Path) -> str:
    """Say who has the file open, for where somebody has it locked."""
    return ", ".join(map(in_words, holding(path))) or "a process that cannot be seen from here"
