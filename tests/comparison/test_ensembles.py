"""Networks asked together: their answers are those of each, mixed, and stand in the comparison once."""

import itertools
import json

import numpy as np
import pytest
from compared import RULES, SEEDS, SKILL, classifier, floor, made, reader, some_rows, together

from unroll import files, metrics
from unroll.comparison import compare, ensembles
from unroll.failures import Refusal

ROWS = some_rows()
NETWORKS = {name: classifier(name, ROWS) for name in SKILL}
WEIGHTS = {"gru": 0.75, "bow": 0.25}
ALONE = {"lstm": 1.0}


def joined() -> dict:
    results = [*NETWORKS.values(), reader("reader", ROWS, 4.0)]
    both = [together(name, of, results, ROWS) for name, of in (("both", WEIGHTS), ("alone", ALONE))]
    return made(results, ROWS, floors=[floor(ROWS)], ensembles=both)


DOCUMENT = joined()
CONTEST = DOCUMENT["tasks"][0]
BOTH, ONE = CONTEST["ensembles"]
VALIDATION = {
    "each": {"gru": {"accuracy": 0.6}, "bow": {"accuracy": 0.5}},
    "equal": {"accuracy": 0.61},
    "weighted": {"accuracy": 0.625, "loss": 0.9},
}


def pair(one: str, other: str, metric: str = "accuracy") -> dict:
    return next(
        found
        for found in CONTEST["pairs"]
        if (found["metric"], found["a"], found["b"]) == (metric, one, other)
    )


def written(folder, **changes: object):
    found = {"networks": WEIGHTS, "seeds": list(SEEDS), "validation": VALIDATION} | changes
    files.write_json(folder / "both/weights.json", found)
    return folder / "both/weights.json"


def read(path) -> ensembles.Ensemble:
    return ensembles.read_ensemble(path, list(WEIGHTS), list(NETWORKS.values()), ROWS.labels_N)


# --- what it answers ----------------------------------------------------------------------------------


def test_its_scores_on_test_are_those_of_a_mixing_by_hand(tmp_path):
    found = read(written(tmp_path))
    right, nats = 0, 0.0
    for row, label in enumerate(ROWS.labels_N):
        chances = [
            sum(
                weight * sum(NETWORKS[name].answers_SNX[seed][row][place] for seed in range(3)) / 3
                for name, weight in WEIGHTS.items()
            )
            for place in range(3)
        ]
        right += chances.index(max(chances)) == label
        nats -= np.log(chances[label])
        np.testing.assert_allclose(found.answers_NC[row], chances)
    assert found.scores["accuracy"] == right / len(ROWS.labels_N)
    assert found.scores["loss"] == pytest.approx(nats / len(ROWS.labels_N))
    assert (found.name, found.weights, found.validation) == ("both", WEIGHTS, VALIDATION)


def test_weights_of_other_networks_or_seeds_are_refused(tmp_path):
    for changes in ({"networks": {"gru": 0.5, "lstm": 0.5}}, {"seeds": [1, 2]}):
        with pytest.raises(Refusal, match=r"weights\.json is of other networks or seeds .*: run dvc repro"):
            read(written(tmp_path, **changes))


DAMAGE = {
    "no weights": {"networks": None},
    "a weight in words": {"networks": {"gru": "much", "bow": 0.25}},
    "weights of more than all": {"networks": {"gru": 0.75, "bow": 0.75}},
    "a weight below nothing": {"networks": {"gru": 1.5, "bow": -0.5}},
    "no seeds": {"seeds": None},
    "no scores": {"validation": {"weighted": None}},
}


@pytest.mark.parametrize("fault", DAMAGE)
def test_damaged_weights_are_refused(tmp_path, fault):
    with pytest.raises(Refusal, match=r"weights\.json is damaged"):
        read(written(tmp_path, **DAMAGE[fault]))


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"networks": {"gru": NaN, "bow": NaN}}'])
def test_what_is_no_such_document_is_damaged(tmp_path, text):
    path = written(tmp_path)
    path.write_text(text)
    with pytest.raises(Refusal, match=r"weights\.json is damaged"):
        read(path)


# --- in the comparison --------------------------------------------------------------------------------


