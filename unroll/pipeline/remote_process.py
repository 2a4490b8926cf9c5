"""DVC's default remote: `python -m unroll.pipeline.remote_process fetch` and `... send`.

Both exchange the results that dvc.lock names, and the records of DVC's run-cache, each of which says what a
command made of what it read. DVC copies every record each time, one after the other; here those that are not
there yet are copied, at once, and never before the results that they speak of.
"""

import os
import re
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from dvc.repo import Repo, lock_repo
from dvc.stage import PipelineStage
from dvc_data.hashfile.db import HashFileDB
from dvc_data.hashfile.transfer import TransferResult
from dvc_objects.fs import generic

from unroll.failures import Refusal, told_plainly
from unroll.pipeline import lockfile

LOCK = Path("dvc.lock")
VARIABLE = "UNROLL_REMOTE"
"""Names it to the stages of a run for which it has answered."""
RECORD = re.compile(r"runs/[0-9a-f]{2}/[0-9a-f]{64}/[0-9a-f]{64}")
"""Whatever else lies there is not copied: a name leads to a path."""
ANSWER_SECONDS = 20


def fetch() -> str:
    """Fetch what is not here yet, and say what it was."""
    with _opened() as (repo, remote, there):
        known = _objects(_locked(repo))
        got = repo.cloud.pull(known) if known else None
        records = _copy(there - _records(repo.cache.legacy), remote, repo.cache.legacy)
    return f"fetched {len(got.transferred) if got else 0} files and {records} records"


def send() -> str:
    """Send what is not there yet, and say what it was."""
    with _opened() as (repo, remote, there):
        new = dict(_recorded(repo, _records(repo.cache.legacy) - there))
        whole = {name: one for name, one in new.items() if one.outs_cached()}
        known = _objects([one for one in _locked(repo) if one.outs_cached()] + [*whole.values()])
        sent = repo.cloud.push(known) if known else None
        if sent and sent.failed:
            raise Refusal(f"{len(sent.failed)} files could not be sent")
        records = _copy(whole.keys(), repo.cache.legacy, remote)
    return f"sent {len(sent.transferred) if sent else 0} files and {records} records"


def look_there_too(repo: Repo) -> None:
    """Let a stage whose record is here and whose results are not be restored from the remote, if they are
    there, instead of being run; so where this run's remote answers."""
    if VARIABLE not in os.environ:
        return
    pull = repo.cloud.pull

    def pull_if_possible(*arguments: object, **options: object) -> TransferResult:
        try:
            return pull(*arguments, **options)
        except Exception as error:  # whatever it is: a stage that is not restored runs
            print(f"the remote was asked in vain: {error}", file=sys.stderr)
            return TransferResult(set(), set())

    repo.cloud.pull = pull_if_possible
    # Not tried without it before: DVC would take the old results for those of the new dependencies.
    repo.stage_cache.restore = partial(repo.stage_cache.restore, pull=True)


@contextmanager
def _opened() -> Iterator[tuple[Repo, HashFileDB, set[str]]]:
    """Yield the project, its remote, and the records that lie there.

    Raises:
        Refusal: it cannot be reached or used.
    """
    try:
        with Repo() as repo, lock_repo(repo):
            remote = repo.cloud.get_remote_odb(hash_name="md5-dos2unix")
            yield repo, remote, _in_time(lambda: _records(remote))
    except Refusal:
        raise
    except Exception as error:  # each kind of remote has errors of its own
        said = " ".join(str(error).split()) or type(error).__name__
        hint = " (make services installs it)" if "dvc-s3" in said else ""
        raise Refusal(f"{said}{hint}") from None


def _in_time(ask: Callable[[], set[str]]) -> set[str]:
    """Return the answer of what may wait for ever."""
    said: list[set[str] | Exception] = []

    def listen() -> None:
        try:
            said.append(ask())
        except Exception as error:  # told where it is waited for
            said.append(error)

    asking = threading.Thread(target=listen, daemon=True)
    asking.start()
    asking.join(ANSWER_SECONDS)
    if not said:
        raise Refusal(f"no answer within {ANSWER_SECONDS} s")
    if isinstance(said[0], Exception):
        raise said[0]
    return said[0]


def _records(place: HashFileDB) -> set[str]:
    """Return the run-cache's records in a cache or remote, by their paths below it."""
    root = place.fs.join(place.path, "runs")
    found = (place.fs.as_posix(place.fs.relpath(path, place.path)) for path in place.fs.find(root))
    return {name for name in found if RECORD.fullmatch(name)}


def _recorded(repo: Repo, names: Iterable[str]) -> Iterator[tuple[str, PipelineStage]]:
    """Yield the stage of each of these records, as it ran."""
    for name in sorted(names):
        _, _, key, value = name.split("/")
        if recorded := repo.stage_cache._load_cache(key, value):
            yield name, repo.stage_cache._create_stage(recorded)


def _locked(repo: Repo) -> list[PipelineStage]:
    """Return the stage of each entry of dvc.lock, whichever `select` names now."""
    entries = lockfile.read(LOCK).values() if LOCK.exists() else ()
    return [repo.stage_cache._create_stage(one.document) for one in entries if one.outs]


def _objects(stages: Iterable[PipelineStage]) -> set:
    """Return the hashes of all that these stages made."""
    return {one for stage in stages for found in stage.get_used_objs().values() for one in found}


def _copy(names: Iterable[str], source: HashFileDB, destination: HashFileDB) -> int:
    ordered = sorted(names)
    if ordered:
        paths = [[place.fs.join(place.path, name) for name in ordered] for place in (source, destination)]
        generic.copy(source.fs, paths[0], destination.fs, paths[1], batch_size=16)
    return len(ordered)


def main(what: str) -> None:
    with told_plainly():
        print({"fetch": fetch, "send": send}[what]())


if __name__ == "__main__":
    main(*sys.argv[1:])
