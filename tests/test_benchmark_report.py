"""What was measured is what results.csv, the tables of docs/speed.md and the plot show."""

import csv

import pytest

from benchmarks import ROOT, machine, notebooks, report, training
from benchmarks import __main__ as bench
from benchmarks.corpora import STAND_INS, Located, locate
from benchmarks.measurement import Target, compared, measured, said
from benchmarks.notebooks import of_preset
from benchmarks.slices import Slice
from benchmarks.training import SIZES, Case, of_case
from unroll import catalogue, files
from unroll.failures import Refusal

PAGE = f"# A title\n\nbefore\n{report.BEGIN}\nold tables\n{report.END}\nafter\n"


def rates(case: Case) -> dict[str, list[float]]:
    """Ours is twice the notebook's loop in each round, though the second is half as fast as the first."""
    needed = case.operations_a_token()
    return {
        "float32": [40.0, 20.0, 38.0],
        "layer": [30.0, 15.0, 30.0],
        "padded": [20.0, 10.0, 19.0],
        "packed": [10.0, 5.0, 10.0],
        machine.limit("float32"): [80.0 * needed, 40.0 * needed, 76.0 * needed],
        machine.limit("bfloat16"): [160.0 * needed, 80.0 * needed, 152.0 * needed],
    }


@pytest.fixture
def case(tmp_path) -> Case:
    return Case(Located("tweets", tmp_path), "lstm", True, SIZES[0])


@pytest.fixture
def rows(case) -> list[dict]:
    return [
        said("machine", "", "processor", "a processor"),
        measured("machine", "", "limit of a core", "GFLOP/s", [190.0, 180.0, 195.0]),
        *of_case(case, rates(case)),
        measured("prediction", "tweets, gru", "many at once", "texts/s", [21_000.0], Target(20_000)),
        measured("prediction", "tweets, gru", "one text", "ms", [2.5], Target(2.0, at_most=True)),
    ]


# --- rows ---------------------------------------------------------------------------------------------


def test_a_ratio_is_taken_round_by_round_so_that_a_slow_round_tilts_nothing():
    row = compared(
        "training", "case", "speed", "tokens/s", [40.0, 10.0, 30.0], [20.0, 5.0, 10.0], Target(2.5)
    )
    assert (row["ours"], row["other"]) == (30.0, 10.0)
    assert (row["ratio"], row["low"], row["high"]) == (2.0, 2.0, 3.0)
    assert (row["target"], row["met"]) == (">= 2.5", "no")


def test_a_target_is_met_at_its_bound_and_only_with_what_it_is_bound_to():
    assert compared("s", "c", "m", "u", [4.0], [2.0], Target(2.0))["met"] == "yes"
    assert compared("s", "c", "m", "u", [4.0], [2.0], Target(2.0), provided=False)["met"] == "no"
    assert compared("s", "c", "m", "u", [4.0], [2.0])["met"] is None
    assert measured("s", "c", "m", "ms", [2.0], Target(2.0, at_most=True))["met"] == "yes"
    assert measured("s", "c", "m", "ms", [2.1], Target(2.0, at_most=True))["met"] == "no"


def test_a_case_has_its_targets_and_its_share_of_the_limit(case):
    found = {row["metric"]: row for row in of_case(case, rates(case))}
    notebook = found["float32 against the notebook's loop"]
    assert (notebook["ratio"], notebook["target"], notebook["met"]) == (2.0, ">= 2.5", "no")
    assert found["float32 against the packed loop"]["ratio"] == 4.0
    # The rates of the limit were made for one operation a token; GFLOP/s are 1e9 of them.
    share = found["float32 share of the float32 limit"]
    assert share["ratio"] == pytest.approx(0.5)
    assert (share["target"], share["met"]) == (">= 0.6", "no")


def test_operations_a_token_are_those_of_the_layers_products_three_times_over(case):
    # 4 gates, 2 directions, E + H = 450 inputs to each of 150 units, two operations each.
    assert case.operations_a_token() == 3 * 2 * 4 * 2 * 150 * 450


