"""dvc.lock with one entry a stage, in the order of dvc.yaml.

DVC adds an entry when its stage ends and never takes one away. Stages that run at once end in any
order, and entries of networks that are selected no more stay for good; DVC reads and writes the
whole file around every stage, so each costs time. Put in order, the same results are the same bytes.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from ruamel.yaml import YAML

from unroll.files import write_text

HEAD = "schema: '2.0'\nstages:\n"
ENTRY = re.compile(r"^  (?=\S)", re.MULTILINE)


def arrange(lock: Path, stages: Iterable[str]) -> list[str]:
    """Keep the entries of these stages, in this order; return the names of the others.

    What goes is not lost: git has the committed file, and DVC's run-cache restores an entry with
    its results when the stage is wanted again. A file that is not as DVC writes it stays as it is.
    """
    if not lock.exists():
        return []
    text = lock.read_text(encoding="utf-8")
    blocks = {block.split(":\n", 1)[0]: f"  {block}" for block in ENTRY.split(text.removeprefix(HEAD))[1:]}
    kept = {name: blocks[name] for name in stages if name in blocks}
    arranged = HEAD + "".join(kept.values())
    if arranged == text or not text.startswith(HEAD):
        return []
    entries = YAML(typ="safe").load(text)["stages"]
    if YAML(typ="safe").load(arranged)["stages"] != {name: entries[name] for name in kept}:
        return []
    write_text(lock, arranged)
    return sorted(set(blocks) - set(kept))
