"""The comparison's documents, as small as they come, with invented figures."""

import copy

METRICS = ["accuracy", "macro_recall", "macro_f1", "loss", "ece"]
TESTED = ["accuracy", "macro_recall", "macro_f1", "loss"]
SOURCE = {
    "from": "hub",
    "repository": "a/rows",
    "revision": "5" * 40,
    "differences": [],
    "licence": "MIT",
    "citation": "Nobody 2015",
}
BINS = [{"confidence": 0.55, "accuracy": 0.5, "rows": 40}, {"confidence": 0.95, "accuracy": 0.8, "rows": 60}]


def scores(values: list[float], group: str = "") -> dict:
    """Return one metric of one network; the half widths are round so that tests can read them."""
    mean = sum(values) / len(values)
    several = len(values) > 1
    return {
        "seeds": values,
        "mean": mean,
        "std": 0.012 if several else None,
        "low": mean - 0.03 if several else None,
        "high": mean + 0.03 if several else None,
        "both_low": mean - 0.04,
        "both_high": mean + 0.04,
        "ensemble": mean + 0.01,
        "group": group,
    }


def network(name: str, values: list[float], group: str, headline: str, metrics: list[str]) -> dict:
    rest = {
        metric: scores([0.3 + 0.01 * seed for seed in range(len(values))])
        for metric in metrics
        if metric != headline
    }
    return {
        "name": name,
        "cell": "gru",
        "bidirectional": False,
        "pooling": "max",
        "supervision": "sentences",
        "vectors": [],
        "parameters": 12345,
        "operations": {"text": 1000, "training": 200000},
        "tokens_trained": 5000.0,
        "scores": {headline: scores(values, group)} | rest,
        "curves": [
            {
                "seed": seed,
                "epoch": epoch,
                "tokens": 100,
                "train_loss": 1.2 / epoch,
                "validation_loss": 1.1 / epoch + 0.01 * seed,
                f"validation_{headline}": 0.5 + 0.05 * epoch,
            }
            for seed in range(1, len(values) + 1)
            for epoch in (1, 2)
        ],
        "best_epochs": [2] * len(values),
        "confusion": [[30.5, 9.5], [12.0, 48.0]],
        "calibration": BINS,
    }


def _once(value: float, group: str) -> dict:
    """Return scores with this accuracy, without seeds; the interval is of the rows."""
    without = {"seeds": [], "std": None, "low": None, "high": None, "ensemble": None}
    return {
        metric: scores([value if metric == "accuracy" else 0.4], group if metric in TESTED else "") | without
        for metric in METRICS
    }


def floor(value: float, group: str = "b") -> dict:
    return {
        "name": "tfidf",
        "system": "TF-IDF and logistic regression",
        "parameters": 6789,
        "operations": {"text": 500, "training": None},
        "scores": _once(value, group),
    }


def ensemble(value: float, group: str = "a") -> dict:
    return {
        "name": "both",
        "networks": {"gru": 0.75, "rnn": 0.25},
        "validation": {"weighted": {"accuracy": 0.83}},
        "parameters": 49380,
        "operations": {"text": 4000, "training": 800000},
        "scores": _once(value, group),
    }


def with_floor(found: dict, value: float = 0.7, p_holm: float = 0.01) -> dict:
    """Return the task with a floor of this accuracy, told apart from every network by this p."""
    against = [
        pair(metric, one["name"], "tfidf", one["scores"][metric]["mean"] - value, p_holm)
        for metric in TESTED
        for one in found["networks"]
    ]
    return found | {"floors": [floor(value)], "pairs": found["pairs"] + against}


def with_ensemble(found: dict, value: float = 0.85, p_holm: float = 0.02) -> dict:
    """Return the task with an ensemble of this accuracy, held against all others with this p."""
    against = [
        pair(metric, one["name"], "both", one["scores"][metric]["mean"] - value, p_holm)
        for metric in TESTED
        for one in found["networks"]
    ]
    against += [
        pair(metric, "both", one["name"], value - one["scores"][metric]["mean"], p_holm)
        for metric in TESTED
        for one in found["floors"]
    ]
    return found | {"ensembles": [ensemble(value)], "pairs": found["pairs"] + against}


