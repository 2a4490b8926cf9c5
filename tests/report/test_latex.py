"""The tables for a paper compile wherever booktabs is there, and say what the comparison says."""

import copy
import csv
import re

import pytest
from invented import (
    ENOUGH,
    METRICS,
    TOO_FEW,
    document,
    network,
    next_word_task,
    task,
    with_ensemble,
    with_floor,
)

from unroll.report import latex
from unroll.report.tables import Table

FILES = latex.tables([document(task(), next_word_task())], ENOUGH)
LATEX = {name: text for name, text in FILES.items() if name.endswith(".tex")}


def body(text: str) -> list[list[str]]:
    """Return the cells of each line of a table, its header first."""
    inner = text[text.index("\\toprule") : text.index("\\bottomrule")]
    lines = [line.strip() for line in inner.splitlines() if line.endswith("\\\\")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)&", line.removesuffix("\\\\"))] for line in lines]


def test_every_corpus_and_task_has_its_networks_and_pairs_in_both_formats():
    names = {"rows-classification", "rows-classification-pairs", "rows-next-word", "rows-next-word-pairs"}
    assert set(FILES) == {f"{name}.{kind}" for name in {*names, "ranks"} for kind in ("tex", "csv")}


def test_a_lone_network_has_no_pairs_and_few_corpora_no_ranks():
    alone = task(networks=[network("gru", [0.7], "", "accuracy", METRICS)], pairs=[], power={})
    assert set(latex.tables([document(alone)], TOO_FEW)) == {
        "rows-classification.tex",
        "rows-classification.csv",
    }


@pytest.mark.parametrize("name", LATEX)
def test_every_environment_and_brace_that_opens_closes(name):
    text = LATEX[name]
    assert re.findall(r"\\begin\{(\w+)\}", text) == re.findall(r"\\end\{(\w+)\}", text)[::-1]
    assert [text.count(f"\\{rule}rule") for rule in ("top", "bottom")] == [1, 1]
    bare = re.sub(r"\\[{}]", "", text)
    assert bare.count("{") == bare.count("}")
    assert len(re.findall(r"(?<!\\)\$", text)) % 2 == 0


@pytest.mark.parametrize("name", LATEX)
def test_every_line_has_the_columns_that_the_tabular_declares(name):
    [columns] = re.findall(r"\\begin\{tabular\}\{(l?r*)\}", LATEX[name])
    assert {len(cells) for cells in body(LATEX[name])} == {len(columns)}


@pytest.mark.parametrize("character", "\\&%$#_{}~^<>|±−")
def test_no_special_character_gets_through_as_it_is(character):
    found = latex.escaped(f"a{character}b")
    for command in sorted(set(latex.SPECIAL.values()), key=len, reverse=True):
        found = found.replace(command, "")
    assert found == "ab"
    table = Table([f"x{character}", "y"], [[f"{character}z", "1"]])
    text = latex.as_latex(table, "label", f"A {character} caption")
    assert text.count(latex.SPECIAL[character]) == 3 or character in "\\{}"
    assert {len(cells) for cells in body(text)} == {2}


def test_the_braces_of_an_escaped_backslash_are_not_escaped_again():
    assert latex.escaped("\\{") == "\\textbackslash{}\\{"


def test_a_minus_is_set_as_a_minus_and_a_hyphen_stays_one():
    assert latex.escaped("-1.5 (0.31)") == "$-$1.5 (0.31)"
    assert latex.escaped("SemEval-2017, well-kept, row - column") == "SemEval-2017, well-kept, row - column"


def test_the_best_group_is_bold_and_nothing_else_is():
    [_, *lines] = body(LATEX["rows-classification.tex"])
    bold = [line[0] for line in lines for cell in line if cell.startswith("\\textbf{")]
    assert bold == ["gru", "bag\\_1"]
    assert lines[0][1] == "\\textbf{81.0 $\\pm$ 1.2}"
    alone = task()
    alone["networks"][1]["scores"]["accuracy"]["group"] = "b"
    text = latex.tables([document(alone)], TOO_FEW)["rows-classification.tex"]
    assert re.findall(r"\\textbf\{([^}]*)\}", text) == ["81.0 $\\pm$ 1.2"]


