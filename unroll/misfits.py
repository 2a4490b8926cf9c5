"""The sections of params.yaml held against each other: names that exist nowhere, overrides that clash."""

import json
from collections import Counter
from collections.abc import Iterator
from difflib import get_close_matches
from itertools import chain, product
from typing import Any

from pydantic import ValidationError

from unroll.corpus import Corpus
from unroll.distillation.misfits import Lessons
from unroll.distillation.spec import Ensemble
from unroll.floor import NAME, SYSTEM
from unroll.networks.spec import Network
from unroll.params import Fault, Name, Seed, adapter, fault_at, plain, said
from unroll.search.space import Start, clashes
from unroll.search.spec import Search
from unroll.training.loop import Training, merge
from unroll.tutoring.spec import Tutor

MOST_TOLD = 12
"""Names that a refusal lists."""
LISTS = {"corpora": Name, "networks": Name, "seeds": Seed, "taught": Name}
"""The lists of a selection, and what each holds."""


def misfits(sections: dict[str, Any]) -> Iterator[Fault]:
    """Yield each fault that no section shows by itself."""
    together = _Together(sections)
    yield from together.unknown_names()
    yield from together.taken_names()
    yield from together.entries_twice()
    yield from together.bad_overrides()
    yield from together.bad_texts()
    yield from together.bad_pairs()
    yield from together.bad_tutors()
    yield from together.bad_ladders()
    yield from together.bad_searches()
    yield from together.bad_lessons()


