"""What params.yaml says of the ladder: its rungs in order, and what each adds to another."""

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from unroll.params import Name, Strict

Words = Annotated[str, StringConstraints(min_length=1)]


class Rung(Strict):
    """A network, and how it differs from the one that it stands on."""

    network: Name
    adds: Words
    """In a few words; of the first rung what it is."""
    over: Name | None = None
    """The rung that it stands on, unless that is the one just below."""
    note: Words | None = None
    """What a reader must know of this rung and of all that stand on it."""


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
        below = [None, *(rung.network for rung in self.rungs)]
        return {rung.network: rung.over or base for rung, base in zip(self.rungs, below, strict=False)}

    def notes(self) -> dict[str, tuple[str, ...]]:
        """Return for each rung its note, after those of all that it stands on."""
        found: dict[str | None, tuple[str, ...]] = {None: ()}
        bases = self.bases()
        for rung in self.rungs:
            found[rung.network] = found[bases[rung.network]] + ((rung.note,) if rung.note else ())
        del found[None]
        return found


Ladders = tuple[Ladder, ...]


def missing(ladders: Ladders, compared: dict[str, tuple[str, ...]]) -> dict[str, list[str]]:
    """Return for each corpus of the ladders the rungs that its comparison lacks, of `compared` by corpus."""
    return {
        corpus: [rung.network for rung in ladder.rungs if rung.network not in compared.get(corpus, ())]
        for ladder in ladders
        for corpus in ladder.corpora
    }
