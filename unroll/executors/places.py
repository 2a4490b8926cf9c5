"""The machines that `python -m unroll repro --on` names."""

from collections.abc import Callable
from enum import Enum
from pathlib import Path

from rich.console import Console

from unroll.catalogue import Machine
from unroll.failures import Refusal
from unroll.pipeline.survey import Graph


class Place(Enum):
    here = "here"
    ray = "ray"
    slurm = "slurm"


def check(place: Place) -> None:
    """Look, before anything changes, for what that place takes.

    Raises:
        Refusal: a package is not installed, and whatever head.check refuses.
    """
    if place != Place.here:
        _opened(place)
        from unroll.executors import head

        head.check()


def run(
    place: Place,
    graph: Graph,
    machine: Machine,
    device: str,
    environment: dict[str, dict],
    logs: Path,
    console: Console,
    at_once: int,
) -> None:
    """Run the stages of `graph` there, and restore here what they made (head.run).

    Raises:
        Refusal: what that place takes is not installed, and whatever head.run refuses.
    """
    opened = _opened(place)
    from unroll.executors import head

    head.run(graph, opened, machine, device, environment, logs, console, at_once)


def _opened(place: Place) -> Callable:
    # Not at the top: ray and submitit are extras, and DVC takes half a second to import.
    try:
        if place == Place.ray:
            from unroll.executors.ray_cluster import opened
        else:
            from unroll.executors.slurm import opened
    except ModuleNotFoundError as error:
        raise Refusal(
            f"--on {place.value} needs the package {error.name}: make services installs it"
        ) from None
    return opened
