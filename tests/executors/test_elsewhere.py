"""Stages on other machines, as the scheduler sees them: here the machines are a list of answers."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from unroll.catalogue import Machine, Resources
from unroll.executors.elsewhere import Elsewhere, Project
from unroll.failures import Refusal
from unroll.pipeline import scheduler

GRAPH = {"data": set(), "left": {"data"}, "right": {"data"}, "last": {"left", "right"}, "alone": set()}
NEEDS = GRAPH | {"data": {"before"}}
"""Of all stages those that `data` needs have run already."""


class Memory:
    """Nodes that answer at once: of each stage in turn what `script` has, and after that a good end."""

    def __init__(
        self, script: dict[str, list[dict]] | None = None, nodes: tuple[str, ...] = ("one", "two")
    ) -> None:
        self.script, self.known = script or {}, set(nodes)
        self.requests: list[tuple[dict, Resources, set[str]]] = []
        self.waiting: dict[int, list[dict]] = {}
        self.cancelled: list[int] = []

    def submit(self, request: dict, resources: Resources, unfit: set[str]) -> int:
        stage, number = request["stage"], len(self.requests)
        self.requests.append((request, resources, set(unfit)))
        done = {
            "end": "done",
            "entry": f"entry of {stage}",
            "run": [stage, "value"],
            "times": {},
            "log": "well",
        }
        end = self.script[stage].pop(0) if self.script.get(stage) else done
        node = sorted(self.known - unfit)[0]
        self.waiting[number] = [{"at": f"node {node}", "node": node}, {"line": "half"}, end]
        return number

    def answers(self, jobs: list[int], seconds: float) -> list[tuple[int, dict]]:
        return [(job, self.waiting[job].pop(0)) for job in jobs if self.waiting[job]]

    def cancel(self, jobs: list[int]) -> None:
        self.cancelled += jobs

    def nodes(self) -> set[str]:
        return self.known

    def stages(self) -> list[str]:
        return [request["stage"] for request, _, _ in self.requests]


def failed(log: str) -> dict:
    return {"end": "failed", "why": "ended with 1", "log": log}


LOST = {"end": "lost", "why": "lost (NodeDiedError)"}
UNFIT = {"end": "unfit", "why": "torch is 1.0, not 2.0"}


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(memory: Memory, machine: Machine | None = None, **options) -> tuple[Elsewhere, str]:
    output = io.StringIO()
    project = Project("params", {"name": "shared", "options": {}}, {})
    machine = machine or Machine(runs_per_gpu=4)
    remote = Elsewhere(
        memory, project, NEEDS, {"before": "entry of before"}, machine, "cpu", Path("logs"), **options
    )
    memory.remote = remote
    try:
        scheduler.run(GRAPH, remote, Path("logs"), Console(file=output, width=200))
    finally:
        memory.said = output.getvalue()
    return remote, output.getvalue()


def test_a_stage_learns_the_entries_of_what_it_needs_and_no_others():
    memory = Memory()
    remote, _ = run(memory)
    given = {request["stage"]: request["entries"] for request, _, _ in memory.requests}
    for stage, needs in NEEDS.items():
        assert given[stage] == {name: f"entry of {name}" for name in needs}
    assert set(remote.runs) == set(GRAPH) and list(remote.runs).index("last") > list(remote.runs).index(
        "left"
    )


def test_it_is_told_what_runs_where_and_how_it_ended():
    _, said = run(Memory())
    assert "[5/5]" in said and "left done in 0 s on node one" in said


@pytest.mark.parametrize("fault", [LOST, failed("sorrow")])
def test_what_fails_twice_is_tried_a_third_time_and_may_end_well(fault):
    memory = Memory({"left": [fault, fault]})
    remote, said = run(memory)
    assert memory.stages().count("left") == 3 and set(remote.runs) == set(GRAPH)
    assert "attempt 1 of 3" in said and "attempt 2 of 3" in said


def test_what_fails_three_times_is_told_with_its_log_and_the_rest_goes_on():
    memory = Memory({"left": [failed("sorrow\n"), failed("grief\n"), failed("despair\n")]})
    with pytest.raises(Refusal, match=r"(?s)left failed; .*left\.log; .*despair.*1 stages that come after"):
        run(memory)
    assert set(memory.remote.runs) == {"data", "right", "alone"}
    log = Path("logs/left.log").read_text()
    assert [word for word in ("sorrow", "grief", "despair") if word in log] == ["sorrow", "grief", "despair"]
    assert log.count("--- on node one") == 3


def test_a_node_with_other_packages_is_named_and_not_used_again():
    memory = Memory({"data": [UNFIT]})
    remote, said = run(memory)
    assert set(remote.runs) == set(GRAPH)
    assert "node one" in said and "torch is 1.0, not 2.0" in said and "attempt" not in said
    used = [unfit for _, _, unfit in memory.requests]
    assert used[0] == set() and used[-1] == {"one"}


def test_where_no_node_is_fit_nothing_runs_and_each_is_named():
    memory = Memory({"data": [UNFIT, UNFIT], "alone": [UNFIT, UNFIT]})
    with pytest.raises(Refusal, match=r"(?s)no node has.*node one: torch is 1\.0.*node two: torch is 1\.0"):
        run(memory)
    assert not memory.remote.runs


def test_an_interruption_ends_what_runs():
    class Interrupted(Memory):
        def answers(self, jobs, seconds):
            raise KeyboardInterrupt

    memory = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        run(memory)
    assert memory.cancelled == [0, 1] and "stopping 2 stages" in memory.said


def test_no_more_are_handed_over_at_once_than_asked():
    class Counting(Memory):
        most = 0

        def answers(self, jobs, seconds):
            self.most = max(self.most, len(jobs))
            return super().answers(jobs, seconds)

    memory = Counting()
    run(memory, at_once=1)
    assert memory.most == 1


def test_a_stage_takes_what_params_yaml_says_and_otherwise_its_share_of_a_gpu():
    machine = Machine(runs_per_gpu=4, stages={"compare": Resources(cpus=2, gpus=0)})
    assert machine.resources_of("compare", "cuda") == Resources(cpus=2, gpus=0)
    assert machine.resources_of("train", "cuda") == Resources(cpus=1, gpus=0.25)
    assert machine.resources_of("train", "cpu") == Resources(cpus=1, gpus=0)
    assert machine.resources_of("distil", "cuda") == machine.resources_of("evaluate_taught", "cuda")
    assert machine.resources_of("distil", "cuda").gpus and not machine.resources_of("ensemble", "cuda").gpus


@pytest.mark.parametrize(("gpus", "at_once"), [(0, 3), (1, 2), (2, 3)])
def test_as_many_stages_run_at_once_as_gpus_bear_and_cores_can_feed(monkeypatch, gpus, at_once):
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0, 1, 2})
    assert Machine(runs_per_gpu=2).at_once(gpus) == at_once


def test_times_come_back_and_no_name_leads_out_of_their_folder():
    done = {"end": "done", "entry": "e", "run": ["k", "v"], "times": {"../../x.json": "{}\n"}}
    run(Memory({"alone": [done]}))
    assert Path(".unroll/times/x.json").read_text() == "{}\n" and not Path("../x.json").exists()
