"""The whole of params.yaml as one object: what exists, what is selected, and that it fits together."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from unroll.comparison.spec import Comparison
from unroll.corpus import Corpus
from unroll.environment import Device
from unroll.failures import Refusal
from unroll.lexicon.vectors import VectorsSource
from unroll.misfits import misfits
from unroll.networks.spec import Network
from unroll.params import Name, Params, Selection, Strict, Suite, parse
from unroll.reference.spec import Presets
from unroll.training.loop import Training


class Machine(Strict):
    """How much runs at once; never part of a result."""

    runs_per_gpu: Annotated[int, Field(ge=1)]


class Catalogue(Strict):
    """Each section by itself; `check` makes one whose sections also fit together."""

    select: Selection
    comparison: Comparison
    suites: dict[Name, Suite]
    reference: Presets
    corpora: dict[Name, Corpus]
    networks: dict[Name, Network]
    vectors: dict[Name, VectorsSource]
    training: Training
    device: Device
    machine: Machine


def load(path: Path = Path("params.yaml")) -> Catalogue:
    """Read and check all of params.yaml.

    Raises:
        Refusal: names every fault by its key's full path.
    """
    return check(Params(path).document, path)


def check(document: object, path: Path) -> Catalogue:
    """Check all of a params.yaml that has been read.

    Raises:
        Refusal: names every fault by its key's full path.
    """
    sections = parse(document, dict[str, Any], "", path)
    whole, refusal = None, f"{path} is refused:"
    try:
        whole = parse(sections, Catalogue, "", path)
    except Refusal as faulty:
        refusal = str(faulty)
    together = list(misfits(sections))
    if whole is None or together:
        raise Refusal("\n  ".join([refusal, *together]))
    return whole
