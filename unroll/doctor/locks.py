"""dvc.lock and the entries that are parked: torn where a power cut or a full disk ended the writing of them.

Only whole entries are kept. An entry that is lost costs no training: DVC's run-cache knows what its stage
made of the same inputs.
"""

import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from unroll import files
from unroll.doctor.finding import Finding
from unroll.failures import Refusal
from unroll.pipeline import lock_text, lockfile

CUT_EARLY = frozenset({lock_text.HEAD, lock_text.HEAD.splitlines(keepends=True)[0]})
"""What is left of a lock that was cut at the end of one of its first two lines."""


def torn(path: Path) -> Iterator[Finding]:
    """Find a lock that cannot be read as a whole."""
    if not path.exists():
        return
    try:
        lockfile.read(path)
    except Refusal:
        whole, committed = salvaged(path)
        kept = f"the {len(whole)} entries that are whole stay"
        if committed:
            kept += f", {len(committed)} come from git's last commit"
        yield Finding(
            str(path),
            "torn" if path.stat().st_size else "empty",
            f"{kept}, the run-cache restores the others; the file as it is goes to {aside(path)}",
            partial(mend, path, committed | whole),
        )


def torn_at_a_glance(path: Path) -> Iterator[Finding]:
    """Find a lock that was cut short, without reading all of it: before each run, a quarter of a second
    for 70 entries is too long."""
    if path.exists() and lock_text.looks_torn(path):
        yield from torn(path)


def without_entries(path: Path) -> Iterator[Finding]:
    """Find a lock that was cut before its first entry, which DVC does not read."""
    if path.exists() and not lock_text.blocks(path) and path.read_text("utf-8", "replace") in CUT_EARLY:
        yield Finding(str(path), "without entries", "removed: the run-cache restores them", path.unlink)


def salvaged(path: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Return the lines of the entries that are whole, and of those that git has and the file lacks."""
    whole = lock_text.whole_blocks(path.read_text(encoding="utf-8", errors="replace"))
    try:
        shown = subprocess.run(["git", "show", f"HEAD:./{path}"], capture_output=True, text=True)
    except (FileNotFoundError, UnicodeDecodeError):
        return whole, {}
    known = lock_text.whole_blocks(shown.stdout)
    return whole, {name: lines for name, lines in known.items() if name not in whole}


def aside(path: Path) -> Path:
    """Where a damaged file is kept: a name of its own for each, so that none is ever written over."""
    return path.with_name(f"{path.name}-damaged-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}")


def mend(path: Path, entries: dict[str, str]) -> None:
    shutil.copyfile(path, aside(path))
    if entries:
        files.write_text(path, lock_text.HEAD + "".join(entries.values()))
    else:
        path.unlink()  # DVC takes a lock that is not there, but none without entries
