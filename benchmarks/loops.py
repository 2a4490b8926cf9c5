"""Every loop that a worker can run, by its name."""

from collections.abc import Callable

from benchmarks.limit import products
from benchmarks.ours import ours
from benchmarks.prediction import prediction, rounding
from benchmarks.reference_loops import reference
from benchmarks.tutorial import tutorial
from benchmarks.worker import Loop

LOOPS: dict[str, Callable[..., Loop]] = {
    "products": products,
    "ours": ours,
    "tutorial": tutorial,
    "reference": reference,
    "prediction": prediction,
    "rounding": rounding,
}
