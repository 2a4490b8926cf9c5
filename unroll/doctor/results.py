"""Results on disk and in DVC's cache that are not what dvc.lock says, byte for byte.

DVC itself believes a file in its cache by its name, and a file on disk by its time and size.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from ruamel.yaml import YAML

from unroll import files
from unroll.doctor.finding import Finding, and_more
from unroll.failures import Refusal
from unroll.pipeline import content, lock_text, lockfile

Bytes = dict[str, Path | bytes]
"""By md5: a file on disk, or the listing of a folder, as DVC's cache has both."""


def half_written(lock: Path) -> Iterator[Finding]:
    """Find outs that are other than their stage left them, though it would read what it read then."""
    broken = []
    for entry in _entries(lock):
        if all(content.md5_of(Path(path)) == md5 for path, md5 in entry.deps.items()):
            outs = [Path(path) for path in entry.outs]
            broken += [path for path in outs if path.exists() and not entry.made(path)]
    if broken:
        names = and_more([str(path) for path in broken])
        yield Finding(
            names, f"not what {lock} says", "removed: the next run restores it", partial(_remove, broken)
        )


def broken_cache(cache: Path, lock: Path, pipeline: Path) -> Iterator[Finding]:
    """Find what is damaged in DVC's cache, and what is missing there though it is on disk.

    What is on disk is put back: without it the next run would train again.
    """
    on_disk = _on_disk(lock, _uncached(pipeline))
    damaged = [path for path in sorted(cache.glob("??/*")) if path.is_file() and not _is_as_named(path)]
    missing = [path for md5 in on_disk if not (path := _place(cache, md5)).exists()]
    if damaged:
        back = sum(_name(path) in on_disk for path in damaged)
        yield Finding(
            and_more([str(path) for path in damaged]),
            "not the bytes that it is named after",
            f"removed: {back} of {len(damaged)} are on disk and put back, else their stage runs again",
            partial(_replace, damaged, on_disk),
        )
    if missing:
        yield Finding(
            and_more([str(path) for path in missing]),
            "missing in DVC's cache",
            "put back from disk, else its stage would run again",
            partial(_replace, missing, on_disk),
        )


def _entries(lock: Path) -> list[lockfile.Entry]:
    try:
        return list(lockfile.read(lock).values())
    except Refusal:  # missing; or torn, which another finding says: then those that are whole
        whole = lock_text.whole_blocks(lock.read_text("utf-8", "replace") if lock.exists() else "")
        documents = [(name, YAML(typ="safe").load(lines)[name]) for name, lines in whole.items()]
        return [lockfile.Entry(name, document) for name, document in documents]


def _on_disk(lock: Path, uncached: set[str]) -> Bytes:
    """Return every file and folder of the lock's outs that lies on disk as it was made."""
    found: Bytes = {}
    for entry in _entries(lock):
        for name, md5 in entry.outs.items():
            path = Path(name)
            if name in uncached or not entry.made(path):
                continue
            if path.is_dir():
                listing = content.listing_of(path)
                found[md5] = json.dumps(listing).encode()
                found |= {one["md5"]: path / one["relpath"] for one in listing}
            else:
                found[md5] = path
    return found


def _uncached(pipeline: Path) -> set[str]:
    """Return the outs that DVC is told not to keep."""
    stages = YAML(typ="safe").load(pipeline.read_text(encoding="utf-8"))["stages"]
    outs = [out for stage in stages.values() for out in stage.get("outs", []) if isinstance(out, dict)]
    return {name for out in outs for name, rules in out.items() if not rules.get("cache", True)}


def _name(path: Path) -> str:
    return path.parent.name + path.name


def _place(cache: Path, md5: str) -> Path:
    return cache / md5[:2] / md5[2:]


def _is_as_named(path: Path) -> bool:
    if path.name.endswith(".tmp"):
        return True  # another finding
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "md5").hexdigest() == _name(path).removesuffix(".dir")


def _replace(paths: list[Path], on_disk: Bytes) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
        content = on_disk.get(_name(path))
        if content is None:
            continue
        with files.whole_file(path) as temporary:
            if isinstance(content, bytes):
                temporary.write_bytes(content)
            else:
                shutil.copyfile(content, temporary)
            os.chmod(temporary, 0o444)  # as DVC keeps them


def _remove(paths: list[Path]) -> None:
    for path in paths:
        files.remove(path)