def pair(metric: str, a: str, b: str, difference: float, p_holm: float | None) -> dict:
    return {
        "metric": metric,
        "a": a,
        "b": b,
        "difference": difference,
        "low": difference - 0.02,
        "high": difference + 0.02,
        "p_rows": 0.001,
        "p": 0.002,
        "p_holm": p_holm,
        "effect": 1.5,
        "detectable": 0.021,
    }


def task(**changes: object) -> dict:
    return {
        "task": "classification",
        "headline": "accuracy",
        "metrics": METRICS,
        "tested": TESTED,
        "labels": ["cold", "warm"],
        "ensembles": [],
        "floors": [],
        "references": [
            {"system": "majority class", "source": "", "scores": {"accuracy": 0.4111, "macro_recall": 0.5}},
            {"system": "tree LSTM", "source": "Nobody 2015", "scores": {"accuracy": 0.91}},
        ],
        "verdict": "gru has the best accuracy, but it has not been told apart from bag_1.",
        "networks": [
            network("gru", [0.8, 0.82], "a", "accuracy", METRICS),
            network("bag_1", [0.79, 0.8], "ab", "accuracy", METRICS),
            network("rnn", [0.6, 0.62], "b", "accuracy", METRICS),
        ],
        "pairs": [
            pair("accuracy", "gru", "bag_1", 0.015, 0.31),
            pair("accuracy", "gru", "rnn", 0.2, 0.0004),
            pair("accuracy", "bag_1", "rnn", 0.185, 0.06),
            pair("loss", "gru", "bag_1", -0.5, 0.04),
        ],
        "power": {"accuracy": {"detectable": 0.021, "with_seeds": {"2": 0.021, "10": 0.011, "5": 0.016}}},
        **changes,
    }


def next_word_task(**changes: object) -> dict:
    metrics = ["perplexity", "loss", "accuracy"]
    networks = [
        network(name, values, "a", "perplexity", metrics)
        for name, values in (("reader", [100.0, 120.0]), ("other", [150.0, 170.0]))
    ]
    for one in networks:
        del one["confusion"], one["calibration"]
        one["scores"]["accuracy"]["ensemble"] = None
    return task(
        task="next_word",
        headline="perplexity",
        metrics=metrics,
        tested=["perplexity", "loss"],
        labels=[],
        references=[{"system": "frequency of words", "source": "", "scores": {"perplexity": 456.78}}],
        verdict="reader has the lowest perplexity.",
        networks=networks,
        pairs=[pair("perplexity", "reader", "other", -50.0, 0.03)],
        power={"perplexity": {"detectable": 12.5, "with_seeds": {}}},
    ) | dict(changes)


def document(*tasks: dict, **changes: object) -> dict:
    return copy.deepcopy(
        {
            "corpus": "rows",
            "title": "Invented sentences",
            "source": SOURCE,
            "warnings": [],
            "rows": 1234,
            "seeds": [1, 2],
            "level": 0.95,
            "resamples": 1000,
            "tasks": list(tasks) or [task()],
            **changes,
        }
    )


TOO_FEW = {
    "headlines": "accuracy of rows",
    "corpora": 1,
    "networks": ["gru", "bag_1", "rnn"],
    "enough": False,
    "why": "1 corpus: ranks over corpora need five.",
    "average_ranks": {},
    "friedman_p": None,
    "critical_difference": None,
    "cliques": [],
}
ENOUGH = {
    "headlines": "accuracy of five corpora",
    "corpora": 5,
    "networks": ["rnn", "gru", "bag_1"],
    "enough": True,
    "why": "5 corpora, 3 networks.",
    "average_ranks": {"rnn": 2.8, "gru": 1.2, "bag_1": 2.0},
    "friedman_p": 0.0412,
    "critical_difference": 1.4821,
    "cliques": [["gru", "bag_1"], ["bag_1", "rnn"]],
}
