"""dvc.lock: what DVC ran, and whether the files on disk are still those.

DVC's own API takes a second to import and wants its caches; the file is plain YAML.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from unroll.failures import Refusal
from unroll.pipeline.content import md5_of

SCHEMA = "2.0"
WORD, NUMBER = "([a-z][a-z0-9_]*)", "(0|[1-9][0-9]*)"


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


def by_axes(
    entries: dict[str, Entry], name: str, *axes: str, program: str | None = None
) -> dict[tuple[str, ...], Entry]:
    """Return the entries of the matrix stage `name` by the values of these axes, as dvc.yaml has them.

    `program` is the file that it runs where that has another name.

    Raises:
        Refusal: as `by_arguments`.
    """
    options = "".join(rf" --{axis} {NUMBER if axis == 'seed' else WORD}" for axis in axes)
    return by_arguments(entries, name, rf"python -m stages\.{program or name}{options}")


def key_of(document: object) -> str:
    """Return the sha256 of canonical JSON: the order of keys in a file does not matter."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _hashes(recorded: list[dict] | None) -> dict[str, str]:
    return {one["path"]: one["md5"] for one in recorded or [] if "md5" in one}
