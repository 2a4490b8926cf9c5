"""Files that were never finished, and checkpoints that cannot be read."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from unroll import files, processes
from unroll.doctor.finding import Finding, and_more
from unroll.networks.checkpoints import load_checkpoint

OURS = re.compile(r"\..+\.(\d+)\.tmp")
"""What unroll.files writes before the file has its name, with the process that does; others are DVC's."""


def unfinished(folders: list[Path]) -> Iterator[Finding]:
    """Find temporary files and folders of processes that have ended, below `folders` and right here."""
    found = sorted({*Path().glob(".*.tmp"), *(one for folder in folders for one in folder.rglob(".*.tmp"))})
    dead = [path for path in found if not _is_being_written(path)]
    # What lies in a folder that goes anyway is not counted.
    dead = [path for path in dead if not set(path.parents) & set(dead)]
    if dead:
        names = and_more([str(path) for path in dead])
        yield Finding(names, "never finished by a process that ended", "removed", partial(_remove, dead))


def _is_being_written(path: Path) -> bool:
    by = OURS.fullmatch(path.name)
    return bool(by) and processes.alive(int(by[1]), path.stat().st_mtime) is not None


def unreadable_checkpoints(folder: Path) -> Iterator[Finding]:
    """Find checkpoints that training cannot go on from."""
    damaged = [path for path in sorted(folder.glob("*")) if path.is_file() and not _can_be_read(path)]
    if damaged:
        yield Finding(
            and_more([str(path) for path in damaged]),
            "a checkpoint that cannot be read",
            "removed: such a training begins anew",
            partial(_remove, damaged),
        )


def _can_be_read(checkpoint: Path) -> bool:
    # One that is not finished is found above.
    return checkpoint.name.endswith(".tmp") or load_checkpoint(checkpoint, "cpu") is not None


def _remove(paths: list[Path]) -> None:
    for path in paths:
        files.remove(path)
