"""A stage in a clone of its own, between the remote and the remote: no Ray, no Slurm, one node."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import small_project
from dvc.repo import Repo, lock_repo
from waiting import is_alive, wait_until

from unroll.executors import head, node
from unroll.failures import Refusal

NEEDS = {"first": [], "left": ["first"], "right": ["first"], "last": ["left", "right"]}
GRAPH = {name: set(needs) for name, needs in NEEDS.items()}


@dataclass
class Grid:
    """A small project, what its stages noted, and one node for it."""

    folder: Path
    notes: Path
    entries: dict[str, str] = field(default_factory=dict)
    runs: dict[str, list[str]] = field(default_factory=dict)

    def ask(self, stage: str, **changes: object) -> dict:
        """Run a stage as a node does; return the last answer."""
        parcel = head.pack(self.folder)
        with Repo() as repo, lock_repo(repo):
            remote = head.remote_of(repo)
        request = {
            "stage": stage,
            "entries": {name: self.entries[name] for name in NEEDS[stage]},
            "params": Path("params.yaml").read_text(),
            "remote": remote,
            "environment": {},
        }
        answers = node.carry_out(parcel.project, parcel.commit, lambda: parcel.bundle, request | changes)
        *_, last = answers
        if last["end"] == "done":
            self.entries[stage], self.runs[stage] = last["entry"], last["run"]
        return last

    def ran(self) -> dict[str, int]:
        """How often each stage ran, wherever that was."""
        return {
            path.name: len(path.read_text().splitlines())
            for path in self.notes.glob("[a-z]*")
            if not path.suffix
        }

    def behave(self, stage: str, code: str) -> None:
        (self.notes / f"{stage}.py").write_text(code)

    @property
    def clone(self) -> Path:
        [clone] = Path(os.environ[node.FOLDER_VARIABLE]).glob("*/0")
        return clone

    def serial_lock(self) -> bytes:
        """What `dvc repro` writes on one machine, in a copy that knows nothing of the runs elsewhere."""
        copy = self.folder.parent / "serial"
        shutil.copytree(self.folder, copy, ignore=shutil.ignore_patterns("cache", "dvc.lock", "tmp"))
        subprocess.run([sys.executable, "-m", "dvc", "repro", "--quiet"], cwd=copy, check=True)
        return (copy / "dvc.lock").read_bytes()


@pytest.fixture
def grid(tmp_path, monkeypatch):
    for name in ("project", "notes"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("NOTES", str(tmp_path / "notes"))
    monkeypatch.setenv("PYTHONPATH", small_project.PYTHONPATH)
    monkeypatch.setenv(node.FOLDER_VARIABLE, str(tmp_path / "node"))
    monkeypatch.chdir(small_project.make(tmp_path / "project", NEEDS, str(tmp_path / "remote")))
    yield Grid(tmp_path / "project", tmp_path / "notes")
    while node._kept:
        node._kept.pop().close()


def test_all_comes_back_by_content_without_a_run_and_the_lock_is_a_serial_ones(grid):
    for stage in NEEDS:
        assert grid.ask(stage)["end"] == "done"
    ran = grid.ran()
    assert set(ran.values()) == {1} and not list(grid.folder.glob("made/[a-z]*"))
    head.restore(grid.runs)
    assert grid.ran() == ran
    assert (grid.folder / "made/last").read_text() == "last (left (first)) (right (first))"
    assert (grid.folder / "dvc.lock").read_bytes() == grid.serial_lock()


def test_what_the_remote_knows_is_not_run_again_though_the_node_has_lost_everything(grid):
    first = grid.ask("first")
    node._kept.pop().close()
    shutil.rmtree(grid.clone.parent)
    again = grid.ask("first")
    assert (again["entry"], again["run"]) == (first["entry"], first["run"])
    assert grid.ran() == {"first": 1}


def test_what_an_earlier_run_left_in_a_clone_is_not_read(grid):
    grid.ask("first")
    (grid.clone / "made/first").write_text("of another run")
    assert grid.ask("left")["end"] == "done"
    assert (grid.clone / "made/left").read_text() == "left (first)"


def test_parameters_and_a_new_commit_reach_a_clone_that_is_there_already(grid):
    grid.ask("first")
    code = grid.folder / "note.py"
    code.write_text(code.read_text() + "# changed\n")
    subprocess.run(["git", *small_project.AUTHOR, "commit", "-qam", "second"], cwd=grid.folder, check=True)
    assert grid.ask("first", params="nothing: 2\n")["end"] == "done"
    assert (grid.clone / "note.py").read_text().endswith("# changed\n")
    assert (grid.clone / "params.yaml").read_text() == "nothing: 2\n" and grid.ran() == {"first": 2}


def test_a_stage_that_fails_tells_its_log_and_leaves_nothing_in_the_remote(grid):
    grid.behave("first", "print('sorrow', flush=True); raise SystemExit(3)")
    end = grid.ask("first")
    assert end["end"] == "failed" and "sorrow" in end["log"] and "exited with 3" in end["log"]
    assert not list((grid.folder.parent / "remote").rglob("runs/*"))


def test_a_node_with_other_packages_refuses_and_says_which(grid):
    from unroll import records

    recorded = records.of_machine("cpu")
    recorded["training.json"]["torch"] = "1.0"
    end = grid.ask("first", environment=json.loads(json.dumps(recorded)))
    assert end["end"] == "unfit" and "torch is" in end["why"] and "not 1.0" in end["why"]
    assert grid.ran() == {}


def test_a_stage_ends_with_who_asked_for_it(grid):
    pid = grid.notes / "PID"
    grid.behave("first", f"open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(600)")
    parcel = head.pack(grid.folder)
    request = {"stage": "first", "entries": {}, "params": "nothing: 1\n", "environment": {}}
    request["remote"] = {"name": "shared", "options": {"url": str(grid.folder.parent / "remote")}}
    answers = node.carry_out(parcel.project, parcel.commit, lambda: parcel.bundle, request)
    wait_until(lambda: next(answers) is not None and pid.exists() and pid.read_text())
    answers.close()
    assert not is_alive(int(pid.read_text())) and not node._kept


def test_a_result_that_was_read_otherwise_here_is_refused_and_nothing_runs(grid):
    grid.ask("first")
    grid.ask("left")
    head.restore({"first": grid.runs["first"]})
    (grid.folder / "made/first").write_text("changed since")
    before = grid.ran()
    with pytest.raises(Refusal, match=r"note\.py left .* would run here"):
        head.restore({"left": grid.runs["left"]})
    assert grid.ran() == before


# --- before anything runs ----------------------------------------------------------------------------


def plan(graph=GRAPH) -> head.Plan:
    with Repo() as repo, lock_repo(repo):
        return head.planned(repo, graph)


def test_code_that_is_not_committed_is_refused_and_what_repro_itself_writes_is_carried(grid):
    (grid.folder / "params.yaml").write_text("nothing: 3\n")
    (grid.folder / "README.md").write_text("no stage reads it\n")
    assert plan().needs == GRAPH
    code = grid.folder / "note.py"
    code.write_text(code.read_text() + "# changed\n")
    with pytest.raises(Refusal, match=r"not committed: note\.py: git add and git commit"):
        plan()


def test_code_of_every_stage_is_looked_at_first_of_all(grid):
    (grid.folder / "README.md").write_text("no stage reads it\n")
    head.check()
    (grid.folder / "unroll").mkdir()
    (grid.folder / "unroll/new.py").touch()
    with pytest.raises(Refusal, match=r"not committed: unroll/new\.py"):
        head.check()


def test_without_a_remote_it_says_how_to_set_one(grid):
    subprocess.run([sys.executable, "-m", "dvc", "remote", "remove", "shared"], cwd=grid.folder, check=True)
    for look in (plan, head.check):
        with pytest.raises(Refusal, match="dvc remote add --default NAME URL"):
            look()


def test_no_secret_of_a_remote_leaves_this_machine(grid):
    (grid.folder / ".dvc/config.local").write_text(
        "['remote \"shared\"']\n    url = s3://bucket\n    endpointurl = http://127.0.0.1:1\n"
        "    access_key_id = mine\n    secret_access_key = hush\n"
    )
    with Repo() as repo:
        remote = head.remote_of(repo)
    assert remote["options"]["endpointurl"] == "http://127.0.0.1:1"
    assert "mine" not in str(remote) and "hush" not in str(remote)


def test_files_of_nobody_in_a_folder_that_is_read_are_named(grid):
    text = (
        (grid.folder / "dvc.yaml")
        .read_text()
        .replace("- made/left\n      - made/right\n    outs", "- made\n    outs")
    )
    text = text.replace("      - made/last\n", "      - last\n")
    (grid.folder / "dvc.yaml").write_text(text)
    subprocess.run(["git", *small_project.AUTHOR, "commit", "-qam", "a folder"], cwd=grid.folder, check=True)
    (grid.folder / "made/stranger").write_text("of an earlier selection")
    with pytest.raises(Refusal, match="made/stranger was made by no stage that is selected"):
        plan()