class _Together:
    """The sections held against each other, although any part of them may be at fault by itself.

    Such a part has been refused already. It is passed over here, lest one mistake be named twice.
    """

    def __init__(self, sections: dict[str, Any]) -> None:
        self.sections = sections
        self.training: Training | None = _sound(sections.get("training"), Training)
        places: dict[tuple[str, ...], Any] = {("select",): sections.get("select")}
        for name, suite in self._section("suites").items():
            parts = enumerate(suite) if isinstance(suite, list) else ()
            places[("suites", name)] = suite
            places |= {("suites", name, str(index)): part for index, part in parts}
        self.selections = {
            place: {kind: _all_sound(_mapping(selection).get(kind), of) for kind, of in LISTS.items()}
            for place, selection in places.items()
        }

    def unknown_names(self) -> Iterator[Fault]:
        for place, selection in self.selections.items():
            for kind in ("corpora", "networks"):
                yield from self._unknown((*place, kind), selection[kind], kind)
            yield from self._unknown((*place, "taught"), selection["taught"], "networks")
        for name, network in self._section("networks").items():
            vectors = _mapping(_mapping(network).get("embedding")).get("vectors")
            yield from self._unknown(("networks", name, "embedding", "vectors"), vectors, "vectors")
            yield from self._unknown(
                ("networks", name, "teacher"), [_mapping(network).get("teacher")], "ensembles"
            )
            tutor = [_mapping(network).get("tutor")]
            yield from self._unknown(("networks", name, "tutor"), tutor, "tutors")
        for name, tutor in self._section("tutors").items():
            place, encoder = ("tutors", name, "encoder"), _mapping(tutor).get("encoder")
            yield from self._unknown(place, [encoder], "vectors")
            kind = _mapping(self._section("vectors").get(str(encoder))).get("kind", "encoder")
            if kind != "encoder":
                yield fault_at(place, f"{encoder} is of kind {kind}: name one of kind encoder")
        for name, ensemble in self._section("ensembles").items():
            members = _mapping(ensemble).get("networks")
            yield from self._unknown(("ensembles", name, "networks"), members, "networks")
        for name, preset in self._section("reference").items():
            preset = _mapping(preset)
            yield from self._unknown(("reference", name), [name], "networks")
            yield from self._unknown(("reference", name, "corpus"), [preset.get("corpus")], "corpora")
            yield from self._unknown(("reference", name, "ours"), [preset.get("ours")], "networks")
        for name, search in self._section("searches").items():
            search = _mapping(search)
            yield from self._unknown(("searches", name, "corpus"), [search.get("corpus")], "corpora")
            yield from self._unknown(("searches", name, "network"), [search.get("network")], "networks")

    def _unknown(self, place: tuple[str, ...], names: object, kind: str) -> Iterator[Fault]:
        known = self.sections.get(kind)
        if isinstance(known, dict):
            for name in dict.fromkeys(_all_sound(names, Name)):
                if name not in known:
                    yield fault_at(place, f"{name} is not among {_some(_all_sound(list(known), Name), name)}")

    def taken_names(self) -> Iterator[Fault]:
        for kind in ("networks", "ensembles"):
            if NAME in self._section(kind):
                yield fault_at((kind, NAME), f"so the floor is called ({SYSTEM}): choose another name")
        for name in _all_sound(list(self._section("ensembles")), Name):
            if name in self._section("networks"):
                yield fault_at(("ensembles", name), "so a network is called: choose another name")

    def entries_twice(self) -> Iterator[Fault]:
        for place, selection in self.selections.items():
            for kind, entries in selection.items():
                if len(set(entries)) < len(entries):
                    yield fault_at((*place, kind), "an entry stands twice")

    def bad_overrides(self) -> Iterator[Fault]:
        for kind in ("corpora", "networks", "tutors"):
            for name, entry in self._section(kind).items():
                for key, message in self._faults(_mapping(_mapping(entry).get("training"))):
                    yield fault_at((kind, name, "training", key), message)

    def bad_texts(self) -> Iterator[Fault]:
        """Yield corpora whose texts another cannot read: unknown ones, itself, and where one has trees."""
        corpora = self._all_of("corpora", Corpus)
        for name, entry in self._section("corpora").items():
            place = ("corpora", name, "pretraining_texts")
            others = _all_sound(_mapping(entry).get("pretraining_texts"), Name)
            yield from self._unknown(place, others, "corpora")
            if name in others:
                yield fault_at(place, f"{name} reads its own texts as it is: leave it out")
            if len(set(others)) < len(others):
                yield fault_at(place, "an entry stands twice")
            trees = [one for one in (name, *others) if one in corpora and corpora[one].has_trees]
            if others and trees:
                yield fault_at(place, f"{trees[0]} has trees, and trees are cut alone: leave it out")

    def bad_pairs(self) -> Iterator[Fault]:
        defaults = self._section("training")
        for name, corpus, network_name, network in self._pairs():
            place = f"corpora.{name} with networks.{network_name}"
            places = {
                **dict.fromkeys(corpus.training, ("corpora", name, "training")),
                **dict.fromkeys(network.training, ("networks", network_name, "training")),
            }
            overrides = corpus.training, network.training
            if not any(any(self._faults(override)) for override in overrides):
                for key, message in self._faults(*overrides):
                    above = places.get(key, ("networks", network_name, "training"))
                    yield Fault((*above, key), f"{place}: training.{plain(key)}: {message}")
            rules = defaults | corpus.training | network.training
            if rules.get("consistency") and not _is_chancy(network):
                keys = *places.get("consistency", ("training",)), "consistency"
                reason = "nothing in the network is left to chance: two readings of a row always agree"
                yield Fault(keys, f"{place}: consistency: {reason}; make it 0, or drop something")
            if corpus.has_trees:
                continue
            if rules.get("supervision") == "phrases":
                keys = *places.get("supervision", ("training",)), "supervision"
                yield Fault(keys, f"{place}: supervision is phrases, but it has no trees")
            # A network's own hold where there are trees; it may lift its corpus', but not replace them.
            first = (defaults | corpus.training).get("phrases_first")
            if first is not None and rules["phrases_first"] is not None:
                above = "corpora", name, "training"
                keys = *(above if "phrases_first" in corpus.training else ("training",)), "phrases_first"
                yield Fault(keys, f"{place}: phrases come first, but it has no trees")

    def bad_tutors(self) -> Iterator[Fault]:
        """Yield what a corpus and the tutor of a network that is to learn it say against each other."""
        tutors = self._all_of("tutors", Tutor)
        pairs = {(name, network.tutor): corpus for name, corpus, _, network in self._pairs()}
        for (name, tutor), corpus in pairs.items():
            overrides = corpus.training, tutors[tutor].training if tutor in tutors else {}
            if any(any(self._faults(override)) for override in overrides):
                continue
            for key, message in self._faults(*overrides):
                said_of = f"corpora.{name} with tutors.{tutor}: training.{plain(key)}: {message}"
                yield Fault(("tutors", tutor, "training", key), said_of)

    def bad_searches(self) -> Iterator[Fault]:
        """Yield each setting that would be refused once its trial has come."""
        corpora, networks = self._section("corpora"), self._section("networks")
        for name, entry in self._section("searches").items():
            search = _sound(entry, Search)
            corpus = search and _sound(corpora.get(search.corpus), Corpus)
            network = search and _sound(networks.get(search.network), Network)
            if not corpus or not network or self.training is None:
                continue
            if network.teacher is not None or network.tutor is not None:
                why = f"{search.network} learns from others, and a search has nobody to ask: name one without"
                yield fault_at(("searches", name, "network"), why)
                continue
            if any(any(self._faults(override)) for override in (corpus.training, network.training)):
                continue
            start = Start(networks[search.network], self.training, corpus.training, corpus.has_trees)
            begun = dict(start.faults({}))
            if "training.processes" in begun:
                why = f"{search.network}: training.processes: {begun['training.processes']}"
                yield fault_at(("searches", name, "network"), why)
            if not begun:  # all else that is wrong already is wrong with this pair
                for key, why in clashes(search.space, start):
                    yield fault_at(("searches", name, "space", key), why)

    def bad_ladders(self) -> Iterator[Fault]:
        ladders = self.sections.get("ladder")
        climbed: set[str] = set()
        for index, ladder in enumerate(ladders if isinstance(ladders, list) else ()):
            place = "ladder", str(index)
            corpora = _all_sound(_mapping(ladder).get("corpora"), Name)
            yield from self._unknown((*place, "corpora"), corpora, "corpora")
            for corpus, count in Counter(corpora).items():
                if count > 1 or corpus in climbed:
                    yield fault_at((*place, "corpora"), f"{corpus} stands twice: a corpus has one ladder")
            climbed.update(corpora)
            yield from self._bad_rungs((*place, "rungs"), _mapping(ladder).get("rungs"))

    def _bad_rungs(self, place: tuple[str, ...], rungs: object) -> Iterator[Fault]:
        below: list[str | None] = []  # None stands for a name that has been refused already
        for number, rung in enumerate(rungs if isinstance(rungs, list) else ()):
            keys = *place, str(number)
            kind = "ensemble" if _mapping(rung).get("network") is None else "network"
            name, over = (_sound(_mapping(rung).get(key), Name) for key in (kind, "over"))
            yield from self._unknown((*keys, kind), [name], f"{kind}s")
            if name is not None and name in below:
                yield fault_at((*keys, kind), f"{name} stands twice: {_a(kind)} is one rung")
            if over is not None and over not in below and None not in below:
                there = ", ".join(map(str, below)) or "nothing"
                yield fault_at((*keys, "over"), f"{over} is not among the rungs below: {there}")
            tasks = [self._task(one) for one in (name, *below[:1])]
            if None not in tasks and len(set(tasks)) > 1:
                learned = f"{name} learns {tasks[0]}, {below[0]} {tasks[1]}"
                yield fault_at((*keys, kind), f"{learned}: the rungs of a ladder are scored alike")
            below.append(name)

    def _task(self, name: str | None) -> str | None:
        if name in self._section("ensembles"):
            return "classification"
        network = _sound(self._section("networks").get(name), Network)
        return network and getattr(network, "task", "classification")

    def bad_lessons(self) -> Iterator[Fault]:
        corpora = self._all_of("corpora", Corpus)
        lessons = Lessons(
            networks=self._all_of("networks", Network),
            ensembles=self._all_of("ensembles", Ensemble),
            defaults=self._section("training"),
            corpora={name: corpus.training for name, corpus in corpora.items()},
        )
        of_selections = (lessons.bad_selection(*selected) for selected in self.selections.items())
        yield from dict.fromkeys(chain(lessons.bad_members(), *of_selections))

    def _pairs(self) -> Iterator[tuple[str, Corpus, str, Network]]:
        """Yield every corpus and network that a selection or a search puts together, where both are sound."""
        corpora, networks = self._all_of("corpora", Corpus), self._all_of("networks", Network)
        named = (
            product(selection["corpora"], selection["networks"] + selection["taught"])
            for selection in self.selections.values()
        )
        searched = (
            (_mapping(search).get("corpus"), _mapping(search).get("network"))
            for search in self._section("searches").values()
        )
        sound = ((_sound(corpus, Name), _sound(network, Name)) for corpus, network in searched)
        for corpus, network in dict.fromkeys([*chain.from_iterable(named), *sound]):
            if corpus in corpora and network in networks:
                yield corpus, corpora[corpus], network, networks[network]

    def _all_of(self, section: str, kind: Any) -> dict[str, Any]:
        """Return the entries of a section that are sound."""
        return {
            name: sound for name, entry in self._section(section).items() if (sound := _sound(entry, kind))
        }

    def _section(self, key: str) -> dict[str, Any]:
        return _mapping(self.sections.get(key))

    def _faults(self, *overrides: dict[str, Any]) -> Iterator[tuple[str, str]]:
        """Yield the faults of the overrides laid over the defaults, where these have none of their own."""
        if self.training is None:
            return
        try:
            merge(self.training, *overrides)
        except ValidationError as error:
            for fault in error.errors():
                yield ".".join(map(str, fault["loc"])), said(fault, Training)


def _some(names: list[str], wanted: object) -> str:
    """Return the names, or of many those that are like the one wanted, or else the first."""
    chosen = names
    if len(names) > MOST_TOLD:
        chosen = get_close_matches(str(wanted), names, MOST_TOLD) or names[:MOST_TOLD]
    others = [f"{len(names) - len(chosen)} others"] if len(chosen) < len(names) else []
    return ", ".join([*chosen, *others]) or "nothing"


def _a(kind: str) -> str:
    return f"an {kind}" if kind == "ensemble" else f"a {kind}"


def _is_chancy(network: Network) -> bool:
    """Tell whether a classifier reads a row otherwise each time in training."""
    if getattr(network, "task", "classification") == "next_word":
        return False
    shares = network.dropout.model_dump(exclude={"variational"}).values()
    return any(shares) or getattr(network, "initial_state", "zeros") == "normal"


def _sound(value: object, kind: Any) -> Any:
    """Return `value` as a `kind`, or None where it is none."""
    try:
        return adapter(kind).validate_json(json.dumps(value))
    except ValidationError:
        return None


def _all_sound(values: object, kind: Any) -> list[Any]:
    sound = [_sound(value, kind) for value in values] if isinstance(values, list) else []
    return [value for value in sound if value is not None]


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
