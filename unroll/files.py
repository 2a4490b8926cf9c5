"""Files that are written whole or not at all, and their checksums."""

import csv
import glob
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from unroll.failures import damaged


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; it takes that name once the block has ended well."""
    temporary = _temporary(path)
    try:
        yield temporary
        _flush_to_disk(temporary)
        os.replace(temporary, path)
        _flush_to_disk(path.parent)
    except Exception as error:
        error.add_note(str(path))  # for unroll.failures: most errors of a full disk name no file
        raise
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield an empty temporary folder that replaces `path` once the block has ended well."""
    temporary = _temporary(path)
    try:
        temporary.mkdir()
        yield temporary
        for each in (*sorted(temporary.rglob("*")), temporary):
            _flush_to_disk(each)
        if path.exists():
            shutil.rmtree(path)
        os.replace(temporary, path)
        _flush_to_disk(path.parent)
    except Exception as error:
        error.add_note(str(path))
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, document: object) -> None:
    """Write readable JSON that repeats: insertion order kept, no NaN, a newline at the end."""
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def read_json(path: Path) -> dict:
    """Return the document.

    Raises:
        Refusal: the file is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise damaged(path, error) from None


def write_csv(path: Path, rows: list[dict]) -> None:
    """Write one line a row under the first row's keys; None is an empty cell."""
    with whole_file(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def sha256_of(path: Path) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _temporary(path: Path) -> Path:
    """Return the path to write to, its folder made, and what killed processes left there removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        process = leftover.name.removeprefix(f".{path.name}.").removesuffix(".tmp")
        if process.isdecimal() and not _is_alive(int(process)):
            remove(leftover)
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        pass
    return True


def remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _flush_to_disk(path: Path) -> None:
    """Wait until the disk has a file's content, or the names that a folder holds."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
