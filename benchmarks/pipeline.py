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
from collections.abc import Callable
from pathlib import Path

from benchmarks import grid
from unroll import files

SECTION = "pipeline"
GRIDS = {50: (2, 5, 5), 400: (4, 20, 5)}
"""Corpora, networks and seeds by the number of trainings."""
JOBS = 2


def rows(suite: str = "starter") -> list[dict]:
    """Measure everything; one row a figure."""
    return [*grid_rows(), *suite_rows(suite)]


def grid_rows() -> list[dict]:
    """Measure trainings that take no time: first run and no-op, how both grow, and one job against two."""
    found, walls = [], {}
    for runs, shape in GRIDS.items():
        with tempfile.TemporaryDirectory() as folder:
            grid.make(Path(folder), *shape)
            first, again = repro(Path(folder), "keep", JOBS), repro(Path(folder), "keep", JOBS)
        walls[runs] = (first, again)
        found += [
            row(f"grid of {runs} runs, JOBS={JOBS}", "whole run", "s", first),
            row(f"grid of {runs} runs, JOBS={JOBS}", "a training, all told", "s", first / runs),
            row(f"grid of {runs} runs, JOBS={JOBS}", "again, nothing changed", "s", again),
        ]
    (few, many), case = GRIDS, "from {} to {} runs".format(*GRIDS)
    for place, metric in enumerate(("whole run", "again, nothing changed")):
        small, large = walls[few][place], walls[many][place]
        found.append(row(case, f"each further training, {metric}", "s", (large - small) / (many - few)))
    with tempfile.TemporaryDirectory() as folder:
        grid.make(Path(folder), *GRIDS[few])
        alone = repro(Path(folder), "keep", 1)
    return [*found, row(f"grid of {few} runs", f"JOBS={JOBS} against 1", "s", walls[few][0], alone)]


def suite_rows(suite: str) -> list[dict]:
    """Measure a suite's wall time against the loops of its trainings and evaluations."""
    found, walls = [], {}
    for jobs in (JOBS, 1):
        with tempfile.TemporaryDirectory() as folder:
            grid.copy_project(Path(folder))
            walls[jobs] = wall = repro(Path(folder), suite, jobs)
            loops = sum(
                files.read_json(path)["seconds"]["loop"]
                for path in (Path(folder) / ".unroll/times").glob("*.json")
            )
            case = f"suite {suite}, JOBS={jobs}"
            found += [
                row(case, "wall time, of which loops a job", "s", wall, loops / jobs),
                row(case, "beside the loops", "% of wall time", 100 * (1 - loops / jobs / wall)),
                row(case, "again, nothing changed", "s", repro(Path(folder), suite, jobs)),
            ]
    return [*found, row(f"suite {suite}", f"JOBS={JOBS} against 1", "s", walls[JOBS], walls[1])]


def repro(folder: Path, suite: str, jobs: int) -> float:
    """Return how long `unroll repro` takes in this folder, in seconds."""
    command = [".venv/bin/python", "-m", "unroll", "repro", "--suite", suite, "--jobs", str(jobs)]
    # Its runs belong into a database of its own.
    variables = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    started = time.monotonic()
    subprocess.run(command, cwd=folder, env=variables, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - started


def row(case: str, metric: str, unit: str, ours: float, other: float | None = None) -> dict:
    return {
        "section": SECTION,
        "case": case,
        "metric": metric,
        "unit": unit,
        "ours": ours,
        "other": other,
        "ratio": other and other / ours,
        "low": None,  # measured once: it takes minutes
        "high": None,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=["all", "grid", "suite"], nargs="?", default="all")
    parser.add_argument("--suite", default="starter")
    chosen = parser.parse_args()
    parts: dict[str, Callable[[], list[dict]]] = {
        "all": lambda: rows(chosen.suite),
        "grid": grid_rows,
        "suite": lambda: suite_rows(chosen.suite),
    }
    for one in parts[chosen.part]():
        other = "" if one["other"] is None else f"   {one['other']:.2f} ({one['ratio']:.2f} x)"
        print(f"{one['case']:28} {one['metric']:40} {one['ours']:9.2f} {one['unit']}{other}")


if __name__ == "__main__":
    main()
