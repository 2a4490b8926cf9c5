"""How the learning rate changes over a training run: factors of the rate that params.yaml names.

Each is a pure function of the step and of how many there are, so that a run which continues needs no
state of it. They count as torch's schedulers do.
"""

import math
from collections.abc import Callable

START, END = 1 / 25, 1 / 250_000
"""Of a one-cycle run, as multiples of its highest rate; torch's own defaults."""


def _constant(step: int, steps: int, warm_up: float) -> float:
    return 1.0


def _cosine(step: int, steps: int, warm_up: float) -> float:
    """Down to nothing, which the step after the last would have (Loshchilov and Hutter 2017)."""
    return _bend(1.0, 0.0, (step / steps - warm_up) / (1 - warm_up))


def _one_cycle(step: int, steps: int, warm_up: float) -> float:
    """Up and further down (Smith and Topin 2018)."""
    top, last = warm_up * steps - 1, steps - 1
    if step < top:
        return _bend(START, 1.0, step / top)
    return _bend(1.0, END, (step - top) / (last - top))


def _bend(start: float, end: float, share: float) -> float:
    """Half a cosine from `start` to `end`."""
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


SCHEDULES: dict[str, Callable[[int, int, float], float]] = {
    "constant": _constant,
    "cosine": _cosine,
    "one_cycle": _one_cycle,
}


def factor(schedule: str, warm_up: float, step: int, steps: int) -> float:
    """Return what to multiply the learning rate with at `step` of 0 .. steps - 1.

    `warm_up` is the share of all steps over which the rate climbs: linearly, or along the cycle.
    """
    if schedule != "one_cycle" and step < warm_up * steps:
        return (step + 1) / (warm_up * steps + 1)
    return SCHEDULES[schedule](step, steps, warm_up)
