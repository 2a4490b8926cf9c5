"""What one machine has computed comes to another through DVC's remote, and nothing depends on that remote."""

import io
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from clone import ROOT
from rich.console import Console

from unroll.pipeline import remote, remote_process, scheduler, survey

NOTE = """
import pathlib, sys
with open("notes", "a") as stream:
    stream.write(f"{sys.argv[1]}\\n")
folder = pathlib.Path(sys.argv[1])
folder.mkdir()
(folder / "made").write_text(pathlib.Path("given").read_text() + sys.argv[1])
"""
STAGES = """\
stages:
  first:
    cmd: python note.py first
    deps: [note.py, given]
    outs: [first]
  second:
    cmd: python note.py second
    deps: [note.py, given, first]
    outs: [second]
"""


@dataclass
class Machine:
    folder: Path
    said: str = ""

    def repro(self) -> list[str]:
        """Do as `make repro`: return the stages that really ran."""
        notes = self.folder / "notes"
        notes.unlink(missing_ok=True)
        console = Console(file=(said := io.StringIO()), width=1000)
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            shared = remote.fetch(console, Path("logs"))
            scheduler.run_all(survey.take(self.folder).stale, 2, Path("logs"), [], console)
            shared.send()
            patch.delenv(remote_process.VARIABLE, raising=False)
        self.said = said.getvalue()
        return notes.read_text().split() if notes.exists() else []

    def dvc(self, *arguments: str) -> None:
        subprocess.run([sys.executable, "-m", "dvc", "-q", *arguments], cwd=self.folder, check=True)

    def give(self, text: str) -> None:
        (self.folder / "given").write_text(text)


@pytest.fixture
def machines(tmp_path, monkeypatch) -> tuple[Machine, Machine]:
    """Two, with one folder as their remote."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # as in the project's own folder
    made = []
    for name in ("mine", "yours"):
        folder = tmp_path / name
        folder.mkdir()
        for file, text in (("note.py", NOTE), ("dvc.yaml", STAGES), ("given", "1")):
            (folder / file).write_text(text)
        made.append(Machine(folder))
        made[-1].dvc("init", "--no-scm")
        made[-1].dvc("remote", "add", "--default", "team", str(tmp_path / "remote"))
    return tuple(made)


def test_what_one_has_run_another_restores_with_its_lock_and_without(machines):
    mine, yours = machines
    assert mine.repro() == ["first", "second"] and "sent 4 files and 2 records" in mine.said
    shutil.copy(mine.folder / "dvc.lock", yours.folder)
    # The listings of the two folders have come before, so as to know what is in them.
    assert yours.repro() == [] and "fetched 2 files and 2 records" in yours.said
    assert (yours.folder / "dvc.lock").read_bytes() == (mine.folder / "dvc.lock").read_bytes()
    assert (yours.folder / "second/made").read_text() == "1second"
    for name in ("dvc.lock", "first", "second", ".dvc/cache"):
        path = yours.folder / name
        path.unlink() if path.is_file() else shutil.rmtree(path)
    assert yours.repro() == [] and "fetched 0 files and 2 records" in yours.said
    assert (yours.folder / "dvc.lock").read_bytes() == (mine.folder / "dvc.lock").read_bytes()


def test_what_was_sent_is_not_sent_again_and_what_is_new_is(machines):
    mine, yours = machines
    mine.repro()
    assert mine.repro() == [] and "sent 0 files and 0 records" in mine.said
    mine.give("2")
    assert mine.repro() == ["first", "second"] and "sent 4 files and 2 records" in mine.said
    yours.give("2")
    assert yours.repro() == []
    yours.give("1")
    assert yours.repro() == []
    assert (yours.folder / "first/made").read_text() == "1first"


def test_a_result_that_the_remote_has_lost_is_made_again(machines, tmp_path):
    mine, yours = machines
    mine.repro()
    shutil.rmtree(tmp_path / "remote/files")
    assert yours.repro() == ["first", "second"]
    assert (yours.folder / "second/made").read_text() == "1second"
    assert "was not used" not in yours.said


def test_names_that_lead_elsewhere_are_not_copied(machines, tmp_path):
    mine, yours = machines
    mine.repro()
    [record, *_] = (tmp_path / "remote/runs").glob("*/*/*")
    shutil.copy(record, record.with_name("0" * 63))
    (tmp_path / "remote/runs/aa").mkdir(exist_ok=True)
    shutil.copy(record, tmp_path / "remote/runs/aa/evil")
    yours.repro()
    assert not [*(yours.folder / ".dvc/cache/runs").rglob("evil")]
    assert not [*(yours.folder / ".dvc/cache/runs").rglob("0" * 63)]
    assert "2 records" in yours.said


def test_without_a_remote_nothing_is_done_or_said(machines):
    mine, _ = machines
    mine.dvc("remote", "default", "--unset")
    assert mine.repro() == ["first", "second"]
    assert "remote" not in mine.said and "fetched" not in mine.said
    assert not [*(mine.folder / "logs").glob("remote-*")]


@pytest.mark.parametrize("fault", ["refused", "silent", "no folder"])
def test_a_remote_that_cannot_be_used_costs_no_result_and_is_told_at_the_end(
    machines, fault, monkeypatch, tmp_path
):
    mine, _ = machines
    if fault == "no folder":
        (tmp_path / "remote").write_text("a file in its place")
        assert mine.repro() == ["first", "second"]
    else:
        pytest.importorskip("dvc_s3")
        for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
            monkeypatch.setenv(f"AWS_{name}", "invented")
        with socket.create_server(("127.0.0.1", 0)) as silent:
            if fault == "refused":
                silent.close()
                address = "http://127.0.0.1:1"
            else:
                address = f"http://127.0.0.1:{silent.getsockname()[1]}"
            mine.dvc("remote", "add", "--default", "--force", "team", "s3://unroll/dvc")
            mine.dvc("remote", "modify", "team", "endpointurl", address)
            assert mine.repro() == ["first", "second"]
    told = mine.said.strip().splitlines()[-1]
    assert told.startswith("DVC's remote ") and "was not used: " in told and "results are complete" in told
    if fault == "silent":
        assert "no answer within 20 s" in told
    assert "Traceback" not in mine.said
