"""Whether the same lock means the same bits: stages run again, beside the project, and their bytes compared.

Each runs in a folder of its own that has the project's code, its parameters and what dvc.lock says the
stage reads, and nothing else: no checkpoint, no cache, no result of another stage.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from unroll.failures import Refusal
from unroll.pipeline import content, lockfile
from unroll.pipeline.copies import copy_project
from unroll.pipeline.differences import first_difference
from unroll.pipeline.warm import COMMAND

LOCK = Path("dvc.lock")
MADE = {"data", "models", "reports"}
LAST_LINES = 10


@dataclass(frozen=True)
class Finding:
    stage: str
    difference: str | None
    """Which file differs first, and where; or that the stage failed, and what it said."""


def check_stages(
    stages: Annotated[
        list[str] | None,
        typer.Argument(help="train, or one of them: train@sst5-gru-1; by default every stage of dvc.lock"),
    ] = None,
    jobs: Annotated[int, typer.Option(min=0, help="stages at once; 0: one a core")] = 0,
) -> None:
    """Run stages again in scratch folders and compare every byte with what the project has."""
    console = Console()
    locked = lockfile.read(LOCK)
    made = {out for entry in locked.values() for out in entry.outs}
    entries = chosen(locked, stages or [])
    for entry in entries:
        refuse_what_is_not_locked(entry)
    findings: list[Finding] = []
    with (
        tempfile.TemporaryDirectory(prefix="unroll-check.") as scratch,
        ThreadPoolExecutor(jobs or len(os.sched_getaffinity(0))) as pool,
        Progress(console=console, transient=True, disable=not console.is_terminal) as progress,
    ):
        clone = Path(scratch) / "clone"
        copy_project(Path(), clone, lambda name: made.isdisjoint(map(str, [name, *Path(name).parents])))
        task = progress.add_task("checked", total=len(entries))
        waiting = [pool.submit(run_again, entry, clone, Path(scratch) / entry.stage) for entry in entries]
        try:
            for done in as_completed(waiting):
                findings.append(done.result())
                progress.advance(task)
                console.print(in_words(findings[-1]), highlight=False, markup=False, soft_wrap=True)
        finally:
            pool.shutdown(cancel_futures=True)
    differing = sum(finding.difference is not None for finding in findings)
    if differing:
        raise Refusal(f"{differing} of {len(findings)} stages did not give the same bytes again")
    console.print(f"{len(findings)} stages gave the same bytes again")


def chosen(entries: dict[str, lockfile.Entry], wanted: Iterable[str]) -> list[lockfile.Entry]:
    """Return the entries that are named, or whose stage is; without a name all that have outs.

    Raises:
        Refusal: there is no such entry.
    """
    repeating = [entry for entry in entries.values() if entry.outs]
    found: dict[str, lockfile.Entry] = {}
    for name in wanted:
        fitting = [entry for entry in repeating if name in (entry.stage, entry.stage.split("@")[0])]
        if not fitting:
            known = ", ".join(dict.fromkeys(entry.stage.split("@")[0] for entry in repeating))
            raise Refusal(f"{LOCK} has no stage {name}: choose of {known}, or name one entry of it")
        found |= {entry.stage: entry for entry in fitting}
    return list(found.values()) or repeating


def refuse_what_is_not_locked(entry: lockfile.Entry) -> None:
    """Raise a Refusal where the project's files are not those that the entry speaks of."""
    for path, md5 in (entry.deps | entry.outs).items():
        if content.md5_of(Path(path)) != md5:
            raise Refusal(f"{path} is not what {LOCK} says of {entry.stage}: run make repro first")


def run_again(entry: lockfile.Entry, clone: Path, folder: Path) -> Finding:
    """Run a stage's command in `folder` and compare its outs with the project's."""
    fits = COMMAND.fullmatch(entry.document["cmd"])
    if fits is None:
        return Finding(entry.stage, f"{LOCK} has a command that no stage of this project has")
    with laid_out(entry, clone, folder):
        module, arguments = fits.groups()
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments.split()],
            cwd=folder,
            env=_variables(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            said = (done.stdout + done.stderr).strip().splitlines()[-LAST_LINES:]
            return Finding(entry.stage, "\n  ".join(["it failed:", *said]))
        for out in sorted(entry.outs):
            if difference := first_difference(Path(out), folder / out):
                return Finding(entry.stage, difference)
    return Finding(entry.stage, None)


@contextmanager
def laid_out(entry: lockfile.Entry, clone: Path, folder: Path) -> Iterator[None]:
    """Put into `folder`, while the block lasts, the code and what the entry says that its stage read."""
    folder.mkdir()
    for path in clone.iterdir():
        if path.name in MADE:
            _copy(path, folder / path.name)
        else:
            (folder / path.name).symlink_to(path)
    for name in entry.deps:
        if Path(name).parts[0] in MADE:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            # A copy: a stage that wrote into what it reads would harm nothing.
            _copy(Path(name), folder / name)
    try:
        yield
    finally:
        shutil.rmtree(folder)


def _copy(path: Path, to: Path) -> None:
    if path.is_dir():
        shutil.copytree(path, to, dirs_exist_ok=True)
    else:
        shutil.copyfile(path, to)


def in_words(finding: Finding) -> str:
    return f"{finding.stage}: {'equal' if finding.difference is None else finding.difference}"


def _variables() -> dict[str, str]:
    """Relative to the project, a mirror's folder would be another one in the scratch folder."""
    mirror = os.environ.get("UNROLL_MIRROR")
    return os.environ | ({"UNROLL_MIRROR": str(Path(mirror).resolve())} if mirror else {})
