"""The project somewhere else, as it stands: for what must not touch this one."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from unroll.failures import Refusal


def copy_project(root: Path, folder: Path, wanted: Callable[[str], bool]) -> None:
    """Copy each wanted file that git tracks or would track, uncommitted changes included.

    Raises:
        Refusal: git does not know of the project, or is not there.
    """
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=root,
            capture_output=True,
            check=True,
        )
    except (FileNotFoundError, subprocess.CalledProcessError):
        raise Refusal(
            f"{root.resolve()} is no checkout of git, or git is missing: clone the project"
        ) from None
    for name in filter(None, listed.stdout.decode().split("\0")):
        if wanted(name) and (root / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / name, folder / name)
