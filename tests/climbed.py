"""A ladder of invented figures, all that a page may say of one among them."""

from unroll.comparison.spec import Published
from unroll.ladder.spec import Ladder, Rung
from unroll.ladder.steps import Climb

RUNGS = (
    Rung(network="floor", adds="nothing"),
    Rung(network="cell", adds="recurrence"),
    Rung(network="vectors", adds="vectors"),
    Rung(network="phrases", adds="phrases", over="cell"),
    Rung(network="taught", adds="a teacher", over="vectors", note="it has learned from a transformer"),
    Rung(network="agreed", adds="agreement"),
)
MEANS = {"floor": 0.6, "cell": 0.58, "vectors": 0.64, "phrases": 0.585, "taught": 0.68, "agreed": 0.67}
VALIDATION = {"floor": 0.61, "cell": 0.6, "vectors": 0.65, "phrases": 0.66, "taught": 0.67, "agreed": 0.69}
CHANCES = {"cell": 0.001, "vectors": 0.0001, "phrases": 0.3, "taught": 0.004, "agreed": 0.02}
"""The p of each step before its correction; all else chance does not explain."""
CORRECTED = {"cell": 0.004, "vectors": 0.0005, "phrases": 0.3, "taught": 0.012, "agreed": 0.04}
"""By Holm: the smallest five times, the next four times and so on."""
TOGETHER = (
    *RUNGS[:4],
    Rung(ensemble="both", adds="a vote", over="vectors"),
    Rung(network="agreed", adds="agreement"),
)
"""With an ensemble on a network, and a network on that."""
MADE_OF = {"both": ("vectors", "phrases")}
BOTH, BOTH_ON_VALIDATION = 0.7, 0.72
ROWS_ALONE = {"p": 0.001, "low": 0.05, "high": 0.07, "detectable": 0.009}
"""Of the step of `both` from `vectors`, for these very seeds."""
NGRAMS = 0.59
"""The score of what needs no network: above one rung, and close to it and to the lowest."""
CLOSE = ("floor", "cell")
PUBLISHED = (
    Published(system="LSTM", metric="macro_recall", value=0.583, source="Nobody 2020"),
    Published(system="RoBERTa", metric="macro_recall", value=0.713, source="Nobody 2021", kind="transformer"),
    Published(system="other", metric="accuracy", value=0.9, source="Nobody 2022"),
)


def climb(
    rungs: tuple[Rung, ...] = RUNGS,
    published: tuple[Published, ...] = PUBLISHED,
    seeds: int = 5,
    chances: dict[str, float] = CHANCES,
    made_of: dict[str, tuple[str, ...]] = MADE_OF,
    **changes: object,
) -> Climb:
    """Return the ladder with a document of these figures; the networks stand in it best first."""
    best_first = sorted(MEANS, key=MEANS.__getitem__, reverse=True)
    headline = {
        "task": "classification",
        "headline": "macro_recall",
        "references": [{"system": "majority class", "source": "", "scores": {"macro_recall": 1 / 3}}],
        "networks": [_network(name, seeds) for name in best_first],
        "pairs": [
            _pair(metric, a, b, chances)
            for metric in ("accuracy", "macro_recall")
            for place, a in enumerate(best_first)
            for b in best_first[place + 1 :]
        ]
        + [_pair_with_both(name, chances) for name in best_first]
        + [_pair_with_ngrams(name) for name in (*best_first, "both")],
        "ensembles": [_both()],
        "floors": [_ngrams()],
    }
    words = {"task": "next_word", "headline": "perplexity", "references": [], "networks": [], "pairs": []}
    words |= {"ensembles": [], "floors": []}
    document = {
        "corpus": "notes",
        "title": "invented notes",
        "warnings": [],
        "rows": 1200,
        "seeds": list(range(1, seeds + 1)),
        "level": 0.95,
        "tasks": [words, headline],
    }
    return Climb(Ladder(corpora=("notes",), rungs=rungs), document | changes, published, made_of)


def _network(name: str, seeds: int) -> dict:
    mean = MEANS[name]
    scores = {
        "seeds": [mean] * seeds,
        "mean": mean,
        "std": 0.004 if seeds > 1 else None,
        "low": None,
        "high": None,
        "both_low": mean - 0.01,
        "both_high": mean + 0.012,
        "ensemble": mean + 0.015,
    }
    return {
        "name": name,
        "parameters": 1000 * len(name),
        "trials": [VALIDATION[name], 0.9],
        "scores": {"macro_recall": scores},
    }


def _both() -> dict:
    scores = dict.fromkeys(("std", "low", "high", "ensemble"))
    scores |= {"seeds": [], "mean": BOTH, "both_low": BOTH - 0.005, "both_high": BOTH + 0.005}
    return {
        "name": "both",
        "networks": {"vectors": 0.75, "phrases": 0.25},
        "validation": {"weighted": {"macro_recall": BOTH_ON_VALIDATION}},
        "parameters": 70000,
        "scores": {"macro_recall": scores},
    }


def _pair_with_both(name: str, chances: dict[str, float]) -> dict:
    difference = MEANS[name] - BOTH
    return {
        "metric": "macro_recall",
        "a": name,
        "b": "both",
        "difference": difference,
        "low": difference - 0.02,
        "high": difference + 0.04,
        "p_rows": ROWS_ALONE["p"],
        "rows_low": -ROWS_ALONE["high"],
        "rows_high": -ROWS_ALONE["low"],
        "rows_detectable": ROWS_ALONE["detectable"],
        "p": chances.get(name, 0.5),
        "p_holm": 1.0,
        "detectable": 0.05,
    }


def _ngrams() -> dict:
    scores = {"seeds": [], "mean": NGRAMS, "both_low": NGRAMS - 0.01, "both_high": NGRAMS + 0.01}
    return {"name": "ngrams", "system": "n-grams", "parameters": 5000, "scores": {"macro_recall": scores}}


def _pair_with_ngrams(name: str) -> dict:
    """Return the comparison's pair, in which either may come first."""
    ends = (name, "ngrams") if name in MEANS else ("ngrams", name)
    p_holm = 0.3 if name in CLOSE else 0.01
    return {"metric": "macro_recall", "a": ends[0], "b": ends[1], "p_holm": p_holm}


def _pair(metric: str, a: str, b: str, chances: dict[str, float]) -> dict:
    difference = MEANS[a] - MEANS[b] if metric == "macro_recall" else -0.5
    bases = {rung.network: rung.over or RUNGS[place - 1].network for place, rung in enumerate(RUNGS) if place}
    step = next((rung for rung, base in bases.items() if {rung, base} == {a, b}), None)
    return {
        "metric": metric,
        "a": a,
        "b": b,
        "difference": difference,
        "low": difference - 0.01,
        "high": difference + 0.03,
        "p": chances[step] if step and metric == "macro_recall" else 1e-9,
        "p_holm": 1.0,
        "detectable": 0.013,
    }
