"""A search's lines in params.yaml: each fault by its key, before anything is trained."""

import json
from pathlib import Path

import pytest
import tiny
from shipped import SHIPPED, lines_of, with_values

from unroll import catalogue
from unroll.failures import Refusal
from unroll.params import adapter
from unroll.search.spec import Range

SEARCH = {
    "corpus": "sst5",
    "network": "bilstm",
    "seeds": [1],
    "trials": 3,
    "seed": 1,
    "space": {"hidden": [50, 100], "dropout.output": {"low": 0.0, "high": 0.5}},
}


def faults_of(changes: dict, network: dict | None = None, space: dict | None = None) -> list[str]:
    values: dict = {"searches": {"mine": SEARCH | changes | ({"space": space} if space else {})}}
    if network:
        values["networks/bilstm"] = network
    return lines_of(with_values(values))


def made(**lines: object) -> Range:
    return adapter(Range).validate_json(json.dumps(lines))


def test_every_shipped_search_has_a_corpus_and_a_network():
    assert SHIPPED["searches"]
    for search in SHIPPED["searches"].values():
        assert search["corpus"] in SHIPPED["corpora"] and search["network"] in SHIPPED["networks"]


@pytest.mark.parametrize("other", [{"tutor": "minilm"}, {"teacher": "bilstms"}])
def test_a_network_that_learns_from_others_is_not_searched(other):
    network = SHIPPED["networks"]["bilstm"] | other | {"training": {"distillation": 0.5}}
    document = with_values(
        {"networks/student": network, "searches": {"mine": SEARCH | {"network": "student"}}}
    )
    [line] = lines_of(document)
    assert line.startswith("searches.mine.network: student learns from others")


@pytest.mark.parametrize(
    ("lines", "whole", "steps"),
    [
        ({"low": 4, "high": 9}, True, 5),
        ({"low": 50, "high": 300, "step": 50}, True, 5),
        ({"low": 1, "high": 1024, "log": True}, True, None),
        ({"low": 0.1, "high": 0.6, "step": 0.1}, False, 5),
        ({"low": 0, "high": 0.6, "step": 0.2}, False, 3),
        ({"low": 0.001, "high": 0.1, "log": True}, False, None),
        ({"low": 0, "high": 0.5}, False, None),
    ],
)
def test_numbers_are_whole_where_all_that_is_said_of_them_is(lines, whole, steps):
    found = made(**lines)
    assert (found.whole, found.steps) == (whole, steps)


def test_a_step_lands_on_the_number_as_people_write_it():
    tenths = made(low=0.1, high=0.6, step=0.1)
    assert [tenths.at(step) for step in range(6)] == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    hundreds = made(low=100, high=300, step=100)
    assert [repr(hundreds.at(step)) for step in range(3)] == ["100", "200", "300"]


