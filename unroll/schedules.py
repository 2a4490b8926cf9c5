"""How the learning rate changes over a training run: factors of the rate that params.yaml names.

Each is a pure function of the share of all steps that is done, so that a run which continues needs
no state of it.
"""

import math
from collections.abc import Callable

START, END = 1 / 25, 1 / 250_000
"""Of a one-cycle run, as multiples of its highest rate; torch's own defaults."""


def _constant(done: float, warm_up: float) -> float:
    return 1.0


def _cosine(done: float, warm_up: float) -> float:
    """Down to nothing (Loshchilov and Hutter 2017)."""
    return _bend(1.0, 0.0, (done - warm_up) / (1 - warm_up))


def _one_cycle(done: float, warm_up: float) -> float:
    """Up and further down (Smith and Topin 2018)."""
    if done < warm_up:
        return _bend(START, 1.0, done / warm_up)
    return _bend(1.0, END, (done - warm_up) / (1 - warm_up))


def _bend(start: float, end: float, share: float) -> float:
    """Half a cosine from `start` to `end`."""
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


SCHEDULES: dict[str, Callable[[float, float], float]] = {
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
    return SCHEDULES[schedule](step / max(steps - 1, 1), warm_up)
