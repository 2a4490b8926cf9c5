"""What a network's lines may say: each contradiction is refused with its key, and what is allowed works."""

import copy
from pathlib import Path

import pytest
import torch
from drawn import CLASSES, IMPLEMENTATIONS, VOCABULARY, batch_of, rows
from hypothesis import given
from hypothesis import strategies as st

from unroll.failures import Refusal
from unroll.networks.classifier import NextWordModel, build_model
from unroll.networks.spec import Network, RecurrentNetwork
from unroll.networks.tasks import Classification, NextWord
from unroll.params import parse
from unroll.training import optimizers

ROWS = rows(5, 1, 9, 9, 3)


def read(document: object) -> Network:
    return parse(document, Network, "networks.mine", Path("params.yaml"))


def faults_of(document: object) -> dict[str, str]:
    """Return what is said of each key at fault, under its path within the network."""
    with pytest.raises(Refusal) as caught:
        read(document)
    first, *lines = str(caught.value).split("\n  ")
    assert first == "params.yaml is refused:"
    assert all(line.startswith("networks.mine") for line in lines)
    pairs = [line.removeprefix("networks.mine").removeprefix(".").split(": ", 1) for line in lines]
    return dict(pairs)


LSTM, ELMAN, BAG = {"cell": "lstm"}, {"cell": "elman"}, {"cell": "bag"}
NEXT_WORD = {"cell": "gru", "task": "next_word"}
CONTRADICTIONS = {
    "packed rows for a handwritten cell": (
        LSTM | {"implementation": "handwritten", "batching": "packed"},
        "batching",
        "must be library",
    ),
    "packed rows for a fused layer": (LSTM | {"batching": "packed"}, "batching", "must be library"),
    "a library's cell with one bias": (
        LSTM | {"implementation": "library", "input_bias": False},
        "input_bias",
        "must be fused or handwritten",
    ),
    "a choice of nonlinearity in an lstm": (LSTM | {"nonlinearity": "relu"}, "nonlinearity", "only an elman"),
    "dropout between the layers of one": (ELMAN | {"dropout": {"layers": 0.1}}, "dropout.layers", "only one"),
    "attention units without attention": (
        ELMAN | {"pooling": "max+mean", "attention_size": 8},
        "attention_size",
        "no attention",
    ),
    "the same part of a pooling twice": (ELMAN | {"pooling": "max+mean+max"}, "pooling", "stands twice"),
    "a bag's last state": (BAG | {"pooling": "mean+last"}, "pooling", "no last state"),
    "dropout between a bag's layers": (BAG | {"dropout": {"layers": 0.1}}, "dropout.layers", "no layers"),
    "dropout of a bag's recurrent weights": (
        BAG | {"dropout": {"recurrent": 0.1}},
        "dropout.recurrent",
        "no recurrent",
    ),
    "a bag that packs": (BAG | {"batching": "packed"}, "batching", "'exact', 'length' or 'padded'"),
    "a bag of next words": (BAG | {"task": "next_word"}, "task", "not permitted"),
    "a size beside pretrained vectors": (
        LSTM | {"embedding": {"vectors": ["glove"], "size": 50}},
        "embedding.size",
        "leave it out",
    ),
    "a learning rate of what is frozen": (
        BAG | {"embedding": {"frozen": True, "learning_rate": 0.1}},
        "embedding.learning_rate",
        "frozen",
    ),
    "next words in both directions": (NEXT_WORD | {"bidirectional": True}, "bidirectional", "have read"),
    "a pooling of next words": (NEXT_WORD | {"pooling": "max"}, "pooling", "every step"),
    "a head of next words": (NEXT_WORD | {"head": "relu"}, "head", "every step"),
    "pretraining for next words": (
        NEXT_WORD | {"pretraining": {"epochs": 1}},
        "pretraining",
        "only a classifier",
    ),
    "pretraining of two layers in both directions": (
        LSTM | {"bidirectional": True, "layers": 2, "pretraining": {"epochs": 1}},
        "pretraining",
        "layers must be 1",
    ),
}
FAULTS = CONTRADICTIONS | {
    "an unknown cell": ({"cell": "lstmm"}, "cell", "bag, elman, lstm, gru (given: 'lstmm')"),
    "no cell": ({"hidden": 3}, "cell", "required"),
    "a cell that is a list": ({"cell": ["lstm"]}, "cell", "string"),
    "an unknown key": (LSTM | {"hiden": 3}, "hiden", "not permitted"),
    "a key of recurrent networks in a bag": (BAG | {"hidden": 3}, "hidden", "not permitted"),
    "an unknown key of an embedding": (BAG | {"embedding": {"sise": 3}}, "embedding.sise", "not permitted"),
    "an unknown dropout": (LSTM | {"dropout": {"word": 0.1}}, "dropout.word", "not permitted"),
    "a number in quotes": (LSTM | {"hidden": "100"}, "hidden", "'100'"),
    "true for a number": (LSTM | {"layers": True}, "layers", "True"),
    "no layers": (LSTM | {"layers": 0}, "layers", "0"),
    "yes for true": (LSTM | {"bidirectional": "yes"}, "bidirectional", "'yes'"),
    "a pooling with a gap": (LSTM | {"pooling": "max+"}, "pooling", "'max+'"),
    "an unknown pooling": (LSTM | {"pooling": "max+median"}, "pooling", "last|mean|max|attention"),
    "a dropout of everything": (LSTM | {"dropout": {"words": 1.0}}, "dropout.words", "1.0"),
    "vectors without spread": (LSTM | {"embedding": {"scale": 0.0}}, "embedding.scale", "0.0"),
    "vectors by a path": (LSTM | {"embedding": {"vectors": ["../x"]}}, "embedding.vectors.0", "'../x'"),
    "an unknown initial state": (LSTM | {"initial_state": "ones"}, "initial_state", "'ones'"),
    "an unknown head": (LSTM | {"head": "tanh"}, "head", "'tanh'"),
    "an unknown way of batching": (LSTM | {"batching": "sorted"}, "batching", "'sorted'"),
    "pretraining without an end": (LSTM | {"pretraining": {}}, "pretraining.epochs", "required"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_refused_with_its_key_and_no_other(name):
    document, key, reason = FAULTS[name]
    faults = faults_of(document)
    assert list(faults) == [key]
    assert reason in faults[key]


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_without_the_key_that_contradicts_it_a_network_is_accepted(name):
    document, key, _ = CONTRADICTIONS[name]
    document = copy.deepcopy(document)
    *path, last = key.split(".")
    part = document
    for step in path:
        part = part[step]
    del part[last]
    read(document)


def test_all_faults_are_named_at_once():
    document = {
        "cell": "lstm",
        "hiden": 3,
        "nonlinearity": "relu",
        "layers": 1,
        "dropout": {"layers": 0.2, "words": -1.0},
        "embedding": {"vectors": ["glove"], "size": 50, "frozen": 1},
        "pooling": "max+max",
        "attention_size": 4,
        "implementation": "handwritten",
        "batching": "packed",
    }
    wanted = {
        "hiden",
        "nonlinearity",
        "dropout.layers",
        "dropout.words",
        "embedding.size",
        "embedding.frozen",
    }
    assert set(faults_of(document)) == wanted | {"pooling", "attention_size", "batching"}


def test_the_least_that_a_network_must_say_is_its_cell():
    assert read({"cell": "gru"}).hidden == 100
    assert read({"cell": "bag"}).pooling == "mean"
    assert read({"cell": "gru"}) == read({"cell": "gru", "embedding": {}, "dropout": {}, "training": {}})


# --- every network that the rules allow -------------------------------------------------------------

SHARES = st.sampled_from([0.0, 0.3])
EMBEDDINGS = st.one_of(
    st.fixed_dictionaries(
        {"size": st.integers(1, 6)},
        optional={
            "mean": st.sampled_from([-0.5, 0.5]),
            "scale": st.sampled_from([0.1, 2.0]),
            "gradients": st.sampled_from(["sparse", "dense"]),
        },
    ),
    st.fixed_dictionaries({"vectors": st.just(["some"])}, optional={"learning_rate": st.just(0.01)}),
    st.fixed_dictionaries({"size": st.just(3), "frozen": st.just(True)}),
)


@st.composite
def networks(draw: st.DrawFn) -> dict:
    """Draw the lines of a network that is allowed, key by key as the rules go."""
    pick = lambda *choices: draw(st.sampled_from(choices))  # noqa: E731
    cell = pick("bag", "elman", "lstm", "gru")
    document = {"cell": cell, "embedding": draw(EMBEDDINGS)}
    dropout = {key: draw(SHARES) for key in ("words", "embedding", "output")}
    next_word = cell != "bag" and pick(False, False, True)
    if cell != "bag":
        document |= {"implementation": pick(*IMPLEMENTATIONS), "hidden": draw(st.integers(1, 5))}
        document |= {"layers": pick(1, 2, 3), "initial_state": pick("zeros", "learned", "normal")}
        library = document["implementation"] == "library"
        document["precision"] = pick("float32", "float32", "bfloat16")
        document["batching"] = pick("exact", "length", "padded", "packed" if library else "padded")
        document["input_bias"] = library or pick(True, False)
        document["nonlinearity"] = pick("tanh", "relu") if cell == "elman" else "tanh"
        document["bidirectional"] = not next_word and pick(True, False)
        dropout |= {"recurrent": draw(SHARES), "layers": draw(SHARES) if document["layers"] > 1 else 0.0}
    if next_word:
        document["task"] = "next_word"
    else:
        parts = ("mean", "max", "attention") if cell == "bag" else ("last", "mean", "max", "attention")
        chosen = draw(st.lists(st.sampled_from(parts), min_size=1, unique=True))
        document |= {"pooling": "+".join(chosen), "head": pick("linear", "relu")}
        document["attention_size"] = pick(None, 2) if "attention" in chosen else None
    return document | {"dropout": dropout | {"variational": pick(True, False)}}


OPTIMIZERS = {
    "sgd": lambda groups: optimizers.SGD(groups, momentum=0.9, nesterov=True),
    "adam": optimizers.Adam,
    "adamw": lambda groups: optimizers.AdamW(groups, weight_decay=0.01),
}


@given(networks(), st.sampled_from(sorted(OPTIMIZERS)))
def test_whatever_is_allowed_builds_trains_a_step_and_predicts(document, optimizer):
    network = read(document)
    torch.manual_seed(1)
    vectors_VE = torch.randn(VOCABULARY, 4) if network.embedding.vectors else None
    model = build_model(network, VOCABULARY, CLASSES, vectors_VE)
    task = NextWord() if isinstance(model, NextWordModel) else Classification("accuracy")
    batch = batch_of(ROWS)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    loss, right, count = task.step(model.train(), batch)
    loss.backward()
    OPTIMIZERS[optimizer](optimizers.groups_of(model, 0.01)).step(0.01, largest_norm=1.0)
    assert loss.isfinite()
    assert 0 <= right <= count
    after = model.state_dict()
    assert all(tensor.isfinite().all() for tensor in after.values())
    moved = {name for name, tensor in after.items() if not torch.equal(tensor, before[name])}
    assert "head.linear.bias" in moved  # of all else a relu may be off for these rows
    assert not network.embedding.frozen or "embedding.weight" not in moved
    scores = model.eval()(batch)
    shape = (len(ROWS), 9, VOCABULARY) if isinstance(model, NextWordModel) else (len(ROWS), CLASSES)
    assert scores.shape == shape
    assert torch.equal(model(batch), scores)


SPOILERS = {
    "hidden": [0, "3", 2.5, 10_001],
    "layers": [0, 17, None],
    "bidirectional": ["true", 1],
    "cell": ["rnn", None, 3],
    "pooling": ["", "last,max", "max+max", 3],
    "batching": ["random"],
    "head": ["softmax", 1],
    "task": ["regression"],
    "initial_state": ["ones", 0],
    "embedding.size": [0, -1, 2.5],
    "embedding.scale": [0.0, -1.0, "1"],
    "dropout.words": [1.0, -0.1, "0.1"],
    "dropout.layer": [0.1],
    "attention_size": [0],
    "dense": [True],
}


@given(networks(), st.sampled_from([(key, value) for key, values in SPOILERS.items() for value in values]))
def test_whatever_is_spoilt_in_an_allowed_network_is_named(document, spoiler):
    key, value = spoiler
    *path, last = key.split(".")
    part = document
    for step in path:
        part = part[step]
    part[last] = value
    assert key in faults_of(document)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
KEYS = [*RecurrentNetwork.model_fields, "embedding.vectors", "embedding.frozen", "dropout.layers"]


@given(networks(), st.sampled_from(KEYS), JSON)
def test_no_value_of_any_key_ends_in_anything_but_a_network_or_a_refusal(document, key, value):
    *path, last = key.split(".")
    part = document
    for step in path:
        part = part[step]
    part[last] = value
    try:
        read(document)
    except Refusal as refusal:
        assert "networks.mine." in str(refusal)
