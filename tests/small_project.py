"""A small project of plain stages, with a remote, for workers and clusters: committed, and run in seconds."""

import subprocess
import sys
from pathlib import Path

from clone import ROOT

# Notes which run this was, in a folder that is no part of the project.
NOTE = """
import os, pathlib, sys, time
name, *needs = sys.argv[1:]
notes = pathlib.Path(os.environ["NOTES"])
with open(notes / name, "a") as stream:
    stream.write(os.getcwd() + "\\n")
behave = notes / f"{name}.py"
if behave.exists():
    exec(behave.read_text())
text = name + "".join(f" ({pathlib.Path(one).read_text()})" for one in needs)
place = pathlib.Path("made") / name
place.parent.mkdir(exist_ok=True)
place.write_text(text)
"""


def make(folder: Path, needs: dict[str, list[str]], remote: str) -> Path:
    """Lay out and commit a project whose stages need each other so, and whose remote is there."""
    (folder / "note.py").write_text(NOTE)
    lines = ["stages:"]
    for name, needed in needs.items():
        made = [f"made/{one}" for one in needed]
        lines += [f"  {name}:", f"    cmd: python note.py {' '.join([name, *made])}", "    deps:"]
        lines += [f"      - {one}" for one in ["note.py", *made]]
        lines += ["    outs:", f"      - made/{name}"]
    (folder / "dvc.yaml").write_text("\n".join(lines) + "\n")
    (folder / "params.yaml").write_text("nothing: 1\n")
    (folder / "made").mkdir()
    (folder / "made/.gitignore").write_text("/*\n!/.gitignore\n")
    for command in (
        ["git", "init", "--quiet"],
        [sys.executable, "-m", "dvc", "init", "--quiet"],
        [sys.executable, "-m", "dvc", "remote", "add", "--quiet", "--default", "shared", remote],
        ["git", "add", "--all"],
        ["git", *AUTHOR, "commit", "--quiet", "--message", "first"],
    ):
        subprocess.run(command, cwd=folder, check=True)
    return folder


AUTHOR = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.org"]
PYTHONPATH = str(ROOT)