def test_an_ensemble_is_one_figure_with_an_interval_over_rows(tmp_path):
    json.dumps(DOCUMENT, allow_nan=False)
    expected = metrics.all_metrics(read(written(tmp_path)).answers_NC, ROWS.labels_N)
    for metric, scores in BOTH["scores"].items():
        assert scores["mean"] == expected[metric]
        assert scores["both_low"] < scores["mean"] < scores["both_high"]
        assert (scores["seeds"], scores["std"], scores["low"], scores["high"]) == ([], None, None, None)
    assert BOTH["networks"] == WEIGHTS and BOTH["validation"]["weighted"] == {"accuracy": 0.71}


def test_the_ensemble_of_one_networks_seeds_is_its_column_of_that_name():
    [lstm] = [network for network in CONTEST["networks"] if network["name"] == "lstm"]
    for metric, scores in ONE["scores"].items():
        assert scores["mean"] == lstm["scores"][metric]["ensemble"]


def test_an_ensemble_costs_what_all_its_networks_do_with_all_their_seeds():
    [gru] = [network for network in CONTEST["networks"] if network["name"] == "gru"]
    assert BOTH["parameters"] == 2 * len(SEEDS) * gru["parameters"]
    for kind in ("text", "training"):
        assert BOTH["operations"][kind] == 2 * len(SEEDS) * gru["operations"][kind]
        assert ONE["operations"][kind] == len(SEEDS) * gru["operations"][kind]


def test_every_ensemble_is_tested_against_all_others_and_corrected_with_them():
    order = [*(network["name"] for network in CONTEST["networks"]), "both", "alone", "tfidf"]
    expected = [
        (metric, *names) for metric in CONTEST["tested"] for names in itertools.combinations(order, 2)
    ]
    assert [(found["metric"], found["a"], found["b"]) for found in CONTEST["pairs"]] == expected
    smallest = min(found["p"] for found in CONTEST["pairs"] if found["metric"] == "accuracy")
    first = min(found["p_holm"] for found in CONTEST["pairs"] if found["metric"] == "accuracy")
    assert first == pytest.approx(smallest * len(expected) / 4)
    assert pair("rnn", "both")["p_holm"] < 0.05 and pair("rnn", "both")["effect"] is None


def test_its_step_over_a_network_is_known_over_rows_alone():
    """Resampled by hand, from the same draws."""
    found = pair("gru", "both")
    right_N = ROWS.labels_N == read_answers().argmax(axis=-1)
    each_N = (NETWORKS["gru"].answers_SNX.argmax(axis=-1) == ROWS.labels_N).mean(axis=0)
    assert found["difference"] == pytest.approx((each_N - right_N).mean())
    error = (each_N - right_N).std() / np.sqrt(len(right_N))
    half = (found["rows_high"] - found["rows_low"]) / 2
    assert half == pytest.approx(1.96 * error, rel=0.15)
    assert found["rows_low"] < found["difference"] < found["rows_high"]
    # Other seeds of the network make its mean less sure than that.
    assert found["high"] - found["low"] > 2 * half and found["detectable"] > found["rows_detectable"]


def read_answers() -> np.ndarray:
    return together("both", WEIGHTS, list(NETWORKS.values()), ROWS).answers_NC


def test_two_figures_without_seeds_have_one_interval():
    for found in (pair("both", "tfidf"), pair("both", "alone")):
        assert (found["low"], found["high"]) == pytest.approx((found["rows_low"], found["rows_high"]))


def test_networks_are_scored_without_a_look_at_ensembles():
    without = made(list(NETWORKS.values()), ROWS)["tasks"][0]
    assert (CONTEST["power"], CONTEST["hard"]) == (without["power"], without["hard"])
    for one, other in zip(CONTEST["networks"], without["networks"], strict=True):
        for metric, scores in one["scores"].items():
            assert scores | {"group": ""} == other["scores"][metric] | {"group": ""}
    assert DOCUMENT["tasks"][1]["ensembles"] == []


def test_an_ensemble_that_knows_a_transformers_vectors_is_named_and_whom_it_teaches():
    results = [classifier("gru", ROWS), classifier("bow", ROWS), classifier("lstm", ROWS)]
    results[0].report["spec"] = results[0].report["spec"] | {"embedding": {"vectors": ["minilm"]}}
    results[2].report["spec"] = results[2].report["spec"] | {"teacher": "both"}
    both = together("both", WEIGHTS, results, ROWS)
    arguments = "rows", "invented sentences", (), results, ROWS, RULES
    assert compare.document(*arguments, encoders=["minilm"], ensembles=[both])["warnings"] == [
        "gru reads word vectors that a transformer made (minilm); both asks such networks; lstm learns from "
        "such an ensemble"
    ]
