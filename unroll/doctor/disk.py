"""Room on the disk, and the right to write."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from unroll.doctor.finding import Finding, and_more

ENOUGH_BYTES = 10**9


def no_space(root: Path, growing: dict[Path, str]) -> Iterator[Finding]:
    """Find a disk that is nearly full; `growing` says of each folder that grows what of it may go."""
    free = shutil.disk_usage(root).free
    if free < ENOUGH_BYTES:
        sizes = [f"{folder} has {_size(folder) / 1e9:.1f} GB ({what})" for folder, what in growing.items()]
        here = str(root.resolve())
        yield Finding(here, f"{free / 1e9:.2f} GB left on the disk", f"make room: {', '.join(sizes)}")


def no_right_to_write(root: Path, folders: list[Path]) -> Iterator[Finding]:
    """Find folders of results that cannot be written to."""
    below = (path for folder in folders for path in (folder, *folder.rglob("*")) if path.is_dir())
    closed = [str(path) for path in (root, *below) if not os.access(path, os.W_OK | os.X_OK)]
    if closed:
        yield Finding(and_more(closed), "no right to write here", f"chmod u+rwx {closed[0]}, or take it over")


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())
