"""What this machine does for stages that run on others: it sends the code and their inputs, and in the
end restores all that came out, by content.
"""

import hashlib
import logging
import re
import socket
import subprocess
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from dvc.exceptions import DvcException
from dvc.repo import Repo, lock_repo
from rich.console import Console

from unroll.catalogue import Machine
from unroll.executors import exchange
from unroll.executors.elsewhere import Elsewhere, Project, Transport
from unroll.failures import Refusal
from unroll.pipeline import dvc_process, lock_text, scheduler
from unroll.pipeline.survey import Graph
from unroll.pipeline.unchanged import MADE

LOCK, PARAMS = Path("dvc.lock"), Path("params.yaml")
CODE = ("dvc.yaml", ".dvcignore", "stages/", "unroll/")
"""What a worker runs, beside what its stage depends on."""
SECRET = re.compile("secret|password|passphrase|token|key|credential|connection_string")
"""Of the remote's options what each node has of its own."""


@dataclass(frozen=True)
class Parcel:
    """The code as it is sent: git's bundle of one commit."""

    project: str
    commit: str
    bundle: bytes


@dataclass(frozen=True)
class Plan:
    """What there is to know of the stages that go elsewhere."""

    needs: Graph
    """All that each needs, whether it runs or not."""
    remote: dict


def run(
    graph: Graph,
    opened: Callable[["Parcel", Machine], AbstractContextManager[Transport]],
    machine: Machine,
    device: str,
    environment: dict[str, dict],
    logs: Path,
    console: Console,
    at_once: int = 0,
) -> None:
    """Run the stages of `graph` on other machines, and restore here what they made.

    `environment` has the documents of data/environment that a node must have alike.

    Raises:
        Refusal: something is amiss before anything runs, or stages failed; what the others made is here then.
    """
    try:
        with Repo() as repo, lock_repo(repo):
            plan = planned(repo, graph)
            given = {name for needs in plan.needs.values() for name in needs} - graph.keys()
            exchange.send_outs(repo, exchange.load(repo, sorted(given)))
    except DvcException as error:
        raise Refusal(f"the DVC remote: {_in_words(error)}") from None
    project = Project(PARAMS.read_text(encoding="utf-8"), plan.remote, environment)
    entries = lock_text.blocks(LOCK) or {}
    with opened(pack(Path.cwd()), machine) as transport:
        executor = Elsewhere(transport, project, plan.needs, entries, machine, device, logs, at_once)
        try:
            scheduler.run(graph, executor, logs, console)
        except Refusal:
            restore(executor.runs)
            raise
    restore(executor.runs)


def check() -> None:
    """Refuse at once what would be refused of any stages, but only once data are prepared.

    Raises:
        Refusal: no remote, or code that is not committed.
    """
    with Repo() as repo:
        remote_of(repo)
    _refuse_uncommitted(())


def planned(repo: Repo, graph: Graph) -> Plan:
    """Ask DVC what these stages need, and refuse what would make other results there than here.

    Raises:
        Refusal: no remote, code that is not committed, or files that nobody made in a folder that is read.
    """
    remote = remote_of(repo)
    stages = {stage.addressing: stage for stage in repo.index.stages}
    needs = {}
    for name in graph:
        stage = stages[name]
        found = list(repo.index.graph.successors(stage))
        needs[name] = {one.addressing for one in found}
        made = [Path(out.fs_path) for one in found for out in one.outs]
        for dep in stage.deps:
            for path in exchange.strangers(Path(dep.fs_path), made):
                shown = path.relative_to(Path.cwd())
                raise Refusal(
                    f"{shown} was made by no stage that is selected, and {name} would read it here, but not "
                    f"on another machine: move it away (DVC's cache has it) and run this again"
                )
    _refuse_uncommitted({dep.def_path for name in graph for dep in stages[name].deps})
    return Plan(needs, remote)


def _refuse_uncommitted(read: Collection[str]) -> None:
    """`read` is what stages depend on, beside the code that all of them have."""
    if code := sorted(path for path in uncommitted(Path.cwd()) if _is_sent(path, read)):
        raise Refusal(
            "other machines get the code of the last commit, params.yaml and dvc.lock as they stand, but "
            f"these are not committed: {', '.join(code)}: git add and git commit them, or git stash them"
        )


def _is_sent(path: str, read: Collection[str]) -> bool:
    if path.startswith(MADE) or path == PARAMS.name:
        return False
    return path.startswith(CODE) or any(Path(path).is_relative_to(dep) for dep in read)


def remote_of(repo: Repo) -> dict:
    """Return the default remote's name and options, but for what is secret.

    Raises:
        Refusal: there is none.
    """
    name = repo.config["core"].get("remote")
    if not name or name not in repo.config["remote"]:
        raise Refusal(
            "other machines exchange data with this one through a DVC remote, and none is set: "
            "dvc remote add --default NAME URL, with a bucket or a folder that all of them reach"
        )
    options = repo.config["remote"][name]
    told = {key: value for key, value in options.items() if not SECRET.search(key)}
    return {"name": name, "options": told}


def uncommitted(root: Path) -> set[str]:
    """Return the files that are not as in the last commit, new ones included."""
    listed = _git(root, "status", "--porcelain", "-z", "--no-renames", "--untracked-files=all")
    return {entry[3:] for entry in listed.decode().split("\0") if entry}


def pack(root: Path) -> Parcel:
    """Return the last commit, as one file that git can fetch from."""
    commit = _git(root, "rev-parse", "HEAD").decode().strip()
    place = f"{socket.gethostname()}:{root.resolve()}"
    bundle = _git(root, "bundle", "create", "--quiet", "-", "HEAD")
    return Parcel(hashlib.sha256(place.encode()).hexdigest()[:12], commit, bundle)


def _git(root: Path, *arguments: str) -> bytes:
    """Return what git prints.

    Raises:
        Refusal: git does not know of the project, has no commit, or is not there.
    """
    try:
        return subprocess.run(["git", *arguments], cwd=root, capture_output=True, check=True).stdout
    except FileNotFoundError:
        raise Refusal("git is missing, and other machines get the code by it: install it") from None
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip()
        raise Refusal(f"other machines get the last commit, but git {arguments[0]} says: {said}") from None


def restore(runs: dict[str, list[str]]) -> None:
    """Do what `dvc repro --pull` does for stages that ran elsewhere; nothing runs here.

    Raises:
        Refusal: DVC would run one of them, as what it read there is not what it would read here.
    """
    if not runs:
        return
    known = [exchange.Run(*run) for run in runs.values()]
    logging.getLogger("dvc").setLevel(logging.WARNING)
    try:
        with dvc_process.repository(_refuse_to_run) as repo:
            with lock_repo(repo):
                exchange.fetch_runs(repo, known)
                exchange.fetch_outs(repo, known)
            repo.stage_cache.pull = lambda _: []  # what is needed of it is here
            repo.reproduce(list(runs), single_item=True, pull=True)
    except DvcException as error:
        raise Refusal(f"restoring what other machines made: {_in_words(error)}") from None


def _refuse_to_run(command: str, folder: str, variables: dict[str, str]) -> int:
    raise DvcException(f"{command} would run here: what it reads here is not what it read there")


def _in_words(error: BaseException) -> str:
    return ": ".join(dvc_process.causes(error))
