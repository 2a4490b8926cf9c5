"""A lock that lies is found out: by its code, parameters and commands alone, or with its data."""

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest

from unroll.pipeline.unchanged import MADE, reasons

PYTHON = Path(sys.executable)
DVC_YAML = """\
stages:
  look:
    cmd: touch data/seen
    always_changed: true
    outs: [data/seen]
  copy:
    cmd: cp words.txt data/copy
    params: [size]
    deps: [words.txt, data/seen]
    outs: [data/copy]
  report:
    cmd: cp data/copy reports/report
    deps: [code.py, data/copy]
    outs:
      - reports/report: {cache: false}
"""


@pytest.fixture(scope="module")
def run_once(tmp_path_factory) -> Path:
    """A pipeline that has just run."""
    root = tmp_path_factory.mktemp("pipeline")
    for name, text in (
        ("dvc.yaml", DVC_YAML),
        ("params.yaml", "size: 1\nother: 1\n"),
        ("words.txt", "cold\n"),
        ("code.py", "# none\n"),
        ("data/.gitignore", ""),
        ("reports/.gitignore", ""),
    ):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    for command in (["init", "--no-scm"], ["repro"]):
        subprocess.run([PYTHON, "-m", "dvc", *command, "--quiet"], cwd=root, check=True)
    return root


def status(root: Path) -> dict:
    from dvc.repo import Repo

    # Of a folder elsewhere DVC names the stages by their path.
    with contextlib.chdir(root), Repo(".") as repo:
        return repo.status()


@pytest.fixture
def checkout(run_once, tmp_path) -> Path:
    """What git has of it: no data, no cache, but the report."""
    for name in (
        "dvc.yaml",
        "dvc.lock",
        "params.yaml",
        "words.txt",
        "code.py",
        "reports/report",
        ".dvc/config",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((run_once / name).read_bytes())
    return tmp_path


def test_nothing_is_left_to_run_after_a_run_but_what_always_runs(run_once):
    assert "look" in status(run_once)
    assert reasons(status(run_once)) == {}


def test_a_fresh_checkout_passes_without_its_data_and_only_so(checkout):
    assert reasons(status(checkout), MADE) == {}
    assert set(reasons(status(checkout))) == {"copy", "report"}


@pytest.mark.parametrize(
    ("name", "old", "new", "expected"),
    [
        ("code.py", "none", "some", {"report": ["code.py modified"]}),
        ("words.txt", "cold", "warm", {"copy": ["words.txt modified"]}),
        ("params.yaml", "size: 1", "size: 2", {"copy": ["params.yaml size modified"]}),
        ("params.yaml", "other: 1", "other: 2", {}),
        ("dvc.yaml", "cp words.txt", "cp -f words.txt", {"copy": ["changed command"]}),
        ("reports/report", "cold", "made up", {"report": ["reports/report modified"]}),
    ],
)
def test_what_was_committed_without_its_run_is_named(checkout, name, old, new, expected):
    path = checkout / name
    path.write_text(path.read_text().replace(old, new))
    assert reasons(status(checkout), MADE) == expected


def test_a_missing_file_of_code_is_a_reason_even_where_data_may_be_missing(checkout):
    (checkout / "code.py").unlink()
    assert reasons(status(checkout), MADE) == {"report": ["code.py deleted"]}


def test_a_stage_that_the_lock_does_not_know_is_named(checkout):
    path = checkout / "dvc.yaml"
    path.write_text(
        path.read_text() + "  new:\n    cmd: touch data/new\n    deps: [code.py]\n    outs: [data/new]\n"
    )
    assert set(reasons(status(checkout), MADE)) == {"new"}


@pytest.mark.parametrize(
    ("options", "returned", "words"), [(["--without-data"], 0, "nothing is left to run"), ([], 1, "copy: ")]
)
def test_the_command_fails_with_the_reasons(checkout, options, returned, words):
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [PYTHON, "-m", "unroll", "unchanged", *options],
        cwd=checkout,
        env={"PYTHONPATH": str(root), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == returned
    assert words in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
