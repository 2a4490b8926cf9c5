"""A torn lock keeps every entry that is whole, and none that is not."""

import random
import subprocess
from pathlib import Path

import pytest

from unroll.doctor import locks
from unroll.failures import Refusal
from unroll.pipeline import lock_text, lockfile

LOCK = Path("dvc.lock")


def entry(name: str) -> str:
    return (
        f"  {name}:\n    cmd: python -m stages.{name}\n    deps:\n    - path: {name}.txt\n      hash: md5\n"
        f"      md5: {'0a' * 16}\n      size: 3\n    outs:\n    - path: made/{name}\n      hash: md5\n"
        f"      md5: {'1b' * 16}.dir\n      size: 4\n      nfiles: 2\n"
    )


NAMES = ("first", "second", "third")
WHOLE = lock_text.HEAD + "".join(map(entry, NAMES))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def mended(content: bytes) -> list[str]:
    """Return the names of the entries that are left after a lock with this content has been mended."""
    LOCK.write_bytes(content)
    (finding,) = locks.torn(LOCK)
    kept = locks.aside(LOCK)
    finding.mend()
    assert kept.read_bytes() == content
    assert not list(locks.torn(LOCK))
    return list(lockfile.read(LOCK)) if LOCK.exists() else []


def test_a_whole_lock_is_left_alone_and_so_is_none() -> None:
    assert not list(locks.torn(LOCK)) and not list(locks.torn_at_a_glance(LOCK))
    LOCK.write_text(WHOLE)
    assert not list(locks.torn(LOCK)) and not list(locks.torn_at_a_glance(LOCK))
    LOCK.write_text("stages:\n    first: {cmd: python -m stages.first}\nschema: '2.0'\n")
    assert not list(locks.torn(LOCK)) and not list(locks.torn_at_a_glance(LOCK))


def test_wherever_a_lock_is_cut_each_whole_entry_stays_and_no_other() -> None:
    ends = [len(lock_text.HEAD + "".join(map(entry, NAMES[:count]))) for count in range(4)]
    draw = random.Random(0)
    for cut in [*draw.sample(range(len(WHOLE)), 60), *(end - 1 for end in ends)]:
        text = WHOLE[:cut]
        LOCK.write_text(text)
        if not list(locks.torn(LOCK)):
            # Cut between two lines: what is left says less, and nothing that is not so.
            assert text.endswith("\n") and all(name in NAMES for name in lockfile.read(LOCK))
            continue
        assert mended(text.encode()) == list(NAMES[: sum(end <= cut for end in ends[1:])])


@pytest.mark.parametrize(
    ("content", "left"),
    [
        (b"", []),
        (WHOLE.encode()[:-20] + b"\0" * 20, ["first", "second"]),
        (WHOLE.encode().replace(b"stages.second", b"\xff\xfe[{"), ["first", "third"]),
        (b"<<<<<<< HEAD\n" + WHOLE.encode(), list(NAMES)),
    ],
)
def test_damage_of_other_kinds_costs_no_whole_entry(content: bytes, left: list[str]) -> None:
    LOCK.write_bytes(content)
    assert lock_text.looks_torn(LOCK)
    assert mended(content) == left


@pytest.mark.parametrize("lines", [1, 2])
def test_a_lock_cut_before_its_first_entry_is_removed(lines: int) -> None:
    LOCK.write_text("".join(WHOLE.splitlines(keepends=True)[:lines]))
    (finding,) = locks.without_entries(LOCK)
    finding.mend()
    assert not LOCK.exists() and not list(locks.without_entries(LOCK))
    LOCK.write_text(WHOLE)
    assert not list(locks.without_entries(LOCK))


def test_what_git_has_of_a_torn_lock_comes_from_there() -> None:
    def git(*arguments: str) -> None:
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments], check=True)

    LOCK.write_text(lock_text.HEAD + entry("first").replace("0a", "2c") + entry("second"))
    git("init", "-q")
    git("add", "dvc.lock")
    git("commit", "-q", "-m", "a lock")
    LOCK.write_text((lock_text.HEAD + entry("first") + entry("third"))[:-3])
    (finding,) = locks.torn(LOCK)
    assert "the 1 entries that are whole stay, 1 come from git's last commit" in finding.remedy
    finding.mend()
    assert lock_text.blocks(LOCK) == {"first": entry("first"), "second": entry("second")}


def test_a_lock_that_ends_amid_a_line_is_not_added_to() -> None:
    LOCK.write_text(WHOLE[:-1])
    assert lock_text.blocks(LOCK) is None
    with pytest.raises(Refusal, match="cut short"):
        lockfile.read(LOCK)
