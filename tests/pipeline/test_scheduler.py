"""Stages in parallel: in the order of their graph, through DVC, and never more than there are slots."""

import io
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from clone import ROOT
from rich.console import Console

from unroll.failures import Refusal
from unroll.pipeline import lock_text, scheduler, survey

# Each stage notes when it starts and ends. A second name makes it wait for that stage's start, which
# ends well only if the two run at once.
NOTE = """
import pathlib, sys, time
name, *partner = sys.argv[1:]
notes = pathlib.Path("notes")
with notes.open("a") as stream:
    stream.write(f"start {name}\\n")
until = time.monotonic() + 60
while partner and f"start {partner[0]}\\n" not in notes.read_text():
    assert time.monotonic() < until, f"{name} never ran beside {partner[0]}"
    time.sleep(0.02)
with open(name, "w") as stream:
    stream.write(name)
with notes.open("a") as stream:
    stream.write(f"end {name}\\n")
"""


@pytest.fixture(autouse=True)
def unroll_is_found(monkeypatch):
    """As it is in the project's own folder: the stages' DVC is started by a module of unroll's."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.fixture
def project(tmp_path, monkeypatch):
    """first -> (left, right) -> last, and one that stands alone."""
    needs = {"first": [], "left": ["first"], "right": ["first"], "last": ["left", "right"], "alone": []}
    (tmp_path / "note.py").write_text(NOTE)
    lines = ["stages:"]
    for name, needed in needs.items():
        lines += [f"  {name}:", f"    cmd: python note.py {name}", "    deps:"]
        lines += [f"      - {one}" for one in ["note.py", *needed]]
        lines += ["    outs:", f"      - {name}"]
    (tmp_path / "dvc.yaml").write_text("\n".join(lines) + "\n")
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q", "--no-scm"], cwd=tmp_path, check=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(project: Path, slots: int) -> str:
    output = io.StringIO()
    graph = survey.take(project).stale
    scheduler.run_all(graph, slots, project / "logs", gpus=[], console=Console(file=output))
    return output.getvalue()


def events(project: Path) -> list[tuple[str, str]]:
    return [tuple(line.split()) for line in (project / "notes").read_text().splitlines()]


def test_a_stage_starts_only_once_all_that_it_needs_has_ended(project):
    said = run(project, slots=2)
    noted = events(project)
    assert len(noted) == 10 and "[5/5]" in said
    for earlier, later in (("first", "left"), ("first", "right"), ("left", "last"), ("right", "last")):
        assert noted.index(("end", earlier)) < noted.index(("start", later))


def test_stages_that_do_not_need_each_other_run_at_once(project):
    text = (project / "dvc.yaml").read_text()
    text = text.replace("note.py left", "note.py left right").replace("note.py right", "note.py right left")
    (project / "dvc.yaml").write_text(text)
    run(project, slots=2)


def test_there_are_never_more_stages_at_once_than_slots(project):
    run(project, slots=1)
    noted = events(project)
    for start, end in zip(noted[::2], noted[1::2], strict=True):
        assert (start[0], end[0]) == ("start", "end") and start[1] == end[1]


def test_what_has_not_changed_is_not_run_again_and_what_follows_a_change_is(project):
    run(project, slots=2)
    assert survey.take(project).stale == {}
    (project / "left").unlink()
    assert survey.take(project).stale == {"left": set(), "last": {"left"}}


def test_a_survey_reads_the_parameters_once_and_sees_each_stages_own(project, monkeypatch):
    from dvc.dependency import param

    text = (project / "dvc.yaml").read_text()
    for name in ("left", "right"):
        text = text.replace(f"note.py {name}\n", f"note.py {name}\n    params:\n      - of_{name}\n")
    (project / "dvc.yaml").write_text(text)
    (project / "params.yaml").write_text("of_left: 1\nof_right: 1\n")
    run(project, slots=2)
    read = []
    load = param.load_path
    monkeypatch.setattr(param, "load_path", lambda path, *rest: read.append(path) or load(path, *rest))
    (project / "params.yaml").write_text("of_left: 2\nof_right: 1\n")
    assert set(survey.take(project).stale) == {"left", "last"}
    assert len(read) == 1


def test_after_a_failure_nothing_more_starts_and_the_message_ends_with_the_log(project):
    broken = (project / "dvc.yaml").read_text().replace("python note.py right", "echo sorrow && exit 3")
    (project / "dvc.yaml").write_text(broken)
    with pytest.raises(Refusal, match=r"(?s)right failed; the whole log is in .*right\.log.*sorrow"):
        run(project, slots=1)
    assert ("start", "last") not in events(project)


def test_the_lock_of_a_parallel_run_is_that_of_a_serial_one(project):
    run(project, slots=3)
    names = survey.take(project).names
    lock_text.arrange(project / "dvc.lock", project / "parked.lock", names)
    parallel = (project / "dvc.lock").read_bytes()
    for path in ("dvc.lock", "first", "left", "right", "last", "alone"):
        (project / path).unlink()
    scheduler.run_one(["-m", "dvc", "repro", "--force"], project / "logs/serial.log")
    lock_text.arrange(project / "dvc.lock", project / "parked.lock", names)
    assert (project / "dvc.lock").read_bytes() == parallel


def test_entries_that_are_wanted_no_more_leave_the_lock_and_come_back_without_a_run(project):
    run(project, slots=2)
    lock, parked = project / "dvc.lock", project / "parked.lock"
    names = survey.take(project).names
    lock_text.arrange(lock, parked, names)
    whole = lock.read_bytes()
    assert lock_text.arrange(lock, parked, ["first", "left"]) == ["alone", "last", "right"]
    assert sorted(survey.take(project).stale) == ["alone", "last", "right"]
    assert lock_text.arrange(lock, parked, names) == []
    assert lock.read_bytes() == whole
    assert survey.take(project).stale == {}


def test_without_the_parked_file_the_run_cache_brings_them_back(project):
    run(project, slots=2)
    lock_text.arrange(project / "dvc.lock", project / "parked.lock", ["first"])
    (project / "parked.lock").unlink()
    before = events(project)
    run(project, slots=2)
    assert events(project) == before
    assert survey.take(project).stale == {}


def test_a_stage_learns_where_to_report_and_which_device_is_its_own(project):
    (project / "note.py").write_text(
        textwrap.dedent(
            """
            import os, sys
            open(sys.argv[1], "w").write(os.environ["CUDA_VISIBLE_DEVICES"])
            assert os.environ["UNROLL_PROGRESS_FILE"].endswith(sys.argv[1])
            """
        )
    )
    graph = survey.take(project).stale
    scheduler.run_all(graph, 4, project / "logs", gpus=["3", "5"], console=Console(file=io.StringIO()))
    assert {(project / name).read_text() for name in graph} <= {"3", "5"}
