"""The whole of params.yaml as one object: what exists, what is selected, and that it fits together."""

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from unroll.comparison.spec import Comparison
from unroll.corpus import Corpus
from unroll.distillation.spec import Ensemble
from unroll.environment import Device
from unroll.failures import Refusal
from unroll.floor.spec import Floor
from unroll.ladder.spec import Ladders
from unroll.lexicon.vectors import VectorsSource
from unroll.misfits import misfits
from unroll.networks.spec import Network
from unroll.params import Faulty, Name, Params, Selection, Strict, Suite, parse
from unroll.reference.spec import Presets
from unroll.search.spec import Search
from unroll.training.loop import Training
from unroll.tutoring.spec import Tutor


class Resources(Strict):
    """What one stage takes of a machine of a cluster."""

    cpus: Annotated[float, Field(gt=0, le=1024)] = 1
    gpus: Annotated[float, Field(ge=0, le=64)] = 0
    """Or a share of one."""


Stage = Literal["train", "ensemble", "distil", "evaluate", "evaluate_taught", "floor", "compare"]
"""One that runs elsewhere."""
ON_GPU = {"train", "distil", "evaluate", "evaluate_taught"}
Option = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.,:/@%+=-]+$")]
"""A value that may stand in a line of its own of a script for Slurm."""


class Machine(Strict):
    """How much runs at once, and where; never part of a result."""

    runs_per_gpu: Annotated[int, Field(ge=1, le=64)]
    stages: Annotated[dict[Stage, Resources], Field(default_factory=dict)]
    sbatch: Annotated[dict[Name, Option | int], Field(default_factory=dict)]
    """What Slurm is told beside: its own options by their names, with _ for -."""

    def at_once(self, gpus: int) -> int:
        """Return how many stages run together here; each keeps a core busy, on a GPU too."""
        cores = len(os.sched_getaffinity(0))
        return min(cores, gpus * self.runs_per_gpu) if gpus else cores

    def resources_of(self, kind: str, device: str) -> Resources:
        """Return what a stage of this kind takes; unless said, a GPU is shared as on this machine."""
        if kind in self.stages:
            return self.stages[kind]
        on_gpu = device == "cuda" and kind in ON_GPU
        return Resources(gpus=1 / self.runs_per_gpu if on_gpu else 0)


class Catalogue(Strict):
    """Each section by itself; `check` makes one whose sections also fit together."""

    select: Selection
    comparison: Comparison
    floor: Floor
    suites: dict[Name, Suite]
    reference: Presets
    ladder: Ladders = ()
    searches: Annotated[dict[Name, Search], Field(default_factory=dict)]
    corpora: dict[Name, Corpus]
    networks: dict[Name, Network]
    ensembles: dict[Name, Ensemble]
    tutors: Annotated[dict[Name, Tutor], Field(default_factory=dict)]
    vectors: dict[Name, VectorsSource]
    training: Training
    device: Device
    machine: Machine

    def list_of(self, network: str) -> str:
        """Return the list of `select` that a network may stand in."""
        return "networks" if self.networks[network].teacher is None else "taught"

    def compared(self, selection: Selection) -> tuple[str, ...]:
        """Return all that a selection's comparison has: its networks, and ensembles whose networks it has."""
        ensembles = [name for name, one in self.ensembles.items() if one.is_among(selection.networks)]
        return (*selection.all_networks, *ensembles)

    @property
    def made_of(self) -> dict[str, tuple[str, ...]]:
        """Return the networks of each ensemble, and of each student the ensemble that teaches it."""
        taught = {name: (one.teacher,) for name, one in self.networks.items() if one.teacher is not None}
        return taught | {name: one.networks for name, one in self.ensembles.items()}


def load(path: Path = Path("params.yaml")) -> Catalogue:
    """Read and check all of params.yaml.

    Raises:
        Refusal: names every fault by its key's full path and its line.
    """
    params = Params(path)
    if params.document is None:
        raise Refusal(f"{path} is empty: git checkout {path} brings back the one that was committed last")
    return check(params.document, path, params.text)


def check(document: object, path: Path, text: str | None = None) -> Catalogue:
    """Check all of a params.yaml that has been read.

    Raises:
        Refusal: names every fault by its key's full path, and by its line in `text`.
    """
    sections = parse(document, dict[str, Any], "", path, text)
    whole, faults = None, []
    try:
        whole = parse(sections, Catalogue, "", path)
    except Faulty as faulty:
        faults = faulty.faults
    faults += misfits(sections)
    if whole is None or faults:
        raise Faulty(path, faults, text)
    return whole
