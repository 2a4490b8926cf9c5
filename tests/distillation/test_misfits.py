"""Who cannot teach whom is said before anything runs, once, and where it stands."""

import copy

import pytest
from shipped import PATH, lines_of, with_values

from unroll import catalogue

TAUGHT = {"cell": "gru", "teacher": "lstm_and_gru", "training": {"distillation": 0.7}}
SELECTION = {"corpora": ["sst5"], "networks": ["bilstm", "bigru"], "seeds": [1], "taught": ["mine"]}
PHRASES = {"supervision": "phrases", "phrases_first": None}


def document(values: dict, selection: dict) -> dict:
    """Return the shipped document with a student `mine`, no suite, and these values."""
    selected = {"select": SELECTION | selection, "suites": {}}
    return with_values(copy.deepcopy({"networks/mine": TAUGHT} | selected | values))


FAULTS = {
    "an unknown teacher": (
        {"networks/mine/teacher": "nobody"},
        {},
        "networks.mine.teacher: nobody is not among lstm_and_gru",
    ),
    "an unknown member": (
        {"ensembles/lstm_and_gru/networks": ["bilstm", "bigru", "lstn"]},
        {},
        "ensembles.lstm_and_gru.networks: lstn is not among",
    ),
    "a member twice": (
        {"ensembles/lstm_and_gru/networks": ["bilstm", "bilstm"]},
        {"taught": []},
        "ensembles.lstm_and_gru.networks: a name stands twice",
    ),
    "no members": (
        {"ensembles/lstm_and_gru/networks": []},
        {"taught": []},
        "ensembles.lstm_and_gru.networks: Tuple should have at least 1 item",
    ),
    "a member that predicts words": (
        {"ensembles/words": {"networks": ["t5_next_word"]}},
        {},
        "ensembles.words.networks: t5_next_word predicts next words: it knows no classes",
    ),
    "an ensemble called as a network": (
        {"ensembles/gru": {"networks": ["bilstm"]}},
        {},
        "ensembles.gru: so a network is called: choose another name",
    ),
    "an ensemble called as the floor": (
        {"ensembles/tfidf": {"networks": ["bilstm"]}},
        {},
        "ensembles.tfidf: so the floor is called",
    ),
    "a student as a member": (
        {"ensembles/late": {"networks": ["mine"]}},
        {},
        "ensembles.late.networks: mine has a teacher: what it says comes too late",
    ),
    "a student that predicts words": (
        {"networks/mine": TAUGHT | {"task": "next_word"}},
        {"taught": []},
        "networks.mine.teacher: an ensemble has no next words to teach",
    ),
    "a student among the others": (
        {},
        {"networks": ["bilstm", "bigru", "mine"], "taught": []},
        "select.networks: mine has a teacher: name it in taught",
    ),
    "another among the students": (
        {},
        {"taught": ["mine", "gru"]},
        "select.taught: gru has no teacher: name it in networks",
    ),
    "an unknown student": ({}, {"taught": ["mine", "yours"]}, "select.taught: yours is not among"),
    "a student twice": ({}, {"taught": ["mine", "mine"]}, "select.taught: an entry stands twice"),
    "a student without its teachers": (
        {},
        {"networks": ["bilstm"]},
        "select.taught: mine is taught by bigru too: name them in networks",
    ),
    "distillation without a teacher": (
        {"networks/bilstm/training": {"distillation": 0.5}},
        {},
        "corpora.sst5 with networks.bilstm: distillation: the network has no teacher",
    ),
    "distillation of all, without teachers": (
        {"training/distillation": 0.5},
        {"networks": ["bilstm"], "taught": []},
        "corpora.sst5 with networks.bilstm: distillation: the network has no teacher",
    ),
    "a teacher without distillation": (
        {"networks/mine/training": {}},
        {},
        "corpora.sst5 with networks.mine: teacher: what its teacher says counts for nothing",
    ),
    "an unknown tutor": (
        {"networks/mine/tutor": "nobody"},
        {},
        "networks.mine.tutor: nobody is not among minilm",
    ),
    "a tutor without distillation": (
        {"networks/bilstm/tutor": "minilm"},
        {},
        "corpora.sst5 with networks.bilstm: tutor: what its tutor says counts for nothing",
    ),
    "a tutor of next words": (
        {"networks/t5_next_word/tutor": "minilm"},
        {},
        "networks.t5_next_word.tutor: it has no next words to teach",
    ),
    "a tutor that begins as no encoder": (
        {"tutors/minilm/encoder": "glove_6b_50d"},
        {},
        "tutors.minilm.encoder: glove_6b_50d is of kind package: name one of kind encoder",
    ),
    "a tutor that begins as nothing known": (
        {"tutors/minilm/encoder": "maxilm"},
        {},
        "tutors.minilm.encoder: maxilm is not among",
    ),
    "a tutor's unknown rule": (
        {"tutors/minilm/training/epoch": 3},
        {},
        "tutors.minilm.training.epoch: ",
    ),
    "a tutor with what only networks have": (
        {"tutors/minilm/training/consistency": 1.0},
        {},
        "tutors.minilm.training.consistency: a network may have this, a tutor has not: leave it out",
    ),
    "a tutor whose rules clash with the corpus'": (
        {
            "networks/bilstm/tutor": "minilm",
            "networks/bilstm/training": {"distillation": 0.5, "optimizer": "sgd"},
            "networks/bigru/training": {"optimizer": "sgd"},
            "networks/mine/training": {"distillation": 0.7, "optimizer": "sgd"},
            "corpora/sst5/training": {"optimizer": "sgd", "momentum": 0.9},
        },
        {},
        "corpora.sst5 with tutors.minilm: training.momentum: adamw has moments of its own",
    ),
    "a student that learns from other rows": (
        {"networks/mine/training": TAUGHT["training"] | PHRASES},
        {},
        "ensembles.lstm_and_gru.networks: on sst5 bilstm learns from sentences, mine from phrases",
    ),
    "members that learn from other rows": (
        {"networks/bigru/training": PHRASES},
        {"taught": []},
        "ensembles.lstm_and_gru.networks: on sst5 bilstm learns from sentences, bigru from phrases",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_be_taught_is_named_once(fault):
    values, selection, said = FAULTS[fault]
    [line] = lines_of(document(values, selection))
    assert line.startswith(said)


@pytest.mark.parametrize("share", ["0.7", None])
def test_a_share_that_is_none_is_named_alone(share):
    [line] = lines_of(document({"networks/bilstm/training": {"distillation": share}}, {}))
    assert line.startswith("networks.bilstm.training.distillation: ")


def test_a_share_is_looked_for_in_the_corpus_too_and_may_be_all():
    values = {"networks/mine/training": {}, "corpora/sst5/training": {"distillation": 1.0}}
    off = {"training": {"distillation": 0.0}}
    untaught = {"networks/bilstm": {"cell": "lstm"} | off, "networks/bigru": {"cell": "gru"} | off}
    catalogue.check(document(values | untaught, {}), PATH)


def test_a_fault_of_a_pair_that_stands_in_several_suites_is_named_once():
    found = document({"networks/mine/training": {}}, {})
    found["suites"] = {
        "one": SELECTION,
        "two": [SELECTION, SELECTION | {"networks": ["bow", "bilstm", "bigru"]}],
    }
    [line] = lines_of(found)
    assert "counts for nothing" in line


def test_a_network_with_a_tutor_may_teach_others():
    members = {"networks/bilstm/tutor": "minilm", "networks/bilstm/training": {"distillation": 0.5}}
    catalogue.check(document(members, {}), PATH)


def test_a_student_may_have_a_tutor_too():
    catalogue.check(document({"networks/mine/tutor": "minilm"}, {}), PATH)


def test_all_learn_from_phrases_where_one_does():
    values = {
        "networks/mine/training": TAUGHT["training"] | PHRASES,
        "corpora/sst5/training": PHRASES,
    }
    catalogue.check(document(values, {}), PATH)


def test_an_ensemble_that_is_not_selected_whole_may_be_of_any_networks():
    values = {"ensembles/other": {"networks": ["bilstm", "bilstm_phrases"]}}
    catalogue.check(document(values, {}), PATH)


def test_a_student_evaluated_with_other_seeds_in_another_part_is_refused():
    found = document({}, {})
    found["suites"] = {"two": [SELECTION, SELECTION | {"seeds": [2]}]}
    assert any("stands in two parts with different seeds" in line for line in lines_of(found))
    found["suites"] = {"two": [SELECTION, SELECTION | {"networks": ["bow", *SELECTION["networks"]]}]}
    catalogue.check(found, PATH)
