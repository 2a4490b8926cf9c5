"""Who cannot teach whom: ensembles, students and selections of params.yaml held against each other."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from unroll.distillation.spec import Ensemble
from unroll.networks.spec import Network
from unroll.params import Fault, fault_at

Place = tuple[str, ...]


@dataclass(frozen=True)
class Lessons:
    """The sound entries of params.yaml, by their names."""

    networks: Mapping[str, Network]
    ensembles: Mapping[str, Ensemble]
    defaults: Mapping[str, Any]
    """`training`"""
    corpora: Mapping[str, Mapping[str, Any]]
    """What each corpus overrides of it."""

    def bad_members(self) -> Iterator[Fault]:
        """Yield who cannot be in an ensemble."""
        for name, ensemble in self.ensembles.items():
            for member, network in self._known(ensemble.networks):
                place = ("ensembles", name, "networks")
                if network.teacher is not None:
                    yield fault_at(place, f"{member} has a teacher: what it says comes too late to teach")
                elif getattr(network, "task", "classification") == "next_word":
                    yield fault_at(place, f"{member} predicts next words: it knows no classes of texts")

    def bad_selection(self, place: Place, selection: Mapping[str, list[Any]]) -> Iterator[Fault]:
        """Yield what a selection has in a wrong list, or lacks, and who has learned from other rows."""
        for name, network in self._known(selection["networks"]):
            if network.teacher is not None:
                yield fault_at((*place, "networks"), f"{name} has a teacher: name it in taught")
        for name, network in self._known(selection["taught"]):
            if network.teacher is None:
                yield fault_at((*place, "taught"), f"{name} has no teacher: name it in networks")
            elif lacking := self._lacking(network.teacher, selection["networks"]):
                reason = f"{name} is taught by {', '.join(lacking)} too: name them in networks"
                yield fault_at((*place, "taught"), reason)
        for corpus in selection["corpora"]:
            yield from self._bad_pairs(corpus, [*selection["networks"], *selection["taught"]])
            for teacher, ensemble in self.ensembles.items():
                if ensemble.is_among(selection["networks"]):
                    students = [
                        name for name, one in self._known(selection["taught"]) if one.teacher == teacher
                    ]
                    yield from self._other_rows(corpus, teacher, [*ensemble.networks, *students])

    def _bad_pairs(self, corpus: str, names: list[str]) -> Iterator[Fault]:
        for name, network in self._known(names):
            share = self._rule("distillation", corpus, network)
            is_taught = network.teacher is not None or network.tutor is not None
            if not isinstance(share, int | float) or bool(share) == is_taught:
                continue
            place = f"corpora.{corpus} with networks.{name}"
            if share:
                yield Fault(
                    self._keys("distillation", corpus, name),
                    f"{place}: distillation: the network has no teacher and no tutor: make it 0, or name one",
                )
            else:
                kind = "tutor" if network.teacher is None else "teacher"
                reason = f"what its {kind} says counts for nothing: training needs distillation, 0.7 say"
                yield Fault(("networks", name, kind), f"{place}: {kind}: {reason}")

    def _other_rows(self, corpus: str, ensemble: str, names: list[str]) -> Iterator[Fault]:
        """Yield a fault where not all learn from sentences, or all from phrases."""
        rules = {name: self._rule("supervision", corpus, one) for name, one in self._known(names)}
        found = {name: rule for name, rule in rules.items() if rule in ("sentences", "phrases")}
        first, *others = found or [""]
        for other in others:
            if found[other] != found[first]:
                yield fault_at(
                    ("ensembles", ensemble, "networks"),
                    f"on {corpus} {first} learns from {found[first]}, {other} from {found[other]}: "
                    "who teaches and who is taught must read the same rows",
                )

    def _lacking(self, teacher: str, names: list[str]) -> list[str]:
        members = self.ensembles[teacher].networks if teacher in self.ensembles else ()
        return [one for one in members if one in self.networks and one not in names]

    def _known(self, names: Any) -> Iterator[tuple[str, Network]]:
        return ((name, self.networks[name]) for name in names if name in self.networks)

    def _rule(self, key: str, corpus: str, network: Network) -> Any:
        return (self.defaults | self.corpora.get(corpus, {}) | network.training).get(key)

    def _keys(self, key: str, corpus: str, network: str) -> Place:
        """Return where the rule stands that a network has on a corpus."""
        places = ("networks", network), ("corpora", corpus), ()
        rules = self.networks[network].training, self.corpora.get(corpus, {}), {key: None}
        above = next(place for place, given in zip(places, rules, strict=True) if key in given)
        return *above, "training", key
