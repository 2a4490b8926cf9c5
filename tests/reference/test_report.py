"""The table of the reference systems, and what may be said of a difference in it."""

import copy
import itertools
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from unroll import catalogue, files
from unroll.failures import Refusal
from unroll.params import Suite, parse
from unroll.reference import report, spec
from unroll.reference.report import Result
from unroll.reference.spec import Claim, Preset

ROOT = Path(__file__).resolve().parents[2]
PATH = Path("params.yaml")


def result(
    scores: list[float],
    metric: str = "accuracy",
    parameters: int = 1000,
    majority: float | None = 0.4,
    **last: list[float],
) -> Result:
    """Return a network's result: a test score a seed, and columns of the last epoch by seed."""
    report = {
        "headline": metric,
        "parameters": parameters,
        "source": {"differences": []},
        "seeds": {str(seed): {metric: score} for seed, score in enumerate(scores, start=1)},
    }
    if majority is not None:
        report["majority"] = {"accuracy": majority}
    epochs = [
        {"epoch": "5"} | {name: str(values[seed]) for name, values in last.items()}
        for seed in range(len(scores))
    ]
    return Result(report, epochs)


PRESETS = {
    "first": Preset(
        corpus="news",
        ours="first_ours",
        published=Claim(figure="train_accuracy", value=0.81, said="one epoch"),
    ),
    "second": Preset(corpus="news", ours="second_ours"),
    "third": Preset(corpus="news"),
    "fourth": Preset(corpus="words", ours="fourth_ours"),
}
RESULTS = {
    ("news", "first"): result([0.4, 0.4, 0.4], train_accuracy=[0.7, 0.75, 0.8]),
    ("news", "first_ours"): result([0.79, 0.8, 0.81], parameters=2000),
    ("news", "second"): result([0.5, 0.6, 0.7]),
    ("news", "second_ours"): result([0.55, 0.6, 0.68]),
    ("news", "third"): result([0.75]),
    ("words", "fourth"): result([200.0, 201.0, 199.0], "perplexity", majority=None),
    ("words", "fourth_ours"): result([150.0, 151.0, 149.0], "perplexity", majority=None),
}


def by_preset(presets: dict = PRESETS, results: dict = RESULTS) -> dict[str, dict]:
    return {row["preset"]: row for row in report.rows(presets, results)}