def test_faster_at_a_worse_score_is_no_target_met():
    def rows(score: float) -> dict[str, dict]:
        slices = {
            "notebook": [Slice(100, 1.0, True, 0.5)],
            "ours": [Slice(100, 0.1, True, score)],
            "preset": [Slice(100, 0.5, True, 0.4)],
        }
        return {row["metric"]: row for row in of_preset("T9", Target(4.0), "accuracy", slices)}

    assert rows(0.5)["speed, as we train it"]["met"] == "yes"
    assert rows(0.49)["speed, as we train it"]["met"] == "no"
    assert rows(0.49)["validation score, as we train it"]["met"] == "no"
    assert rows(0.5)["speed, as its preset says"]["ratio"] == pytest.approx(2.0)
    assert rows(0.5)["speed, as its preset says"]["met"] is None


def test_every_preset_has_a_network_of_ours_and_a_corpus():
    whole = catalogue.load(ROOT / "params.yaml")
    for preset, corpus in notebooks.corpora(notebooks.PRESETS).items():
        assert whole.reference[preset].ours in whole.networks
        assert STAND_INS[corpus] in whole.corpora
    assert set(training.CORPORA) <= STAND_INS.keys()


# --- files --------------------------------------------------------------------------------------------


def test_every_row_stands_in_the_results_with_all_columns(rows, tmp_path):
    (tmp_path / "speed.md").write_text(PAGE, encoding="utf-8")
    report.write(rows, tmp_path / "results.csv", tmp_path / "speed.md", tmp_path / "plot.svg")
    with open(tmp_path / "results.csv", encoding="utf-8", newline="") as stream:
        read = list(csv.DictReader(stream))
    assert len(read) == len(rows)
    assert tuple(read[0]) == report.COLUMNS
    assert [row["metric"] for row in read] == [row["metric"] for row in rows]
    assert float(read[1]["ours"]) == 190.0
    assert read[-1]["met"] == "no"


def test_sections_that_are_not_measured_stay_as_they_were_on_the_same_machine_alone(rows, tmp_path):
    results, order = tmp_path / "results.csv", ["training", "pipeline", "prediction"]
    pipeline = measured("pipeline", "grid", "whole run", "s", [2.0], Target(3.0, at_most=True))
    old = measured("prediction", "tweets, gru", "many at once", "texts/s", [1.0])
    rows[:1] = [rows[0], said("machine", "", "cores", "2")]
    files.write_csv(results, report.as_table([*rows[:2], pipeline, old]))
    found = report.as_table(report.with_other_sections(rows, results, order))
    assert found == report.as_table([*rows[:-2], pipeline, *rows[-2:]])
    elsewhere = [said("machine", "", "processor", "another one"), *rows[1:]]
    assert report.with_other_sections(elsewhere, results, order) == elsewhere


def test_rows_of_other_sections_may_lack_a_target():
    [row] = report.as_table(
        [{"section": "pipeline", "case": "c", "metric": "m", "unit": "s", "ours": 1.21412}]
    )
    assert (row["ours"], row["target"], row["met"]) == (1.214, None, None)
    assert "| c | 1.21 |" in report.markdown([row])


def test_each_precision_has_a_table_in_which_a_speed_is_said_once(case):
    found = of_case(case, rates(case) | {"bfloat16": [60.0, 30.0, 57.0]})
    tables = report.markdown(found).split("\n\n")
    titles = [table.strip("*\n") for table in tables[::2]]
    assert titles == ["training, float32", "training, bfloat16"]
    head, _, line = tables[1].splitlines()
    assert head.startswith("| | tokens/s | against the notebook's loop | against the packed loop |")
    own, notebook, packed = line.split(" | ")[1:4]
    assert own.replace(",", "").isdigit()
    assert notebook.startswith("**2.00 ×**") and notebook.endswith("**missed**: >= 2.5")
    assert packed.startswith("**4.00 ×**") and "/s" not in line


