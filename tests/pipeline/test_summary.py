"""The tables at the end of `make repro`."""

import io

from rich.console import Console

from unroll.pipeline import summary


def network(name: str, scores: list[float], group: str, headline: str, std: float | None = 0.01) -> dict:
    mean = sum(scores) / len(scores)
    found = {"seeds": scores, "mean": mean, "std": std, "group": group}
    return {
        "name": name,
        "parameters": 12345,
        "scores": {headline: found | {"both_low": mean * 0.9, "both_high": mean * 1.1}},
    }


def shown(*tasks: dict) -> list[tuple[str, list[str], str]]:
    """Return each table's title, its rows, and the verdict."""
    found = []
    for table, verdict in summary.tables({"corpus": "news", "tasks": list(tasks)}):
        output = io.StringIO()
        Console(file=output, width=120).print(table)
        lines = [line for line in output.getvalue().splitlines() if line.startswith("│")]
        rows = [" ".join(line.strip("│").replace("│", " ").split()) for line in lines]
        found.append((str(table.title), rows, verdict))
    return found


def test_each_network_has_its_spread_its_interval_and_its_letters():
    networks = [network("gru", [0.5, 0.7], "a", "accuracy"), network("bow", [0.5], "ab", "accuracy", None)]
    task = {
        "headline": "accuracy",
        "networks": networks,
        "ensembles": [],
        "floors": [],
        "verdict": "gru leads.",
    }
    assert shown(task) == [
        (
            "news: accuracy on the test split, %",
            ["gru 60.0 1.0 54.0 to 66.0 a 2 12,345", "bow 50.0 - 45.0 to 55.0 ab 1 12,345"],
            "gru leads.",
        )
    ]


def test_networks_of_another_headline_have_a_table_of_their_own():
    classes = {
        "headline": "accuracy",
        "networks": [network("gru", [0.8], "a", "accuracy")],
        "ensembles": [],
        "floors": [],
        "verdict": "1",
    }
    words = {
        "headline": "perplexity",
        "networks": [network("reader", [101.26], "a", "perplexity", 2.0)],
        "ensembles": [],
        "floors": [],
        "verdict": "2",
    }
    _, (title, rows, verdict) = shown(classes, words)
    assert title == "news: perplexity on the test split" and verdict == "2"
    assert rows == ["reader 101.3 2.0 91.1 to 111.4 a 1 12,345"]


def test_an_ensemble_and_a_floor_stand_below_the_networks_without_seeds():
    floor = network("tfidf", [0.55], "b", "accuracy", None)
    floor["scores"]["accuracy"]["seeds"] = []
    both = network("both", [0.62], "a", "accuracy", None)
    both["scores"]["accuracy"]["seeds"] = []
    task = {"headline": "accuracy", "networks": [network("gru", [0.5, 0.7], "a", "accuracy")]}
    [(_, rows, _)] = shown(task | {"ensembles": [both], "floors": [floor], "verdict": "1"})
    assert rows == [
        "gru 60.0 1.0 54.0 to 66.0 a 2 12,345",
        "both 62.0 - 55.8 to 68.2 a - 12,345",
        "tfidf 55.0 - 49.5 to 60.5 b - 12,345",
    ]
