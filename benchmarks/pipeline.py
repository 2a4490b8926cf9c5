"""What the pipeline costs beside training: grids of trivial trainings, and a suite against its own loops.

    python -m benchmarks.pipeline                    # both grids, then the starter suite
    python -m benchmarks.pipeline grid
    UNROLL_MIRROR=<folder> python -m benchmarks.pipeline suite --suite full

Measure on a machine that does nothing else. Installation is not counted: the copies borrow this
checkout's .venv.
"""

import argparse
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from benchmarks import grid
from benchmarks.measurement import Row, Target, compared, measured
from unroll import files

SECTION = "pipeline"
GRIDS = {50: (2, 5, 5), 400: (4, 20, 5)}
"""Corpora, networks and seeds by the number of trainings."""
JOBS = 2


def rows(quick: bool = False, suite: str = "starter") -> Iterable[Row]:
    """Measure everything, each once, for it takes minutes; `quick`: the small grid alone."""
    yield from grid_rows(dict(list(GRIDS.items())[:1]) if quick else GRIDS)
    if not quick:
        yield from suite_rows(suite)


def grid_rows(grids: dict[int, tuple[int, int, int]]) -> Iterable[Row]:
    """Measure trainings that take no time: first run and no-op, how both grow, and one job against two."""
    walls = {}
    for runs, shape in grids.items():
        with tempfile.TemporaryDirectory() as folder:
            grid.make(Path(folder), *shape)
            first, again = repro(Path(folder), "keep", JOBS), repro(Path(folder), "keep", JOBS)
        walls[runs], case, large = (first, again), f"grid of {runs} runs, JOBS={JOBS}", runs == 400
        yield measured(SECTION, case, "whole run", "s", [first])
        each = Target(1.0, at_most=True) if large else None
        yield measured(SECTION, case, "a training, all told", "s", [first / runs], each)
        whole = Target(20.0, at_most=True) if large else None
        yield measured(SECTION, case, "again, nothing changed", "s", [again], whole)
    few, many = min(grids), max(grids)
    if many > few:
        for place, metric in enumerate(("whole run", "again, nothing changed")):
            further = (walls[many][place] - walls[few][place]) / (many - few)
            case = f"from {few} to {many} runs"
            yield measured(SECTION, case, f"each further training, {metric}", "s", [further])
    with tempfile.TemporaryDirectory() as folder:
        grid.make(Path(folder), *grids[few])
        alone = repro(Path(folder), "keep", 1)
    yield compared(
        SECTION, f"grid of {few} runs", f"runs a second, JOBS={JOBS} against 1", "runs/s",
        [few / walls[few][0]], [few / alone],
    )  # fmt: skip


def suite_rows(suite: str) -> Iterable[Row]:
    """Measure a suite's wall time against the loops of its trainings and evaluations."""
    walls, loops = {}, {}
    for jobs in (JOBS, 1):
        with tempfile.TemporaryDirectory() as folder:
            grid.lay_out(Path(folder))
            walls[jobs] = repro(Path(folder), suite, jobs)
            loops[jobs] = sum(
                files.read_json(path)["seconds"]["loop"]
                for path in (Path(folder) / ".unroll/times").glob("*.json")
            )
            case = f"suite {suite}, JOBS={jobs}"
            beside = 100 * (1 - loops[jobs] / jobs / walls[jobs])
            target = Target(25, at_most=True) if jobs == JOBS else None
            yield measured(SECTION, case, "wall time", "s", [walls[jobs]])
            yield measured(SECTION, case, "of which loops, a job", "s", [loops[jobs] / jobs])
            yield measured(SECTION, case, "beside the loops", "% of wall time", [beside], target)
            yield measured(SECTION, case, "again, nothing changed", "s", [repro(Path(folder), suite, jobs)])
    case = f"suite {suite}"
    # Two loops at once take together what one alone takes, if neither holds the other up.
    both = [JOBS * loops[1] / loops[JOBS]]
    yield compared(SECTION, case, "two loops at once against one", "loops", both, [1.0], Target(1.9))
    yield compared(
        SECTION, case, f"JOBS={JOBS} against 1", "suites/h", [3600 / walls[JOBS]], [3600 / walls[1]]
    )


def repro(folder: Path, suite: str, jobs: int) -> float:
    """Return how long `unroll repro` takes in this folder, in seconds."""
    command = [".venv/bin/python", "-m", "unroll", "repro", "--suite", suite, "--jobs", str(jobs)]
    # Its runs belong into a database of its own.
    variables = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    started = time.monotonic()
    subprocess.run(command, cwd=folder, env=variables, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=["all", "grid", "suite"], nargs="?", default="all")
    parser.add_argument("--suite", default="starter")
    chosen = parser.parse_args()
    parts: dict[str, Callable[[], Iterable[Row]]] = {
        "all": lambda: rows(suite=chosen.suite),
        "grid": lambda: grid_rows(GRIDS),
        "suite": lambda: suite_rows(chosen.suite),
    }
    for one in parts[chosen.part]():
        other = "" if one["other"] is None else f"   {one['other']:.2f} ({one['ratio']:.2f} x)"
        print(f"{one['case']:28} {one['metric']:40} {one['ours']:9.2f} {one['unit']}{other}", flush=True)


if __name__ == "__main__":
    main()
