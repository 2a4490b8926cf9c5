"""Which of the project's own files a file runs, and which packages they import: read from the code."""

import ast
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path


def import_closure(entry: Path, root: Path) -> set[str]:
    """Return every file under `root` that importing `entry` can load, itself included.

    Imports inside functions count: some are delayed so that a process starts sooner.
    """
    found: set[str] = set()
    name = entry.relative_to(root)
    waiting = [name.as_posix(), *_packages(name, root)]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _imports(root / name, root)
    return found


def packages_of(names: Iterable[str], root: Path) -> set[str]:
    """Return what these files import that is neither Python's own nor under `root`, by its first name."""
    modules = {module.split(".")[0] for name in names for module in _modules(root / name)}
    ours = {path.name.removesuffix(".py") for path in root.iterdir()}
    return modules - sys.stdlib_module_names - ours


def _modules(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _imports(path: Path, root: Path) -> list[str]:
    candidates, packages = [], []
    for module in set(_modules(path)):
        place = Path(module.replace(".", "/"))
        candidates.append(f"{place}.py")
        packages += _packages(place / "__init__.py", root)
    return packages + [name for name in candidates if (root / name).is_file()]


def _packages(path: Path, root: Path) -> list[str]:
    """To import a module is to import every package that it is in."""
    return [f"{one}/__init__.py" for one in path.parents[:-1] if (root / one / "__init__.py").is_file()]
