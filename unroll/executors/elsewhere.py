"""Stages on other machines, whoever carries the requests there.

Each goes through DVC in a clone, its inputs come from the DVC remote, and its outputs and its entry of
the run-cache go there. What a stage's entry in dvc.lock is then, its worker tells. Those entries are kept
in memory alone: stages that come after are told by them what they read. dvc.lock itself DVC writes, in
the end.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from unroll import files
from unroll.catalogue import Machine, Resources
from unroll.executors.executor import End, Running
from unroll.executors.local import log_of
from unroll.failures import Refusal
from unroll.pipeline.survey import Graph

ATTEMPTS = 3
TIMES = Path(".unroll/times")
Job = Any
"""What a transport knows a request by."""


class Transport(Protocol):
    """Carries requests to nodes, and back what a worker answers (unroll/executors/worker.py).

    Of itself it answers {"at": ..., "node": ...}, the node's name for people and for `unfit`, once a node has
    begun, and {"end": "lost", "why": ...} where a node is gone.
    """

    def submit(self, request: dict, resources: Resources, unfit: set[str]) -> Job: ...

    def answers(self, jobs: list[Job], seconds: float) -> list[tuple[Job, dict]]:
        """Wait so long at most for the next answers."""

    def cancel(self, jobs: list[Job]) -> None:
        """End these and wait until they have."""

    def nodes(self) -> set[str] | None:
        """Return all that there are, or None where that cannot be told."""


@dataclass(frozen=True)
class Project:
    """What every request says: the parameters, the remote, and what results depend on beside them."""

    params: str
    remote: dict
    environment: dict[str, dict]

    def request(self, stage: str, entries: dict[str, str]) -> dict:
        return {"stage": stage, "entries": entries, **vars(self)}


class Elsewhere:
    attempts, goes_on = ATTEMPTS, True

    def __init__(
        self,
        transport: Transport,
        project: Project,
        needs: Graph,
        entries: dict[str, str],
        machine: Machine,
        device: str,
        logs: Path,
        at_once: int = 0,
    ) -> None:
        """`needs` has all that each stage needs; `entries` those of dvc.lock; 0 at once: no limit."""
        self.transport, self.project, self.needs = transport, project, needs
        self.machine, self.device, self.logs, self.at_once = machine, device, logs, at_once
        self.entries = dict(entries)
        self.runs: dict[str, list[str]] = {}
        """Of each stage that has ended well what DVC's run-cache knows it by, in the order of their ends."""
        self.unfit: dict[str, str] = {}
        self.jobs: dict[Job, Running] = {}
        self.nodes: dict[Job, str] = {}
        self.logged: set[str] = set()

    @property
    def running(self) -> list[Running]:
        return list(self.jobs.values())

    def has_room(self) -> bool:
        return not self.at_once or len(self.jobs) < self.at_once

    def start(self, stage: str) -> None:
        entries = {name: self.entries[name] for name in sorted(self.needs[stage]) if name in self.entries}
        resources = self.machine.resources_of(stage.split("@")[0], self.device)
        request = self.project.request(stage, entries)
        job = self.transport.submit(request, resources, set(self.unfit))
        self.jobs[job] = Running(stage, waits=True)

    def ends(self, seconds: float) -> list[End]:
        found = []
        for job, said in self.transport.answers(list(self.jobs), seconds):
            one = self.jobs[job]
            if "at" in said:
                one.where, one.waits, one.started = said["at"], False, time.monotonic()
                self.nodes[job] = said["node"]
            if "line" in said:
                one.line = lambda line=said["line"]: line
            if "end" in said:
                del self.jobs[job]
                found.append(self._ended(one, self.nodes.pop(job, ""), said))
        return found

    def _ended(self, one: Running, node: str, said: dict) -> End:
        seconds, how = time.monotonic() - one.started, said["end"]
        self._log(one, said)
        if how == "done":
            self.entries[one.stage], self.runs[one.stage] = said["entry"], said["run"]
            for name, text in said["times"].items():
                files.write_text(TIMES / Path(name).name, text)
            return End(one.stage, seconds, where=one.where)
        if how == "unfit":
            self.unfit[node] = f"{one.where}: {said['why']}"
            self._refuse_if_none_is_left()
            told = f"not used, as results would be others there ({said['why']})"
            return End(one.stage, seconds, told, one.where, counts=False)
        return End(one.stage, seconds, said["why"], one.where)

    def _log(self, one: Running, said: dict) -> None:
        """Put what the worker logged beside the logs of this machine's stages, attempt after attempt."""
        log = self.logs / f"{one.stage}.log"
        if one.stage not in self.logged:
            self.logged.add(one.stage)
            log_of(one.stage, self.logs)
        with open(log, "a", encoding="utf-8") as stream:
            stream.write(f"--- on {one.where or 'no node'}: {said.get('why', said['end'])}\n")
            stream.write(said.get("log", ""))

    def _refuse_if_none_is_left(self) -> None:
        nodes = self.transport.nodes()
        if nodes is not None and nodes <= self.unfit.keys():
            told = ["no node has the packages, processor and device that data/environment/ records:"]
            way_out = "install requirements.lock there, or run this where the nodes' kind of machine is"
            raise Refusal("\n  ".join([*told, *self.unfit.values(), way_out]))

    def stop(self) -> None:
        self.transport.cancel(list(self.jobs))
