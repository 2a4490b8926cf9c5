"""What the results of a search belong to: they hold for the same lines, data, code and machine alone."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from unroll import files
from unroll.search.space import Start
from unroll.search.spec import Search
from unroll.serving.closure import import_closure

ROOT = Path(__file__).parents[2]
CODE = ("course.py", "sampler.py", "trainer.py")
Origin = dict[str, Any]
"""Its parts by name, in the order in which a difference is named."""


def origin_of(
    search: Search, start: Start, labels: tuple[str, ...], headline: str, data: list[Path], profile: dict
) -> Origin:
    """Return all that decides what each trial comes to.

    How many trials there are does not: more of them begin as fewer do.
    """
    network, training = start.at({})
    return {
        "search": search.model_dump(mode="json", exclude={"trials"}),
        "network": network.model_dump(mode="json"),
        "training": training.model_dump(mode="json"),
        "labels": list(labels),
        "headline": headline,
        "data": _digest(Path(), data),
        "code": _digest_of_code(),
        "profile": profile,
    }


def _digest_of_code() -> str:
    closures = [import_closure(Path(__file__).with_name(name), ROOT) for name in CODE]
    return _digest(ROOT, [ROOT / name for name in sorted(set().union(*closures))])


def _digest(root: Path, paths: Iterable[Path]) -> str:
    """Return the sha256 of files, and of all that folders hold, with their names below `root`."""
    content = hashlib.sha256()
    for path in (file for one in paths for file in _files(one)):
        content.update(f"{path.relative_to(root).as_posix()} {files.sha256_of(path)}\n".encode())
    return content.hexdigest()


def _files(path: Path) -> Iterator[Path]:
    yield from [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