FAULTS = {
    "unknown corpus": ({"corpus": "sst"}, "searches.mine.corpus: sst is not among"),
    "unknown network": ({"network": "bilstn"}, "searches.mine.network: bilstn is not among"),
    "a seed twice": ({"seeds": [1, 1]}, "searches.mine.seeds: an entry stands twice"),
    "no trials": ({"trials": 0}, "searches.mine.trials: "),
    "unknown key": ({"trails": 3}, "searches.mine.trails: this key is not permitted: did you mean trials?"),
    "an empty space": ({"space": {}}, "searches.mine.space: "),
    "one value": ({"space": {"hidden": [50]}}, "searches.mine.space.hidden: "),
    "a value twice": ({"space": {"hidden": [50, 60, 50]}}, "searches.mine.space.hidden: "),
    "a number": ({"space": {"hidden": 50}}, "searches.mine.space.hidden: "),
    "a key with a dash": ({"space": {"hid-den": [50, 60]}}, "searches.mine.space: "),
    "no high": ({"space": {"hidden": {"low": 3}}}, "searches.mine.space.hidden.high: "),
    "high below low": (
        {"space": {"hidden": {"low": 9, "high": 3}}},
        "searches.mine.space.hidden.high: not above low",
    ),
    "a logarithm of nothing": (
        {"space": {"dropout.output": {"low": 0.0, "high": 0.5, "log": True}}},
        "searches.mine.space.dropout.output.low: a logarithmic scale begins above 0",
    ),
    "a step beside high": (
        {"space": {"hidden": {"low": 100, "high": 250, "step": 100}}},
        "searches.mine.space.hidden.step: does not lead from low to high",
    ),
    "steps of a logarithm": (
        {"space": {"hidden": {"low": 1, "high": 9, "step": 1, "log": True}}},
        "searches.mine.space.hidden.step: steps are equally wide",
    ),
    "infinity": (
        {"space": {"hidden": {"low": 1, "high": float("inf"), "step": 1}}},
        "searches.mine.space.hidden.high: ",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_a_search_is_named_by_its_key(fault):
    changes, words = FAULTS[fault]
    [line] = faults_of(changes)
    assert line.startswith(words)


def test_a_document_without_searches_has_none(tmp_path):
    document = {key: value for key, value in SHIPPED.items() if key != "searches"}
    assert catalogue.check(document, tmp_path).searches == {}


CLASHES = {
    "a key that no network has": (
        {"hidden": [50, 60], "dropout.outptu": [0.1, 0.2]},
        ["searches.mine.space.dropout.outptu: this key is not permitted: did you mean output?"],
    ),
    "a value that the network refuses": (
        {"hidden": [50, 60.0]},
        ["searches.mine.space.hidden: "],
    ),
    "a range that the network refuses": (
        {"dropout.output": {"low": 0.0, "high": 1.0}},
        ["searches.mine.space.dropout.output: "],
    ),
    "a key of training": (
        {"training.learning_rat": [0.1, 0.2]},
        ["searches.mine.space.training.learning_rat: this key is not permitted: did you mean learning_rate?"],
    ),
    "two values of two keys": (
        {"layers": [2, 1], "dropout.layers": [0.0, 0.3]},
        ["searches.mine.space.dropout.layers: there is only one layer"],
    ),
    "a value that a key outside of the space contradicts": (
        {
            "dropout.output": [0.1, 0.2],
            "training.optimizer": ["adam", "sgd"],
            "training.momentum": [0.0, 0.9],
        },
        ["searches.mine.space.training.momentum: adam has moments of its own: 0, or optimizer sgd"],
    ),
    "what the network says beside": (
        {
            "dropout.output": [0.1, 0.2],
            "implementation": ["fused", "library"],
            "batching": ["packed", "exact"],
        },
        ["searches.mine.space.batching: only torch's layer can read packed rows"],
    ),
    "another cell": (
        {"dropout.output": [0.1, 0.2], "cell": ["lstm", "bag"]},
        [
            "searches.mine.space.cell: bidirectional: this key is not permitted",
            "searches.mine.space.cell: hidden: ",
        ],
    ),
    "a part of another key": (
        {"dropout": [{"output": 0.1}, {"output": 0.2}], "dropout.words": [0.1, 0.2]},
        ["searches.mine.space.dropout.words: dropout decides it too"],
    ),
    "other vectors": (
        {"embedding": [{"size": 50}, {"vectors": ["glove_6b_50d"]}]},
        ["searches.mine.space.embedding: vectors: they are looked up for a network as it stands"],
    ),
    "several processes": (
        {"training.processes": [1, 2]},
        ["searches.mine.space.training.processes: a search trains each network by one process"],
    ),
}


@pytest.mark.parametrize("clash", CLASHES)
def test_what_the_network_would_refuse_is_refused_at_its_key(clash):
    space, words = CLASHES[clash]
    found = faults_of({}, space=space)
    assert len(found) == len(words)
    for line, wanted in zip(sorted(found), sorted(words), strict=True):
        assert line.startswith(wanted), line


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("training.supervision", ["sentences", "phrases"]),
        ("training.phrases_first", [None, {"epochs": 1}]),
        ("training.phrases_first.epochs", [1, 2]),
    ],
)
def test_phrases_need_trees(key, values):
    space = {key: values}
    document = with_values({"searches": {"mine": SEARCH | {"corpus": "tweets", "space": space}}})
    [line] = lines_of(document)
    assert line.startswith(f"searches.mine.space.{key}: ") and line.endswith("the corpus has no trees")
    trees = {"corpora/sst5/training": {}, "searches": {"mine": SEARCH | {"space": space}}}
    whole = catalogue.check(with_values(trees), Path("params.yaml"))
    assert whole.searches["mine"].corpus == "sst5"


def test_a_group_of_keys_may_vary_together():
    space = {"dropout": [{"output": 0.2}, {"output": 0.4, "layers": 0.2}], "layers": [2, 3]}
    document = with_values({"searches": {"mine": SEARCH | {"space": space}}})
    assert catalogue.check(document, Path("params.yaml")).searches["mine"].space["layers"] == (2, 3)


def test_a_corpus_and_a_network_that_only_a_search_puts_together_are_looked_at_too():
    document = with_values(
        {
            "corpora/emoji/training": {"optimizer": "sgd", "momentum": 0.9},
            "networks/bilstm_phrases/training": {"optimizer": "adam", "supervision": "sentences"},
            "searches": {"mine": SEARCH | {"corpus": "emoji", "network": "bilstm_phrases"}},
        }
    )
    [line] = lines_of(document)
    assert line.startswith("corpora.emoji with networks.bilstm_phrases: training.momentum: adam has moments")


def test_a_network_of_several_processes_is_not_searched():
    [line] = faults_of({"network": "bilstm_two_processes"})
    assert line.startswith("searches.mine.network: bilstm_two_processes: training.processes: a search trains")


def test_a_fault_stands_at_its_line(tmp_path):
    tiny.write_params(tmp_path, with_values({"searches": {"mine": SEARCH | {"space": {"hiden": [1, 2]}}}}))
    text = (tmp_path / "params.yaml").read_text(encoding="utf-8")
    line = next(number for number, one in enumerate(text.splitlines(), 1) if "hiden" in one)
    with pytest.raises(Refusal, match=rf"params\.yaml:{line}: searches\.mine\.space\.hiden: this key is"):
        catalogue.load(tmp_path / "params.yaml")
