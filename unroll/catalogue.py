"""The whole of params.yaml as one object: what exists, what is selected, and that it fits together."""

import json
from collections.abc import Iterator
from itertools import chain, product
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from unroll.comparison_spec import Comparison, Published
from unroll.environment import Device
from unroll.failures import Refusal
from unroll.networks import Network
from unroll.params import Name, Params, Seed, Selection, Strict, Suite, parse
from unroll.reference import Presets
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
    misfits = list(_Together(sections).misfits())
    if whole is None or misfits:
        raise Refusal("\n  ".join([refusal, *misfits]))
    return whole


LISTS = {"corpora": Name, "networks": Name, "seeds": Seed}
"""The lists of a selection, and what each holds."""


class _Together:
    """The sections held against each other, although any part of them may be at fault by itself.

    Such a part has been refused already. It is passed over here, lest one mistake be named twice.
    """

    def __init__(self, sections: dict[str, Any]) -> None:
        self.sections = sections
        self.training: Training | None = _sound(sections.get("training"), Training)
        places = {"select": sections.get("select")}
        for name, suite in self._section("suites").items():
            parts = enumerate(suite) if isinstance(suite, list) else ()
            places |= {f"suites.{name}": suite} | {f"suites.{name}.{index}": part for index, part in parts}
        self.selections = {
            place: {kind: _all_sound(_mapping(selection).get(kind), of) for kind, of in LISTS.items()}
            for place, selection in places.items()
        }

    def misfits(self) -> Iterator[str]:
        yield from self._unknown_names()
        yield from self._entries_twice()
        yield from self._bad_overrides()
        yield from self._bad_pairs()

    def _unknown_names(self) -> Iterator[str]:
        for place, selection in self.selections.items():
            for kind in ("corpora", "networks"):
                yield from self._unknown(f"{place}.{kind}", selection[kind], kind)
        for name, network in self._section("networks").items():
            vectors = _mapping(_mapping(network).get("embedding")).get("vectors")
            yield from self._unknown(f"networks.{name}.embedding.vectors", vectors, "vectors")
        for name, preset in self._section("reference").items():
            preset = _mapping(preset)
            yield from self._unknown(f"reference.{name}", [name], "networks")
            yield from self._unknown(f"reference.{name}.corpus", [preset.get("corpus")], "corpora")
            yield from self._unknown(f"reference.{name}.ours", [preset.get("ours")], "networks")

    def _unknown(self, place: str, names: object, kind: str) -> Iterator[str]:
        known = self.sections.get(kind)
        if isinstance(known, dict):
            for name in dict.fromkeys(_all_sound(names, Name)):
                if name not in known:
                    yield f"{place}: {name} is not among {', '.join(known) or 'nothing'}"

    def _entries_twice(self) -> Iterator[str]:
        for place, selection in self.selections.items():
            for kind, entries in selection.items():
                if len(set(entries)) < len(entries):
                    yield f"{place}.{kind}: an entry stands twice"

    def _bad_overrides(self) -> Iterator[str]:
        for kind in ("corpora", "networks"):
            for name, entry in self._section(kind).items():
                for fault in self._faults(_mapping(_mapping(entry).get("training"))):
                    yield f"{kind}.{name}.training.{fault}"

    def _bad_pairs(self) -> Iterator[str]:
        defaults = self._section("training")
        for place, corpus, network in self._pairs():
            overrides = corpus.training, network.training
            if not any(any(self._faults(override)) for override in overrides):
                for fault in self._faults(*overrides):
                    yield f"{place}: training.{fault}"
            supervision = (defaults | corpus.training | network.training).get("supervision")
            if supervision == "phrases" and getattr(corpus.source, "form", "rows") != "trees":
                yield f"{place}: supervision is phrases, but it has no trees"

    def _pairs(self) -> Iterator[tuple[str, Corpus, Network]]:
        """Yield every corpus and network that a selection puts together, where both are sound."""
        corpora, networks = (
            {name: sound for name, entry in self._section(section).items() if (sound := _sound(entry, kind))}
            for section, kind in (("corpora", Corpus), ("networks", Network))
        )
        named = (
            product(selection["corpora"], selection["networks"]) for selection in self.selections.values()
        )
        for corpus, network in dict.fromkeys(chain.from_iterable(named)):
            if corpus in corpora and network in networks:
                yield f"corpora.{corpus} with networks.{network}", corpora[corpus], networks[network]

    def _section(self, key: str) -> dict[str, Any]:
        return _mapping(self.sections.get(key))

    def _faults(self, *overrides: dict[str, Any]) -> Iterator[str]:
        """Yield the faults of the overrides laid over the defaults, where these have none of their own."""
        if self.training is None:
            return
        try:
            merge(self.training, *overrides)
        except ValidationError as error:
            for fault in error.errors():
                key = ".".join(map(str, fault["loc"]))
                given = "" if fault["type"] == "contradiction" else f" (given: {fault['input']!r})"
                yield f"{key}: {fault['msg']}{given}"


def _sound(value: object, kind: Any) -> Any:
    """Return `value` as a `kind`, or None where it is none."""
    try:
        return TypeAdapter(kind).validate_json(json.dumps(value))
    except ValidationError:
        return None


def _all_sound(values: object, kind: Any) -> list[Any]:
    sound = [_sound(value, kind) for value in values] if isinstance(values, list) else []
    return [value for value in sound if value is not None]


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
