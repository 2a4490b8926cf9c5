"""Which of the project's own files a stage runs, read from its imports."""

import ast
from pathlib import Path


def import_closure(entry: Path, root: Path) -> set[str]:
    """Return every file under `root` that importing `entry` can load, itself included.

    Imports inside functions count: a stage delays some so that it starts sooner.
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


def _imports(path: Path, root: Path) -> list[str]:
    modules: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            modules |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    candidates, packages = [], []
    for module in modules:
        place = Path(module.replace(".", "/"))
        candidates.append(f"{place}.py")
        packages += _packages(place / "__init__.py", root)
    return packages + [name for name in candidates if (root / name).is_file()]


def _packages(path: Path, root: Path) -> list[str]:
    """To import a module is to import every package that it is in."""
    return [f"{one}/__init__.py" for one in path.parents[:-1] if (root / one / "__init__.py").is_file()]


def code_of(entry: Path, root: Path) -> set[str]:
    """Return the same files as dvc.yaml names them: a package that is imported whole as its folder.

    A folder's files of other kinds (a page's template) belong to it.
    """
    files = import_closure(entry, root)
    packages = sorted(path.parent for path in (root / "unroll").rglob("*/__init__.py"))
    whole = {
        package.relative_to(root).as_posix()
        for package in packages
        if {path.relative_to(root).as_posix() for path in package.rglob("*.py")} <= files
    }
    outermost = {package for package in whole if not any(package.startswith(f"{other}/") for other in whole)}
    return outermost | {name for name in files if not name.startswith(tuple(f"{one}/" for one in outermost))}
