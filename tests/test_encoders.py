"""Padding changes nothing: every cell, direction, depth and pooling, beside torch's own layers."""

from itertools import product
from typing import get_args

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from unroll.batches import Batch
from unroll.classifier import BagNetwork, Classifier, Embedding, Pooling, RecurrentNetwork
from unroll.encoders import CELLS, BagEncoder, RecurrentEncoder
from unroll.vocabulary import PAD

# As in every stage. With two threads these tests take 35 s instead of 16 as soon as something else runs.
torch.set_num_threads(1)

VOCABULARY, CLASSES, SIZE, HIDDEN = 30, 3, 5, 4
EMBEDDING = Embedding(size=SIZE, scale=1.0)
POOLINGS = get_args(Pooling)
BAG = BagNetwork(cell="bag", embedding=EMBEDDING)
NETWORKS = {
    f"{cell}-{'both' if bidirectional else 'forward'}-{layers}-{pooling}": RecurrentNetwork(
        cell=cell,
        bidirectional=bidirectional,
        layers=layers,
        pooling=pooling,
        hidden=HIDDEN,
        embedding=EMBEDDING,
    )
    for cell, bidirectional, layers, pooling in product(CELLS, (False, True), (1, 2, 3), POOLINGS)
} | {"bag": BAG}
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}
every_network = pytest.mark.parametrize("name", NETWORKS)
every_precision = pytest.mark.parametrize("dtype", TOLERANCE, ids=str)


def made(name: str, dtype: torch.dtype) -> Classifier:
    torch.manual_seed(7)
    return Classifier(NETWORKS[name], VOCABULARY, CLASSES).to(dtype).eval()


