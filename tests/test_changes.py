"""A change that the seeds explain is called noise, and one that they do not is said to be better or worse."""

import pytest
from invented import document, next_word_task, task
from typer.testing import CliRunner

from unroll import changes
from unroll.changes import Figure
from unroll.command_line import app
from unroll.failures import Refusal
from unroll.report.tables import as_csv, rows

KEY = ("rows", "gru", "accuracy")


def verdict(before: Figure, after: Figure, metric: str = "accuracy") -> str:
    key = ("rows", "gru", metric)
    [change] = changes.changes({key: before}, {key: after})
    return change.verdict


def test_a_difference_is_held_against_both_intervals_together():
    # Half widths of 3 and 4 make 5.
    assert verdict(Figure(0.50, 0.03), Figure(0.549, 0.04)) == "noise"
    assert verdict(Figure(0.50, 0.03), Figure(0.551, 0.04)) == "better"
    assert verdict(Figure(0.551, 0.03), Figure(0.50, 0.04)) == "worse"


@pytest.mark.parametrize("metric", ["loss", "ece", "perplexity"])
def test_less_is_better_where_less_is_better(metric):
    assert verdict(Figure(2.0, 0.1), Figure(1.0, 0.1), metric) == "better"
    assert verdict(Figure(1.0, 0.1), Figure(2.0, 0.1), metric) == "worse"


def test_of_one_seed_nothing_can_be_told():
    assert verdict(Figure(0.5, None), Figure(0.9, 0.01)) == "no interval over seeds: cannot be told"
    assert verdict(Figure(0.5, 0.01), Figure(0.9, None)) == "no interval over seeds: cannot be told"


def test_an_equal_figure_is_no_change():
    assert changes.changes({KEY: Figure(0.5, 0.1)}, {KEY: Figure(0.5, 0.2)}) == []


def test_a_comparison_that_is_written_can_be_read(tmp_path):
    path = tmp_path / "comparison.csv"
    path.write_text(as_csv(rows([document(task(), next_word_task())])))
    figures = changes.read(path)
    assert len(figures) == 3 * 5 + 2 * 3
    assert figures[KEY].mean == pytest.approx(0.81)
    assert figures[KEY].half_width == pytest.approx(0.03)


def test_a_comparison_of_before_groups_and_row_intervals_can_be_read_too(tmp_path):
    path = tmp_path / "comparison.csv"
    path.write_text(
        "corpus,network,metric,seeds,mean,std,ci_low,ci_high,parameters\nrows,gru,loss,1,1.5,,,,9\n"
    )
    assert changes.read(path) == {("rows", "gru", "loss"): Figure(1.5, None)}


@pytest.mark.parametrize(
    "text", ["corpus,network\na,b\n", "corpus,network,metric,mean,ci_low,ci_high\na,b,c,x,,\n"]
)
def test_what_is_no_comparison_is_refused_by_name(tmp_path, text):
    path = tmp_path / "other.csv"
    path.write_text(text)
    with pytest.raises(Refusal, match=r"other\.csv is no comparison\.csv"):
        changes.read(path)
    with pytest.raises(Refusal, match=r"absent\.csv is missing"):
        changes.read(tmp_path / "absent.csv")


def test_the_page_counts_every_figure_and_puts_the_noise_away():
    base = {
        ("rows", "gru", "accuracy"): Figure(0.5, 0.01),
        ("rows", "gru", "loss"): Figure(1.0, 0.5),
        ("rows", "gru", "macro_f1"): Figure(0.4, 0.01),
        ("rows", "old", "accuracy"): Figure(0.4, 0.01),
    }
    new = {
        ("rows", "gru", "accuracy"): Figure(0.6, 0.01),
        ("rows", "gru", "loss"): Figure(1.1, 0.5),
        ("rows", "gru", "macro_f1"): Figure(0.4, 0.01),
        ("rows", "fresh", "accuracy"): Figure(0.4, 0.01),
    }
    text = changes.markdown(base, new)
    assert text.startswith(
        "3 figures in both: 1 are the same to the last digit, 1 differ by noise (within the interval over "
        "seeds), 1 otherwise.\n"
    )
    told, noise = text.split("<details>")
    assert "| rows | gru | accuracy (%) | 50.0 | 60.0 | +10.0 | better |" in told
    assert "| rows | gru | loss | 1.000 | 1.100 | +0.100 | noise |" in noise
    assert "macro F1" not in text
    assert "New: fresh on rows.\n\nGone: old on rows.\n" in text


def test_two_equal_comparisons_are_said_to_be_equal(tmp_path):
    path = tmp_path / "comparison.csv"
    path.write_text(as_csv(rows([document()])))
    result = CliRunner().invoke(app, ["changes", str(path), str(path)])
    assert result.exit_code == 0
    assert result.stdout == (
        "15 figures in both: 15 are the same to the last digit, 0 differ by noise (within the interval over "
        "seeds), 0 otherwise.\n"
    )
