"""The tables that people read: the order of networks, their spread, and what they are held against."""

import copy
import csv
import io
import math

import pytest

from unroll import comparison
from unroll.comparison import METRICS, NEXT_WORD_METRICS, Published
from unroll.statistics import spread

PINNED = {"from": "hub", "repository": "a/rows", "revision": "5" * 40, "differences": []}


def report(network: str, headline_scores: list[float], headline: str = "accuracy", **changes: object) -> dict:
    """Return a metrics document as stages.evaluate writes it; only the headline is of interest."""
    seeds = {
        str(seed): {metric: 0.5 - 0.01 * seed for metric in METRICS} | {headline: score}
        for seed, score in enumerate(headline_scores, start=1)
    }
    count = len(headline_scores)
    mean = {metric: sum(scores[metric] for scores in seeds.values()) / count for metric in METRICS}
    return {
        "corpus": "rows",
        "network": network,
        "headline": headline,
        "parameters": 12345,
        "rows": 1234,
        "seeds": seeds,
        "mean": mean,
        "std": {metric: spread([scores[metric] for scores in seeds.values()]).std for metric in METRICS},
        "ensemble": {metric: 0.7251 for metric in METRICS},
        "majority": {"accuracy": 0.4111, "macro_recall": 0.3333, "macro_f1": 0.2222},
        "source": PINNED,
        **changes,
    }


REPORTS = {
    "rows": [
        report("bow", [0.6, 0.62]),
        report("lstm", [0.8, 0.7]),
        report("gru", [0.7, 0.8]),
        report("rnn", [0.1, 0.2]),
    ]
}
TITLES = {"rows": "invented sentences"}
NOTHING = {"rows": ()}


def section(changes: dict | None = None, published: tuple[Published, ...] = ()) -> str:
    document = report("lstm", [0.7, 0.8]) | (changes or {})
    return comparison.markdown({"rows": [document]}, TITLES, {"rows": published})


