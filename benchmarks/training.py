"""How fast networks train on one core: ours against a notebook's loops, and as a share of the limit."""

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product

from benchmarks import ROOT, machine
from benchmarks.corpora import Located
from benchmarks.measurement import Row, Target, compared
from benchmarks.worker import Worker, rounds
from unroll import catalogue
from unroll.evaluation import operations
from unroll.evaluation.cost import FORWARD_AND_BACKWARD
from unroll.params import parse

SECTION = "training"
CORPORA = ("tweets", "sst5")
CELLS = ("elman", "lstm", "gru")
PRECISIONS: dict[str, dict] = {"float32": {}, "bfloat16": {"precision": "bfloat16"}}
"""The lines of a network that switch each on."""


@dataclass(frozen=True)
class Size:
    embedding: int
    hidden: int
    faster: dict[str, dict[str, float]]
    """For each precision and cell, how many times the notebook's loop ours is to reach."""
    share: float | None
    """How much of the float32 limit ours is to reach in float32."""

    def __str__(self) -> str:
        return f"E={self.embedding} H={self.hidden}"


SIZES = (
    Size(
        300,
        150,
        {"float32": {"elman": 3.5, "lstm": 2.5, "gru": 3.5}, "bfloat16": dict.fromkeys(CELLS, 5.0)},
        share=0.6,
    ),
    Size(64, 32, {"float32": dict.fromkeys(CELLS, 5.0)}, share=None),
)


@dataclass(frozen=True)
class Case:
    corpus: Located
    cell: str
    bidirectional: bool
    size: Size

    def __str__(self) -> str:
        directions = "two directions" if self.bidirectional else "one direction"
        return f"{self.corpus.name}, {self.cell}, {directions}, {self.size}"

    @property
    def network(self) -> dict:
        """Return the network's lines as params.yaml would have them."""
        return {
            "cell": self.cell,
            "bidirectional": self.bidirectional,
            "hidden": self.size.hidden,
            "pooling": "max",
            "embedding": {"size": self.size.embedding, "scale": 0.1},
        }

    def loops(self) -> dict[str, Worker]:
        made = {precision: Worker("ours", self._ours(lines)) for precision, lines in PRECISIONS.items()}
        made["layer"] = Worker("ours", self._ours({"implementation": "library"}))
        for name, packed in (("padded", False), ("packed", True)):
            settings = self.corpus.settings | {
                "cell": self.cell,
                "bidirectional": self.bidirectional,
                "size": self.size.embedding,
                "hidden": self.size.hidden,
                "packed": packed,
            }
            made[name] = Worker("tutorial", settings)
        return made

    def _ours(self, lines: dict) -> dict:
        return self.corpus.settings | {"network": self.network | lines, "rules": {}}

    def operations_a_token(self) -> int:
        """Return those of a training step: forward, and backward twice as many."""
        path = ROOT / "params.yaml"
        network = parse(self.network, catalogue.Network, "network", path)
        return FORWARD_AND_BACKWARD * operations.operations(network, scores=1).token


def rows(
    corpora: Iterable[Located], count: int, seconds: float, sizes: Iterable[Size] = SIZES
) -> Iterable[Row]:
    """Yield the rows of each case, measured in `count` rounds of so many seconds a loop."""
    with ExitStack() as held:
        limits = machine.limits(held)
        for size, corpus, cell, bidirectional in product(sizes, corpora, CELLS, (False, True)):
            case = Case(corpus, cell, bidirectional, size)
            with ExitStack() as open_:
                loops = {name: open_.enter_context(worker) for name, worker in case.loops().items()}
                rates = rounds(loops | limits, count, seconds)
            yield from of_case(case, rates)


def of_case(case: Case, rates: dict[str, list[float]]) -> list[Row]:
    """Return the rows of one case from what each of its loops reached in each round."""
    unit, found = "tokens/s", []
    named = {
        "padded": "the notebook's loop",
        "packed": "the packed loop",
        "layer": "torch's layer in our loop",
    }
    own = [precision for precision in PRECISIONS if precision in rates]
    for precision in own:
        bounds = case.size.faster.get(precision, {})
        for other, words in named.items():
            target = Target(bounds[case.cell]) if other == "padded" and case.cell in bounds else None
            metric = f"{precision} against {words}"
            found.append(compared(SECTION, str(case), metric, unit, rates[precision], rates[other], target))
    needed = case.operations_a_token()
    for precision in own:
        reached = [rate * needed / 1e9 for rate in rates[precision]]
        for dtype in dict.fromkeys(("float32", precision)):
            most = [rate / 1e9 for rate in rates[machine.limit(dtype)]]
            target = Target(case.size.share) if precision == "float32" and case.size.share else None
            metric = f"{precision} share of the {dtype} limit"
            found.append(compared(SECTION, str(case), metric, "GFLOP/s", reached, most, target))
    return found