def test_the_table_shows_groups_intervals_and_figures_to_hold_against():
    [header, first, *_, published] = body(LATEX["rows-classification.tex"])
    cells = dict(zip(header, first, strict=True))
    assert cells["95 \\% over seeds and rows"] == "77.0 to 85.0"
    assert cells["group"] == "a"
    assert published[:2] == ["tree LSTM (Nobody 2015)", "91.0"]


def test_a_rule_stands_between_our_networks_and_what_they_are_held_against():
    _, header, ours, references = re.split(r"\\(?:top|mid)rule", LATEX["rows-classification.tex"])
    assert "network &" in header
    assert "rnn &" in ours
    assert references.strip().startswith("majority class &")


def test_pairs_told_apart_are_bold():
    [_, gru, bag] = body(LATEX["rows-classification-pairs.tex"])
    assert gru == ["gru", "+1.5 (0.31)", "\\textbf{+20.0 ($<$ 0.001)}"]
    assert bag == ["bag\\_1", "", "+18.5 (0.060)"]


def test_a_warning_about_the_data_stands_in_the_caption():
    warned = document(warnings=["train: 6 rows where 9 are expected"])
    text = latex.tables([warned], TOO_FEW)["rows-classification.tex"]
    assert "Not as pinned: train: 6 rows where 9 are expected." in text
    assert "Not as pinned" not in LATEX["rows-classification.tex"]


def test_the_csv_has_every_digit():
    [gru, *_, tree] = csv.DictReader(FILES["rows-classification.csv"].splitlines())
    scores = task()["networks"][0]["scores"]
    assert float(gru["accuracy"]) == scores["accuracy"]["mean"]
    assert float(gru["both_low"]) == scores["accuracy"]["both_low"]
    assert float(gru["loss"]) == scores["loss"]["mean"]
    assert (tree["network"], tree["source"], tree["accuracy"], tree["std"]) == (
        "tree LSTM",
        "Nobody 2015",
        "0.91",
        "",
    )


def test_the_csv_of_the_pairs_has_all_tested_metrics_of_its_task_alone():
    found = list(csv.DictReader(FILES["rows-classification-pairs.csv"].splitlines()))
    assert [row["metric"] for row in found] == ["accuracy", "accuracy", "accuracy", "loss"]


def test_ranks_keep_their_order_and_every_digit():
    ranks = csv.DictReader(FILES["ranks.csv"].splitlines())
    assert [(row["network"], float(row["average_rank"])) for row in ranks] == [
        ("gru", 1.2),
        ("bag_1", 2.0),
        ("rnn", 2.8),
    ]


def test_the_tables_are_a_function_of_the_documents_alone():
    whole = [document(task(), next_word_task())]
    before = copy.deepcopy(whole)
    assert latex.tables(whole, ENOUGH) == FILES
    assert whole == before


def test_the_floor_is_below_the_rule_and_in_the_csv():
    found = latex.tables([document(with_floor(task()))], TOO_FEW)
    _, _, ours, references = re.split(r"\\(?:top|mid)rule", found["rows-classification.tex"])
    assert "tfidf" not in ours and references.strip().startswith(
        "tfidf (TF-IDF and logistic regression) & 70.0 &"
    )
    [floor] = [
        row
        for row in csv.DictReader(found["rows-classification.csv"].splitlines())
        if row["network"] == "tfidf"
    ]
    assert float(floor["accuracy"]) == 0.7 and (floor["std"], floor["ci_low"], floor["ensemble"]) == ("",) * 3


def test_an_ensemble_is_ours_and_the_caption_says_how_far_its_figures_go():
    found = latex.tables([document(with_ensemble(with_floor(task())))], TOO_FEW)
    _, _, ours, references = re.split(r"\\(?:top|mid)rule", found["rows-classification.tex"])
    assert "both (ensemble: gru 0.75 + rnn 0.25) & " in ours and "tfidf" in references
    assert "An ensemble asks all seeds of its networks" in found["rows-classification.tex"]
    assert "An ensemble" not in FILES["rows-classification.tex"]
    read = csv.DictReader(found["rows-classification.csv"].splitlines())
    assert [row["network"] for row in read][3:5] == ["both", "tfidf"]
