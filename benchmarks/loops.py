"""Every loop that a worker can run, by its name."""

from collections.abc import Callable

from benchmarks.export import agreement, exported
from benchmarks.limit import products
from benchmarks.ours import ours
from benchmarks.prediction import prediction, rounding
from benchmarks.reference_loops import reference
from benchmarks.slices import Loop
from benchmarks.tutorial import tutorial

LOOPS: dict[str, Callable[..., Loop]] = {
    "products": products,
    "ours": ours,
    "tutorial": tutorial,
    "reference": reference,
    "prediction": prediction,
    "rounding": rounding,
    "exported": exported,
    "agreement": agreement,
}