def drawn_rows(*lengths: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(sum(lengths))
    return [torch.randint(1, VOCABULARY, (length,), generator=generator) for length in lengths]


def batch_of(rows: list[Tensor], width: int | None = None) -> Batch:
    """Return the rows padded on the right to `width`, by default to the longest of them."""
    lengths_B = torch.tensor([len(row) for row in rows])
    width = width or int(lengths_B.max())
    tokens_BL = torch.full((len(rows), width), PAD)
    for place, row in enumerate(rows):
        tokens_BL[place, : len(row)] = row
    return Batch(
        tokens_BL, lengths_B, torch.zeros(len(rows), dtype=torch.long), bool((lengths_B == width).all())
    )


def gradients(model: Classifier, batch: Batch, place: int) -> list[Tensor]:
    """Return what one row of a batch contributes to every parameter's gradient."""
    model.zero_grad()
    weights_C = torch.tensor([1.0, -2.0, 0.5], dtype=model.output.weight.dtype)
    (model(batch)[place] * weights_C).sum().backward()
    found = [parameter.grad for parameter in model.parameters()]
    return [gradient.to_dense() if gradient.is_sparse else gradient.clone() for gradient in found]


ROWS = drawn_rows(4, 1, 7, 2, 7)


@every_precision
@every_network
def test_a_row_scores_the_same_alone_and_in_a_padded_batch(name, dtype):
    model, limit = made(name, dtype), TOLERANCE[dtype]
    together = model(batch_of(ROWS))
    for place, row in enumerate(ROWS):
        alone = model(batch_of([row]))[0]
        torch.testing.assert_close(together[place], alone, rtol=limit, atol=limit)


@every_precision
@every_network
def test_a_row_scores_the_same_in_any_order_and_whatever_its_padding(name, dtype):
    model, limit = made(name, dtype), TOLERANCE[dtype]
    before = model(batch_of(ROWS))
    order = [3, 0, 4, 2, 1]
    after = model(batch_of([ROWS[place] for place in order]))
    torch.testing.assert_close(after, before[order], rtol=limit, atol=limit)
    wider = model(batch_of(ROWS, width=19))
    torch.testing.assert_close(wider, before, rtol=limit, atol=limit)
    with_a_longer_row = model(batch_of([*ROWS, *drawn_rows(23)]))
    torch.testing.assert_close(with_a_longer_row[: len(ROWS)], before, rtol=limit, atol=limit)


@every_network
def test_a_row_gives_the_same_gradients_alone_and_in_a_padded_batch(name):
    model, limit = made(name, torch.float64), TOLERANCE[torch.float64]
    padded = batch_of(ROWS, width=9)
    for place, row in enumerate(ROWS):
        alone = gradients(model, batch_of([row]), 0)
        together = gradients(model, padded, place)
        for mine, other in zip(alone, together, strict=True):
            torch.testing.assert_close(mine, other, rtol=limit, atol=limit)


@every_network
def test_gradients_reach_every_parameter_but_never_padding(name):
    embedding, *others = gradients(made(name, torch.float64), batch_of(ROWS, width=9), 0)
    for gradient in (embedding, *others):
        assert gradient.isfinite().all()
        assert gradient.abs().sum() > 0
    assert torch.equal(embedding[PAD], torch.zeros(SIZE, dtype=torch.float64))


@every_network
def test_rows_of_one_length_score_the_same_with_and_without_the_shortcut_for_them(name):
    model = made(name, torch.float64)
    even = batch_of(drawn_rows(6, 6, 6))
    assert even.even
    slow = Batch(even.tokens_BL, even.lengths_B, even.labels_B, even=False)
    torch.testing.assert_close(model(even), model(slow), rtol=1e-12, atol=1e-12)


# --- against torch's own ----------------------------------------------------------------------------


def torchs_own(encoder: RecurrentEncoder, cell: str, layers: int) -> nn.RNNBase:
    """Return the library's own stack of layers with the encoder's weights."""
    both = encoder.directions == 2
    reference = CELLS[cell](SIZE, HIDDEN, layers, batch_first=True, bidirectional=both).double()
    with torch.no_grad():
        for depth, directions in enumerate(encoder.layers):
            for suffix, single in zip(("", "_reverse"), directions, strict=False):
                for name, weight in single.named_parameters():
                    # weight_ih_l0 -> weight_ih_l1_reverse
                    getattr(reference, f"{name[:-1]}{depth}{suffix}").copy_(weight)
    return reference


@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_an_encoder_equals_torchs_own_with_packed_input(cell, bidirectional, layers, pooling):
    torch.manual_seed(11)
    encoder = RecurrentEncoder(cell, SIZE, HIDDEN, layers, bidirectional, pooling, dropout=0.0).double()
    lengths_B = torch.tensor([4, 1, 7, 2, 7])
    # What stands in the padding must not matter, so it is noise here.
    embedded_BLE = torch.randn(5, 9, SIZE, dtype=torch.float64)
    packed = pack_padded_sequence(embedded_BLE, lengths_B, batch_first=True, enforce_sorted=False)
    states, last = torchs_own(encoder, cell, layers)(packed)
    padded_BLH, _ = pad_packed_sequence(states, batch_first=True)
    if pooling == "last":
        final = last[0] if cell == "lstm" else last
        expected = torch.cat(list(final[-encoder.directions :]), dim=1)
    else:
        rows = [padded_BLH[place, :length] for place, length in enumerate(lengths_B)]
        expected = torch.stack(
            [row.mean(dim=0) if pooling == "mean" else row.max(dim=0).values for row in rows]
        )
    found = encoder(embedded_BLE, lengths_B, even=False)
    assert found.shape == (5, encoder.size)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


def test_a_bag_is_the_mean_of_a_rows_own_embeddings():
    lengths_B = torch.tensor([3, 1])
    embedded_BLE = torch.randn(2, 5, SIZE, dtype=torch.float64)
    found = BagEncoder(SIZE)(embedded_BLE, lengths_B, even=False)
    expected = torch.stack([embedded_BLE[0, :3].mean(dim=0), embedded_BLE[1, 0]])
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_a_bag_does_not_know_the_order_of_words_and_a_recurrent_network_does():
    [row] = drawn_rows(7)
    for name in NETWORKS:
        model = made(name, torch.float64)
        forward, backward = model(batch_of([row])), model(batch_of([row.flip(0)]))
        assert torch.allclose(forward, backward, rtol=1e-12, atol=1e-12) == (name == "bag")


@pytest.mark.parametrize("cell", CELLS)
def test_the_names_of_cells_are_kept(cell):
    """joeynmt's GRU once built an LSTM, and no test ran it."""
    gates = {"elman": 1, "gru": 3, "lstm": 4}[cell]
    encoder = RecurrentEncoder(cell, SIZE, HIDDEN, 1, False, "last", dropout=0.0)
    assert encoder.layers[0][0].weight_ih_l0.shape == (gates * HIDDEN, SIZE)
