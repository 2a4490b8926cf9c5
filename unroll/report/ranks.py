"""Which network is better over many corpora, by its rank on each (Demsar 2006, JMLR)."""

import math
from collections.abc import Mapping

import numpy as np
from scipy import stats

from unroll.comparison.scores import lower_is_better
from unroll.report.entrants import entered

FEWEST_CORPORA = 5
FEWEST_NETWORKS = 3


def of_documents(documents: list[dict]) -> dict:
    """Rank the classifiers of all comparisons, ensembles and the floor, by each corpus's headline."""
    scores: dict[str, dict[str, float]] = {}
    lower: dict[str, bool] = {}
    for document in documents:
        for task in document["tasks"]:
            if task["task"] == "classification":
                headline, corpus = task["headline"], document["corpus"]
                scores[corpus] = {one["name"]: one["scores"][headline]["mean"] for one in entered(task)}
                lower[corpus] = lower_is_better(headline)
    return over_corpora(scores, lower, documents[0]["level"])


def over_corpora(
    scores: Mapping[str, Mapping[str, float]], lower: Mapping[str, bool], level: float = 0.95
) -> dict:
    """Return average ranks of the networks that every corpus has, and whether they can be told apart.

    `scores` holds a mean for each corpus and network, `lower` whether less of it is better. Rank 1 is
    best, ties share their average. Friedman's test (1937) asks whether any differ; Nemenyi's critical
    difference (Demsar 2006, section 3.2.2) how far apart two average ranks must be. "cliques" are the
    longest runs of networks within that distance, all in one where Friedman's test finds nothing. Where
    "enough" is false, "why" says what is missing, and there are no cliques.
    """
    common = set.intersection(*map(set, scores.values())) if scores else set()
    signed = np.array(
        [
            [means[name] if lower[corpus] else -means[name] for name in sorted(common)]
            for corpus, means in scores.items()
        ]
    ).reshape(len(scores), len(common))
    averages = stats.rankdata(signed, axis=1).mean(axis=0).tolist() if common else []
    ranks = dict(sorted(zip(sorted(common), averages, strict=True), key=lambda item: item[1]))
    found = {
        "corpora": len(scores),
        "networks": list(ranks),
        "enough": False,
        "why": "",
        "average_ranks": ranks,
        "friedman_p": None,
        "critical_difference": None,
        "cliques": [],
    }
    if len(scores) < FEWEST_CORPORA:
        return found | {
            "why": f"Corpora: {len(scores)}. Their ranks can be compared from {FEWEST_CORPORA} on."
        }
    if len(common) < FEWEST_NETWORKS:
        return found | {"why": f"Networks on every corpus: {len(common)}. It takes {FEWEST_NETWORKS}."}
    found["friedman_p"] = _friedman(signed)
    found["critical_difference"] = distance = critical_difference(len(common), len(scores), level)
    if distance >= len(common) - 1:
        return found | {
            "why": f"Even the best and the worst of {len(common)} networks on all {len(scores)} corpora "
            f"differ by less than the critical difference of {distance:.2f} ranks."
        }
    differ = found["friedman_p"] < 1 - level
    return found | {"enough": True, "cliques": _cliques(ranks, distance if differ else math.inf)}


def critical_difference(networks: int, corpora: int, level: float = 0.95) -> float:
    """Return Nemenyi's: the studentized range over the square root of 2, times a rank's standard error."""
    quantile = float(stats.studentized_range.ppf(level, networks, math.inf)) / math.sqrt(2)
    return quantile * math.sqrt(networks * (networks + 1) / (6 * corpora))


def _friedman(scores: np.ndarray) -> float:
    if (scores == scores[:, :1]).all():  # scipy divides by zero where all are tied everywhere
        return 1.0
    return float(stats.friedmanchisquare(*scores.T).pvalue)


def _cliques(ranks: dict[str, float], distance: float) -> list[list[str]]:
    """Return the longest runs of networks, two or more, whose ends are no more than `distance` apart."""
    names, runs, ended = list(ranks), [], 0
    for start, name in enumerate(names):
        end = start + 1
        while end < len(names) and ranks[names[end]] - ranks[name] <= distance:
            end += 1
        if end > max(ended, start + 1):
            runs.append(names[start:end])
            ended = end
    return runs
