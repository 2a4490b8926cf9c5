"""Processes that stay, each with a loop to run a slice at a time on one core: pairs can be interleaved.

`python -m benchmarks.worker` is the process, `Worker` its owner. They speak lines of JSON: first the
loop and its settings, then for each slice how much of it is wanted, and what came of it.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from unroll import environment

ROOT = Path(__file__).resolve().parents[1]
Loop = Generator[int, None, float | None]
"""Each step yields its units of work: real tokens, texts or operations. What has an end returns a score."""


@dataclass(frozen=True)
class Slice:
    units: int
    seconds: float
    """Of the process's own time on its core: on a machine that does nothing else, that of the clock."""
    ended: bool
    score: float | None

    @property
    def rate(self) -> float:
        return self.units / self.seconds


class Worker:
    """A process with one loop; it has taken no step of it until it is asked to."""

    def __init__(self, loop: str, settings: dict) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._tell({"loop": loop, "settings": settings, "core": measured_core()})

    def run(self, seconds: float = float("inf"), units: float = float("inf")) -> Slice:
        """Take steps until one of the two is reached, or the loop has come to its end.

        Raises:
            ChildProcessError: the process has died; its own words are on stderr.
        """
        self._tell({"seconds": seconds, "units": units})
        answer = self._process.stdout.readline()
        if not answer:
            raise ChildProcessError(f"the measured process ended with status {self._process.wait()}")
        return Slice(**json.loads(answer))

    def __enter__(self) -> "Worker":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()

    def _tell(self, document: dict) -> None:
        try:
            self._process.stdin.write(json.dumps(document) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise ChildProcessError(
                f"the measured process ended with status {self._process.wait()}"
            ) from None


def measured_core() -> int:
    """Return the one core on which all that is compared takes its turn; the first is the system's own."""
    return max(os.sched_getaffinity(0))


def rounds(workers: dict[str, Worker], count: int, seconds: float) -> dict[str, list[float]]:
    """Return each worker's rates, one a round, in which all take their turn; the first round warms up."""
    rates: dict[str, list[float]] = {name: [] for name in workers}
    for number in range(count + 1):
        for name, worker in workers.items():
            rate = worker.run(seconds).rate
            if number > 0:
                rates[name].append(rate)
    return rates


def take(loop: Loop, seconds: float, units: float) -> Slice:
    """Take steps of the loop until one of the two is reached, or its end."""
    done, spent, started = 0, 0.0, time.process_time()
    while done < units and spent < seconds:
        try:
            done += next(loop)
        except StopIteration as end:
            return Slice(done, spent, ended=True, score=end.value)  # the time of scoring is not counted
        spent = time.process_time() - started
    return Slice(done, spent, ended=False, score=None)


def main() -> None:
    orders = (json.loads(line) for line in sys.stdin)
    first = next(orders)
    os.sched_setaffinity(0, {first["core"]})
    environment.pin()
    from benchmarks.loops import LOOPS  # torch comes with it, and must find the environment pinned

    loop = LOOPS[first["loop"]](**first["settings"])
    for order in orders:
        answer = take(loop, order["seconds"], order["units"])
        print(json.dumps(vars(answer)), flush=True)


if __name__ == "__main__":
    main()
