"""Which of the project's own files a stage runs, as dvc.yaml names them."""

from pathlib import Path

from unroll.serving.closure import import_closure


def code_of(entry: Path, root: Path) -> set[str]:
    """Return the files that importing `entry` can load: a package that is imported whole as its folder.

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
