"""What params.yaml says of the ladder: its rungs in order, and what each adds to another."""

from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints

from unroll.params import Consistent, Name, Strict

Words = Annotated[str, StringConstraints(min_length=1)]
KINDS = ("network", "ensemble")


class Rung(Consistent):
    """A network or an ensemble, and how it differs from the one that it stands on."""

    network: Name | None = None
    ensemble: Name | None = None
    """In place of a network; one whose networks are all compared too."""
    adds: Words
    """In a few words; of the first rung what it is."""
    over: Name | None = None
    """The rung that it stands on, unless that is the one just below."""
    note: Words | None = None
    """What a reader must know of this rung and of all that stand on it."""

    @property
    def name(self) -> str:
        """Return that of its network or ensemble, of which no two have the same."""
        return self.network or self.ensemble

    @classmethod
    def contradictions(cls, given: dict[str, Any]) -> Iterator[tuple[str, str]]:
        named = [kind for kind in KINDS if given.get(kind) is not None]
        if not named:
            yield "network", "a rung is a network or an ensemble: name one"
        elif len(named) > 1:
            yield "ensemble", "a rung is a network or an ensemble: name one of them alone"


def _a_step_at_least(rungs: tuple[Rung, ...]) -> tuple[Rung, ...]:
    """Refuse too few, once each is sound: a length is counted without those that have been refused."""
    if len(rungs) < 2:
        raise ValueError("a ladder needs at least two rungs")
    return rungs


class Ladder(Strict):
    """The rungs of some corpora, the lowest first."""

    corpora: Annotated[tuple[Name, ...], Field(min_length=1)]
    rungs: Annotated[tuple[Rung, ...], AfterValidator(_a_step_at_least)]

    def bases(self) -> dict[str, str | None]:
        """Return for each rung the one that it stands on; None for the first."""
        below = [None, *(rung.name for rung in self.rungs)]
        return {rung.name: rung.over or base for rung, base in zip(self.rungs, below, strict=False)}

    def notes(self, made_of: Mapping[str, Collection[str]]) -> dict[str, tuple[str, ...]]:
        """Return for each rung its notes and those of all that it stands on or is made of, the lowest first.

        `made_of` are the networks of each ensemble, and the ensemble that has taught a network. Their rungs
        may stand higher than what is made of them.
        """
        bases = self.bases()
        found = {}
        for rung in self.rungs:
            reached, waiting = set(), [rung.name]
            while waiting:
                if (name := waiting.pop()) not in reached:
                    reached.add(name)
                    waiting += [one for one in (bases.get(name), *made_of.get(name, ())) if one]
            found[rung.name] = tuple(one.note for one in self.rungs if one.note and one.name in reached)
        return found


Ladders = tuple[Ladder, ...]


def climbed(ladders: Ladders, compared: Mapping[str, Collection[str]]) -> dict[str, Ladder]:
    """Return the ladder of each corpus whose comparison has all of its rungs, of `compared` by corpus."""
    return {
        corpus: ladder
        for ladder in ladders
        for corpus in ladder.corpora
        if {rung.name for rung in ladder.rungs} <= set(compared.get(corpus, ()))
    }
