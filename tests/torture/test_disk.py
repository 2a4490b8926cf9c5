"""A machine that says no: a full disk, files that may not be so large, folders that may not be written."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from own_corpus import ARGUMENTS, CORPUS, STAGES, OwnCorpus, environment

PLAIN = "import ctypes, os, resource, runpy, sys\n"
LIMITED = PLAIN + "resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
# Root may write everywhere by a right that a process can give up for those that it becomes: it drops it
# from what they may have (PR_CAPBSET_DROP, CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH) and begins again.
WITHOUT_RIGHTS = (
    PLAIN
    + "if 'again' not in sys.argv:\n"
    + "    [ctypes.CDLL(None).prctl(24, right, 0, 0, 0) for right in (1, 2)]\n"
    + "    os.execv(sys.executable, [*sys.orig_argv, 'again'])\n"
)
BYTES = {
    "environment": 60,
    "download": 700,
    "preprocess": 700,
    "vocabulary": 300,
    "vectors": 40,
    "train": 2000,
    "evaluate": 1000,
    "floor": 700,
    "compare": 1000,
}
"""More than the smallest files of a stage and less than its largest."""


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".unroll" not in path.parts
    }


def module(stage: str) -> str:
    """Return Python that runs a stage as `python -m` does."""
    arguments = [stage, *ARGUMENTS.get(stage, (CORPUS,))]
    return f"sys.argv = {arguments!r}; runpy.run_module('stages.{stage}', run_name='__main__')"


@pytest.fixture
def disk(whole, tmp_path) -> Iterator[OwnCorpus | None]:
    """A copy of the corpus on a small disk of its own; None where none may be mounted."""
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], stderr=-1).returncode:
        yield None
        return
    try:
        yield whole.copied(place / "project")
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def tried_here(stage: str, times: Callable[[int, int], int]) -> str:
    """Return the stage; the share of a campaign has one that is soon over."""
    if not times(1, stage == "preprocess"):
        pytest.skip("make torture tries every stage")
    return stage


def assert_refused_and_nothing_changed(
    refused, tried: str, code: str, corpus: OwnCorpus, *named: str, folder: Path | None = None
) -> None:
    """`folder` is where temporary files go, by default where they always do."""
    before = contents(corpus.folder)
    surroundings = environment() | ({"TMPDIR": str(folder)} if folder else {})
    said = refused(tried, ["-c", code], corpus.folder, *named, environment=surroundings)
    assert ".tmp" not in said.splitlines()[0]
    assert not corpus.half_written()
    changed = {name for name, content in contents(corpus.folder).items() if before.get(name) != content}
    # Of a stage that writes several files those may be there that were written whole.
    assert {Path(name).suffix for name in changed} <= {".csv", ".json"}, changed


@pytest.mark.parametrize("stage", STAGES)
def test_a_file_that_may_not_be_so_large_is_named_and_what_was_there_stays(copied, refused, times, stage):
    limit = BYTES[tried_here(stage, times)]
    tried = f"{stage}: a file may have {limit} bytes (RLIMIT_FSIZE)"
    code = LIMITED.format(limit=limit) + module(stage)
    assert_refused_and_nothing_changed(refused, tried, code, copied, "File too large", "ulimit -f")


def fill(disk: OwnCorpus) -> None:
    shutil.rmtree(disk.folder / "data/environment/corpora")  # the stage `environment` would make room itself
    with open(disk.folder.parent / "filler", "wb", buffering=0) as filler, suppress(OSError):
        while filler.write(bytes(4096)):
            pass


def forbid_writing(disk: OwnCorpus) -> None:
    subprocess.run(["mount", "-o", "remount,ro", disk.folder.parent], check=True)


DISKS = {
    "full (a tmpfs without a free page)": (fill, "No space left on device", "make room"),
    "mounted read-only": (forbid_writing, "Read-only file system", "make the folder writable"),
}


@pytest.mark.parametrize("state", DISKS)
@pytest.mark.parametrize("stage", STAGES)
def test_a_disk_that_takes_nothing_is_named_and_what_was_there_stays(
    disk, refused, tell, times, stage, state
):
    tried = f"{tried_here(stage, times)}: the disk is {state}"
    if disk is None:
        tell(tried, "not tried here: to mount one needs root")
        return
    spoil, *named = DISKS[state]
    spoil(disk)
    full = disk.folder if spoil is fill else None
    assert_refused_and_nothing_changed(refused, tried, PLAIN + module(stage), disk, *named, folder=full)


@pytest.mark.parametrize("stage", STAGES)
def test_a_folder_without_permission_to_write_is_named(copied, refused, times, stage):
    tried = f"{tried_here(stage, times)}: no folder may be written"
    folders = [copied.folder, *(path for path in copied.folder.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        code = WITHOUT_RIGHTS + module(stage)
        assert_refused_and_nothing_changed(refused, tried, code, copied, "Permission denied", "permissions")
    finally:
        for folder in folders:
            folder.chmod(0o755)


def test_a_file_without_permission_to_read_is_named(copied, refused):
    path = copied.folder / f"data/raw/{CORPUS}/train.parquet"
    path.chmod(0)
    code = WITHOUT_RIGHTS + module("preprocess")
    tried = "preprocess: the raw rows may not be read"
    assert_refused_and_nothing_changed(refused, tried, code, copied, f"data/raw/{CORPUS}/train.parquet")


@pytest.mark.parametrize("stage", STAGES[2:])
def test_a_stage_whose_input_is_missing_says_which(copied, refused, times, stage):
    """The stages before it have left nothing."""
    code = PLAIN + module(tried_here(stage, times))
    for folder in ("data", "models", "reports"):
        shutil.rmtree(copied.folder / folder)
    assert_refused_and_nothing_changed(
        refused, f"{stage}: what it reads is missing", code, copied, "run dvc repro"
    )


def test_standard_output_to_a_full_device_is_told(copied, refused):
    code = PLAIN + (
        "os.dup2(os.open('/dev/full', os.O_WRONLY), 1)\n"
        "sys.argv = ['unroll', 'predict', 'a lamp']; runpy.run_module('unroll', run_name='__main__')"
    )
    tried = "predict > /dev/full"
    assert_refused_and_nothing_changed(refused, tried, code, copied, "No space left on device")
