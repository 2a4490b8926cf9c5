"""Time `make repro` in a fresh clone: the first run, a second one, and what training costs beside its loop.

    python benchmarks/pipeline.py --suite starter
    UNROLL_MIRROR=<folder> python benchmarks/pipeline.py --suite full

Measure on a machine that does nothing else. Installation is not counted: the clone borrows this
checkout's .venv.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--suite", default="starter")
    parser.add_argument("--jobs", type=int, default=0)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "unroll"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        (clone / ".venv").symlink_to(ROOT / ".venv")
        # Newer than the clone's requirements.lock, so that make does not install again.
        (clone / ".venv/installed").touch()
        command = ["make", "repro", f"SUITE={chosen.suite}", f"JOBS={chosen.jobs}"]
        first, second = timed(command, clone), timed(command, clone)
        print(f"{platform.processor() or platform.machine()}, {len(os.sched_getaffinity(0))} cores")
        print(f"{' '.join(command)}: {first:.1f} s; again, nothing changed: {second:.1f} s")
        report_training(clone)


def report_training(clone: Path) -> None:
    """Print what the train stages did beside their loops, and the whole process of one of them."""
    times = {path.stem: json.loads(path.read_text()) for path in sorted((clone / ".unroll/times").iterdir())}
    loops = sum(one["seconds"]["loop"] for one in times.values())
    beside = [one["seconds"]["all"] - one["seconds"]["loop"] for one in times.values()]
    print(
        f"{len(times)} runs, {loops:.0f} s in their loops; beside the loop, both cores busy: "
        f"median {statistics.median(beside):.1f} s, most {max(beside):.1f} s a run"
    )
    corpus, network, seed = min(times, key=lambda name: times[name]["seconds"]["loop"]).rsplit("-", 2)
    whole = timed([sys.executable, "-m", "stages.train", corpus, network, seed], clone)
    loop = json.loads((clone / f".unroll/times/{corpus}-{network}-{seed}.json").read_text())["seconds"][
        "loop"
    ]
    print(
        f"train {corpus} {network} {seed} alone: {whole:.1f} s, {whole - loop:.1f} s of them beside its loop"
    )
    for network in sorted({name.rsplit("-", 2)[1] for name in times}):
        speeds = {
            corpus: [
                one["tokens_per_second"]
                for name, one in times.items()
                if name.startswith(f"{corpus}-{network}-")
            ]
            for corpus in sorted({name.rsplit("-", 2)[0] for name in times})
        }
        cells = (f"{corpus} {statistics.median(values):,.0f} tokens/s" for corpus, values in speeds.items())
        print(f"  {network:8}" + "   ".join(cells))


def timed(command: list[str], folder: Path) -> float:
    started = time.monotonic()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - started


if __name__ == "__main__":
    main()