def test_the_tables_go_between_their_marks_and_nothing_else_changes(rows, tmp_path):
    page = tmp_path / "speed.md"
    page.write_text(PAGE, encoding="utf-8")
    for _ in range(2):
        report.write(rows, tmp_path / "results.csv", page, tmp_path / "plot.svg")
    text = page.read_text(encoding="utf-8")
    assert text.startswith(PAGE[: PAGE.index(report.BEGIN)])
    assert text.endswith(PAGE[PAGE.index(report.END) :])
    assert "old tables" not in text
    assert "processor a processor" in text
    assert "(plot.svg)" in text
    assert (tmp_path / "plot.svg").read_text(encoding="utf-8").startswith("<svg")
    assert "**2.00 ×**, **missed**: >= 2.5" in text
    assert "| tweets, gru | 21,000, met: >= 20000 | 2.5, **missed**: <= 2 |" in text


@pytest.mark.parametrize("text", ["none", report.BEGIN, f"{report.END} {report.BEGIN}", PAGE * 2])
def test_a_page_without_a_place_for_the_tables_is_refused(rows, tmp_path, text):
    page = tmp_path / "speed.md"
    page.write_text(text, encoding="utf-8")
    with pytest.raises(Refusal, match="once each"):
        report.write(rows, tmp_path / "results.csv", page, tmp_path / "plot.svg")
    assert page.read_text(encoding="utf-8") == text


def test_the_plot_has_a_bar_for_every_loop_and_repeats(rows):
    bars = report.speeds(rows)
    assert {bar["loop"]: bar["tokens"] for bar in bars} == {
        "ours, float32": 38,
        "torch's layer in our loop": 30,
        "the notebook's loop": 19,
        "the packed loop": 10,
    }
    svg = report.draw(bars)
    assert svg.startswith("<svg")
    assert "tweets, E=300 H=150" in svg
    assert svg == report.draw(bars)


def test_the_committed_page_has_a_place_for_the_tables():
    page = ROOT / "docs/speed.md"
    report.into(page.read_text(encoding="utf-8"), "", page)


# --- what is measured, and on what --------------------------------------------------------------------


def test_a_corpus_of_the_checkout_is_read_where_it_lies(tmp_path, monkeypatch):
    monkeypatch.delenv("UNROLL_MIRROR", raising=False)
    for stage in ("clean", "vocabulary"):
        (tmp_path / "checkout/data" / stage / "tweets").mkdir(parents=True)
    found = locate(("tweets",), tmp_path / "scratch", tmp_path / "checkout")
    assert found == {"tweets": Located("tweets", tmp_path / "checkout")}


def test_without_the_hub_the_starter_corpora_stand_in_under_their_own_names(tmp_path, monkeypatch):
    monkeypatch.delenv("UNROLL_MIRROR", raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for name in ("starter_tweets", "starter_movies"):
        for stage in ("clean", "vocabulary"):
            (tmp_path / "checkout/data" / stage / name).mkdir(parents=True)
    found = locate(("tweets", "sst5"), tmp_path / "scratch", tmp_path / "checkout")
    assert {wanted: place.name for wanted, place in found.items()} == {
        "tweets": "starter_tweets",
        "sst5": "starter_movies",
    }


def test_a_section_that_cannot_be_measured_is_told(tmp_path):
    [row] = bench._of_module("no_such_module")(bench.QUICK, tmp_path)
    assert (row["section"], row["metric"]) == ("no_such_module", "not measured")
    assert "benchmarks.no_such_module" in row["ours"]
    assert "not measured" in report.markdown([row])


def test_the_processor_is_named_as_the_system_names_it(tmp_path):
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: A Fast One\nmodel name\t: A Fast One\n")
    assert machine.processor(tmp_path / "cpuinfo") == "A Fast One"
    assert machine.processor(tmp_path / "none")
