"""Requests as jobs of Slurm, by submitit: a job a stage.

The project's folder must be seen by the nodes, as submitit's own files lie in it: a job reads its
request there and writes there what its worker answers. Work itself is done in a clone on the node.
"""

import json
import math
import os
import shutil
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import submitit
from submitit.core.utils import FailedJobError

from unroll import files
from unroll.catalogue import Machine, Resources
from unroll.executors.head import Parcel
from unroll.executors.node import carry_out
from unroll.failures import Refusal

FOLDER = Path(".unroll/slurm")
CLUSTER_VARIABLE = "UNROLL_SLURM"
"""Set to "local", the very same jobs are processes of this machine: to try them without Slurm."""
LOOK_SECONDS = 0.1
END_SECONDS = 30
"""As long as Slurm waits between telling a job to end and killing it."""
LONGEST_MINUTES = 24 * 60
"""Of a job, unless `machine.sbatch` has a `time`: submitit's own is five."""


def stage(folder: str) -> None:
    """Run the request of a job's folder on the node that Slurm has chosen, and write what there is to say."""
    place = Path(folder)
    request, parcel = files.read_json(place / "request.json"), files.read_json(place / "parcel.json")
    with open(place / "answers", "a", encoding="utf-8") as stream:

        def say(said: dict) -> None:
            stream.write(json.dumps(said) + "\n")
            stream.flush()

        say({"at": socket.gethostname(), "node": socket.gethostname()})
        bundle = Path(parcel["bundle"])
        for said in carry_out(parcel["project"], parcel["commit"], bundle.read_bytes, request):
            if said:
                say(said)


@dataclass(eq=False)
class Job:
    """A submitted job, its folder, and how much of its answers has been read."""

    submitted: submitit.Job
    folder: Path
    read: int = 0

    def news(self) -> list[dict]:
        """Return what has been answered since; that it is lost, once it has ended without an end."""
        ended = self.submitted.done()  # first, or what it writes last might be missed
        path = self.folder / "answers"
        with open(path, "rb") as stream:
            stream.seek(self.read)
            whole, newline, _ = stream.read().rpartition(b"\n")
        self.read += len(whole) + len(newline)
        said = [json.loads(line) for line in whole.splitlines()]
        if ended and not any("end" in one for one in said):
            log = self.submitted.stderr() or ""
            said.append({"end": "lost", "why": f"lost (job {self.submitted.state})", "log": log})
        return said


class Jobs:
    """A unroll.executors.elsewhere.Transport."""

    def __init__(self, executor: submitit.Executor, parcel: Parcel, machine: Machine, folder: Path) -> None:
        self.executor, self.machine, self.folder = executor, machine, folder
        bundle = folder / "bundle"
        bundle.write_bytes(parcel.bundle)
        self.parcel = {"project": parcel.project, "commit": parcel.commit, "bundle": str(bundle)}

    def submit(self, request: dict, resources: Resources, unfit: set[str]) -> Job:
        folder = self.folder / uuid.uuid4().hex
        folder.mkdir()
        (folder / "answers").touch()
        files.write_json(folder / "request.json", request)
        files.write_json(folder / "parcel.json", self.parcel)
        # Both are counted whole by Slurm: a share of a GPU is a GPU.
        cpus, gpus = math.ceil(resources.cpus), math.ceil(resources.gpus)
        told = dict(self.machine.sbatch) | ({"exclude": ",".join(sorted(unfit))} if unfit else {})
        self.executor.update_parameters(
            name=request["stage"].replace("@", "-"),
            timeout_min=LONGEST_MINUTES,
            gpus_per_node=gpus,
            cpus_per_task=cpus,
            slurm_additional_parameters={name.replace("_", "-"): value for name, value in told.items()},
        )
        try:
            return Job(self.executor.submit(stage, str(folder)), folder)
        except (FailedJobError, OSError) as error:
            raise Refusal(f"Slurm does not take the job of {request['stage']}: {error}") from None

    def answers(self, jobs: list[Job], seconds: float) -> list[tuple[Job, dict]]:
        until = time.monotonic() + seconds
        while not (found := [(job, said) for job in jobs for said in job.news()]):
            if time.monotonic() > until:
                break
            time.sleep(LOOK_SECONDS)
        return found

    def cancel(self, jobs: list[Job]) -> None:
        for job in jobs:
            job.submitted.cancel(check=False)
        until = time.monotonic() + END_SECONDS
        while time.monotonic() < until and not all(job.submitted.done() for job in jobs):
            time.sleep(LOOK_SECONDS)

    def nodes(self) -> set[str] | None:
        """Return this machine where jobs are processes of it; what Slurm has, sbatch itself says."""
        return {socket.gethostname()} if self.executor.cluster == "local" else None


@contextmanager
def opened(parcel: Parcel, machine: Machine) -> Iterator[Jobs]:
    """Yield the way to Slurm; what jobs leave in the project's folder goes with the block.

    Raises:
        Refusal: there is no Slurm here.
    """
    folder = FOLDER.absolute() / uuid.uuid4().hex
    try:
        executor = submitit.AutoExecutor(folder / "jobs", cluster=os.environ.get(CLUSTER_VARIABLE, "slurm"))
    except RuntimeError:
        raise Refusal(
            "there is no Slurm here (no srun on the path): run this where jobs are submitted, "
            f"or try it without Slurm: {CLUSTER_VARIABLE}=local"
        ) from None
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield Jobs(executor, parcel, machine, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
