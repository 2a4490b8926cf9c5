"""What an exported network costs: bytes, texts a second on one core, one text, and how far it is off."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import ROOT
from benchmarks.corpora import Located
from benchmarks.measurement import Row, Target, compared, measured, said
from benchmarks.prediction import BATCH, NETWORKS, chunks_of, save_first_weights
from benchmarks.slices import Loop
from benchmarks.worker import Worker, rounds
from unroll import catalogue, environment
from unroll.export.bounds import BOUNDS, Kind

if TYPE_CHECKING:
    from unroll.export.folder import Trained

SECTION = "export"
FIGURES = {
    ("float32", "safetensors"): ("weights.safetensors", "MB", None),
    ("float32", "onnx"): ("model.onnx", "MB", None),
    ("int8", "onnx"): ("model.onnx in int8", "MB", None),
    ("float32", "largest_difference"): (
        "largest difference of a probability",
        "",
        Target(BOUNDS["float32"], at_most=True),
    ),
    ("int8", "largest_difference"): ("the same in int8", "", Target(BOUNDS["int8"], at_most=True)),
    ("int8", "changed_share"): ("labels that int8 changes", "% of texts", None),
}
"""Of a trained network, by its exported weights: what each is called, its unit and its target."""
RATES = {
    "reader": ("prediction", {"form": "encoded"}),
    "layer": ("prediction", {"form": "layer"}),
    "float32": ("exported", {"weights": "float32", "at_once": BATCH}),
    "int8": ("exported", {"weights": "int8", "at_once": BATCH}),
    "one by the reader": ("prediction", {"form": "one"}),
    "one": ("exported", {"weights": "float32", "at_once": 1}),
}
"""Each loop that is timed: who runs it, and how."""


def exported(data: str, corpus: str, network: str, weights: Kind, at_once: int) -> Loop:
    """Read the test split over and over with what is exported of first weights, some texts at once.

    Many are encoded already; one is cut as the corpus is.
    """
    from unroll.export import folder
    from unroll.export.runtime import Runtime

    with tempfile.TemporaryDirectory() as scratch:
        model = Path(scratch) / "model"
        model.mkdir()
        trained = _trained(model, data, corpus, network)
        save_first_weights(model, trained.vocabulary, corpus, network)
        folder.write(trained, Path(scratch) / "out", weights)
        runtime = Runtime.load(Path(scratch) / "out")
    read, parts = runtime.predict, chunks_of(data, corpus, at_once)
    if at_once > 1:
        read, parts = runtime.probabilities, [runtime.encode(texts) for texts in parts]

    def repeat() -> Iterator[int]:
        for part in cycle(parts):
            read(part)
            yield len(part)

    return repeat()


def agreement(data: str, corpus: str, network: str, weights: Kind, figure: str) -> Loop:
    """Export each trained network; the score is the largest that one of FIGURES is.

    None where no network has been trained.
    """
    from unroll.export import folder

    environment.prepare_torch("cpu", "highest")
    found = []
    for model in sorted((Path(data) / "models" / corpus / network).glob("*")):
        with tempfile.TemporaryDirectory() as scratch:
            agreed = folder.write(_trained(model, data, corpus, network), Path(scratch) / "out", weights)
            figures = {
                "safetensors": _megabytes(model / "weights.safetensors"),
                "onnx": _megabytes(Path(scratch) / "out/model.onnx"),
                "largest_difference": agreed.largest_difference,
                "changed_share": 100 * agreed.changed_labels / agreed.texts,
            }
        found.append(figures[figure])
        yield agreed.texts
    return max(found, default=None)


def _megabytes(path: Path) -> float:
    return path.stat().st_size / 1e6


def _trained(model: Path, data: str, corpus: str, network: str) -> "Trained":
    from unroll.export.folder import Trained

    encoded = Path(data) / "data/vocabulary" / corpus
    rules = catalogue.load(ROOT / "params.yaml").corpora[corpus].text
    return Trained(corpus, network, {1: model}, encoded / "vocabulary.txt", rules, None, encoded / "test")


def rows(corpus: Located, count: int, seconds: float, networks: Iterable[str] = NETWORKS) -> Iterable[Row]:
    """Yield the rows of each network, measured in `count` rounds of so many seconds a loop."""
    if find_spec("onnx") is None or find_spec("onnxruntime") is None:
        yield said(SECTION, "", "not measured", "onnx is not installed: make services")
        return
    for network in networks:
        settings = corpus.settings | {"network": network}
        with ExitStack() as held:
            loops = {
                name: held.enter_context(Worker(loop, settings | more))
                for name, (loop, more) in RATES.items()
            }
            rates = rounds(loops, count, seconds)
        figures = {
            (weights, figure): _score(settings | {"weights": weights, "figure": figure})
            for weights, figure in FIGURES
        }
        yield from of_network(f"{corpus.name}, {network}", rates, figures)


def _score(settings: dict) -> float | None:
    with Worker("agreement", settings) as reading:
        return reading.run().score


def of_network(
    case: str, rates: dict[str, Sequence[float]], figures: dict[tuple[str, str], float | None]
) -> list[Row]:
    """Return the rows of one network; its sizes and how far it is off only where it has been trained."""
    milliseconds = {name: [1000 / rate for rate in rates[name]] for name in ("one", "one by the reader")}
    return [
        compared(SECTION, case, "ONNX against our reader", "texts/s", rates["float32"], rates["reader"]),
        compared(SECTION, case, "ONNX against torch's layer", "texts/s", rates["float32"], rates["layer"]),
        compared(SECTION, case, "int8 against float32", "texts/s", rates["int8"], rates["float32"]),
        compared(SECTION, case, "one text, ONNX against our reader", "ms", *milliseconds.values()),
        *(
            measured(SECTION, case, words, unit, [figures[key]], target)
            for key, (words, unit, target) in FIGURES.items()
            if figures[key] is not None
        ),
    ]
