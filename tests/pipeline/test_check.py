"""A check runs stages again on what the lock says they read, and misses no byte."""

import shutil
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from unroll.failures import Refusal
from unroll.pipeline import content
from unroll.pipeline.check import check_stages

STAGES = {
    "copy": "text = Path('data/source').read_text()",
    "dice": "text = 'x' + os.urandom(8).hex()",
    "sneak": "text = Path('data/undeclared').read_text()",
    "resume": "text = str(sorted(Path('.').rglob('*.safetensors')))",
}
WROTE = {"copy": "what is read", "dice": "6", "sneak": "what is not", "resume": "[]"}
PROGRAM = """
import os, sys
from pathlib import Path
{body}
Path("models").mkdir(exist_ok=True)
Path(f"models/{{sys.argv[1]}}").write_text(text)
"""


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A folder as git and DVC know it, whose stages have run."""
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "--quiet"], check=True)
    Path(".gitignore").write_text("data/\nmodels/\n.unroll/\n")
    for folder in ("data", "stages", "models", ".unroll"):
        Path(folder).mkdir()
    Path("data/source").write_text("what is read")
    Path("data/undeclared").write_text("what is not")
    Path(".unroll/half.safetensors").touch()
    for stage, body in STAGES.items():
        Path(f"stages/{stage}.py").write_text(PROGRAM.format(body=body))
    write_lock({f"{stage}@here": f"python -m stages.{stage} {stage}" for stage in STAGES})
    return tmp_path


def write_lock(commands: dict[str, str]) -> None:
    recorded = {}
    for stage, command in commands.items():
        name = stage.split("@")[0]
        out = f"models/{name}"
        if not Path(out).exists():
            Path(out).write_text(
                {"copy": "what is read", "sneak": "what is not", "resume": "[]"}.get(name, "6")
            )
        recorded[stage] = {
            "cmd": command,
            "deps": [
                {"path": path, "md5": content.md5_of(Path(path))}
                for path in ("data/source", f"stages/{name}.py")
            ],
            "outs": [{"path": out, "md5": content.md5_of(Path(out))}],
        }
    with open("dvc.lock", "w", encoding="utf-8") as stream:
        YAML().dump({"schema": "2.0", "stages": recorded}, stream)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_stage_that_repeats_is_equal_and_leaves_nothing_behind(project, jobs, capsys):
    before = sorted(project.rglob("*"))
    check_stages(["copy", "resume"], jobs)
    said = capsys.readouterr().out
    assert "copy@here: equal" in said and "2 stages gave the same bytes again" in said
    assert sorted(project.rglob("*")) == before


def test_another_byte_is_found_and_its_place_told(project, capsys):
    with pytest.raises(Refusal, match="1 of 2 stages did not"):
        check_stages(["dice@here", "copy"])
    assert "dice@here: models/dice differs first in line 1, byte 0" in capsys.readouterr().out


def test_a_stage_that_reads_what_it_does_not_declare_fails(project, capsys):
    with pytest.raises(Refusal, match="1 of 1"):
        check_stages(["sneak"])
    assert "FileNotFoundError" in capsys.readouterr().out


def test_a_file_of_ones_own_that_git_tracks_is_there_wherever_it_lies(project, capsys):
    subprocess.run(["git", "add", "--force", "data/undeclared"], check=True)
    check_stages(["sneak"])
    assert "sneak@here: equal" in capsys.readouterr().out


def test_a_result_that_git_tracks_is_not_there_before_its_stage_has_made_it(project, capsys):
    Path("stages/copy.py").write_text("")
    subprocess.run(["git", "add", "--force", "models/copy"], check=True)
    write_lock({"copy@here": "python -m stages.copy copy"})
    with pytest.raises(Refusal, match="1 of 1"):
        check_stages(["copy"])
    assert "models/copy is there once alone" in capsys.readouterr().out


def test_without_a_name_every_stage_is_checked(project, capsys):
    with pytest.raises(Refusal, match="2 of 4"):
        check_stages()


def test_what_the_lock_does_not_know_is_refused_before_anything_runs(project):
    with pytest.raises(Refusal, match="no stage train: choose of copy, dice"):
        check_stages(["train"])
    Path("data/source").write_text("edited")
    with pytest.raises(Refusal, match=r"data/source is not what dvc\.lock says of copy@here"):
        check_stages(["copy"])


@pytest.mark.parametrize(
    "command",
    ["python -m stages.copy copy; touch owned", "python -m stages.copy ../copy", "sh -c 'touch owned'"],
)
def test_no_command_but_a_stages_own_is_run(project, command, capsys):
    write_lock({"copy@here": command})
    with pytest.raises(Refusal, match="1 of 1"):
        check_stages(["copy"])
    assert not list(project.rglob("owned"))
    assert "a command that no stage of this project has" in capsys.readouterr().out


def test_without_git_it_is_said_what_is_missing(project):
    shutil.rmtree(".git")
    with pytest.raises(Refusal, match="no checkout of git"):
        check_stages(["copy"])


def test_what_is_not_committed_is_checked_too(project, capsys):
    """The fixture commits nothing: were only commits copied, no stage would be there to run."""
    check_stages(["copy"])
    assert "copy@here: equal" in capsys.readouterr().out
