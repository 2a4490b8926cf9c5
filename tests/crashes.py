"""What crashes leave behind, put into a project that has run."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

NOBODY = 2**22 + 1
"""More than Linux gives to any process."""
ORPHAN = "import time; time.sleep(600)"


def results(folder: Path) -> dict[str, str]:
    """The sha256 of dvc.lock and of every result; times are none."""
    paths = [path for part in ("data", "models", "reports") for path in (folder / part).rglob("*")]
    kept = [path for path in paths if path.is_file() and path.name not in (".gitignore", "times.js")]
    found = sorted([folder / "dvc.lock", *kept])
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def cut(path: Path, share: float) -> None:
    """Leave this share of a file's bytes, as a full disk or a power cut does."""
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])


def zero_the_end(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-500] + b"\0" * 500)


def lock_as(folder: Path, pid: int) -> None:
    """Let DVC's list of locks name this process."""
    who = {"pid": pid, "cmd": "repro"}
    locked = {"write": {str(folder / "models"): who}, "read": {str(folder / "data"): [who]}}
    (folder / ".dvc/tmp/rwlock").write_text(json.dumps(locked))


def leave_unfinished(folder: Path) -> None:
    (folder / f"models/tiny_trees/bow/.1.{NOBODY}.tmp").mkdir()
    (folder / f"models/tiny_trees/bow/.1.{NOBODY}.tmp/weights.safetensors").write_bytes(b"half")
    (folder / f".dvc.lock.{NOBODY}.tmp").write_text("schema")


def tear_checkpoint(folder: Path) -> None:
    (folder / ".unroll/checkpoints").mkdir(exist_ok=True)
    (folder / ".unroll/checkpoints/tiny_trees-gru-1-0123456789abcdef.safetensors").write_bytes(b"\x40half")


def cut_parked(folder: Path) -> None:
    (folder / "parked.lock").write_text("schema: '2.0'\nstages:\n  train@x:\n    c")


def half_write(folder: Path) -> None:
    """As a kill between the removal of the old folder and the new one's name does, and worse."""
    (folder / "models/tiny_trees/gru/1/weights.safetensors").unlink()
    cut(folder / "data/clean/tiny_trees/train.parquet", 0.5)


def cached(folder: Path, name: str) -> Path:
    """Return where DVC's cache has a file's bytes."""
    md5 = hashlib.md5((folder / name).read_bytes()).hexdigest()
    return folder / ".dvc/cache/files/md5" / md5[:2] / md5[2:]


def truncate_in_cache(folder: Path) -> None:
    cut(cached(folder, "models/tiny_trees/bow/1/weights.safetensors"), 0.5)


def truncate_all_there_is(folder: Path) -> None:
    truncate_in_cache(folder)
    shutil.rmtree(folder / "models/tiny_trees/bow/1")


PARENT = f"""
import subprocess, sys
nowhere = subprocess.DEVNULL
stage = subprocess.Popen([sys.executable, "-c", {ORPHAN!r}, "stages.train"], stdout=nowhere, stderr=nowhere)
print(stage.pid)
"""


def start_orphan(folder: Path) -> int:
    """Start what looks like a stage, whose parent ends at once; return its number."""
    started = subprocess.run([sys.executable, "-c", PARENT], cwd=folder, capture_output=True, check=True)
    return int(started.stdout)
