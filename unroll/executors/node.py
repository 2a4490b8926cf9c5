"""A node's part: a clone of the project at the commit that is asked for, and a worker at work in it.

It runs where nothing of unroll need be found yet, within Ray's process or a job of Slurm: so it
imports nothing but Python's own. The worker is a process of the clone's code. It is kept for the
next stage, as what it has imported takes seconds.
"""

import fcntl
import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

LOOK_SECONDS = 0.5
FOLDER_VARIABLE = "UNROLL_NODE_FOLDER"
"""Where a node keeps clones and cache, if not in the folder for temporary files."""
GIVEN = ("CUDA_VISIBLE_DEVICES",)
"""Which of its node's devices a stage has: others each time, though the worker be kept."""

_kept: list["Worker"] = []
"""That of this process, between two stages."""


class Worker:
    """A process in a clone that no other process uses."""

    def __init__(self, clone: Path, claim: IO, commit: str) -> None:
        self.clone, self.claim, self.commit = clone, claim, commit
        self.said = tempfile.TemporaryFile()  # noqa: SIM115
        self.process = subprocess.Popen(
            [sys.executable, "-m", "unroll.executors.worker", str(clone.parent / "cache")],
            cwd=clone,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.said,
            start_new_session=True,  # a Ctrl-C is not for it: it ends with its standard input
            pass_fds=[claim.fileno()],  # and has its clone until then, though this process be gone
        )

    def ask(self, request: dict) -> Iterator[dict]:
        """Yield what it answers, to the last: how its stage ended. Every so often an empty answer."""
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.stdin.flush()
        pending, stdout = b"", self.process.stdout.fileno()
        while True:
            if not select.select([stdout], [], [], LOOK_SECONDS)[0]:
                yield {}  # so that a signal is heard, and a generator can be closed
                continue
            read = os.read(stdout, 1 << 16)
            *lines, pending = (pending + read).split(b"\n")
            for line in lines:
                yield (answer := json.loads(line))
                if "end" in answer:
                    return
            if not read:
                yield {"end": "failed", "why": "its worker has ended", "log": self.last_words()}
                return

    def last_words(self) -> str:
        self.said.seek(0)
        return self.said.read().decode("utf-8", "replace")

    def is_ready_for(self, commit: str) -> bool:
        return self.commit == commit and self.process.poll() is None

    def close(self) -> None:
        """End what it does: a stage that trains saves first."""
        self.process.stdin.close()
        self.process.wait()
        self.claim.close()


def carry_out(project: str, commit: str, bundle: Callable[[], bytes], request: dict) -> Iterator[dict]:
    """Run the stage of a request in a clone, and yield what its worker answers.

    `bundle` gives git's bundle of the commit, for a node that does not have it yet.
    """
    if _kept and not _kept[0].is_ready_for(commit):
        _kept.pop().close()
    worker = _kept.pop() if _kept else begin(folder_of(project), commit, bundle)
    given = {name: os.environ[name] for name in GIVEN if name in os.environ}
    request = request | {"variables": given}
    try:
        yield from worker.ask(request)
    except BaseException:
        worker.close()
        raise
    _kept.append(worker)


def folder_of(project: str) -> Path:
    """Return where this node keeps a project's clones: of this user alone."""
    place = os.environ.get(FOLDER_VARIABLE)
    folder = Path(place) if place else Path(tempfile.gettempdir()) / f"unroll-{os.getuid()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} is somebody else's: set {FOLDER_VARIABLE} to a folder of your own")
    (folder / project).mkdir(exist_ok=True)
    return folder / project


def begin(folder: Path, commit: str, bundle: Callable[[], bytes]) -> Worker:
    """Start a worker in the first clone that is free, at this commit."""
    for number in range(os.cpu_count() * 64):
        claim = open(folder / f"{number}.lock", "w")  # noqa: SIM115
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            claim.close()
            continue
        clone = folder / str(number)
        check_out(clone, commit, bundle)
        return Worker(clone, claim, commit)
    raise OSError(f"{folder}: every clone is in use")


def check_out(clone: Path, commit: str, bundle: Callable[[], bytes]) -> None:
    """Bring the clone to this commit; what stages made there stays."""
    if not (clone / ".git").exists():
        git(clone.parent, "init", "--quiet", str(clone))
    if git(clone, "cat-file", "-e", f"{commit}^{{commit}}", may_fail=True) != 0:
        with tempfile.NamedTemporaryFile(suffix=".bundle") as file:
            file.write(bundle())
            file.flush()
            git(clone, "fetch", "--quiet", file.name, "HEAD")
    git(clone, "checkout", "--quiet", "--force", "--detach", commit)
    git(clone, "clean", "--quiet", "--force", "-d")  # code of another commit that nobody tracks now


def git(folder: Path, *arguments: str, may_fail: bool = False) -> int:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True)
    if done.returncode != 0 and not may_fail:
        raise OSError(f"git {arguments[0]} in {folder}: {done.stderr.strip()}")
    return done.returncode
