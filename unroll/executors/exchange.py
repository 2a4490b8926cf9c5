"""What stages read and make, from and to the DVC remote: files by their content, and what DVC knows of runs.

DVC's own push and pull go through every stage of the project and the whole run-cache each time. Here
only what one stage needs or made goes over the wire.
"""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from dvc.exceptions import DvcException
from dvc.fs import generic
from dvc.output import Output
from dvc.repo import Repo
from dvc.stage import PipelineStage
from dvc.stage.cache import _can_hash, _get_cache_hash, _get_stage_hash
from dvc.stage.serialize import to_single_stage_lockfile


class Run(NamedTuple):
    """One entry of DVC's run-cache: by what a stage read, and by what it then made."""

    key: str
    value: str


def load(repo: Repo, names: Iterable[str]) -> list[PipelineStage]:
    """Return these stages as dvc.yaml and dvc.lock have them."""
    return [repo.stage.load_one("dvc.yaml", name) for name in names]


def send_outs(repo: Repo, stages: Iterable[PipelineStage]) -> None:
    """Put all that the stages made into the remote, unless it is there.

    Raises:
        DvcException: it is not in the cache, or the remote does not take it.
    """
    _transfer(repo.cloud.push, [stage.get_used_objs() for stage in stages], "cannot be sent to the remote")


def bring_deps(repo: Repo, stage: PipelineStage, needs: Iterable[PipelineStage]) -> None:
    """Lay out what the stage reads of what others made, and nothing else where it reads that.

    Raises:
        DvcException: the remote does not have it.
    """
    wanted: list[tuple[Output, str]] = []
    made = [out for need in needs for out in need.outs]
    for dep in stage.deps:
        for out in made:
            if Path(dep.fs_path).is_relative_to(out.fs_path):
                wanted.append((out, dep.fs_path))
            elif Path(out.fs_path).is_relative_to(dep.fs_path):
                wanted.append((out, out.fs_path))
    objects = [out.get_used_objs(filter_info=path) for out, path in wanted]
    _transfer(repo.cloud.pull, objects, "cannot be fetched from the remote")
    for out, path in wanted:
        out.checkout(force=True, filter_info=path)
    for dep in stage.deps:
        for path in strangers(Path(dep.fs_path), [Path(path) for _, path in wanted]):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def strangers(dep: Path, made: list[Path]) -> list[Path]:
    """Return what lies in a folder that a stage reads and that none of the stages it needs has made.

    That is nothing where the folder is of the code, or is made as a whole.
    """
    inside = [path for path in made if path != dep and path.is_relative_to(dep)]
    if not inside or not dep.is_dir():
        return []
    found = []
    for path in sorted(dep.iterdir()):
        if path in inside or path.name == ".gitignore":
            continue
        within = [one for one in inside if one.is_relative_to(path)]
        found += strangers(path, within) if within else [path]
    return found


def run_of(stage: PipelineStage) -> Run:
    """Return the entry that DVC has made of a stage's run, from its entry in dvc.lock."""
    return Run(_get_stage_hash(stage), _get_cache_hash(to_single_stage_lockfile(stage)))


def send_run(repo: Repo, run: Run) -> None:
    """Put an entry of the run-cache into the remote, once what it speaks of is there."""
    cache, remote = repo.cache.legacy, _remote(repo)
    source = repo.stage_cache._get_cache_path(*run)
    generic.copy(cache.fs, source, remote.fs, _place(remote, run))


def fetch_runs(repo: Repo, runs: Iterable[Run]) -> None:
    """Take entries of the run-cache over from the remote."""
    remote = _remote(repo)
    for run in runs:
        path = repo.stage_cache._get_cache_path(*run)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        temporary = f"{path}.{os.getpid()}.tmp"
        generic.copy(remote.fs, _place(remote, run), repo.cache.legacy.fs, temporary)
        os.replace(temporary, path)


def fetch_outs(repo: Repo, runs: Iterable[Run]) -> None:
    """Take what these runs made over from the remote, all at once."""
    _transfer(repo.cloud.pull, [repo.stage_cache.get_used_objs(runs)], "cannot be fetched from the remote")


def known_runs(repo: Repo, stage: PipelineStage) -> list[Run]:
    """Return what the remote knows of runs of this stage that read what it would read now."""
    stage.save_deps()
    if not _can_hash(stage):
        return []
    remote, key = _remote(repo), _get_stage_hash(stage)
    folder = remote.fs.join(remote.path, "runs", key[:2], key)
    if not remote.fs.exists(folder):
        return []
    return [Run(key, remote.fs.name(path)) for path in remote.fs.find(folder)]


def _place(remote, run: Run) -> str:
    return remote.fs.join(remote.path, "runs", run.key[:2], run.key, run.value)


def _remote(repo: Repo):
    return repo.cloud.get_remote_odb(None, "push --run-cache", hash_name="md5-dos2unix")


def _transfer(how, objects: Iterable[dict], what_failed: str) -> None:
    """Move objects that lie by the remotes that they belong to."""
    wanted: dict = {}
    for each in objects:
        for remote, infos in each.items():
            wanted.setdefault(remote, set()).update(infos)
    for remote, infos in wanted.items():
        failed = how(infos, odb=remote).failed
        if failed:
            raise DvcException(f"{len(failed)} files {what_failed}")