def cells(presets: dict = PRESETS, results: dict = RESULTS) -> dict[str, list[str]]:
    text = report.markdown(presets, report.rows(presets, results))
    lines = [line for line in text.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert {len(row) for row in rows} == {len(report.COLUMNS)}
    return {row[0]: row for row in rows}


def test_the_table_needs_each_preset_and_its_counterpart_and_nothing_else():
    assert spec.needed(PRESETS) == set(RESULTS)
    assert spec.needed({}) == set()


def test_the_published_figure_is_held_against_the_last_epoch_of_each_seed():
    row = by_preset()["first"]
    assert (row["figure"], row["published"]) == ("train_accuracy", 0.81)
    assert row["repeated_mean"] == pytest.approx(0.75) and row["repeated_std"] == pytest.approx(0.05)
    assert cells()["first"][3:5] == ["train accuracy 81.0", "75.0 ± 5.0"]


def test_a_preset_without_a_published_figure_has_empty_cells_there():
    assert by_preset()["second"]["published"] is by_preset()["second"]["repeated_mean"] is None
    assert cells()["second"][3:5] == ["", ""]


def test_the_test_metric_stands_beside_the_majority_class_and_parameters():
    row = by_preset()["first"]
    assert (row["metric"], row["majority"], row["recipe_mean"], row["ours_mean"]) == pytest.approx(
        ("accuracy", 0.4, 0.4, 0.8)
    )
    assert (row["recipe_parameters"], row["ours_parameters"]) == (1000, 2000)
    assert cells()["first"][5:9] == ["accuracy", "40.0", "40.0 ± 0.0", "first_ours: 80.0 ± 1.0"]
    assert cells()["first"][-1] == "1,000 / 2,000"


def test_a_difference_whose_interval_leaves_out_zero_is_named_by_its_direction():
    assert by_preset()["first"]["verdict"] == "better"
    turned = {"first": PRESETS["first"].model_copy(update={"ours": "worse"})}
    worse = {**RESULTS, ("news", "worse"): result([0.2, 0.21, 0.19])}
    row = by_preset(turned, worse)["first"]
    assert row["verdict"] == "worse" and row["high"] < 0


def test_a_difference_whose_interval_covers_zero_is_called_noise():
    row = by_preset()["second"]
    assert row["low"] < 0 < row["high"] and row["verdict"] == "noise"
    assert cells()["second"][9].endswith("): noise")


def test_two_that_score_exactly_alike_differ_by_noise():
    same = {**RESULTS, ("news", "first_ours"): RESULTS["news", "first"]}
    assert by_preset(results=same)["first"]["verdict"] == "noise"


def test_less_perplexity_is_better_and_has_no_majority_class():
    row = by_preset()["fourth"]
    assert row["difference"] == pytest.approx(-50) and row["verdict"] == "better"
    assert cells()["fourth"][5:8] == ["perplexity (lower is better)", "", "200.0 ± 1.0"]


def test_one_seed_allows_no_verdict():
    single = {**RESULTS, ("news", "second"): result([0.5])}
    row = by_preset(results=single)["second"]
    assert (row["low"], row["high"], row["verdict"]) == (None, None, "one seed")
    assert cells(results=single)["second"][9] == "+11.0: one seed"


def test_a_preset_without_a_counterpart_shows_its_own_figures_alone():
    assert by_preset()["third"]["verdict"] is None
    assert cells()["third"][7:] == ["75.0", "", "", "1,000"]


def test_the_rows_keep_the_order_of_the_presets_and_fit_into_one_csv(tmp_path):
    table = report.rows(PRESETS, RESULTS)
    assert [row["preset"] for row in table] == list(PRESETS)
    assert all(list(row) == list(table[0]) for row in table)
    files.write_csv(tmp_path / "reference.csv", table)
    assert len((tmp_path / "reference.csv").read_text().splitlines()) == len(table) + 1


def test_what_the_notebooks_reported_is_said_below_the_table():
    text = report.markdown(PRESETS, report.rows(PRESETS, RESULTS))
    assert text.splitlines()[-1] == "- first: train accuracy 81.0, one epoch"
    silent = {"third": PRESETS["third"]}
    assert "reported" not in report.markdown(silent, report.rows(silent, RESULTS))


def test_a_figure_that_the_learning_curve_lacks_is_refused_with_its_key():
    claim = Claim(figure="validation_perplexity", value=90.0, said="x")
    presets = {"first": PRESETS["first"].model_copy(update={"published": claim})}
    with pytest.raises(Refusal, match=r"reference\.first\.published\.figure: .*epoch, train_accuracy"):
        report.rows(presets, RESULTS)


def test_a_counterpart_of_another_task_is_refused_with_its_key():
    presets = {"first": PRESETS["first"].model_copy(update={"ours": "fourth_ours"})}
    results = {**RESULTS, ("news", "fourth_ours"): RESULTS["words", "fourth_ours"]}
    with pytest.raises(Refusal, match=r"reference\.first\.ours: fourth_ours is scored by perplexity"):
        report.rows(presets, results)


def shipped_with(presets: dict) -> dict:
    document = YAML(typ="safe").load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    return copy.deepcopy(document) | {"reference": presets}


@pytest.mark.parametrize(
    ("presets", "said"),
    [
        ({"nonesuch": {"corpus": "tweets"}}, "reference.nonesuch: nonesuch is not among bow"),
        ({"lstm": {"corpus": "nonesuch"}}, "reference.lstm.corpus: nonesuch is not among sst5"),
        (
            {"lstm": {"corpus": "tweets", "ours": "nonesuch"}},
            "reference.lstm.ours: nonesuch is not among bow",
        ),
        ({"lstm": {"corpus": "tweets", "our": "gru"}}, "reference.lstm.our: "),
        (
            {"lstm": {"corpus": "tweets", "published": {"figure": "test_loss", "value": 1.0, "said": "x"}}},
            "reference.lstm.published.figure: ",
        ),
        ({"l-1": {"corpus": "tweets"}}, "reference: "),
    ],
)
def test_a_fault_in_the_section_is_refused_with_its_key(presets, said):
    with pytest.raises(Refusal) as caught:
        catalogue.check(shipped_with(presets), PATH)
    assert said in str(caught.value)


def test_a_preset_may_name_its_corpus_alone():
    found = catalogue.check(shipped_with({"lstm": {"corpus": "tweets"}}), PATH)
    assert found.reference == {"lstm": Preset(corpus="tweets")}


def test_the_shipped_suite_runs_all_that_the_table_speaks_of_and_nothing_else():
    document = YAML(typ="safe").load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    parts = parse(document["suites"]["reference"], Suite, "suites.reference", PATH)
    run = {pair for part in parts for pair in itertools.product(part.corpora, part.networks)}
    assert run == spec.needed(parse(document["reference"], spec.Presets, "reference", PATH))


def test_data_that_are_not_the_pinned_ones_are_named_once():
    assert "pinned" not in report.markdown(PRESETS, report.rows(PRESETS, RESULTS))
    results = copy.deepcopy(RESULTS)
    for preset in ("first", "second", "third"):
        results["news", preset].report["source"]["differences"] = ["train: 10 rows where 12 are expected"]
    table = report.rows(PRESETS, results)
    text = report.markdown(PRESETS, table)
    assert text.count("- news: train: 10 rows where 12 are expected") == 1
    assert [row["data_differ"] for row in table] == ["train: 10 rows where 12 are expected"] * 3 + [None]
