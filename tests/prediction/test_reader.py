"""A reader's probabilities are those of the network that it was made of, whatever the network."""

from itertools import product

import numpy as np
import pytest
import torch
from drawn import HIDDEN, VOCABULARY, batched, model_of, network, rows
from torch import Tensor

from unroll.networks import tasks
from unroll.networks.batches import EncodedSplit
from unroll.networks.cells import CELLS
from unroll.networks.classifier import Classifier
from unroll.prediction import reader
from unroll.prediction.reader import Reader, suits

KINDS = {name: {"cell": name} for name in CELLS} | {"elman-relu": {"cell": "elman", "nonlinearity": "relu"}}
POOLED = ("last", "mean", "max", "max+last+mean")
LENGTHS = (3, 9, 1, 1, 6, 9, 2, 17, 5, 9)
every_kind = pytest.mark.parametrize("kind", KINDS)
both_directions = pytest.mark.parametrize("bidirectional", [False, True], ids=["forward", "both"])


def split_of(texts: list[Tensor]) -> EncodedSplit:
    lengths = np.array([len(text) for text in texts])
    offsets = torch.from_numpy(np.concatenate([[0], lengths.cumsum()]))
    labels = torch.zeros(len(texts), dtype=torch.int64)
    return EncodedSplit(torch.cat(texts).int(), offsets, labels, np.arange(len(texts)), lengths)


def decided(**keys: object) -> Classifier:
    """Return a network with large weights, so that each of them can be seen in its probabilities."""
    model = model_of(network(**keys), torch.float32)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.6)
    return model


@every_kind
@both_directions
@pytest.mark.parametrize("pooling", POOLED)
def test_a_reader_gives_the_networks_own_probabilities(kind, bidirectional, pooling):
    model, split = (
        decided(**KINDS[kind], bidirectional=bidirectional, pooling=pooling),
        split_of(rows(*LENGTHS)),
    )
    np.testing.assert_allclose(
        Reader.of(model).probabilities(split), tasks.predict(model, split), rtol=0, atol=1e-6
    )


@every_kind
@both_directions
@pytest.mark.parametrize(
    "keys",
    [
        {"initial_state": "learned"},
        {"initial_state": "normal"},
        {"input_bias": False},
        {"implementation": "library"},
        {"implementation": "handwritten", "head": "relu"},
        {"dropout": {"words": 0.5, "embedding": 0.5, "recurrent": 0.5, "output": 0.5}},
        batched("packed"),
    ],
    ids=str,
)
def test_however_a_layer_is_made_a_reader_reads_it(kind, bidirectional, keys):
    model, split = decided(**KINDS[kind], bidirectional=bidirectional, **keys), split_of(rows(*LENGTHS))
    np.testing.assert_allclose(
        Reader.of(model).probabilities(split), tasks.predict(model, split), rtol=0, atol=1e-6
    )


@every_kind
def test_how_many_rows_are_read_at_once_does_not_matter(kind, monkeypatch):
    made, split = Reader.of(decided(**KINDS[kind], bidirectional=True)), split_of(rows(*LENGTHS))
    together = made.probabilities(split)
    for count in (1, 3):
        monkeypatch.setattr(reader, "ROWS", count)
        np.testing.assert_allclose(made.probabilities(split), together, rtol=0, atol=1e-6)


@every_kind
@both_directions
def test_in_bfloat16_probabilities_are_the_same_to_its_digits(kind, bidirectional):
    model = model_of(network(**KINDS[kind], bidirectional=bidirectional, pooling="max"), torch.float32)
    split = split_of(rows(*LENGTHS))
    moved = np.abs(Reader.of(model, "bfloat16").probabilities(split) - tasks.predict(model, split))
    assert 1e-6 < moved.max() < 0.02


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({}, True),
        ({"pooling": "last+max", "implementation": "handwritten"}, True),
        ({"layers": 2}, False),
        ({"pooling": "max+attention"}, False),
        ({"cell": "bag"}, False),
    ],
    ids=str,
)
def test_a_reader_is_for_one_layer_whose_states_need_not_be_kept(keys, expected):
    assert suits(model_of(network(**keys), torch.float32)) == expected


def test_a_cell_whose_step_is_not_written_for_reading_is_not_read(monkeypatch):
    model = model_of(network(cell="gru"), torch.float32)
    monkeypatch.delitem(reader.STEPS, CELLS["gru"])
    assert not suits(model)


@pytest.mark.parametrize(("cell", "bidirectional"), list(product(CELLS, [False, True])))
def test_the_bound_is_that_of_the_table(monkeypatch, cell, bidirectional):
    model = model_of(network(cell=cell, bidirectional=bidirectional), torch.float32)
    size = Reader.of(model).table_RK.nbytes
    assert size % (VOCABULARY * HIDDEN * 4) == 0
    monkeypatch.setattr(reader, "LARGEST_TABLE", size)
    assert suits(model)
    monkeypatch.setattr(reader, "LARGEST_TABLE", size - 1)
    assert not suits(model)
