"""What no section of params.yaml shows by itself is named too, once, and not where it only follows."""

import pytest
from shipped import keys_of


def test_every_name_and_override_that_does_not_fit_is_named_at_once():
    faults = {
        "select/networks": ["lstm", "lstn"],
        "suites/starter/corpora": ["sst"],
        "networks/lstm/training": {"epoch": 3, "epochs": "3"},
        "networks/gru/embedding": {"vectors": ["glove"]},
        "corpora/tweets/training": {"nesterov": True},
    }
    wanted = ["select.networks", "suites.starter.corpora", "networks.lstm.training.epoch"]
    wanted += [
        "networks.lstm.training.epochs",
        "networks.gru.embedding.vectors",
        "corpora.tweets.training.nesterov",
    ]
    assert keys_of(faults) == sorted(wanted)


def part(corpus: str, network: str, seeds: tuple[int, ...] = (1,)) -> dict:
    return {"corpora": [corpus], "networks": [network], "seeds": list(seeds)}


def rungs(corpus: str, network: str, **more: str) -> dict:
    first = {"network": "bow", "adds": "nothing"}
    return {"corpora": [corpus], "rungs": [first, {"network": network, "adds": "something"} | more]}


# Values, and the keys of the faults that they make: of entries, of names, of overrides, of pairs.
EVERY_KIND = [
    ({"machine/runs_per_gpu": "4"}, ["machine.runs_per_gpu"]),
    ({"trainning": {}}, ["trainning"]),
    ({"corpora/ag_news/source/branch": "x"}, ["corpora.ag_news.source.branch"]),
    (
        {"corpora/emotion/pretraining_texts": ["emotion", "tweet", "hate", "hate", "sst2"]},
        ["corpora.emotion.pretraining_texts"] * 4,
    ),
    ({"corpora/sst5/pretraining_texts": ["tweets"]}, ["corpora.sst5.pretraining_texts"]),
    ({"corpora/ag_news/training": {"nesterov": True}}, ["corpora.ag_news.training.nesterov"]),
    (
        {"networks/gru/pooling": "sum", "networks/gru/nonlinearity": "relu"},
        ["networks.gru.pooling", "networks.gru.nonlinearity"],
    ),
    (
        {"networks/gru/training": {"epoch": 3, "epochs": "3"}},
        ["networks.gru.training.epoch", "networks.gru.training.epochs"],
    ),
    (
        {"networks/bow/embedding": {"size": 3, "vectors": ["glove"]}},
        ["networks.bow.embedding.size", "networks.bow.embedding.vectors"],
    ),
    ({"vectors/own": {"kind": "file", "path": "own.txt"}}, ["vectors.own.format"]),
    (
        {"reference/t1_rnn/our": "rnn", "reference/t1_rnn/corpus": "tweet"},
        ["reference.t1_rnn.our", "reference.t1_rnn.corpus"],
    ),
    ({"reference/t1_linear/ours": "bows"}, ["reference.t1_linear.ours"]),
    (
        {"ladder": [rungs("tweets", "rnn", over="rnn"), rungs("sst", "rnn")]},
        ["ladder.0.rungs.1.over", "ladder.1.corpora"],
    ),
    ({"select": part("tweets", "gru", (1, -1))}, ["select.seeds.1"]),
    ({"select/networks": ["gru", "a b", "grus"]}, ["select.networks.1", "select.networks"]),
    (
        {"suites": {"one": part("tweet", "gru", (2, 2.5, 2))}},
        ["suites.one.corpora", "suites.one.seeds", "suites.one.seeds.1"],
    ),
    (
        {"suites/several": [part("tweets", "lstm"), part("starter_tweets", "rnns") | {"seed": 1}]},
        ["suites.several.1.networks", "suites.several.1.seed"],
    ),
    ({"suites/pairs": [part("tweets", "lstm"), part("starter_tweets", "birnn")]}, []),
    (
        {
            "corpora/tweets/training": {"optimizer": "sgd", "momentum": 0.9},
            "networks/lstm/training": {"optimizer": "adam"},
        },
        ["corpora.tweets with networks.lstm"],
    ),
    (
        {"networks/birnn/training": {"supervision": "phrases"}},
        ["corpora.starter_tweets with networks.birnn"],
    ),
]


def test_every_fault_of_every_kind_is_named_at_once_and_once():
    values = {key: value for given, _ in EVERY_KIND for key, value in given.items()}
    assert keys_of(values) == sorted(key for _, keys in EVERY_KIND for key in keys)


NOTHING_FOLLOWS = {
    "a section that is null": ({"networks": None}, "networks"),
    "an entry that is null": ({"networks/lstm": None}, "networks.lstm"),
    "a corpus that is a number": ({"corpora/tweets": 3}, "corpora.tweets"),
    "an override that is a number": ({"networks/lstm/training": 3}, "networks.lstm.training"),
    "a name that is none": ({"select/networks": ["lstm", "a b"]}, "select.networks.1"),
    "a preset under a name that is none": ({"reference/t-1": {"corpus": "tweets"}}, "reference"),
    "a default": (
        {"training/optimizer": "sdg", "networks/lstm/training": {"momentum": 0.9}},
        "training.optimizer",
    ),
    "trees, misspelt": (
        {"corpora/sst5/source/form": "tree", "corpora/sst5/training": {"supervision": "phrases"}},
        "corpora.sst5.source.form",
    ),
    "a network whose own override is misspelt": (
        {
            "corpora/tweets/training": {"supervision": "phrases"},
            "networks/lstm/trainning": {"supervision": "sentences"},
            "select": part("tweets", "lstm"),
            "suites": {},
            "searches": {},
        },
        "networks.lstm.trainning",
    ),
}


@pytest.mark.parametrize("fault", NOTHING_FOLLOWS)
def test_what_only_follows_from_a_fault_is_not_named(fault):
    values, key = NOTHING_FOLLOWS[fault]
    assert keys_of(values) == [key]