def cells(markdown: str) -> list[list[str]]:
    lines = [line for line in markdown.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_networks_come_by_their_headline_and_equals_by_name():
    table = comparison.rows(REPORTS)
    in_order = list(dict.fromkeys(row["network"] for row in table))
    assert in_order == ["gru", "lstm", "bow", "rnn"]
    shown = [row[0] for row in cells(comparison.markdown(REPORTS, TITLES, NOTHING))[2:6]]
    assert shown == in_order


def test_the_order_in_which_networks_are_given_does_not_matter():
    turned = {"rows": REPORTS["rows"][::-1]}
    assert comparison.rows(turned) == comparison.rows(REPORTS)
    assert comparison.markdown(turned, TITLES, NOTHING) == comparison.markdown(REPORTS, TITLES, NOTHING)


def test_each_corpus_is_sorted_by_its_own_headline():
    first = report("bow", [0.9, 0.9], "macro_recall")
    second = report("lstm", [0.2, 0.3], "macro_recall")
    # By accuracy it would be the other way round.
    second["mean"]["accuracy"] = 0.99
    table = comparison.rows({"tweets": [second, first], "rows": REPORTS["rows"]})
    assert [row["network"] for row in table[:: len(METRICS)]][:2] == ["bow", "lstm"]
    assert [row["corpus"] for row in table[:: len(METRICS)]] == ["tweets"] * 2 + ["rows"] * 4


def test_every_figure_comes_with_its_seeds_and_its_spread():
    [row] = [
        row for row in comparison.rows(REPORTS) if (row["network"], row["metric"]) == ("lstm", "accuracy")
    ]
    expected = spread([0.8, 0.7])
    assert (row["mean"], row["std"]) == (expected.mean, expected.std)
    assert (row["ci_low"], row["ci_high"]) == (expected.low, expected.high)
    assert (row["seeds"], row["parameters"]) == (2, 12345)


def test_there_is_a_row_for_every_corpus_network_and_metric():
    table = comparison.rows(REPORTS)
    keys = {(row["corpus"], row["network"], row["metric"]) for row in table}
    assert len(keys) == len(table) == 4 * len(METRICS)


def test_the_headline_is_shown_in_per_cent_with_its_interval():
    [header, _, row, *_] = cells(section())
    assert header[1:4] == ["accuracy (mean ± std)", "95 % interval", "ensemble"]
    found = spread([0.7, 0.8])
    assert row[1] == "**75.0** ± 7.1"
    assert row[2] == f"{100 * found.low:.1f} to {100 * found.high:.1f}"
    assert row[3] == "72.5"
    assert row[-1] == "12,345"


def test_one_seed_is_called_one_seed():
    document = report("lstm", [0.7])
    [_, _, row, *_] = cells(comparison.markdown({"rows": [document]}, TITLES, NOTHING))
    assert row[1:3] == ["**70.0**", "one seed"]
    [line] = [line for line in comparison.rows({"rows": [document]}) if line["metric"] == "accuracy"]
    assert (line["std"], line["ci_low"], line["ci_high"]) == (None, None, None)


def test_every_line_has_as_many_cells_as_the_header():
    figures = (Published(system="LSTM", metric="macro_f1", value=0.464, source="Nobody 2015"),)
    assert len({len(row) for row in cells(section(published=figures))}) == 1


def test_the_majority_class_is_the_floor_of_every_table():
    [floor] = [row for row in cells(section()) if row[0] == "*majority class*"]
    assert floor[1] == "41.1"
    assert "33.3" in floor


def test_a_published_figure_stands_in_the_column_of_its_metric_with_its_source():
    figures = (
        Published(system="tree LSTM", metric="accuracy", value=0.51, source="Nobody 2015"),
        Published(system="RoBERTa", metric="macro_recall", value=0.713, source="Somebody 2020"),
    )
    table = cells(section(published=figures))
    header, accuracy, recall = table[0], table[-2], table[-1]
    assert (accuracy[0], accuracy[1]) == ("*tree LSTM* (Nobody 2015)", "51.0")
    assert (recall[0], recall[1]) == ("*RoBERTa* (Somebody 2020)", "")
    assert recall[header.index("macro recall")] == "71.3"
    assert accuracy[header.index("macro recall")] == ""


@pytest.mark.parametrize(
    ("origin", "words"),
    [("hub", "from the Hugging Face Hub"), ("mirror", "from a mirror of the Hub"), ("pypi", "from PyPI")],
)
def test_the_page_says_where_the_data_came_from(origin, words):
    text = section({"source": PINNED | {"from": origin}})
    assert f"Data: a/rows, revision {'5' * 40}, {words}." in text
    assert "**Not the pinned data" not in text


def test_the_page_says_that_the_data_differ_or_that_a_fallback_stood_in():
    differences = ["train: 6 rows where 9 are expected", "test: sha256 of the rows is abc"]
    text = section(
        {"source": PINNED | {"differences": differences, "fallback": "a/trees was missing; a/rows stands in"}}
    )
    assert "**a/trees was missing; a/rows stands in.**" in text
    assert f"**Not the pinned data:** {'; '.join(differences)}." in text


def test_the_page_names_the_corpus_its_test_rows_and_its_seeds():
    text = section()
    assert "## rows: invented sentences" in text
    assert "1,234 test rows" in text
    assert "seeds a network: 2" in text


def test_tables_are_a_function_of_the_metrics_alone():
    before = copy.deepcopy(REPORTS)
    first = comparison.markdown(REPORTS, TITLES, NOTHING)
    assert before == REPORTS
    assert comparison.markdown(before, TITLES, NOTHING) == first


def test_the_rows_can_be_written_as_one_table():
    stream = io.StringIO()
    table = comparison.rows(REPORTS)
    writer = csv.DictWriter(stream, fieldnames=list(table[0]))
    writer.writerows(table)
    assert len(stream.getvalue().splitlines()) == len(table)


# --- next-word networks -----------------------------------------------------------------------------


def reading(network: str, perplexities: list[float]) -> dict:
    """Return a next-word network's metrics document as stages.evaluate writes it."""
    seeds = {
        str(seed): {"perplexity": value, "loss": math.log(value), "accuracy": 0.125}
        for seed, value in enumerate(perplexities, start=1)
    }
    columns = {name: [scores[name] for scores in seeds.values()] for name in NEXT_WORD_METRICS}
    return {
        "corpus": "rows",
        "network": network,
        "headline": "perplexity",
        "parameters": 54321,
        "rows": 1234,
        "seeds": seeds,
        "mean": {name: sum(values) / len(values) for name, values in columns.items()},
        "std": {name: spread(values).std for name, values in columns.items()},
        "ensemble": {"perplexity": 87.654, "loss": math.log(87.654)},
        "unigrams": {"perplexity": 456.78, "loss": math.log(456.78), "accuracy": 0.0512},
        "source": PINNED,
    }


READERS = [
    reading("worst", [300.0, 340.0]),
    reading("best", [100.0, 120.0]),
    reading("middling", [200.0, 90.0]),
]
BOTH = {"rows": [READERS[0], *REPORTS["rows"], *READERS[1:]]}


def tables(markdown: str) -> list[list[list[str]]]:
    """Return each table of a page as its rows of cells."""
    found: list[list[list[str]]] = []
    for line in cells(markdown):
        if line[0] == "network":
            found.append([])
        found[-1].append(line)
    return found


def test_the_lowest_perplexity_comes_first():
    in_order = list(dict.fromkeys(row["network"] for row in comparison.rows({"rows": READERS})))
    assert in_order == ["best", "middling", "worst"]
    [table] = tables(comparison.markdown({"rows": READERS}, TITLES, NOTHING))
    assert [row[0] for row in table[2:]] == [*in_order, "*frequency of words*"]


def test_classifiers_and_next_word_networks_have_a_table_each():
    classifiers, readers = tables(comparison.markdown(BOTH, TITLES, NOTHING))
    assert [row[0] for row in classifiers[2:]] == ["gru", "lstm", "bow", "rnn", "*majority class*"]
    assert [row[0] for row in readers[2:]] == ["best", "middling", "worst", "*frequency of words*"]
    assert classifiers == tables(comparison.markdown(REPORTS, TITLES, NOTHING))[0]
    for table in (classifiers, readers):
        assert len({len(row) for row in table}) == 1


def test_without_next_word_networks_nothing_is_said_of_them():
    assert "erplexity" not in comparison.markdown(REPORTS, TITLES, NOTHING)


def test_each_kind_of_network_has_rows_of_its_own_metrics():
    table = comparison.rows(BOTH)
    metrics_of = {
        name: [row["metric"] for row in table if row["network"] == name] for name in ("gru", "best")
    }
    assert metrics_of == {"gru": list(METRICS), "best": list(NEXT_WORD_METRICS)}
    assert [row["network"] for row in table].index("best") > [row["network"] for row in table].index("rnn")
    [row] = [row for row in table if (row["network"], row["metric"]) == ("best", "perplexity")]
    found = spread([100.0, 120.0])
    assert (row["mean"], row["std"], row["ci_low"]) == (found.mean, found.std, found.low)


def test_a_perplexity_is_shown_as_it_is_and_not_in_per_cent():
    [[header, _, row, floor]] = tables(comparison.markdown({"rows": READERS[1:2]}, TITLES, NOTHING))
    assert header[1:] == [
        "perplexity (mean ± std)",
        "95 % interval",
        "ensemble",
        "loss",
        "accuracy",
        "parameters",
    ]
    found = spread([100.0, 120.0])
    interval = f"{found.low:.1f} to {found.high:.1f}"
    mean_loss = f"{(math.log(100) + math.log(120)) / 2:.3f}"
    assert row == ["best", "**110.0** ± 14.1", interval, "87.7", mean_loss, "12.5", "54,321"]
    assert floor == ["*frequency of words*", "456.8", "", "", f"{math.log(456.78):.3f}", "5.1", ""]


def test_published_figures_stand_with_the_classifiers():
    figures = {"rows": (Published(system="LSTM", metric="accuracy", value=0.51, source="Nobody 2015"),)}
    classifiers, readers = tables(comparison.markdown(BOTH, TITLES, figures))
    assert classifiers[-1][0] == "*LSTM* (Nobody 2015)"
    assert not any("Nobody" in cell for row in readers for cell in row)


def test_the_page_says_where_the_data_of_next_word_networks_came_from():
    text = comparison.markdown({"rows": READERS}, TITLES, NOTHING)
    assert f"Data: a/rows, revision {'5' * 40}, from the Hugging Face Hub." in text
