"""The sections of params.yaml held against each other: names that exist nowhere, overrides that clash."""

import json
from collections.abc import Iterator
from itertools import chain, product
from typing import Any

from pydantic import TypeAdapter, ValidationError

from unroll.corpus import Corpus
from unroll.networks.spec import Network
from unroll.params import Name, Seed
from unroll.training.loop import Training, merge

LISTS = {"corpora": Name, "networks": Name, "seeds": Seed}
"""The lists of a selection, and what each holds."""


def misfits(sections: dict[str, Any]) -> Iterator[str]:
    """Yield each fault, after its key's full path, that no section shows by itself."""
    together = _Together(sections)
    yield from together.unknown_names()
    yield from together.entries_twice()
    yield from together.bad_overrides()
    yield from together.bad_pairs()


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

    def unknown_names(self) -> Iterator[str]:
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

    def entries_twice(self) -> Iterator[str]:
        for place, selection in self.selections.items():
            for kind, entries in selection.items():
                if len(set(entries)) < len(entries):
                    yield f"{place}.{kind}: an entry stands twice"

    def bad_overrides(self) -> Iterator[str]:
        for kind in ("corpora", "networks"):
            for name, entry in self._section(kind).items():
                for fault in self._faults(_mapping(_mapping(entry).get("training"))):
                    yield f"{kind}.{name}.training.{fault}"

    def bad_pairs(self) -> Iterator[str]:
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
