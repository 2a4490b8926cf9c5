"""Each rung's figures and its step: those of the networks' own answers, and Holm over the ladder's steps."""

import math
import statistics
from dataclasses import replace

import numpy as np
import pytest
from climbed import BOTH_ON_VALIDATION, CHANCES, CORRECTED, MEANS, ROWS_ALONE, RUNGS, TOGETHER, climb
from compared import PUBLISHED, SKILL, classifier, made, reader, some_rows, together

from unroll import files
from unroll.comparison import significance
from unroll.ladder import steps
from unroll.ladder.spec import Ladder, Rung, climbed

LADDER = Ladder(
    corpora=("rows",),
    rungs=(
        Rung(network="bow", adds="nothing"),
        Rung(network="gru", adds="skill"),
        Rung(network="lstm", adds="another cell"),
        Rung(network="rnn", adds="too little", over="gru"),
    ),
)
TEST_ROWS = some_rows()
RESULTS = {name: classifier(name, TEST_ROWS) for name in SKILL}
READERS = [reader("slow_reader", TEST_ROWS, 5.0), reader("reader", TEST_ROWS, 4.0)]
DOCUMENT = made([*RESULTS.values(), *READERS], TEST_ROWS)
CLIMB = steps.Climb(LADDER, DOCUMENT, PUBLISHED)


def by_rung(one: steps.Climb = CLIMB) -> dict[str, dict]:
    return {row["rung"]: row for row in steps.rows(one)}


def right(name: str) -> np.ndarray:
    """Whether each seed of a network (S) answered each row (N) rightly."""
    return RESULTS[name].answers_SNX.argmax(axis=-1) == TEST_ROWS.labels_N


def test_a_rungs_mean_spread_and_ensemble_are_those_of_its_answers():
    for name, row in by_rung().items():
        accuracies = right(name).mean(axis=1).tolist()
        assert row["mean"] == pytest.approx(statistics.mean(accuracies))
        assert row["std"] == pytest.approx(statistics.stdev(accuracies))
        together_N = RESULTS[name].answers_SNX.mean(axis=0).argmax(axis=-1)
        assert row["ensemble"] == pytest.approx((together_N == TEST_ROWS.labels_N).mean())
        assert row["low"] < row["mean"] < row["high"]
        assert (row["metric"], row["seeds"], row["parameters"]) == ("accuracy", 3, 12345)


def test_a_step_is_the_rung_less_the_one_that_it_stands_on():
    found = by_rung()
    assert {name: row["over"] for name, row in found.items()} == {
        "bow": None,
        "gru": "bow",
        "lstm": "gru",
        "rnn": "gru",
    }
    for name, row in list(found.items())[1:]:
        assert row["difference"] == pytest.approx(right(name).mean() - right(row["over"]).mean())
        assert row["difference_low"] < row["difference"] < row["difference_high"]
    assert found["bow"]["difference"] is found["bow"]["p_holm"] is found["bow"]["outcome"] is None


def test_a_steps_p_is_at_least_the_exact_one_of_the_answers_and_corrected_over_the_steps_alone():
    found = list(by_rung().values())[1:]
    for row in found:
        assert row["p"] >= significance.mcnemar_exact(right(row["rung"]), right(row["over"]))
    # Holm by hand: the smallest three times, the next twice, the last once, and none below the one before.
    expected, least = {}, 0.0
    for times, row in zip((3, 2, 1), sorted(found, key=lambda row: row["p"]), strict=True):
        least = expected[row["rung"]] = max(least, min(1.0, times * row["p"]))
    assert {row["rung"]: row["p_holm"] for row in found} == pytest.approx(expected)
    # The comparison corrects over its six pairs, and so comes to more.
    pair = next(one for one in DOCUMENT["tasks"][0]["pairs"] if {one["a"], one["b"]} == {"gru", "bow"})
    assert pair["p"] == by_rung()["gru"]["p"] and pair["p_holm"] > by_rung()["gru"]["p_holm"]


