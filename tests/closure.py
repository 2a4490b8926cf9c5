"""Which of the project's own files a stage runs, read from its imports."""

import ast
from pathlib import Path


def import_closure(entry: Path, root: Path) -> set[str]:
    """Return every file under `root` that importing `entry` can load, itself included.

    Imports inside functions count: a stage delays some so that it starts sooner.
    """
    found: set[str] = set()
    waiting = [entry.relative_to(root).as_posix()]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _imports(root / name, root)
    return found


def _imports(path: Path, root: Path) -> list[str]:
    modules: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            modules |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    candidates = []
    for module in modules:
        place = module.replace(".", "/")
        candidates += [f"{place}.py", f"{place}/__init__.py"]
    return [name for name in candidates if (root / name).is_file()]
