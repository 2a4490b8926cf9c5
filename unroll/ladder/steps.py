"""The ladder of one corpus: what each rung came to, and whether it is a step from the one below it."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

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
    made_of: Mapping[str, Collection[str]] = field(default_factory=dict)
    """The networks of each ensemble, and the ensemble that has taught a network."""
    scores_md5: Mapping[str, str] = field(default_factory=dict)
    """Of the file with each network's scores: what dvc.lock or parked.lock names it by."""

    @property
    def corpus(self) -> str:
        return self.document["corpus"]

    @property
    def task(self) -> dict:
        """The part of the comparison that holds the rungs, which are all scored alike."""
        rungs = {rung.name for rung in self.ladder.rungs}
        return next(task for task in self.document["tasks"] if rungs <= set(_entered(task)))

    @property
    def headline(self) -> str:
        return self.task["headline"]

    @property
    def ensembles(self) -> dict[str, dict]:
        """What the comparison says of each ensemble, by its name."""
        return {one["name"]: one for one in self.task["ensembles"]}

    @property
    def held_against(self) -> list[Published]:
        """The published systems that were scored as the rungs are."""
        return [one for one in self.published if one.metric == self.headline]


def rows(climb: Climb) -> list[dict]:
    """Return the lines of the corpus' ladder as a CSV file: a rung each, the lowest first.

    A step is rung - base, with the comparison's interval and p, which take in other seeds and other test
    rows; those of an ensemble's step are of other rows alone. `p_holm` corrects p over the steps of this
    ladder. None where there is no such figure.
    """
    entered = _entered(climb.task)
    bases, notes = climb.ladder.bases(), climb.ladder.notes(climb.made_of)
    steps = _steps(climb, bases)
    return [
        {
            "corpus": climb.corpus,
            "rung": rung.name,
            "kind": "network" if rung.network else "ensemble",
            "adds": rung.adds,
            "over": bases[rung.name],
            "notes": "; ".join(dict.fromkeys(notes[rung.name])) or None,
            "metric": climb.headline,
            **_scores(entered[rung.name], climb.headline),
            **steps.get(rung.name, dict.fromkeys(STEP)),
            "parameters": entered[rung.name]["parameters"],
            "scores_md5": climb.scores_md5.get(rung.name),
        }
        for rung in climb.ladder.rungs
    ]


STEP = ("difference", "difference_low", "difference_high", "p", "p_holm", "detectable", "outcome")


def _entered(task: dict) -> dict[str, dict]:
    """Return what may be a rung, by its name."""
    return {one["name"]: one for one in (*task["networks"], *task["ensembles"])}


def _scores(one: dict, headline: str) -> dict:
    scores = one["scores"][headline]
    return {
        "seeds": len(scores["seeds"]),
        # Of a network the expected best of one training: the mean over seeds.
        "validation": one["trials"][0] if "trials" in one else one["validation"]["weighted"][headline],
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
    for rung in set(found) & set(climb.ensembles):
        found[rung] = _over_rows(found[rung])
    corrected = holm([pair["p"] for pair in found.values()])
    alpha = 1 - climb.document["level"]
    return {
        rung: dict(zip(STEP, _step(rung, pair, p, alpha), strict=True))
        for (rung, pair), p in zip(found.items(), corrected, strict=True)
    }


def _over_rows(pair: dict) -> dict:
    """Return a pair's figures as they are for these very seeds, of which both of it may be made."""
    return pair | {
        "low": pair["rows_low"],
        "high": pair["rows_high"],
        "p": pair["p_rows"],
        "detectable": pair["rows_detectable"],
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


def pairs_with(climb: Climb, floor: str) -> dict[str, dict]:
    """Return each rung's pair with a floor, as the comparison tested it among all of its pairs."""
    found = {}
    for pair in climb.task["pairs"]:
        if pair["metric"] == climb.headline and floor in (pair["a"], pair["b"]):
            found[pair["b"] if pair["a"] == floor else pair["a"]] = pair
    return found


def best_on_validation(table: list[dict]) -> dict:
    """Return the line of the rung that validation would choose; of equal ones the lower on the ladder."""
    lowest = lower_is_better(table[0]["metric"])
    return (min if lowest else max)(table, key=lambda row: row["validation"])