def test_skill_is_worth_it_its_like_is_noise_and_its_loss_is_worse():
    assert {name: row["outcome"] for name, row in by_rung().items()} == {
        "bow": None,
        "gru": "worth it",
        "lstm": "noise",
        "rnn": "worse",
    }


def test_of_perplexity_less_is_a_step_up():
    rungs = (Rung(network="slow_reader", adds="nothing"), Rung(network="reader", adds="wit"))
    turned = Ladder(corpora=("rows",), rungs=rungs[::-1])
    up, down = (
        by_rung(steps.Climb(ladder, DOCUMENT, PUBLISHED))
        for ladder in (LADDER.model_copy(update={"rungs": rungs}), turned)
    )
    assert up["reader"]["metric"] == "perplexity" and up["reader"]["difference"] < 0
    assert (up["reader"]["outcome"], down["slow_reader"]["outcome"]) == ("worth it", "worse")
    assert steps.Climb(turned, DOCUMENT, PUBLISHED).held_against == []
    assert math.isclose(up["reader"]["difference"], -down["slow_reader"]["difference"])


def test_invented_chances_are_corrected_by_holm_in_the_order_of_their_size():
    found = by_rung(climb())
    assert {name: found[name]["p"] for name in CHANCES} == CHANCES
    assert {name: found[name]["p_holm"] for name in CORRECTED} == pytest.approx(CORRECTED)
    # In the document a pair's better network comes first: the step down is turned, with its interval.
    down = found["cell"]
    ends = [down[key] for key in ("difference", "difference_low", "difference_high")]
    assert ends == pytest.approx([-0.02, -0.05, -0.01])


def test_a_note_goes_to_all_rungs_that_stand_on_it_and_to_no_other():
    found = by_rung(climb())
    noted = {name for name, row in found.items() if row["notes"]}
    assert noted == {"taught", "agreed"}
    twice = (*RUNGS[:-1], RUNGS[-1].model_copy(update={"note": "slow"}))
    assert by_rung(climb(twice))["agreed"]["notes"] == "it has learned from a transformer; slow"
    beside = (*RUNGS[:-1], RUNGS[-1].model_copy(update={"over": "floor"}))
    assert Ladder(corpora=("notes",), rungs=beside).notes({})["agreed"] == ()


def test_validation_chooses_the_best_rung_and_the_test_split_does_not():
    table = steps.rows(climb())
    assert steps.best_on_validation(table)["rung"] == "agreed"
    assert max(MEANS, key=MEANS.__getitem__) == "taught"
    words = [{"metric": "perplexity", "validation": value} for value in (200.0, 150.0)]
    assert steps.best_on_validation(words) is words[1]


def test_one_seed_is_no_ensemble():
    assert {row["ensemble"] for row in steps.rows(climb(seeds=1))} == {None}


def test_the_lines_fit_into_one_csv(tmp_path):
    table = steps.rows(climb(TOGETHER))
    files.write_csv(tmp_path / "ladder.csv", table)
    assert len((tmp_path / "ladder.csv").read_text().splitlines()) == len(table) + 1


def test_a_corpus_is_climbed_where_its_comparison_has_all_the_rungs():
    other = LADDER.model_copy(update={"corpora": ("one", "two")})
    compared = {"rows": ("rnn", "lstm", "gru", "bow", "birnn"), "one": ("bow", "gru")}
    assert climbed((LADDER, other), compared) == {"rows": LADDER}
    assert set(climbed((LADDER, other), compared | {"two": compared["rows"]})) == {"rows", "two"}


def test_a_line_names_the_scores_by_what_a_lock_names_them_by():
    found = by_rung(replace(CLIMB, scores_md5={"gru": "ab12", "tfidf": "34"}))
    assert [row["scores_md5"] for row in found.values()] == [None, "ab12", None, None]


# --- ensembles ----------------------------------------------------------------------------------------

