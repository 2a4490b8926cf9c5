"""DVC's hashes: the md5 of a file, and of a folder's listing."""

import hashlib
import json
from fnmatch import fnmatch
from pathlib import Path

IGNORED = ("__pycache__", ".gitignore", ".*.tmp")
"""What .dvcignore names: DVC sees none of it in a folder."""


def md5_of(path: Path) -> str | None:
    """Return a file's or folder's hash as dvc.lock has it, or None where there is nothing."""
    if path.is_dir():
        return hashlib.md5(json.dumps(listing_of(path)).encode()).hexdigest() + ".dir"
    return _md5_of_file(path) if path.is_file() else None


def listing_of(folder: Path) -> list[dict[str, str]]:
    """Return what a folder's hash is of, as DVC keeps it."""
    found = (file.relative_to(folder) for file in folder.rglob("*") if file.is_file())
    names = sorted(file.as_posix() for file in found if not _is_ignored(file))
    return [{"md5": _md5_of_file(folder / name), "relpath": name} for name in names]


def _is_ignored(file: Path) -> bool:
    return any(fnmatch(part, pattern) for part in file.parts for pattern in IGNORED)


def _md5_of_file(path: Path) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "md5").hexdigest()
