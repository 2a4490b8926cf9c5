"""The tables say of every network how sure its figures are, and what they are held against."""

import pytest
from invented import (
    ENOUGH,
    METRICS,
    TOO_FEW,
    document,
    network,
    next_word_task,
    pair,
    task,
    with_ensemble,
    with_floor,
)
from pages import page

from unroll.report.tables import (
    PAIR_COLUMNS,
    ROW_COLUMNS,
    as_csv,
    network_table,
    p_value,
    pair_rows,
    pair_table,
    rank_table,
    rows,
)

ONE_SEED = task(
    networks=[network("gru", [0.7], "", "accuracy", METRICS)],
    pairs=[],
    power={},
    verdict="There is only gru.",
)


# --- comparison.csv and pairs.csv ---------------------------------------------------------------------


def test_there_is_a_row_for_every_corpus_network_and_metric_in_the_order_of_the_documents():
    table = rows([document(task(), next_word_task()), document(corpus="others")])
    keys = [(row["corpus"], row["network"], row["metric"]) for row in table]
    assert len(set(keys)) == len(keys) == 2 * 3 * len(METRICS) + 2 * 3
    assert list(dict.fromkeys(key[:2] for key in keys)) == [
        ("rows", "gru"),
        ("rows", "bag_1"),
        ("rows", "rnn"),
        ("rows", "reader"),
        ("rows", "other"),
        ("others", "gru"),
        ("others", "bag_1"),
        ("others", "rnn"),
    ]
    assert {tuple(row) for row in table} == {ROW_COLUMNS}


def test_every_figure_comes_with_its_seeds_both_its_intervals_and_its_group():
    [row] = [row for row in rows([document()]) if (row["network"], row["metric"]) == ("bag_1", "accuracy")]
    assert (row["seeds"], row["group"], row["parameters"]) == (2, "ab", 12345)
    figures = [row[name] for name in ("mean", "std", "ci_low", "ci_high", "both_low", "both_high")]
    assert figures == pytest.approx([0.795, 0.012, 0.765, 0.825, 0.755, 0.835])


def test_one_seed_leaves_the_cells_of_its_spread_empty():
    row = rows([document(ONE_SEED)])[0]
    assert (row["std"], row["ci_low"], row["ci_high"]) == (None, None, None)


def test_there_is_a_row_for_every_pair_of_every_tested_metric():
    table = pair_rows([document(task(), next_word_task())])
    assert [(row["metric"], row["a"], row["b"]) for row in table] == [
        ("accuracy", "gru", "bag_1"),
        ("accuracy", "gru", "rnn"),
        ("accuracy", "bag_1", "rnn"),
        ("loss", "gru", "bag_1"),
        ("perplexity", "reader", "other"),
    ]
    assert {tuple(row) for row in table} == {PAIR_COLUMNS}
    assert (table[0]["ci_low"], table[0]["ci_high"]) == pytest.approx((-0.005, 0.035))
    assert (table[0]["p_rows"], table[0]["p"], table[0]["p_holm"]) == (0.001, 0.002, 0.31)


def test_one_network_alone_has_no_pairs():
    assert pair_rows([document(ONE_SEED)]) == []
    assert pair_table(document(ONE_SEED), ONE_SEED) is None


def test_a_csv_has_its_header_even_without_rows_and_an_empty_cell_where_there_is_no_figure():
    assert as_csv([], PAIR_COLUMNS) == ",".join(PAIR_COLUMNS) + "\n"
    assert as_csv([{"a": None, "b": 0.1}, {"a": 'x, "y"'}]) == 'a,b\n,0.1\n"x, ""y""",\n'


# --- the networks -------------------------------------------------------------------------------------


def test_the_headline_is_shown_in_per_cent_with_both_its_intervals():
    table = network_table(document(), task())
    assert table.columns == [
        "network",
        "accuracy (mean ± std)",
        "95 % over seeds",
        "95 % over seeds and rows",
        "group",
        "ensemble",
        "macro recall",
        "macro F1",
        "loss",
        "ECE",
        "parameters",
    ]
    assert table.rows[0] == [
        "gru",
        "81.0 ± 1.2",
        "78.0 to 84.0",
        "77.0 to 85.0",
        "a",
        "82.0",
        "30.5",
        "30.5",
        "0.305",
        "30.5",
        "12,345",
    ]


