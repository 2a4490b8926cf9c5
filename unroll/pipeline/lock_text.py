"""dvc.lock as text: the lines of each entry, their order, and what is left of a file that is torn.

DVC adds an entry when its stage ends and never takes one away. Stages that run at once end in any
order, and entries of networks that are selected no more stay for good; DVC reads and writes the
whole file around every stage, so each costs time. Put in order, the same results are the same bytes.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from unroll import files
from unroll.failures import Refusal
from unroll.pipeline.lockfile import SCHEMA, read

HEAD = f"schema: '{SCHEMA}'\nstages:\n"
BLOCK = re.compile(r"^  (?=\S)", re.MULTILINE)
OUTSIDE = re.compile(r"^(?!  ).", re.MULTILINE)
"""The start of a line that belongs to no entry."""
DAMAGE = frozenset("\0\ufffd")
"""What a disk leaves where it had not written yet, and what stands for bytes that are no text."""
MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")


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
