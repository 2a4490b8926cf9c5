"""Processes that stay, each with a loop to run a slice at a time on one core: pairs can be interleaved."""

import json
import os
import subprocess
import sys
from types import TracebackType

from benchmarks import ROOT
from benchmarks.slices import Slice


class Worker:
    """A process with one loop; it has taken no step of it until it is asked to."""

    def __init__(self, loop: str, settings: dict) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.process"],
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