def test_all_that_share_the_best_letter_stand_out_and_no_others():
    assert network_table(document(), task()).strong == {(0, 1), (1, 1)}
    alone = task()
    alone["networks"][1]["scores"]["accuracy"]["group"] = "b"
    assert network_table(document(), alone).strong == {(0, 1)}
    assert not network_table(document(), ONE_SEED).strong


def test_one_seed_is_called_one_seed():
    assert network_table(document(), ONE_SEED).rows[0][1:5] == ["70.0", "one seed", "66.0 to 74.0", ""]


def test_an_interval_that_is_not_to_be_had_is_an_empty_cell():
    unknown = task()
    unknown["networks"][0]["scores"]["accuracy"] |= {"both_low": None, "both_high": None}
    assert network_table(document(), unknown).rows[0][3] == ""


def test_a_figure_to_hold_against_stands_in_the_column_of_its_metric_with_its_source():
    table = network_table(document(), task())
    floor, published = table.rows[3:]
    assert floor[:2] == ["majority class", "41.1"]
    assert floor[table.columns.index("macro recall")] == "50.0"
    assert published[:2] == ["tree LSTM (Nobody 2015)", "91.0"]
    assert published[table.columns.index("macro recall")] == ""


def test_a_perplexity_is_shown_as_it_is_and_not_in_per_cent():
    table = network_table(document(), next_word_task())
    assert table.columns[1] == "perplexity (mean ± std)"
    assert (table.rows[0][0], table.rows[0][1][:5]) == ("reader", "110.0")
    assert table.rows[-1][:2] == ["frequency of words", "456.8"]


@pytest.mark.parametrize("one", [task(), next_word_task(), ONE_SEED])
def test_every_row_has_as_many_cells_as_there_are_columns(one):
    found = [network_table(document(one), one), pair_table(document(one), one)]
    for table in filter(None, found):
        assert {len(row) for row in table.rows} == {len(table.columns)}


# --- the floor ----------------------------------------------------------------------------------------

FLOORED = with_floor(task())


def test_the_floor_is_in_the_csv_under_its_name_and_marked():
    table = rows([document(FLOORED, next_word_task())])
    assert {row["kind"] for row in table if row["network"] != "tfidf"} == {"network"}
    found = [row for row in table if row["network"] == "tfidf"]
    assert [(row["kind"], row["metric"]) for row in found] == [("floor", metric) for metric in METRICS]
    [row] = [row for row in found if row["metric"] == "accuracy"]
    assert (row["seeds"], row["std"], row["ci_low"], row["ci_high"]) == (0, None, None, None)
    assert (row["both_low"], row["mean"], row["both_high"]) == pytest.approx((0.66, 0.7, 0.74))
    names = [row["b"] for row in pair_rows([document(FLOORED)]) if row["metric"] == "accuracy"]
    assert names.count("tfidf") == 3


def test_the_floor_stands_below_the_networks_with_an_interval_over_rows_alone():
    table = network_table(document(), FLOORED)
    assert table.ours == 3
    floor = table.rows[3]
    assert floor[:6] == ["tfidf (TF-IDF and logistic regression)", "70.0", "", "66.0 to 74.0", "b", ""]
    assert floor[-1] == "6,789" and len(floor) == len(table.columns)
    assert table.rows[4][0] == "majority class"
    assert "| *tfidf (TF-IDF and logistic regression)* |" in page(FLOORED)


def test_a_floor_that_is_best_stands_out():
    best = with_floor(task())
    best["floors"][0]["scores"]["accuracy"]["group"] = "a"
    assert (3, 1) in network_table(document(), best).strong


def test_every_network_has_its_difference_from_the_floor():
    table = pair_table(document(), FLOORED)
    assert table.columns == ["row - column (p)", "bag_1", "rnn", "tfidf"]
    assert [row[-1] for row in table.rows] == ["+11.0 (0.010)", "+9.5 (0.010)", "-9.0 (0.010)"]
    assert {row[0] for row in table.rows} == {"gru", "bag_1", "rnn"}
    assert {len(row) for row in table.rows} == {4}


