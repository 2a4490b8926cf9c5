"""dvc.lock: what DVC ran, whether the files on disk are still those, and its order.

DVC's own API takes a second to import and wants its caches; the file is plain YAML, and the two
hashes in it are a file's md5 and the md5 of a folder's listing.

DVC adds an entry when its stage ends and never takes one away. Stages that run at once end in any
order, and entries of networks that are selected no more stay for good; DVC reads and writes the
whole file around every stage, so each costs time. Put in order, the same results are the same bytes.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from unroll import files
from unroll.failures import Refusal

SCHEMA = "2.0"
HEAD = f"schema: '{SCHEMA}'\nstages:\n"
BLOCK = re.compile(r"^  (?=\S)", re.MULTILINE)
OUTSIDE = re.compile(r"^(?!  ).", re.MULTILINE)
"""The start of a line that belongs to no entry."""
DAMAGE = frozenset("\0\ufffd")
"""What a disk leaves where it had not written yet, and what stands for bytes that are no text."""
MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")
IGNORED = ("__pycache__", ".gitignore", ".*.tmp")
"""What .dvcignore names: DVC sees none of it in a folder."""


@dataclass(frozen=True)
class Entry:
    """One stage as DVC recorded it after it had run."""

    stage: str
    document: dict

    @cached_property
    def key(self) -> str:
        """Names the entry by all that DVC recorded: command, dependencies, parameters and outs."""
        return key_of(self.document)

    @cached_property
    def deps(self) -> dict[str, str]:
        return _hashes(self.document.get("deps"))

    @cached_property
    def outs(self) -> dict[str, str]:
        return _hashes(self.document.get("outs"))

    def made(self, path: Path) -> bool:
        """Whether `path` is on disk with the very bytes that this stage wrote."""
        expected = self.outs.get(path.as_posix())
        return expected is not None and md5_of(path) == expected

    def read_as_now(self, folder: Path) -> bool:
        """Whether what the stage read in `folder` is what lies there now."""
        read = {path: md5 for path, md5 in self.deps.items() if Path(path).is_relative_to(folder)}
        return bool(read) and all(md5_of(Path(path)) == md5 for path, md5 in read.items())


def read(path: Path) -> dict[str, Entry]:
    """Return every entry by the name of its stage.

    Raises:
        Refusal: the file is missing, damaged or of another schema.
    """
    mend = "python -m unroll doctor --fix keeps what is whole of it, and nothing is trained again"
    try:
        text = path.read_text(encoding="utf-8")
        document = YAML(typ="safe").load(text)
    except FileNotFoundError:
        raise Refusal(f"{path} is missing: run dvc repro, which writes it") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise Refusal(f"{path} cannot be read as YAML: {mend}. {error}") from None
    if not isinstance(document, dict) or str(document.get("schema")) != SCHEMA:
        raise Refusal(f"{path}: schema is not {SCHEMA}: {mend}")
    if not text.endswith("\n"):
        raise Refusal(f"{path} is cut short amid its last line: {mend}")
    stages = document.get("stages") or {}
    if not isinstance(stages, dict):
        raise Refusal(f"{path}: stages is no mapping: {mend}")
    for stage, recorded in stages.items():
        if not isinstance(recorded, dict) or not isinstance(recorded.get("cmd"), str):
            raise Refusal(f"{path}: stages.{stage} has no cmd: {mend}")
    return {stage: Entry(stage, recorded) for stage, recorded in stages.items()}


def by_arguments(entries: dict[str, Entry], name: str, command: str) -> dict[tuple[str, ...], Entry]:
    """Return the entries of the matrix stage `name` by the groups of `command`, a pattern for cmd.

    The entries' own names (train@sst5-lstm-1) are DVC's, and are not taken apart.

    Raises:
        Refusal: a command does not fit the pattern, or stands in two entries.
    """
    found: dict[tuple[str, ...], Entry] = {}
    mend = "delete that entry from dvc.lock and run dvc repro"
    for stage, entry in entries.items():
        if stage.split("@")[0] != name:
            continue
        match = re.fullmatch(command, entry.document["cmd"])
        if match is None:
            raise Refusal(f"dvc.lock: stages.{stage}: no cmd of dvc.yaml: {entry.document['cmd']!r}: {mend}")
        if match.groups() in found:
            raise Refusal(f"dvc.lock: stages.{stage} has the cmd of {found[match.groups()].stage}: {mend}")
        found[match.groups()] = entry
    return found


def arrange(lock: Path, parked: Path, stages: Iterable[str]) -> list[str]:
    """Keep the entries of these stages, in this order; return the names of those that went.

    They go to the file `parked` and come back from it when their stages are wanted again: DVC
    then compares their hashes with what is on disk, as with any entry. A lock that is not as DVC
    writes it stays as it is.
    """
    text = lock.read_text(encoding="utf-8") if lock.exists() else HEAD
    blocks = _blocks(text)
    known = (_blocks(parked.read_text(encoding="utf-8")) if parked.exists() else {}) | blocks
    kept = {name: known.pop(name) for name in stages if name in known}
    if HEAD + "".join(blocks.values()) != text:
        return []
    if list(kept) != list(blocks):
        # The parked ones first: killed between the two, an entry stands in both files, not in none.
        files.write_text(parked, HEAD + "".join(known.values()))
        files.write_text(lock, HEAD + "".join(kept.values()))
    return sorted(set(blocks) - set(kept))


def blocks(lock: Path) -> dict[str, str] | None:
    """Return each entry's lines by its name, or None where the file is not as DVC writes it."""
    text = lock.read_text(encoding="utf-8") if lock.exists() else ""
    found = _blocks(text)
    # A last line that was cut short would take the next entry's first one in.
    return found if text.endswith("\n") and HEAD + "".join(found.values()) == text else None


