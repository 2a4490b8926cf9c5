"""Ranks over corpora against figures worked out by hand, scipy's and published ones."""

import hypothesis.strategies as st
import invented
import pytest
import scipy.stats
from hypothesis import given

from unroll.report.ranks import critical_difference, of_documents, over_corpora


def table(*rows: list[float]) -> dict[str, dict[str, float]]:
    """Return scores of networks x, y, z ... on corpora c0, c1 ..."""
    return {f"c{place}": dict(zip("xyzuvw", row, strict=False)) for place, row in enumerate(rows)}


def higher(scores: dict) -> dict[str, bool]:
    return dict.fromkeys(scores, False)


def test_critical_differences_are_those_that_demsar_published():
    # Section 3.2.2 of the paper: 4 classifiers, 14 data sets.
    assert critical_difference(4, 14, 0.95) == pytest.approx(1.25, abs=0.005)
    assert critical_difference(4, 14, 0.90) == pytest.approx(1.12, abs=0.005)


def test_ranks_worked_out_by_hand_with_ties_and_a_metric_that_should_be_low():
    scores = table([0.9, 0.8, 0.8], [5.0, 7.0, 9.0])
    found = over_corpora(scores, {"c0": False, "c1": True})
    assert found["average_ranks"] == {"x": 1.0, "y": 2.25, "z": 2.75}
    assert found["networks"] == ["x", "y", "z"]


def test_few_corpora_are_said_to_be_few_and_nothing_is_concluded():
    scores = table(*[[0.9, 0.8, 0.7]] * 4)
    found = over_corpora(scores, higher(scores))
    assert not found["enough"]
    assert "Corpora: 4" in found["why"]
    assert (found["friedman_p"], found["critical_difference"], found["cliques"]) == (None, None, [])
    assert found["average_ranks"] == {"x": 1.0, "y": 2.0, "z": 3.0}


def test_two_networks_are_said_to_be_few():
    scores = table(*[[0.9, 0.8]] * 6)
    found = over_corpora(scores, higher(scores))
    assert not found["enough"] and "Networks on every corpus: 2" in found["why"]


def test_only_networks_that_every_corpus_has_are_ranked():
    scores = table(*[[0.9, 0.8, 0.7]] * 6)
    scores["c3"]["extra"] = 1.0
    found = over_corpora(scores, higher(scores))
    assert found["networks"] == ["x", "y", "z"]
    assert found["average_ranks"]["x"] == 1.0


def test_a_level_that_no_difference_can_reach_is_not_enough():
    scores = table(*[[0.9, 0.8, 0.7]] * 5)
    found = over_corpora(scores, higher(scores), level=0.9999)
    assert not found["enough"] and "critical difference" in found["why"]
    assert found["cliques"] == []


def test_cliques_join_what_is_nearer_than_the_critical_difference():
    # Average ranks 1, 2, 3, 4 on 10 corpora; the critical difference is 1.48.
    scores = table(*[[0.9, 0.8, 0.7, 0.6]] * 10)
    found = over_corpora(scores, higher(scores))
    assert found["enough"] and found["why"] == ""
    assert found["critical_difference"] == pytest.approx(1.483, abs=0.001)
    assert found["cliques"] == [["x", "y"], ["y", "z"], ["z", "u"]]


def test_what_stands_alone_is_no_clique_and_a_run_within_another_is_left_out():
    # Ranks 1 and 3 apart: x is alone; y, z and u take turns.
    scores = table(*[[0.9, 0.5, 0.4, 0.3], [0.9, 0.3, 0.5, 0.4], [0.9, 0.4, 0.3, 0.5]] * 5)
    assert over_corpora(scores, higher(scores))["cliques"] == [["u", "y", "z"]]


def test_where_friedman_finds_nothing_all_are_in_one_clique():
    scores = table(*[[0.9, 0.8, 0.7], [0.7, 0.8, 0.9]] * 3)
    found = over_corpora(scores, higher(scores))
    assert found["friedman_p"] > 0.9
    assert found["cliques"] == [["x", "y", "z"]]


def test_networks_that_are_tied_everywhere_do_not_differ():
    scores = table(*[[0.5, 0.5, 0.5]] * 6)
    found = over_corpora(scores, higher(scores))
    assert found["friedman_p"] == 1.0
    assert set(found["average_ranks"].values()) == {2.0}


ROWS = st.lists(st.lists(st.integers(0, 9), min_size=4, max_size=4), min_size=5, max_size=9)


@given(ROWS)
def test_friedmans_p_is_scipys_and_no_direction_changes_it(rows):
    scores = table(*rows)
    found = over_corpora(scores, higher(scores))
    if any(len(set(row)) > 1 for row in rows):
        expected = scipy.stats.friedmanchisquare(*zip(*rows, strict=True)).pvalue
        assert found["friedman_p"] == pytest.approx(expected)
    turned = over_corpora(scores, dict.fromkeys(scores, True))
    assert turned["friedman_p"] == pytest.approx(found["friedman_p"])
    for name, rank in found["average_ranks"].items():
        assert turned["average_ranks"][name] == pytest.approx(5 - rank)


def test_nothing_to_rank_is_not_enough():
    assert not over_corpora({}, {})["enough"]


def test_the_floor_is_ranked_among_the_networks():
    document = invented.document(invented.with_floor(invented.task(), value=0.9))
    assert of_documents([document])["average_ranks"] == {"tfidf": 1, "gru": 2, "bag_1": 3, "rnn": 4}


def test_an_ensemble_is_ranked_among_the_networks():
    document = invented.document(invented.with_ensemble(invented.task(), value=0.7))
    assert of_documents([document])["average_ranks"] == {"gru": 1, "bag_1": 2, "both": 3, "rnn": 4}
