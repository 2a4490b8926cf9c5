"""Work that is measured a slice at a time."""

import time
from collections.abc import Generator
from dataclasses import dataclass

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
