"""The ladder of one corpus: what each rung came to, and whether it is a step from the one below it."""

from collections.abc import Iterator
from dataclasses import dataclass

from unroll.comparison.scores import lower_is_better
from unroll.comparison.significance import holm
from unroll.comparison.spec import Published
from unroll.ladder.spec import Ladder

WORTH_IT, NOISE, WORSE = "worth it", "noise", "worse"


@dataclass(frozen=True)
class Climb:
    """A ladder on one corpus."""

    ladder: Ladder
    document: dict
    """The corpus' comparison, with every rung in it."""
    published: tuple[Published, ...]

    @property
    def corpus(self) -> str:
        return self.document["corpus"]

    @property
    def task(self) -> dict:
        """The part of the comparison that holds the rungs, which are all scored alike."""
        rungs = {rung.network for rung in self.ladder.rungs}
        return next(
            task for task in self.document["tasks"] if rungs <= {one["name"] for one in task["networks"]}
        )

    @property
    def headline(self) -> str:
        return self.task["headline"]

    @property
    def held_against(self) -> list[Published]:
        """The published systems that were scored as the rungs are."""
        return [one for one in self.published if one.metric == self.headline]


def rows(climb: Climb) -> list[dict]:
    """Return the lines of ladder.csv for one corpus: a rung each, the lowest first.

    A step is rung - base, with the comparison's interval and p, which take in other seeds and other test
    rows; `p_holm` corrects that p over the steps of this ladder. None where there is no such figure.
    """
    networks = {network["name"]: network for network in climb.task["networks"]}
    bases, notes = climb.ladder.bases(), climb.ladder.notes()
    steps = _steps(climb, bases)
    return [
        {
            "corpus": climb.corpus,
            "rung": rung.network,
            "adds": rung.adds,
            "over": bases[rung.network],
            "notes": "; ".join(dict.fromkeys(notes[rung.network])) or None,
            "metric": climb.headline,
            **_scores(networks[rung.network], climb.headline),
            **steps.get(rung.network, dict.fromkeys(STEP)),
            "parameters": networks[rung.network]["parameters"],
        }
        for rung in climb.ladder.rungs
    ]


STEP = ("difference", "difference_low", "difference_high", "p", "p_holm", "detectable", "outcome")


def _scores(network: dict, headline: str) -> dict:
    scores = network["scores"][headline]
    return {
        "seeds": len(scores["seeds"]),
        "validation": network["trials"][0],  # the expected best of one training: the mean over seeds
        "mean": scores["mean"],
        "std": scores["std"],
        "low": scores["both_low"],
        "high": scores["both_high"],
        "ensemble": scores["ensemble"] if len(scores["seeds"]) > 1 else None,
    }


def _steps(climb: Climb, bases: dict[str, str | None]) -> dict[str, dict]:
    pairs = {
        frozenset((pair["a"], pair["b"])): pair
        for pair in climb.task["pairs"]
        if pair["metric"] == climb.headline
    }
    found = {rung: pairs[frozenset((rung, base))] for rung, base in bases.items() if base is not None}
    corrected = holm([pair["p"] for pair in found.values()])
    alpha = 1 - climb.document["level"]
    return {
        rung: dict(zip(STEP, _step(rung, pair, p, alpha), strict=True))
        for (rung, pair), p in zip(found.items(), corrected, strict=True)
    }


def _step(rung: str, pair: dict, p_holm: float, alpha: float) -> Iterator[float | str]:
    """Yield what STEP names, turned so that the rung comes first, as it need not in a pair."""
    sign = 1 if pair["a"] == rung else -1
    difference = sign * pair["difference"]
    yield difference
    yield from sorted((sign * pair["low"], sign * pair["high"]))
    yield from (pair["p"], p_holm, pair["detectable"])
    if p_holm >= alpha:
        yield NOISE
    else:
        yield WORTH_IT if (difference < 0) == lower_is_better(pair["metric"]) else WORSE


def best_on_validation(table: list[dict]) -> dict:
    """Return the line of the rung that validation would choose; of equal ones the lower on the ladder."""
    lowest = lower_is_better(table[0]["metric"])
    return (min if lowest else max)(table, key=lambda row: row["validation"])