WEIGHTS = {"gru": 0.5, "lstm": 0.5}
BOTH = together("both", WEIGHTS, list(RESULTS.values()), TEST_ROWS)
JOINED = Ladder(
    corpora=("rows",),
    rungs=(*LADDER.rungs[:2], Rung(ensemble="both", adds="a vote"), Rung(network="lstm", adds="less")),
)


def test_an_ensembles_step_is_its_figure_less_the_mean_over_seeds_below_tested_over_rows():
    document = made(list(RESULTS.values()), TEST_ROWS, ensembles=[BOTH])
    found = by_rung(steps.Climb(JOINED, document, PUBLISHED))
    both, right_N = found["both"], BOTH.answers_NC.argmax(axis=-1) == TEST_ROWS.labels_N
    assert (both["kind"], both["over"], both["seeds"], both["std"]) == ("ensemble", "gru", 0, None)
    assert both["mean"] == right_N.mean() and both["validation"] == 0.71
    assert both["difference"] == pytest.approx(right_N.mean() - right("gru").mean())
    same = np.stack([right_N] * 3)
    assert both["p"] == pytest.approx(significance.mcnemar_exact(same, right("gru")))
    # A network's step from it takes in the network's seeds too: it is the comparison's.
    pair = next(
        one
        for one in document["tasks"][0]["pairs"]
        if (one["metric"], one["a"], one["b"]) == ("accuracy", "lstm", "both")
    )
    lstm = found["lstm"]
    assert (lstm["kind"], lstm["over"], lstm["p"]) == ("network", "both", pair["p"])
    assert (lstm["difference_low"], lstm["difference_high"]) == (pair["low"], pair["high"])


def test_the_steps_of_ensembles_are_corrected_with_the_others():
    found = by_rung(climb(TOGETHER))
    both = found["both"]
    assert both["p"] == ROWS_ALONE["p"] and both["detectable"] == ROWS_ALONE["detectable"]
    ends = both["difference_low"], both["difference_high"]
    assert ends == pytest.approx((ROWS_ALONE["low"], ROWS_ALONE["high"]))
    # 0.0001, 0.001, 0.001, 0.02, 0.3: the smallest five times, the next four times and so on.
    expected = {"vectors": 0.0005, "cell": 0.004, "both": 0.004, "agreed": 0.04, "phrases": 0.3}
    assert {name: found[name]["p_holm"] for name in expected} == pytest.approx(expected)
    assert both["validation"] == BOTH_ON_VALIDATION


def noted(*names: str) -> tuple[Rung, ...]:
    return tuple(
        rung.model_copy(update={"note": f"of {rung.name}"} if rung.name in names else {}) for rung in TOGETHER
    )


def test_an_ensemble_carries_the_notes_of_its_networks_and_what_stands_on_it_too():
    found = by_rung(climb(noted("phrases")))
    assert {name for name, row in found.items() if row["notes"]} == {"phrases", "both", "agreed"}
    alone = by_rung(climb(noted("phrases"), made_of={}))
    assert {name for name, row in alone.items() if row["notes"]} == {"phrases"}
    assert by_rung(climb(noted("vectors", "phrases", "both")))["both"]["notes"] == (
        "of vectors; of phrases; of both"
    )


def test_notes_reach_an_ensemble_from_rungs_above_it_and_a_student_from_its_teachers():
    above = {"both": ("agreed",)}
    assert by_rung(climb(noted("agreed"), made_of=above))["both"]["notes"] == "of agreed"
    taught = {"cell": ("both",), "both": ("phrases",)}
    found = by_rung(climb(noted("phrases"), made_of=taught))
    assert found["cell"]["notes"] == "of phrases" and found["floor"]["notes"] is None


def test_an_ensemble_may_be_the_lowest_rung():
    rungs = (TOGETHER[4].model_copy(update={"over": None}), RUNGS[1])
    assert list(by_rung(climb(rungs))) == ["both", "cell"]
