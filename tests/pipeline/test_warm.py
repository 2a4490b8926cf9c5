"""A stage that is forked from the process which has imported everything runs as if on its own."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from clone import ROOT
from rich.console import Console
from waiting import is_alive, wait_until

from unroll.environment import PINNED
from unroll.failures import Refusal
from unroll.pipeline import scheduler, survey, warm

PROBE = """
import json, os, sys
path, *codes = sys.argv[1:]
found = {
    "name": __name__, "argv": sys.argv[1:], "folder": os.getcwd(), "torch": "torch" in sys.modules,
    "pinned": {key: os.environ.get(key) for key in %r}, "stage": os.environ["DVC_STAGE"],
}
open(path, "w").write(json.dumps(found))
print("probed", flush=True)
sys.exit(*map(int, codes))
"""
SLEEPER = """
import os, pathlib, time
pathlib.Path("pid").write_text(str(os.getpid()))
time.sleep(600)
"""
SCHEDULE = """
import io, pathlib, signal, sys
from rich.console import Console
from unroll.pipeline import scheduler
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
scheduler.run_all({"one": set()}, 1, pathlib.Path("logs"), [], Console(file=io.StringIO()))
"""


@pytest.fixture(autouse=True)
def unroll_is_found(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.fixture
def project(tmp_path, monkeypatch):
    """One stage, by the name of `one`, which runs stages/probe.py."""
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages/__init__.py").touch()  # or those of ROOT would be found
    (tmp_path / "stages/probe.py").write_text(PROBE % sorted(PINNED))
    (tmp_path / "stages/sleeper.py").write_text(SLEEPER)
    write_stage(tmp_path, "python -m stages.probe found")
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q", "--no-scm"], cwd=tmp_path, check=True)
    monkeypatch.chdir(tmp_path)
    # Other tests have imported those of ROOT, which the processes forked from here would find.
    for name in [name for name in sys.modules if name.split(".")[0] == "stages"]:
        monkeypatch.delitem(sys.modules, name)
    return tmp_path


def write_stage(folder: Path, command: str) -> None:
    text = f"stages:\n  one:\n    cmd: {command}\n    deps: [stages/probe.py]\n    outs: [found]\n"
    (folder / "dvc.yaml").write_text(text)


def run(project: Path) -> None:
    scheduler.run_all({"one": set()}, 1, project / "logs", [], Console(file=io.StringIO()))


def test_a_stage_runs_as_the_main_module_in_its_folder_with_torch_loaded_already(project):
    run(project)
    found = json.loads((project / "found").read_text())
    assert found == {
        "name": "__main__",
        "argv": ["found"],
        "folder": str(project),
        "torch": True,
        "pinned": PINNED,
        "stage": "one",
    }
    assert "probed" in (project / "logs/one.log").read_text()
    assert survey.take(project).stale == {}


def test_the_lock_is_that_of_dvc_alone(project, tmp_path_factory):
    # What the probe says of itself differs.
    (project / "stages/probe.py").write_text("import sys\nopen(sys.argv[1], 'w').write('found')\n")
    alone = tmp_path_factory.mktemp("alone")
    shutil.copytree(project, alone, dirs_exist_ok=True)
    run(project)
    subprocess.run([sys.executable, "-m", "dvc", "repro", "-q"], cwd=alone, check=True)
    assert (project / "dvc.lock").read_bytes() == (alone / "dvc.lock").read_bytes()


def test_a_stage_that_fails_is_named_with_its_exit_code_and_leaves_no_entry(project):
    write_stage(project, "python -m stages.probe found 3")
    with pytest.raises(Refusal, match=r"(?s)one failed; the whole log is in .*probed.*exited with 3"):
        run(project)
    assert not (project / "dvc.lock").exists()


def offered(command: str, folder: Path) -> int | None:
    return warm.run_command(command, str(folder), os.environ | {"DVC_STAGE": "one"})


@pytest.mark.parametrize(
    "command",
    [
        "python -m stages.probe found; rm found",
        "python -m stages.probe $HOME",
        "python other.py",
    ],
)
def test_what_is_no_plain_stage_is_left_to_the_shell(project, command):
    assert offered(command, project) is None


def test_code_that_was_edited_since_is_not_what_runs(project, monkeypatch):
    assert offered("python -m stages.probe found", project) == 0
    assert offered("python -m stages.probe found 4", project) == 4
    name = next(iter(warm.LOADED))
    monkeypatch.setitem(warm.LOADED, name, (0, 0))
    assert offered("python -m stages.probe found", project) is None


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("command", ["python -m stages.sleeper", "python stages/sleeper.py"])
def test_a_stage_ends_with_the_scheduler(project, command, how):
    write_stage(project, command)
    with subprocess.Popen([sys.executable, "-c", SCHEDULE]) as scheduling:
        wait_until(lambda: (project / "pid").exists() and (project / "pid").read_text())
        stage = int((project / "pid").read_text())
        scheduling.send_signal(how)
    wait_until(lambda: not is_alive(stage))
    assert not (project / "dvc.lock").exists()
