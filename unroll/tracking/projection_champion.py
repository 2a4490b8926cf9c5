"""The champion of each corpus: which network dvc.lock makes it, and what its package is made of.

As everywhere in the projection, what is not on disk as the lock has it decides nothing.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from unroll.pipeline.content import md5_of
from unroll.pipeline.lockfile import Entry, key_of
from unroll.prediction.champion import Champion, champion
from unroll.tracking.projection import Group, Training
from unroll.tracking.projection_comparison import Comparison


@dataclass(frozen=True)
class Contest:
    """The networks of a corpus."""

    corpus: str
    groups: list[Group]
    cleaned: Entry | None
    """The entry that cut the corpus's texts."""
    clean: Path
    """The folder that it made."""
    comparison: Comparison | None

    @cached_property
    def won(self) -> Champion | None:
        """The champion; None where there is no classifier, or a learning curve is not the lock's."""
        classifiers = [group for group in self.groups if _task(group) == "classification"]
        trainings = [training for group in classifiers for training in group.trainings.values()]
        headlines = {_param(one.entry, f"corpora.{self.corpus}.headline") for one in trainings}
        if len(headlines) != 1 or not all(one.entry.made(one.history) for one in trainings):
            return None
        histories = {
            group.network: {seed: one.history for seed, one in group.trainings.items()}
            for group in classifiers
        }
        return champion(histories, headlines.pop())

    @property
    def trainings(self) -> list[Training]:
        """The champion's, by seed."""
        [group] = [group for group in self.groups if group.network == self.won.network]
        return [group.trainings[seed] for seed in self.won.seeds]

    @property
    def rules(self) -> dict | None:
        """How the corpus turns text into tokens, if the lock says so."""
        return self.cleaned and _param(self.cleaned, f"corpora.{self.corpus}.text")

    @property
    def key(self) -> str:
        """Name the champion by what it was trained on, whatever it scored on the test split."""
        return key_of([[training.entry.key for training in self.trainings], self.rules])

    @property
    def is_whole(self) -> bool:
        """Whether all that its package is made of is on disk as the lock has it; reads weights."""
        return (
            self.rules is not None
            and all(one.is_whole and _has_its_words(one) for one in self.trainings)
            and (self.pieces is None or self.cleaned.made(self.clean))
        )

    @property
    def pieces(self) -> Path | None:
        return self.clean / "tokenizer.json" if self.rules.get("subwords") else None

    @property
    def verdict(self) -> str:
        """What the comparison says, or nothing where it is not on disk."""
        return self.comparison.verdict if self.comparison else ""

    @property
    def description(self) -> str:
        """What it won by, and what the comparison says on the test split, which had no say."""
        won = self.won
        seeds = ", ".join(map(str, won.seeds))
        score = f"{won.headline.replace('_', ' ')} {won.score:.3f} in the mean"
        said = f"{won.network} on {self.corpus}, seeds {seeds}: best of {won.rivals} by validation ({score})."
        return f"{said} On the test split: {self.verdict}" if self.verdict else said


def contests(
    groups: list[Group],
    cleaned: dict[tuple[str, ...], Entry],
    clean: Path,
    comparisons: list[Comparison],
) -> list[Contest]:
    """Return the contest of each corpus; `cleaned` are the entries that cut texts into folders of `clean`."""
    found: dict[str, list[Group]] = {}
    for group in groups:
        found.setdefault(group.corpus, []).append(group)
    compared = {comparison.corpus: comparison for comparison in comparisons}
    return [
        Contest(corpus, those, cleaned.get((corpus,)), clean / corpus, compared.get(corpus))
        for corpus, those in found.items()
    ]


def _task(group: Group) -> str:
    recorded = [_param(one.entry, f"networks.{group.network}") or {} for one in group.trainings.values()]
    return recorded[0].get("task", "classification")


def _param(entry: Entry, name: str) -> object:
    return entry.document.get("params", {}).get("params.yaml", {}).get(name)


def _has_its_words(training: Training) -> bool:
    return md5_of(training.vocabulary) == training.entry.deps.get(training.vocabulary.as_posix())
