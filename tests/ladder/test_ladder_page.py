"""The page says of each step what its test allows, and of the best rung how far it is from what is known."""

import pytest
from climbed import CHANCES, PUBLISHED, RUNGS, TOGETHER, climb

from unroll.ladder import report
from unroll.ladder.steps import Climb


def page(one: Climb) -> str:
    return report.markdown(one)


def cells(one: Climb) -> dict[str, list[str]]:
    lines = [line for line in page(one).splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert len({len(row) for row in rows}) == 1
    return {row[0]: row for row in rows}


def sentences(one: Climb) -> dict[str, str]:
    """The words below the table, by what they begin with."""
    lines = [line.removeprefix("- **") for line in page(one).splitlines() if line.startswith("- **")]
    return {line.split("**")[0]: line.split("**")[1].removeprefix(":").strip() for line in lines}


def test_a_line_of_the_table_holds_the_rungs_figures_and_its_step():
    assert cells(climb())["rung"] == [
        "rung",
        "adds",
        "macro recall",
        "95 %",
        "over",
        "step (95 %)",
        "p (Holm)",
        "outcome",
        "ensemble of seeds",
        "parameters",
    ]
    assert cells(climb())["vectors"] == [
        "vectors",
        "vectors",
        "64.0 ± 0.4",
        "63.0 to 65.2",
        "cell",
        "+6.0 (+5.0 to +9.0)",
        "< 0.001",
        "**worth it**",
        "65.5",
        "7,000",
    ]


def test_the_first_rung_is_no_step():
    assert cells(climb())["floor"][4:8] == [""] * 4


def test_a_rung_that_stands_on_another_than_the_last_says_on_which():
    assert cells(climb())["phrases"][4:8] == ["cell", "+0.5 (-0.5 to +3.5)", "0.30", "noise"]


def test_the_floor_and_what_was_published_by_the_same_metric_stand_below_the_rungs():
    found = cells(climb())
    assert [name for name in found if name.startswith("*")] == [
        "*n-grams*",
        "*majority class*",
        "*LSTM (Nobody 2020)*",
        "*RoBERTa (Nobody 2021)*",
    ]
    assert found["*RoBERTa (Nobody 2021)*"][1:3] == ["transformer", "71.3"]
    assert found["*n-grams*"][2:4] == ["59.0", "58.0 to 60.0"] and found["*n-grams*"][-1] == "5,000"


def test_ingredients_that_were_worth_it_are_listed_with_their_steps():
    assert sentences(climb())["Worth it"] == (
        "vectors over cell (vectors) +6.0 points (+5.0 to +9.0, p < 0.001); "
        "taught † over vectors (a teacher) +4.0 points (+3.0 to +7.0, p = 0.012)."
    )


def test_noise_is_called_so_with_what_would_have_been_seen():
    assert sentences(climb())["Noise"] == (
        "phrases over cell (phrases) +0.5 points (-0.5 to +3.5, p = 0.30; 1.3 points would be seen four "
        "times of five)."
    )


def test_an_ingredient_that_made_it_worse_is_named():
    found = sentences(climb())["Made it worse"]
    assert found.startswith("cell over floor (recurrence) -2.0 points (-5.0 to -1.0, p = 0.004); agreed †")


def test_where_nothing_was_worth_it_the_page_says_so():
    found = sentences(climb(chances=dict.fromkeys(CHANCES, 0.5)))
    assert found["Worth it"] == "no step."
    assert "Made it worse" not in found and found["Noise"].count(" over ") == len(CHANCES)


def test_where_nothing_was_noise_the_page_does_not_speak_of_it():
    assert "Noise" not in sentences(climb(chances=dict.fromkeys(CHANCES, 0.001)))


def test_rungs_below_the_lowest_are_named_whatever_they_stand_on():
    assert sentences(climb())["Less than the lowest rung, floor (60.0)"] == "cell (58.0); phrases (58.5)."
    assert not any(words.startswith("Less") for words in sentences(climb(RUNGS[1:3])))


def test_rungs_below_what_needs_no_network_are_named_and_whether_they_were_told_apart_from_it():
    found = sentences(climb())
    assert found["Below n-grams (59.0)"] == "cell 58.0, within the noise; phrases 58.5."
    assert found["Not below n-grams (59.0)"] == (
        "floor 60.0, within the noise; vectors 64.0; taught † 68.0; agreed † 67.0."
    )
    above = sentences(climb((*TOGETHER[:1], *TOGETHER[2:3], TOGETHER[4])))
    assert not any(words.startswith("Below") for words in above)
    assert above["Not below n-grams (59.0)"].endswith("vectors 64.0; both 70.0.")


def test_what_an_ensemble_of_the_seeds_adds_is_said_of_each_rung():
    assert sentences(climb(RUNGS[:3]))["An ensemble of the seeds"] == (
        "adds to their mean (points): +1.5 to floor, +1.5 to cell, +1.5 to vectors."
    )
    single = sentences(climb(seeds=1))
    assert "An ensemble of the seeds" not in single and single["Best network on validation"].startswith(
        "agreed † has 67.0; +7.0 points to the lowest rung, floor, which is not tested; 8.7 points above"
    )


def test_the_best_rung_is_held_against_what_was_published_and_so_is_the_best_that_owes_nothing():
    found = sentences(climb())
    assert found["Best network on validation"] == (
        "agreed † has 67.0 and its ensemble 68.5; +7.0 points to the lowest rung, floor, which is not "
        "tested; 8.7 points above LSTM (Nobody 2020: 58.3), the ensemble 10.2 points above it."
    )
    assert found["Best network on validation without †"] == (
        "phrases has 58.5 and its ensemble 60.0; -1.5 points to the lowest rung, floor, which is not "
        "tested; 0.2 points above LSTM (Nobody 2020: 58.3), the ensemble 1.7 points above it."
    )


def test_a_lowest_rung_that_is_the_best_has_not_climbed():
    table = sentences(climb((RUNGS[0], RUNGS[1])))
    assert table["Best network on validation"].startswith(
        "floor has 60.0 and its ensemble 61.5; 1.7 points above"
    )


def test_what_remains_to_the_transformers_is_said_of_both():
    text = page(climb())
    said = "- **What remains to the transformers**: "
    assert f"{said}agreed † is 4.3 points below RoBERTa (Nobody 2021: 71.3), the ensemble 2.8 points " in text
    assert f"{said}phrases is 12.8 points below RoBERTa" in text


@pytest.mark.parametrize("published", [(), PUBLISHED[:1], PUBLISHED[2:]])
def test_where_no_transformer_is_on_record_nothing_is_said_to_remain(published):
    found = sentences(climb(published=published))
    assert found["What remains to the transformers"].startswith("is not known")
    assert ("LSTM" in found["Best network on validation"]) == (published == PUBLISHED[:1])


def test_a_ladder_without_notes_has_one_best_rung_and_no_mark():
    text = page(climb(RUNGS[:4]))
    assert "†" not in text and text.count("Best network on validation") == 1


def test_a_note_is_told_once_with_all_the_rungs_that_it_marks():
    assert "\n† taught, agreed: it has learned from a transformer.\n" in page(climb())


def test_the_page_says_which_correction_it_makes_and_what_an_ensembles_figures_are():
    text = page(climb()).replace("\n", " ")
    assert text.startswith("# The ladder on ") and "by Holm over the steps of one corpus' ladder" in text
    of_ensembles = "An ensemble that is a rung is one figure too"
    assert of_ensembles not in text and of_ensembles in page(climb(TOGETHER))


def test_data_that_are_not_the_pinned_ones_are_warned_of():
    assert "- **Warning:** train: 10 rows" in page(climb(warnings=["train: 10 rows where 12 are expected"]))
    assert "Warning" not in page(climb())


def test_the_level_of_the_comparison_is_the_one_at_which_a_step_counts():
    strict = climb(level=0.99)
    assert "a step counts where p is below 0.01." in page(strict)
    assert cells(strict)["taught †"][6:8] == ["0.012", "noise"]


def test_one_seed_is_said_to_speak_of_no_other():
    assert "One seed says nothing of others." in page(climb(seeds=1))
    assert "One seed" not in page(climb())


# --- ensembles ----------------------------------------------------------------------------------------


def test_an_ensemble_stands_on_the_ladder_with_its_weights_and_a_step_over_rows_alone():
    assert cells(climb(TOGETHER))["both"] == [
        "both",
        "a vote (ensemble: vectors 0.75 + phrases 0.25)",
        "70.0",
        "69.5 to 70.5",
        "vectors",
        "+6.0 (+5.0 to +7.0)",
        "0.004",
        "**worth it**",
        "",
        "70,000",
    ]
    assert cells(climb(TOGETHER))["agreed"][4:6] == ["both", "-3.0 (-5.0 to +1.0)"]


def test_what_an_ensembles_p_covers_is_said_where_there_is_one():
    said = page(climb(TOGETHER)).replace("\n", " ")
    assert "Its intervals and its p are of other test rows alone" in said
    assert "would. A network's step from an ensemble takes in the network's other seeds" in said
    assert "test rows alone" not in page(climb()).replace("\n", " ")


def test_the_best_network_and_the_best_ensemble_stand_each_beside_what_was_published():
    found = sentences(climb(TOGETHER))
    assert found["Best network on validation"].startswith("agreed has 67.0 and its ensemble 68.5; ")
    assert found["Best ensemble on validation"] == (
        "both has 70.0; +10.0 points to the lowest rung, floor, which is not tested; 11.7 points above LSTM "
        "(Nobody 2020: 58.3); its weights were fitted to the same validation rows, which may flatter it "
        "there."
    )
    said = "- **What remains to the transformers**: "
    for words in ("agreed is 4.3 points below RoBERTa", "both is 1.3 points below RoBERTa"):
        assert said + words in page(climb(TOGETHER))
    assert "Best ensemble on validation" not in sentences(climb())


def test_an_ensemble_of_one_networks_seeds_has_no_weights_that_could_have_been_fitted():
    alone = climb(TOGETHER)
    alone.task["ensembles"][0]["networks"] = {"vectors": 1.0}
    assert "fitted to the same" not in sentences(alone)["Best ensemble on validation"]
    assert cells(alone)["both"][1] == "a vote (ensemble: vectors 1.00)"


def test_an_ensemble_with_a_note_is_held_apart_from_those_without():
    noted = (*TOGETHER[:2], TOGETHER[2].model_copy(update={"note": "slow"}), *TOGETHER[3:])
    found = sentences(climb(noted))
    assert found["Best ensemble on validation"].startswith("both † has 70.0")
    assert "Best ensemble on validation without †" not in found  # there is no other
    assert found["Best network on validation without †"].startswith("phrases has 58.5")
    assert "\n† vectors, both, agreed: slow.\n" in page(climb(noted))
