"""DVC's command line, which writes of dvc.lock only the entry that changed.

`python -m unroll.pipeline.dvc_process ...` takes what `dvc ...` takes.

DVC reads and writes the whole lock in pure Python around every stage that ran, 2.4 s where it has 66
entries: a third of what it costs to run a stage through DVC. Every entry is text of its own, so that
to put one in its place leaves the very bytes that DVC would.
"""

import sys
from collections import UserDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dvc import cli, dvcfile, lock
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.stage import run
from dvc.stage.exceptions import StageCmdFailedError
from dvc.utils import serialize
from dvc.utils.serialize import YAMLFileCorruptedError, _common, dumps_yaml, loads_yaml
from ruamel.yaml.error import YAMLError

from unroll import files, params
from unroll.pipeline import lock_text, lockfile, remote_process

modify_yaml = dvcfile.modify_yaml
load_yaml = dvcfile.Lockfile._load_yaml
run_in_shell = run._run
WAIT_SECONDS = 0.06
"""DVC looks six times within this span whether the lock is free; its own is 3 s, longer than a training."""
FAILED = 255
Starter = Callable[[str, str, dict[str, str]], int | None]
"""Runs a command in a folder with these variables and returns its exit code, or None if it does not."""


class Entries(UserDict[str, str]):
    """The lines of each stage's entry, read and written as what they say."""

    def __getitem__(self, stage: str) -> dict:
        return loads_yaml(self.data[stage])[stage]

    def __setitem__(self, stage: str, recorded: dict) -> None:
        self.data[stage] = dumps_yaml({"stages": {stage: recorded}}).removeprefix("stages:\n")


@contextmanager
def modify_entries(path: str, fs: object = None) -> Iterator[dict]:
    """Yield what the file says, as DVC's modify_yaml does, and write what has become of it."""
    blocks = lock_text.blocks(Path(path)) if Path(path).name == "dvc.lock" else None
    if blocks is None:
        with modify_yaml(path, fs=fs) as document:
            yield document
        return
    entries = Entries()
    entries.data = blocks
    yield {"schema": lockfile.SCHEMA, "stages": entries}
    files.write_text(Path(path), lock_text.HEAD + "".join(entries.data.values()))


def load_entries(file: dvcfile.Lockfile, **options: object) -> tuple[dict, str]:
    """Return what the lock says as DVC does; an entry is read once it is asked for."""
    blocks = lock_text.blocks(Path(file.path))
    if blocks is None:
        return load_yaml(file, **options)
    entries = Entries()
    entries.data = blocks
    return {"schema": lockfile.SCHEMA, "stages": entries}, ""


def load_parameters(path: str, fs: object = None, **options: object) -> dict:
    """Return what params.yaml says as DVC's load_yaml does; a text is parsed once, for the stage too.

    DVC asks for it seven times around a stage that runs, which was half of what it cost to run one.
    """

    def parse(text: str, path: str) -> dict:
        try:
            return params.document_of(text) or {}
        except YAMLError as error:
            raise YAMLFileCorruptedError(path) from error

    return _common._load_data(path, parser=parse, fs=fs, **options)


def hasten() -> None:
    """Let DVC, in this process, read and write the lock by entries, and parse parameters once."""
    dvcfile.modify_yaml = modify_entries
    dvcfile.Lockfile._load_yaml = load_entries
    serialize.LOADERS[".yaml"] = load_parameters


def repro(stage: str, start: Starter) -> int:
    """Run one stage as `dvc --wait-for-lock repro --single-item` does; offer its command to `start` first.

    Return the exit code, with what went wrong in the log.
    """
    with told_to_log() as failures, repository(start) as repo:
        remote_process.look_there_too(repo)
        repo.reproduce(stage, single_item=True)
    return FAILED if failures else 0


@contextmanager
def repository(start: Starter) -> Iterator[Repo]:
    """Yield DVC's view of this folder, in which commands are offered to `start` before a shell runs them."""

    def run_offered(executable: str | None, command: str, **options: object) -> None:
        code = start(command, options["cwd"], options["env"])
        if code is None:
            run_in_shell(executable, command, **options)
        elif code != 0:
            raise StageCmdFailedError(command, code)

    hasten()
    run._run = run_offered
    lock.DEFAULT_TIMEOUT = WAIT_SECONDS
    with Repo(_wait_for_lock=True) as repo:
        yield repo


@contextmanager
def told_to_log() -> Iterator[list[str]]:
    """Say of an error of DVC's in the block why it came, where everything is logged; yield what was said."""
    said: list[str] = []
    try:
        yield said
    except DvcException as error:
        said.append(": ".join(causes(error)))
        print("ERROR:", said[0], file=sys.stderr)


def causes(error: BaseException | None) -> Iterator[str]:
    while error is not None:
        yield str(error)
        error = error.__cause__


if __name__ == "__main__":
    hasten()
    sys.exit(cli.main())