def test_one_network_alone_has_the_floor():
    assert pair_table(document(), with_floor(ONE_SEED)).rows == [["gru", "+0.0 (0.010)"]]


# --- an ensemble --------------------------------------------------------------------------------------

JOINED = with_ensemble(FLOORED)


def test_an_ensemble_is_in_the_csv_between_networks_and_floor():
    table = [row for row in rows([document(JOINED)]) if row["metric"] == "accuracy"]
    assert [(row["network"], row["kind"]) for row in table[3:]] == [("both", "ensemble"), ("tfidf", "floor")]
    assert (table[3]["seeds"], table[3]["std"], table[3]["ci_low"]) == (0, None, None)
    assert (table[3]["both_low"], table[3]["mean"], table[3]["both_high"]) == pytest.approx(
        (0.81, 0.85, 0.89)
    )
    held = [(row["a"], row["b"]) for row in pair_rows([document(JOINED)]) if "both" in (row["a"], row["b"])]
    assert held.count(("both", "tfidf")) == 4 and held.count(("gru", "both")) == 4


def test_an_ensemble_is_ours_with_its_weights_and_its_interval_is_said_to_be_of_rows():
    table = network_table(document(), JOINED)
    assert table.ours == 4
    assert table.rows[3][:6] == ["both (ensemble: gru 0.75 + rnn 0.25)", "85.0", "", "81.0 to 89.0", "a", ""]
    assert table.rows[3][-1] == "49,380" and table.rows[4][0].startswith("tfidf")
    assert "| both (ensemble: gru 0.75 + rnn 0.25) |" in page(JOINED)
    assert "interval is of other test rows alone" in page(JOINED)
    assert "An ensemble" not in page(FLOORED)
    assert pair_table(document(), JOINED).rows[-1] == ["both", "", "", "", "+15.0 (0.020)"]


# --- the pairs ----------------------------------------------------------------------------------------


def test_a_pair_stands_once_above_the_diagonal_with_its_corrected_p():
    table = pair_table(document(), task())
    assert table.columns[1:] == ["bag_1", "rnn"]
    assert table.rows == [["gru", "+1.5 (0.31)", "+20.0 (< 0.001)"], ["bag_1", "", "+18.5 (0.060)"]]


def test_only_pairs_that_were_told_apart_at_the_level_stand_out():
    assert pair_table(document(), task()).strong == {(0, 2)}
    assert pair_table(document(level=0.9), task()).strong == {(0, 2), (1, 2)}


def test_other_metrics_than_the_headline_are_left_to_the_csv():
    assert "-0.500" not in page()


def test_a_pair_without_a_test_does_not_stand_out():
    untested = task(pairs=[pair("accuracy", *names, 0.1, None) for names in PAIRS])
    table = pair_table(document(untested), untested)
    assert not table.strong
    assert table.rows[0][1] == "+10.0 (not tested)"


PAIRS = [("gru", "bag_1"), ("gru", "rnn"), ("bag_1", "rnn")]


@pytest.mark.parametrize(
    ("p", "words"),
    [(0.0, "< 0.001"), (0.00099, "< 0.001"), (0.0421, "0.042"), (0.5, "0.50"), (1.0, "1.00")],
)
def test_a_p_is_never_written_as_zero(p, words):
    assert p_value(p) == words


# --- over corpora -------------------------------------------------------------------------------------


def test_ranks_over_corpora_come_best_first():
    assert rank_table(ENOUGH).rows == [["gru", "1.20"], ["bag_1", "2.00"], ["rnn", "2.80"]]


def test_too_few_corpora_are_called_too_few_and_ranked_by_nothing():
    assert rank_table(TOO_FEW | {"average_ranks": {"gru": 1.0}}) is None
    assert page().endswith(f"## Over all corpora\n\n{TOO_FEW['why']}\n")


def test_enough_corpora_are_tested_together():
    text = page(over_corpora=ENOUGH)
    assert "Friedman's test: p 0.041." in text
    assert "less than 1.48" in text
    assert "- not told apart: gru, bag_1\n- not told apart: bag_1, rnn\n" in text
