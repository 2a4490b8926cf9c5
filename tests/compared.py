"""Networks with answers drawn to their skill, and the document that comes of comparing them."""

from collections.abc import Sequence

import numpy as np

from unroll import metrics
from unroll.comparison import compare, ensembles
from unroll.comparison.ensembles import Ensemble
from unroll.comparison.results import Floor, Result, Rows
from unroll.comparison.spec import Comparison, Published
from unroll.evaluation import scoring

SEEDS = (1, 2, 3)
ROWS, CLASSES = 240, 3
RULES = Comparison(resamples=400, seed=1, level=0.95)
SOURCE = {
    "from": "hub",
    "repository": "a/rows",
    "revision": "5" * 40,
    "differences": [],
    "licence": None,
    "citation": None,
}
SKILL = {"bow": 0.5, "gru": 0.8, "lstm": 0.8, "rnn": 0.5}
"""How often each network is right."""
PUBLISHED = (Published(system="tree LSTM", metric="accuracy", value=0.51, source="Nobody 2015"),)


def some_rows(rows: int = ROWS) -> Rows:
    draw = np.random.default_rng(0)
    return Rows(
        numbers_N=np.arange(rows) * 3,
        texts=[f"text {number}" for number in range(rows)],
        labels_N=draw.integers(CLASSES, size=rows),
        lengths_N=draw.integers(2, 30, size=rows),
        unknown_N=draw.choice([0.0, 0.1, 0.5], size=rows),
    )


def curves(seeds: tuple[int, ...], headline: str = "accuracy") -> list[dict]:
    """Two epochs a seed, 100 rows and 1,000 tokens each."""
    return [
        {
            "seed": seed,
            "epoch": epoch,
            "rows": 100,
            "tokens": 1000,
            "train_loss": 1.0 / epoch,
            "validation_loss": 1.1 / epoch,
            f"validation_{headline}": 0.1 * seed + epoch,
        }
        for seed in seeds
        for epoch in (1, 2)
    ]


def report(name: str, headline: str, summary: dict, **changes: object) -> dict:
    return {
        "corpus": "rows",
        "network": name,
        "headline": headline,
        "labels": ["bad", "fair", "good"],
        "spec": {"cell": "gru", "bidirectional": True, "pooling": "max", "embedding": {"vectors": []}},
        "supervision": "sentences",
        "best_epochs": [2, 1, 2],
        "parameters": 12345,
        "operations": {"token": 10, "row": 7},
        "rows": ROWS,
        **summary,
        "source": SOURCE,
        **changes,
    }


def classifier(name: str, rows: Rows, seeds: tuple[int, ...] = SEEDS, **changes: object) -> Result:
    """A network that is right about as often as its skill says, each seed by a draw of its own."""
    answers = []
    for seed in seeds:
        draw = np.random.default_rng([seed, *map(ord, name)])
        right_N = draw.random(len(rows.labels_N)) < SKILL.get(name, 0.5)
        chosen_N = np.where(right_N, rows.labels_N, (rows.labels_N + 1) % CLASSES)
        scores_NC = draw.random((len(chosen_N), CLASSES))
        scores_NC[np.arange(len(chosen_N)), chosen_N] += 1
        answers.append(scores_NC / scores_NC.sum(axis=1, keepdims=True))
    summary = scoring.score_classes(dict(zip(seeds, answers, strict=True)), rows.labels_N)
    summary["majority"] = {"accuracy": 0.36, "macro_recall": 0.33, "macro_f1": 0.2}
    return Result(report(name, "accuracy", summary, **changes), np.stack(answers), curves(seeds))


def floor(rows: Rows, skill: float = 0.65) -> Floor:
    """What is right so often, and has no seeds."""
    draw = np.random.default_rng(5)
    right_N = draw.random(len(rows.labels_N)) < skill
    chosen_N = np.where(right_N, rows.labels_N, (rows.labels_N + 1) % CLASSES)
    scores_NC = draw.random((len(chosen_N), CLASSES))
    scores_NC[np.arange(len(chosen_N)), chosen_N] += 1
    answers_NC = scores_NC / scores_NC.sum(axis=1, keepdims=True)
    found = {"floor": "tfidf", "system": "TF-IDF and logistic regression", "parameters": 99, "operations": 50}
    return Floor(found | {"scores": metrics.all_metrics(answers_NC, rows.labels_N)}, answers_NC)


def together(name: str, weights: dict[str, float], results: list[Result], rows: Rows) -> Ensemble:
    """What networks say together, each counting so much."""
    members = [next(one for one in results if one.name == network) for network in weights]
    answers_NC = ensembles.mixed(list(weights.values()), [one.answers_SNX for one in members])
    validation = {"each": {}, "equal": {"accuracy": 0.7}, "weighted": {"accuracy": 0.71}}
    scores = metrics.all_metrics(answers_NC, rows.labels_N)
    return Ensemble(name, weights, validation, answers_NC, scores)


def reader(name: str, rows: Rows, nats: float) -> Result:
    """A next-word network that spends about so many nats a word."""
    draw = np.random.default_rng([len(name), int(nats * 100)])
    words_N = rows.predicted_words_N
    nats_SN = words_N * (nats + 0.1 * draw.standard_normal((len(SEEDS), len(words_N))))
    losses = nats_SN.sum(axis=1) / words_N.sum()
    each = {
        seed: {"perplexity": float(np.exp(loss)), "loss": float(loss), "accuracy": 0.2}
        for seed, loss in zip(SEEDS, losses, strict=True)
    }
    summary = scoring.summarise(each, {"perplexity": 90.0, "loss": 4.5}) | {
        "unigrams": {"perplexity": 400.0, "loss": 6.0, "accuracy": 0.1}
    }
    found = report(name, "perplexity", summary, spec={**report("", "", {})["spec"], "cell": "elman"})
    return Result(found, nats_SN[..., None], curves(SEEDS, "perplexity"))


def made(
    results: list[Result],
    rows: Rows,
    rules: Comparison = RULES,
    floors: Sequence[Floor] = (),
    ensembles: Sequence[Ensemble] = (),
) -> dict:
    return compare.document(
        "rows", "invented sentences", PUBLISHED, results, rows, rules, floors, (), ensembles
    )
