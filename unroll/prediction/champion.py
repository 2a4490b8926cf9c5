"""Which network of a corpus is the best, by one rule for the command line and for the registry.

A network is judged by its seeds' scores on the validation split alone. The test split says how good the
champion is; had it chosen it too, it would flatter it.
"""

import csv
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from unroll.failures import damaged

Histories = dict[str, dict[int, Path]]
"""The learning curve of each seed of each network."""


@dataclass(frozen=True)
class Champion:
    network: str
    seeds: tuple[int, ...]
    headline: str
    score: float
    """On validation, the mean over the seeds."""
    rivals: int
    """The networks that it was chosen from, itself among them."""


def champion(histories: Histories, headline: str) -> Champion | None:
    """Return the network with the highest mean of `headline`; of equals the first by name; of none, None.

    `histories` are those of classifiers, whose headlines all grow with what they are worth.

    Raises:
        Refusal: a learning curve has no such score.
    """
    means = {
        network: fmean(validation_score(path, headline) for path in seeds.values())
        for network, seeds in sorted(histories.items())
        if seeds
    }
    if not means:
        return None
    best = max(means, key=means.__getitem__)
    return Champion(best, tuple(sorted(histories[best])), headline, means[best], len(means))


def validation_score(history: Path, headline: str) -> float:
    """Return the score of the epoch that training kept: the one with the best headline on validation.

    Raises:
        Refusal: the file has no such score.
    """
    try:
        with open(history, encoding="utf-8", newline="") as stream:
            return max(float(row[f"validation_{headline}"]) for row in csv.DictReader(stream))
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(history, f"no validation_{headline} of any epoch ({error})") from None
