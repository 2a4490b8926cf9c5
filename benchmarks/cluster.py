"""What it costs a stage to run on a cluster: 24 stages on two nodes of Ray against two processes here.

    python -m benchmarks --sections cluster

Both nodes are processes of this machine with a core each, and the trainings take no time, so that what is
measured is the way: to the node, through DVC in its clone, to the remote, and back.
"""

import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from benchmarks import ray_nodes
from benchmarks.measurement import Row, Target, measured

SECTION = "cluster"
CORPORA, NETWORKS, SEEDS = 2, 3, 2
STAGES = CORPORA * (NETWORKS * SEEDS + NETWORKS + 3)
"""A corpus has a floor, an ensemble and a comparison."""
NODES = 2
ROUNDS = 2
OVERHEAD = Target(3.0, at_most=True)


def rows(quick: bool = False) -> Iterable[Row]:
    """Yield the rows of a first run, for which each node makes its clone, and of runs by warm nodes."""
    rounds = 1 if quick else ROUNDS
    here = [_of_processes() for _ in range(rounds)]
    found = [_of_cluster() for _ in range(rounds)]
    first, again = ([pair[place] for pair in found] for place in (0, 1))
    case = f"{STAGES} stages on {NODES} nodes of Ray"
    yield measured(SECTION, f"{STAGES} stages by {NODES} processes", "wall time", "s", here)
    yield measured(SECTION, case, "wall time", "s", first)
    yield measured(SECTION, f"{case}, warm", "wall time", "s", again)
    for name, walls in ((case, first), (f"{case}, warm", again)):
        # Of a node's time, for two stages run at once.
        more = [NODES * (wall - alone) / STAGES for wall, alone in zip(walls, here, strict=True)]
        yield measured(SECTION, name, "overhead a stage", "s", more, OVERHEAD)


def _of_processes() -> float:
    with tempfile.TemporaryDirectory() as folder:
        return _seconds(_grid(Path(folder)), "--jobs", str(NODES))


def _of_cluster() -> tuple[float, float]:
    """Return the wall time of a cluster's first run, and that of its second, of another project."""
    with tempfile.TemporaryDirectory() as folder:
        cluster = ray_nodes.Cluster(Path(folder))
        try:
            walls = []
            for number in range(2):
                (place := Path(folder) / str(number)).mkdir()
                project = _grid(place)
                project.variables |= cluster.variables
                walls.append(_seconds(project, "--on", "ray"))
            return walls[0], walls[1]
        finally:
            cluster.end()


def _grid(folder: Path) -> ray_nodes.Project:
    return ray_nodes.make(folder, CORPORA, NETWORKS, SEEDS)


def _seconds(project: ray_nodes.Project, *arguments: str) -> float:
    began = time.monotonic()
    project.repro(*arguments)
    return time.monotonic() - began