def whole_blocks(text: str) -> dict[str, str]:
    """Return the lines of each entry that can be read by itself, of a text that may be torn anywhere."""
    return {name: lines for name, lines in _blocks(text).items() if _is_whole(name, lines)}


def looks_torn(path: Path) -> bool:
    """Whether the file cannot be what DVC writes, by its first and last lines and the shape of the others."""
    text = path.read_bytes().decode("utf-8", "replace")
    found = _blocks(text)
    last = next(reversed(found.items()), None)
    regular = text.startswith(HEAD) and text.endswith("\n") and not DAMAGE & set(text)
    if regular and not OUTSIDE.search(text.removeprefix(HEAD)) and (last is None or _is_whole(*last)):
        return False
    try:  # a lock of another layout is as good
        read(path)
    except Refusal:
        return True
    return False


def _is_whole(name: str, lines: str) -> bool:
    if not lines.endswith("\n") or DAMAGE & set(lines):
        return False
    try:
        document = YAML(typ="safe").load(lines)
        recorded = document[name]
        if list(document) != [name] or not isinstance(recorded["cmd"], str):
            return False
        pairs = [
            (one["path"], one["md5"])
            for part in ("deps", "outs")
            for one in recorded.get(part, [])
            if "md5" in one or one.get("hash") == "md5"
        ]
    except (YAMLError, KeyError, TypeError, AttributeError):
        return False
    return all(isinstance(path, str) and MD5.fullmatch(str(md5)) for path, md5 in pairs)


def _blocks(text: str) -> dict[str, str]:
    """Return each entry's lines by its name, in the order of the file."""
    parts = BLOCK.split(text.removeprefix(HEAD))
    return {part.split(":\n", 1)[0]: f"  {part}" for part in parts if part}


def key_of(document: object) -> str:
    """Return the sha256 of canonical JSON: the order of keys in a file does not matter."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


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


def _hashes(recorded: list[dict] | None) -> dict[str, str]:
    return {one["path"]: one["md5"] for one in recorded or [] if "md5" in one}
