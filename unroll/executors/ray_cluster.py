"""Requests to the nodes of a Ray cluster: that of RAY_ADDRESS, or one of this machine alone.

A stage is a task of Ray, which has cores and a share of a GPU, and tells what its worker answers as it
comes. Ray retries nothing: how often a stage has been tried, the scheduler counts. Who may reach a
cluster may run anything on it, so a token is asked for unless RAY_AUTH_MODE says otherwise.
"""

# ruff: noqa: E402

import os
import secrets
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

OWN_TOKEN = "RAY_AUTH_TOKEN"
os.environ.setdefault("RAY_AUTH_MODE", "token")  # which Ray reads once, as it is imported
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
if not os.environ.get("RAY_ADDRESS"):
    # On Linux Ray takes 127.0.0.1 for the machine's own address and listens on all; not where it makes no
    # cluster of several machines.
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"

import ray
from ray.exceptions import RayError, RayTaskError

from unroll.catalogue import Machine, Resources
from unroll.executors.head import Parcel
from unroll.executors.node import carry_out
from unroll.failures import Refusal

LOOPBACK = "127.0.0.1"
STORE_BYTES = 128 << 20
"""Of a cluster of this machine alone: nothing but the code's bundle goes through it."""
END_SECONDS = 20
"""A training that is told to end saves its state first."""


def stage(project: str, commit: str, bundle: list, request: dict) -> Iterator[dict]:
    """Run a stage on the node that Ray has chosen, and yield what there is to say of it."""
    context = ray.get_runtime_context()
    yield {"at": f"{socket.gethostname()}/{context.get_node_id()[:6]}", "node": context.get_node_id()}
    for said in carry_out(project, commit, lambda: ray.get(bundle[0]), request):
        if said:
            yield said


class Cluster:
    """A unroll.executors.elsewhere.Transport; a job is the generator of what a task says."""

    def __init__(self, parcel: Parcel) -> None:
        for module in (stage.__module__, carry_out.__module__):  # nodes find no unroll outside a clone
            ray.cloudpickle.register_pickle_by_value(sys.modules[module])
        self.parcel, self.bundle = parcel, [ray.put(parcel.bundle)]
        # Ray would end a process that had a GPU after one task, and with it what that has imported.
        self.task = ray.remote(max_retries=0, max_calls=0, num_returns="streaming")(stage)

    def submit(self, request: dict, resources: Resources, unfit: set[str]) -> "ray.ObjectRefGenerator":
        elsewhere = {"ray.io/node-id": f"!in({','.join(sorted(unfit))})"} if unfit else None
        task = self.task.options(
            num_cpus=resources.cpus, num_gpus=resources.gpus, label_selector=elsewhere, name=request["stage"]
        )
        return task.remote(self.parcel.project, self.parcel.commit, self.bundle, request)

    def answers(self, jobs: list, seconds: float) -> list[tuple["ray.ObjectRefGenerator", dict]]:
        ray.wait(jobs, num_returns=1, timeout=seconds, fetch_local=False)
        ready, _ = ray.wait(jobs, num_returns=len(jobs), timeout=0, fetch_local=False)
        return [(job, _next_of(job)) for job in ready]

    def cancel(self, jobs: list) -> None:
        for job in jobs:
            ray.cancel(job)
        until, left = time.monotonic() + END_SECONDS, set(jobs)
        while left and time.monotonic() < until:
            left -= {job for job, said in self.answers(list(left), 1) if "end" in said}

    def nodes(self) -> set[str]:
        return {node["NodeID"] for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")}


def _next_of(job: "ray.ObjectRefGenerator") -> dict:
    try:
        return ray.get(next(job))
    except StopIteration:
        return {"end": "failed", "why": "its task has ended without a word"}
    except RayTaskError as error:
        return {"end": "failed", "why": str(error.cause), "log": str(error)}
    except RayError as error:
        return {"end": "lost", "why": f"lost ({type(error).__name__})", "log": f"{error}\n"}


@contextmanager
def opened(parcel: Parcel, machine: Machine) -> Iterator[Cluster]:
    """Yield the cluster of RAY_ADDRESS, or one of this machine alone that lasts as long as the block.

    Raises:
        Refusal: the cluster does not answer, or asks for another token.
    """
    address = os.environ.get("RAY_ADDRESS")
    options = {"log_to_driver": False, "logging_level": "error"}
    if not address:
        os.environ.setdefault(OWN_TOKEN, secrets.token_hex(32))
        cores = len(os.sched_getaffinity(0))
        options |= {"num_cpus": cores, "object_store_memory": STORE_BYTES, "_node_ip_address": LOOPBACK}
        options |= {"include_dashboard": False}
    try:
        ray.init(address or "local", **options)
    except (RayError, OSError, RuntimeError, ValueError) as error:
        why = " ".join(str(error).split())[:300]
        raise Refusal(
            f"no Ray cluster answers at {address or LOOPBACK}: {why}. Its token belongs in "
            "~/.ray/auth_token; without RAY_ADDRESS the cluster is this machine alone"
        ) from None
    try:
        yield Cluster(parcel)
    finally:
        ray.shutdown()
