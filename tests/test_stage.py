"""A stage as a process: strings hash alike, it ends with its DVC, and a user may let it outlive a shell."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from clone import ROOT
from waiting import is_alive, wait_until

from unroll import stage

STAGE = """
import os, signal, sys, time
from pathlib import Path
from unroll import stage
stage.GRACE_SECONDS = 1
if "stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, lambda *_: Path("told").touch())
with stage.as_stage(*sys.argv[1:]):
    Path("running.tmp").write_text(str(os.getpid()))
    Path("running.tmp").rename("running")
    while True:
        time.sleep(0.01)
"""
WRITING = """
import signal, time
from pathlib import Path
from unroll import files, stage
signal.signal(signal.SIGINT, signal.SIG_DFL)
with stage.as_stage(), files.whole_file(Path("out")) as temporary:
    temporary.write_text("half")
    time.sleep(60)
"""
DVC = """
import os, subprocess, sys
shell = {"bare": "exec %s", "shell": "%s; exit $?", "two": "sh -c '%s; exit $?'; exit $?"}[sys.argv[1]]
command = " ".join([sys.executable, "stage.py", *sys.argv[2:]])
subprocess.run(["sh", "-c", shell % command], env=os.environ | {"DVC_STAGE": "train@one"})
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("DVC_STAGE", raising=False)
    (tmp_path / "stage.py").write_text(STAGE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def start(folder: Path, program: str, *arguments: str) -> tuple[subprocess.Popen, int]:
    """Start a program that runs the stage; return it and the stage's process."""
    run = subprocess.Popen([sys.executable, "-c", program, *arguments], start_new_session=True)
    wait_until(lambda: (folder / "running").exists())
    return run, int((folder / "running").read_text())


@pytest.mark.parametrize("between", ["bare", "shell", "two"])
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_stage_ends_with_the_dvc_that_runs_it_whatever_shells_are_between(folder, between, how):
    dvc, process = start(folder, DVC, between)
    dvc.send_signal(how)
    dvc.wait()
    wait_until(lambda: not is_alive(process))


def test_a_stage_hears_that_its_dvc_is_gone_and_may_go_on_for_a_while(folder):
    dvc, process = start(folder, DVC, "shell", "stubborn")
    dvc.kill()
    dvc.wait()
    wait_until(lambda: (folder / "told").exists())
    assert is_alive(process)
    wait_until(lambda: not is_alive(process))


def test_a_stage_that_somebody_runs_by_hand_outlives_who_started_it(folder):
    dvc, process = start(folder, DVC.replace('"DVC_STAGE"', '"NO_STAGE"'), "bare")
    dvc.kill()
    dvc.wait()
    time.sleep(0.5)
    assert is_alive(process)
    os.kill(process, signal.SIGKILL)


def test_a_stage_whose_dvc_was_gone_before_it_could_look_does_not_begin(folder):
    (folder / "stage.py").write_text(
        "import os\nfrom unroll import stage\nos.environ['DVC_STAGE'] = 'train@one'\nos.setpgid(0, 0)\n"
        "with stage.as_stage():\n    open('running', 'w').close()\n"
    )
    done = subprocess.run([sys.executable, "stage.py"], capture_output=True, text=True)
    assert done.returncode == 1 and "gone" in done.stderr
    assert not (folder / "running").exists()


def test_strings_hash_alike_in_every_stage_whatever_the_caller_says(folder, monkeypatch):
    (folder / "stages").mkdir()
    (folder / "stages/__init__.py").write_text((ROOT / "stages/__init__.py").read_text())
    (folder / "stages/probe.py").write_text("import sys\nprint(sys.argv[1:], hash('text'))\n")
    said = set()
    for seed in ("random", "7", "0"):
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        done = subprocess.run(
            [sys.executable, "-m", "stages.probe", "a b", "c"], capture_output=True, text=True, check=True
        )
        said.add(done.stdout)
    assert len(said) == 1 and said.pop().startswith("['a b', 'c'] ")


def test_to_import_the_stages_starts_nothing_anew(folder, monkeypatch):
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    command = "import stages, sys; print(sys.flags.hash_randomization)"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"


def test_the_names_of_the_axes_may_be_left_out(monkeypatch):
    values = ["sst5", "gru", "1"]
    for given in (["--corpus", "sst5", "--network", "gru", "--seed", "1"], values):
        monkeypatch.setattr(sys, "argv", ["-m", *given])
        with stage.as_stage("corpus", "network", "seed") as arguments:
            assert arguments == values


@pytest.mark.parametrize("given", [[], ["sst5"], ["sst5", "gru", "1", "2"]])
def test_a_stage_says_which_arguments_it_takes(monkeypatch, capsys, given):
    monkeypatch.setattr(sys, "argv", ["stages/train.py", *given])
    with pytest.raises(SystemExit) as end, stage.as_stage("corpus", "network", "seed"):
        raise AssertionError("the block must not run")
    assert end.value.code == 1
    assert f"stages.train takes CORPUS NETWORK SEED, and was given {given}" in capsys.readouterr().err


def test_a_seed_that_is_no_number_is_refused():
    command = [sys.executable, "-m", "stages.train", "sst5", "gru", "one"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.strip() == "unroll: 'one' is no seed: give a whole number"


def test_ctrl_c_ends_a_stage_with_a_message_and_what_it_was_writing_is_removed(folder):
    (folder / "interrupted.py").write_text(WRITING)
    with subprocess.Popen([sys.executable, "interrupted.py"], stderr=subprocess.PIPE, text=True) as run:
        wait_until(lambda: list(folder.glob(".out.*.tmp")))
        run.send_signal(signal.SIGINT)
        said = run.stderr.read()
    assert run.returncode == 1
    assert said.strip().startswith("unroll: interrupted; nothing is half written")
    assert not list(folder.glob("*out*"))


def test_ctrl_c_before_a_stage_has_begun_ends_it_without_a_word(folder):
    (folder / "stages").mkdir()
    (folder / "stages/__init__.py").write_text((ROOT / "stages/__init__.py").read_text())
    (folder / "stages/probe.py").write_text("import time\nopen('here', 'w')\ntime.sleep(60)\n")
    command = [sys.executable, "-m", "stages.probe"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as run:
        wait_until((folder / "here").exists)
        run.send_signal(signal.SIGINT)
        assert run.stderr.read() == ""
    assert run.returncode == -signal.SIGINT
