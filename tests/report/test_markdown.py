"""comparison.md, whole: what it says before, beside and below its tables."""

import copy

import pytest
from invented import (
    ENOUGH,
    SOURCE,
    document,
    next_word_task,
    task,
)
from pages import page, tables

from unroll.report.tables import as_markdown, markdown, network_table


def test_the_page_says_the_answer_before_the_table():
    text = page()
    assert "## rows: Invented sentences" in text
    assert text.index(task()["verdict"]) < text.index("| network |")


def test_the_page_says_how_many_rows_and_seeds_there_are():
    text = page()
    assert "1,234 test rows, seeds a network: 2, sorted by accuracy (%)." in text


@pytest.mark.parametrize(
    ("origin", "words"),
    [
        ("hub", "from the Hugging Face Hub."),
        ("mirror", "from a mirror of the Hub."),
        ("pypi", "from PyPI."),
        ("file", "from files of the user's own."),
    ],
)
def test_the_page_says_where_the_data_came_from(origin, words):
    assert f"Data: a/rows, revision {'5' * 40}, {words} Licence: MIT. Nobody 2015." in page(
        source=SOURCE | {"from": origin}
    )


def test_data_without_a_licence_or_citation_are_said_to_have_neither_by_silence():
    text = page(source=SOURCE | {"licence": None, "citation": None})
    assert "None" not in text
    assert "Licence" not in text


def test_every_warning_is_on_the_page():
    warnings = ["train: 6 rows where 9 are expected", "a/trees was missing; a/rows stands in"]
    text = page(warnings=warnings)
    assert all(f"- **Warning:** {warning}" in text for warning in warnings)
    assert "Warning" not in page()


def test_figures_to_hold_against_are_told_from_our_networks():
    [networks, *_] = tables(page())
    assert [row[0] for row in networks[2:]] == [
        "gru",
        "bag_1",
        "rnn",
        "*majority class*",
        "*tree LSTM (Nobody 2015)*",
    ]
    assert [row[1] for row in networks[2:5]] == ["**81.0 ± 1.2**", "**79.5 ± 1.2**", "61.0 ± 1.2"]


def test_the_page_says_what_the_design_could_have_shown_and_more_seeds_in_their_order():
    assert (
        "Power: the smallest true difference in accuracy that this design shows four times of five "
        "is 2.1 points (the median pair); it would be 1.6 with 5, 1.1 with 10 seeds a network." in page()
    )
    assert "is 12.5 (the median pair)." in page(next_word_task())
    assert "Power" not in page(task(power={"accuracy": {"detectable": None, "with_seeds": {}}}))


def test_classifiers_and_next_word_networks_have_tables_of_their_own():
    found = tables(page(task(), next_word_task()))
    assert [table[0][0] for table in found] == ["network", "row - column (p)"] * 2
    assert [row[0] for row in found[2][2:]] == ["reader", "other", "*frequency of words*"]
    assert "erplexity" not in page()


def test_every_table_of_the_page_has_as_many_cells_in_each_line():
    found = tables(page(task(), next_word_task(), over_corpora=ENOUGH))
    assert len(found) == 5
    for table in found:
        assert len({len(row) for row in table}) == 1


def test_a_bar_in_a_name_does_not_cut_its_cell():
    barred = task(references=[{"system": "LSTM | GRU", "source": "", "scores": {}}])
    text = as_markdown(network_table(document(barred), barred))
    assert "LSTM \\| GRU" in text


def test_the_page_is_a_function_of_the_documents_alone():
    whole = document(task(), next_word_task())
    before = copy.deepcopy(whole)
    first = markdown([whole], ENOUGH)
    assert whole == before
    assert markdown([before], copy.deepcopy(ENOUGH)) == first
