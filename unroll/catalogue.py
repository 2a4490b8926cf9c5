"""The whole of params.yaml as one object: what exists, what is selected, and that it fits together."""

from collections.abc import Iterator
from itertools import chain, product
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator

from unroll.comparison import Published
from unroll.environment import Device
from unroll.networks import Network
from unroll.params import Name, Params, Selection, Strict, Suite
from unroll.reference import Presets, needed
from unroll.sources import Source
from unroll.tasks import Headline
from unroll.text import TextRules
from unroll.training import Training, merge
from unroll.vectors import VectorsSource
from unroll.vocabulary import VocabularyRules


class Corpus(Strict):
    title: str
    source: Source
    labels: Annotated[tuple[str, ...], Field(min_length=2)]
    relabel: tuple[int | None, ...] | None
    """The class of each of the source's labels 0, 1, ...; null leaves the row out."""
    headline: Headline
    text: TextRules
    vocabulary: VocabularyRules
    training: dict[str, Any]
    published: tuple[Published, ...]

    @model_validator(mode="after")
    def _classes_exist(self) -> "Corpus":
        if len(set(self.labels)) < len(self.labels):
            raise ValueError("labels: a name stands twice")
        for source_label, label in enumerate(self.relabel or ()):
            if label is not None and not 0 <= label < len(self.labels):
                raise ValueError(f"relabel[{source_label}] is {label}: labels has {len(self.labels)} entries")
        return self


class Machine(Strict):
    """How much runs at once; never part of a result."""

    runs_per_gpu: Annotated[int, Field(ge=1)]


class Catalogue(Strict):
    select: Selection
    suites: dict[Name, Suite]
    reference: Presets
    corpora: dict[Name, Corpus]
    networks: dict[Name, Network]
    vectors: dict[Name, VectorsSource]
    training: Training
    device: Device
    machine: Machine

    @model_validator(mode="after")
    def _fits_together(self) -> "Catalogue":
        faults = [*self._unknown_names(), *self._bad_overrides(), *self._without_phrases()]
        if faults:
            raise ValueError("\n  ".join(faults))
        return self

    def _unknown_names(self) -> Iterator[str]:
        selections = {"select": self.select}
        for name, parts in self.suites.items():
            places = [f"suites.{name}.{index}" for index in range(len(parts))]
            selections |= zip(places if len(parts) > 1 else [f"suites.{name}"], parts, strict=True)
        for place, selection in selections.items():
            for kind, known in (("corpora", self.corpora), ("networks", self.networks)):
                for name in getattr(selection, kind):
                    if name not in known:
                        yield f"{place}.{kind}: {name} is not among {', '.join(known)}"
            for kind in ("corpora", "networks", "seeds"):
                names = getattr(selection, kind)
                if len(set(names)) < len(names):
                    yield f"{place}.{kind}: an entry stands twice"
        for place, network in self.networks.items():
            for name in network.embedding.vectors:
                if name not in self.vectors:
                    known = ", ".join(self.vectors) or "nothing"
                    yield f"networks.{place}.embedding.vectors: {name} is not among {known}"
        for corpus, network in sorted(needed(self.reference)):
            for name, kind, known in (
                (corpus, "corpora", self.corpora),
                (network, "networks", self.networks),
            ):
                if name not in known:
                    yield f"reference: {name} is not among {kind}: {', '.join(known)}"

    def _bad_overrides(self) -> Iterator[str]:
        owners = {f"corpora.{name}": corpus.training for name, corpus in self.corpora.items()}
        owners |= {f"networks.{name}": network.training for name, network in self.networks.items()}
        bad = set()
        for place, override in owners.items():
            for fault in self._faults(override):
                bad.add(place)
                yield f"{place}.training.{fault}"
        for corpus, network in self._pairs():
            places = (f"corpora.{corpus}", f"networks.{network}")
            if bad.isdisjoint(places):
                for fault in self._faults(*(owners[place] for place in places)):
                    yield f"{' with '.join(places)}: training.{fault}"

    def _faults(self, *overrides: dict[str, Any]) -> Iterator[str]:
        try:
            merge(self.training, *overrides)
        except ValidationError as error:
            for fault in error.errors():
                key = ".".join(map(str, fault["loc"]))
                given = "" if fault["type"] == "contradiction" else f" (given: {fault['input']!r})"
                yield f"{key}: {fault['msg']}{given}"

    def _without_phrases(self) -> Iterator[str]:
        for corpus, network in self._pairs():
            source = self.corpora[corpus].source
            overrides = self.corpora[corpus].training, self.networks[network].training
            supervision = self.training.model_dump() | overrides[0] | overrides[1]
            if supervision["supervision"] == "phrases" and getattr(source, "form", "rows") != "trees":
                yield f"corpora.{corpus} with networks.{network}: supervision is phrases, but it has no trees"

    def _pairs(self) -> Iterator[tuple[str, str]]:
        """Yield every (corpus, network) that a selection names and that exists."""
        pairs: dict[tuple[str, str], None] = {}
        for selection in chain([self.select], *self.suites.values()):
            pairs |= dict.fromkeys(product(selection.corpora, selection.networks))
        return (pair for pair in pairs if pair[0] in self.corpora and pair[1] in self.networks)


def load(path: Path = Path("params.yaml")) -> Catalogue:
    """Read and check all of params.yaml.

    Raises:
        Refusal: names every fault by its key's full path.
    """
    return Params(path).get("", Catalogue)
