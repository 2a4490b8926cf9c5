"""Operations counted from a network's lines are those that torch sees its model do."""

import json
from dataclasses import asdict

import pytest
import torch
from drawn import CLASSES, HIDDEN, SIZE, VOCABULARY, batch_of, model_of, network, rows
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from unroll.evaluation.cost import Operations
from unroll.evaluation.operations import of_pretraining, operations
from unroll.networks.batches import Batch
from unroll.networks.cells import CELLS
from unroll.networks.classifier import build_model
from unroll.training import adaptive_softmax
from unroll.training.pretraining import LanguageModel

ROWS, LENGTH = 3, 5
EVEN = batch_of(rows(*[LENGTH] * ROWS))
POOLINGS = ["last", "mean", "max", "attention", "max+attention", "last+mean+max+attention"]
RECURRENT = [
    {"cell": cell, "layers": layers, "bidirectional": bidirectional}
    for cell in CELLS
    for layers in (1, 2, 3)
    for bidirectional in (False, True)
]


def handwritten(**keys: object):
    """What the other layers multiply cannot be seen from outside."""
    return network(implementation="handwritten", **keys)


def seen(model: nn.Module, batch: Batch = EVEN, backward: bool = False) -> int:
    with FlopCounterMode(display=False) as counter:
        scores = model(batch)
        if backward:
            scores.sum().backward()
    return counter.get_total_flops()


def counted(counts: Operations, rows: int = ROWS, length: int = LENGTH) -> int:
    return rows * (length * counts.token + counts.row)


@pytest.mark.parametrize("keys", RECURRENT, ids=lambda keys: "-".join(map(str, keys.values())))
@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_recurrent_classifier_does_what_was_counted(keys, pooling):
    spec = handwritten(pooling=pooling, **keys)
    assert counted(operations(spec, CLASSES)) == seen(model_of(spec))


@pytest.mark.parametrize("attention_size", [None, 7])
@pytest.mark.parametrize("head", ["linear", "relu"])
@pytest.mark.parametrize("pooling", POOLINGS[1:5])
def test_a_bag_does_what_was_counted(pooling, head, attention_size):
    size = {"attention_size": attention_size} if "attention" in pooling else {}
    spec = network(cell="bag", pooling=pooling, head=head, **size)
    assert counted(operations(spec, CLASSES)) == seen(model_of(spec))


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", CELLS)
def test_a_next_word_network_does_what_was_counted(cell, layers):
    spec = handwritten(cell=cell, layers=layers, task="next_word")
    counts = operations(spec, VOCABULARY)
    assert counts.row == 0
    assert counted(counts) == seen(model_of(spec))


def test_where_only_predicted_words_are_scored_one_product_a_row_is_saved():
    spec = handwritten(cell="gru", task="next_word")
    with FlopCounterMode(display=False) as counter:
        model_of(spec).scored_targets(EVEN)
    last = 2 * HIDDEN * VOCABULARY
    assert counted(operations(spec, VOCABULARY)) - ROWS * last == counter.get_total_flops()


@pytest.mark.parametrize("bidirectional", [False, True], ids=["forward", "both"])
@pytest.mark.parametrize("fewest", [1, 256], ids=["in parts", "one softmax"])
def test_a_pretraining_does_what_was_counted(monkeypatch, bidirectional, fewest):
    monkeypatch.setattr(adaptive_softmax, "FEWEST", fewest)
    spec = handwritten(cell="gru", bidirectional=bidirectional)
    classifier = model_of(spec)
    model = LanguageModel(classifier.embedding, classifier.encoder).double()
    targets_T = EVEN.tokens_BL.flatten()
    with FlopCounterMode(display=False) as counter:
        states_BLF = model.encoder(model.embedding(EVEN), EVEN.lengths_B, EVEN.even)
        for states_BLH in states_BLF.split(HIDDEN, dim=2):
            model.head(states_BLH.flatten(0, 1), targets_T)
    counts = of_pretraining(spec, torch.bincount(targets_T, minlength=VOCABULARY).tolist())
    assert counts.row == 0
    # The mean over tokens is rounded.
    assert counted(counts) == pytest.approx(counter.get_total_flops(), abs=ROWS * LENGTH)


def test_the_size_of_the_vectors_is_counted_with():
    spec = handwritten(cell="lstm", embedding={"vectors": ["mine"]})
    torch.manual_seed(1)
    model = build_model(spec, VOCABULARY, CLASSES, torch.randn(VOCABULARY, 11))
    assert counted(operations(spec, CLASSES, vector_size=11)) == seen(model)


def test_pretrained_vectors_of_unknown_size_are_not_guessed():
    with pytest.raises(ValueError, match="size of pretrained vectors"):
        operations(network(embedding={"vectors": ["mine"]}), CLASSES)


@pytest.mark.parametrize(
    "change",
    [
        {"implementation": "library"},
        {"implementation": "fused"},
        {"dropout": {"words": 0.1, "embedding": 0.1, "recurrent": 0.1, "output": 0.1}},
        {"initial_state": "learned"},
        {"batching": "padded"},
        {"training": {"epochs": 1}},
    ],
    ids=lambda change: "-".join(map(str, next(iter(change.items())))),
)
def test_what_changes_no_product_changes_no_count(change):
    small = {"implementation": "handwritten", "bidirectional": True, "pooling": "max"}
    assert operations(network(**small | change), CLASSES) == operations(network(**small), CLASSES)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_forward_and_backward_are_three_times_forward(cell, bidirectional):
    # A learned first state needs its gradient, so that nothing at all is saved.
    keys = {"cell": cell, "layers": 2, "bidirectional": bidirectional, "initial_state": "learned"}
    spec = handwritten(pooling="max+attention", **keys)
    counts = operations(spec, CLASSES)
    assert counts.of_training(ROWS * LENGTH, ROWS) == seen(model_of(spec), backward=True)


def test_a_first_state_of_zeros_saves_its_own_gradient_and_nothing_else():
    spec = handwritten(cell="lstm")
    saved = ROWS * 2 * 4 * HIDDEN * HIDDEN  # the gradient of the state at the first step
    counts = operations(spec, CLASSES)
    assert counts.of_training(ROWS * LENGTH, ROWS) - saved == seen(model_of(spec), backward=True)


def test_padding_is_not_counted():
    spec = handwritten(cell="gru")
    wide = batch_of(rows(*[LENGTH] * ROWS), width=2 * LENGTH)
    counts = operations(spec, CLASSES)
    assert seen(model_of(spec), wide) == counted(counts) + ROWS * LENGTH * counts.token


def test_figures_worked_out_by_hand():
    # Four gates of 4 units read 5 components and 4 units; 3 classes read the last state.
    assert (HIDDEN, SIZE, CLASSES) == (4, 5, 3)
    assert operations(network(cell="lstm"), CLASSES) == Operations(2 * 16 * (5 + 4), 2 * 4 * 3)
    both = operations(network(cell="lstm", bidirectional=True), CLASSES)
    assert both == Operations(2 * 2 * 16 * (5 + 4), 2 * 8 * 3)


def test_counts_are_whole_and_can_be_written_as_json():
    assert json.loads(json.dumps(asdict(operations(network(cell="bag"), CLASSES)))) == {"token": 0, "row": 30}
