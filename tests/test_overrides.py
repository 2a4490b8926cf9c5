"""Overrides of the training, laid over each other: what contradicts itself only together."""

import pytest
from pydantic import TypeAdapter, ValidationError
from shipped import PATH, SHIPPED, lines_of, with_values

from unroll import catalogue
from unroll.training.loop import Training, merge
from unroll.training.rules import of_network

MOMENTUM = {"optimizer": "sgd", "momentum": 0.9, "nesterov": True}
TRAININGS = {
    "momentum of adam": ({"momentum": 0.9}, "momentum", "moments of its own"),
    "momentum of adamw": ({"optimizer": "adamw", "momentum": 0.9}, "momentum", "adamw has moments"),
    "nesterov without momentum": ({"optimizer": "sgd", "nesterov": True}, "nesterov", "no momentum"),
    "a cycle that does not go up": ({"schedule": "one_cycle"}, "warm_up", "one_cycle goes up"),
}


@pytest.mark.parametrize("name", TRAININGS)
def test_a_training_that_contradicts_itself_is_named_wherever_it_stands(name):
    override, key, reason = TRAININGS[name]
    for place in ("networks.gru", "corpora.tweets"):
        [line] = lines_of(with_values({f"{place.replace('.', '/')}/training": override}))
        assert line.startswith(f"{place}.training.{key}: ")
        assert reason in line
    [line] = lines_of(with_values({f"training/{key}": value for key, value in override.items()}))
    assert line.startswith(f"training.{key}: ")


SELECTION = {"corpora": ["tweets"], "networks": ["gru"], "seeds": [1]}


@pytest.mark.parametrize("place", ["select", "suites/full"])
def test_a_corpus_and_a_network_that_contradict_each_other_are_named_together(place):
    apart = {"corpora/tweets/training": MOMENTUM, "networks/gru/training": {"optimizer": "adam"}}
    for selection in ({}, {place: SELECTION}):
        found = lines_of(with_values(apart | selection))
        assert "corpora.tweets with networks.gru: training.momentum: " in "\n".join(found)
        others = ("corpora.tweets with networks.", "corpora.tweets with tutors.")
        assert all(line.startswith(others) for line in found) and len(set(found)) == len(found)


def test_a_corpus_and_a_network_that_never_meet_need_not_agree():
    document = with_values(
        {"corpora/tweets/training": MOMENTUM, "networks/gru/training": {"optimizer": "adam"}}
    )
    document["select"] = SELECTION | {"networks": ["lstm"]}
    document["suites"] = {"other": SELECTION | {"corpora": ["sst5"]}}
    catalogue.check(document, PATH)


OF_PHRASES = {"supervision": "phrases", "phrases_first": None}
FIRST = {"phrases_first": {"epochs": 1}}


@pytest.mark.parametrize(
    ("place", "rules", "told"),
    [
        ("networks/gru/training", OF_PHRASES, "supervision is phrases, but it has no trees"),
        ("corpora/tweets/training", OF_PHRASES, "supervision is phrases, but it has no trees"),
        ("corpora/tweets/training", FIRST, "phrases come first, but it has no trees"),
    ],
)
def test_phrases_are_refused_where_a_corpus_has_no_trees(place, rules, told):
    document = with_values({place: rules, "select": SELECTION, "suites": {}, "searches": {}})
    [line] = lines_of(document)
    assert line.startswith(f"corpora.tweets with networks.gru: {told}")
    document["corpora"]["tweets"]["training"] = {}
    document["select"] = SELECTION | {"corpora": ["sst5"]}
    catalogue.check(document, PATH)


def test_a_network_may_ask_for_phrases_where_there_are_any():
    both = {"networks/gru/training": FIRST, "select": SELECTION, "suites": {}, "searches": {}}
    catalogue.check(with_values(both), PATH)
    [line] = lines_of(with_values(both | {"corpora/tweets/training": FIRST}))
    assert line.startswith("corpora.tweets with networks.gru: phrases come first")
    lifted = {"networks/gru/training": {"phrases_first": None}, "corpora/tweets/training": FIRST}
    catalogue.check(with_values(both | lifted), PATH)


@pytest.mark.parametrize(
    ("corpus", "network", "has_trees", "first"),
    [
        ({}, FIRST, True, {"epochs": 1, "learning_rate": None}),
        ({}, FIRST, False, None),
        (FIRST, {"phrases_first": None}, True, None),
        (FIRST, {"phrases_first": None}, False, None),
        ({}, {}, True, None),
    ],
)
def test_a_networks_phrases_come_first_where_the_corpus_has_trees(corpus, network, has_trees, first):
    defaults = Training(**SHIPPED["training"])
    rules = of_network(defaults, corpus, network, has_trees=has_trees)
    assert rules == merge(defaults, {"phrases_first": first})


SAY_OTHERWISE = [
    *(f"corpora/{corpus}" for corpus in ("sst5", "sst2")),
    *(f"networks/{network}" for network in ("bilstm_tutored", "bigru_tutored", "bilstm_distilled")),
]
NOWHERE_ELSE = {"suites": {}, "searches": {}} | {f"{place}/training": {} for place in SAY_OTHERWISE}


def test_phrases_by_default_are_refused_for_every_corpus_without_trees():
    document = with_values({"training/supervision": "phrases"} | NOWHERE_ELSE)
    document["select"] = {"corpora": ["sst5", "tweets", "starter_tweets"], "networks": ["gru"], "seeds": [1]}
    found = [line.split(" with ")[0] for line in lines_of(document)]
    assert found == ["corpora.tweets", "corpora.starter_tweets"]


def test_phrases_by_default_are_refused_beside_a_fault_of_another_default():
    values = {"training/supervision": "phrases", "training/epochs": 0, "select": SELECTION}
    values |= NOWHERE_ELSE
    epochs, phrases = lines_of(with_values(values))
    assert epochs.startswith("training.epochs: ")
    assert phrases.startswith("corpora.tweets with networks.gru: supervision is phrases")


@pytest.mark.parametrize(
    ("network", "refused"),
    [
        ({"cell": "bag"}, True),
        ({"cell": "bag", "dropout": {"variational": True}}, True),
        ({"cell": "bag", "dropout": {"output": 0.1}}, False),
        ({"cell": "gru", "initial_state": "normal"}, False),
        ({"cell": "gru", "task": "next_word", "dropout": {"output": 0.1}}, True),
    ],
)
def test_readings_that_always_agree_are_not_asked_to(network, refused):
    document = with_values({"networks/gru": network | {"training": {"consistency": 1.0}}, "suites": {}})
    document["select"] = SELECTION
    if refused:
        [line] = lines_of(document)
        assert line.startswith(
            "corpora.tweets with networks.gru: consistency: nothing in the network is left"
        )
    else:
        catalogue.check(document, PATH)


def test_an_override_of_a_network_is_laid_over_that_of_its_corpus():
    defaults = TypeAdapter(Training).validate_python(SHIPPED["training"])
    merged = merge(defaults, {"epochs": 9, "patience": 3}, {"epochs": 11})
    assert merged == defaults.model_copy(update={"epochs": 11, "patience": 3})
    with pytest.raises(ValidationError):
        merge(defaults, {"epochs": 9}, {"epocs": 11})
