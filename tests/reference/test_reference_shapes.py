"""The shapes and the exact agreements that the course notebooks show (T1, T2 and T5), batch first."""

import pytest
import torch
from drawn import IMPLEMENTATIONS
from torch import nn
from torch.nn import functional

from unroll.networks.batches import Batch
from unroll.networks.cells import CELLS
from unroll.networks.classifier import build_model
from unroll.networks.embeddings import WordEmbedding
from unroll.networks.encoders import Direction, RecurrentEncoder
from unroll.networks.spec import Dropout, Embedding, RecurrentNetwork
from unroll.networks.words import Words
from unroll.shapes.walk import Step, trace

VOCABULARY, CLASSES = 11, 3
every_cell = pytest.mark.parametrize("cell", CELLS)
every_implementation = pytest.mark.parametrize("implementation", IMPLEMENTATIONS)


def tokens(rows: int, longest: int) -> Batch:
    generator = torch.Generator().manual_seed(9)
    tokens_BL = torch.randint(1, VOCABULARY, (rows, longest), generator=generator)
    return Batch(tokens_BL, torch.full((rows,), longest), torch.zeros(rows, dtype=torch.long), even=True)


def traced(network: RecurrentNetwork, batch: Batch) -> dict[str, Step]:
    torch.manual_seed(2)
    return {step.name: step for step in trace(build_model(network, VOCABULARY, CLASSES), batch)}


def shape(step: Step) -> tuple[int, ...]:
    return tuple(step.values.shape)


@every_implementation
def test_t1_states_of_three_rows_of_four_words_and_the_last_of_each(implementation):
    network = RecurrentNetwork(cell="elman", hidden=2, implementation=implementation)
    encoder = RecurrentEncoder(network, inputs=5)
    words = Words.each_its_own(torch.randn(3, 4, 5))
    states_BLH = encoder(words, torch.tensor([4, 4, 4]), even=True)
    assert tuple(states_BLH.shape) == (3, 4, 2)
    shown = traced(network.model_copy(update={"embedding": Embedding(size=5)}), tokens(3, 4))
    assert shape(shown["embedding"]) == (3, 4, 5)
    assert shape(shown["layer 1"]) == (3, 4, 2)
    assert shape(shown["layer 1, last state"]) == (3, 2)
    # Many to one: only the last state goes into the scores, which nothing normalises.
    assert torch.equal(shown["pooling"].values, shown["layer 1"].values[:, -1])
    assert shape(shown["scores"]) == (3, CLASSES)


@pytest.mark.parametrize("layers", [1, 2])
@every_implementation
@every_cell
def test_t2_from_tokens_to_the_states_of_each_layer(cell, implementation, layers):
    network = RecurrentNetwork(
        cell=cell,
        implementation=implementation,
        layers=layers,
        hidden=50,
        head="relu",
        embedding=Embedding(size=300),
    )
    shown = traced(network, tokens(4, 5))
    assert shape(shown["ids"]) == (4, 5)
    assert shape(shown["embedding"]) == (4, 5, 300)
    for depth in range(1, layers + 1):
        assert shape(shown[f"layer {depth}"]) == (4, 5, 50)
        assert shape(shown[f"layer {depth}, last state"]) == (4, 50)
    # What the top layer said last is its last state, and it is what the scores are made from.
    last_BH = shown[f"layer {layers}, last state"].values
    assert torch.equal(shown[f"layer {layers}"].values[:, -1], last_BH)
    assert torch.equal(shown["pooling"].values, last_BH)
    assert torch.equal(shown["relu"].values, last_BH.clamp(min=0))
    assert shape(shown["scores"]) == (4, 3)


def test_t2_a_layer_of_torchs_own_with_two_states_has_both_of_them_last():
    network = RecurrentNetwork(cell="lstm", hidden=50)
    direction = Direction(network, inputs=300, backward=False)
    states_BLH, (hidden_1BH, cell_1BH) = direction.cell(torch.randn(4, 5, 300))
    assert tuple(states_BLH.shape) == (4, 5, 50)
    assert tuple(hidden_1BH.shape) == tuple(cell_1BH.shape) == (1, 4, 50)
    assert torch.equal(states_BLH[:, -1], hidden_1BH[0])


@every_implementation
@every_cell
def test_t2_the_first_state_may_be_given_and_is_zeros_otherwise(cell, implementation):
    torch.manual_seed(4)
    network = RecurrentNetwork(cell=cell, implementation=implementation, hidden=50, initial_state="learned")
    encoder = RecurrentEncoder(network, inputs=30)
    plain = RecurrentEncoder(network.model_copy(update={"initial_state": "zeros"}), inputs=30)
    plain.load_state_dict(encoder.state_dict(), strict=False)
    arguments = Words.each_its_own(torch.randn(4, 5, 30)), torch.full((4,), 5), True
    initial = encoder.layers[0][0].initial
    assert torch.equal(initial, torch.zeros(CELLS[cell].states, 50))
    torch.testing.assert_close(encoder(*arguments), plain(*arguments))
    with torch.no_grad():
        initial.normal_()
    assert not torch.allclose(encoder(*arguments), plain(*arguments))


def test_t2_padding_is_embedded_as_zeros():
    batch = tokens(2, 3)
    batch.tokens_BL[1, 2] = 0
    embedding = WordEmbedding(Embedding(size=300), Dropout(), VOCABULARY)
    embedded_BLE = embedding(batch).written_out()
    assert torch.equal(embedded_BLE[1, 2], torch.zeros(300))
    assert (embedded_BLE[:, :2] != 0).all()


@every_cell
def test_t5_both_directions_are_side_by_side_and_can_be_viewed_apart(cell):
    network = RecurrentNetwork(cell=cell, bidirectional=True, hidden=7, embedding=Embedding(size=6))
    shown = traced(network, tokens(4, 5))
    both_BLF = shown["layer 1, both"].values
    assert tuple(both_BLF.shape) == (4, 5, 2 * 7)
    apart_BLDH = both_BLF.view(4, 5, 2, 7)
    assert torch.equal(apart_BLDH[:, :, 0], shown["layer 1, forward"].values)
    assert torch.equal(apart_BLDH[:, :, 1], shown["layer 1, backward"].values)


def test_t5_a_score_for_every_next_word_after_every_word():
    network = RecurrentNetwork(cell="elman", task="next_word", hidden=7, embedding=Embedding(size=6))
    torch.manual_seed(2)
    model, batch = build_model(network, VOCABULARY, CLASSES), tokens(4, 5)
    scores_BLV = {step.name: step for step in trace(model, batch)}["scores"].values
    assert tuple(scores_BLV.shape) == (4, 5, VOCABULARY)
    # Training scores the same words, those that a next one is known of, as batch x steps.
    scores_TV, targets_T = model.scored_targets(batch)
    assert tuple(scores_TV.shape) == (4 * 4, VOCABULARY)
    torch.testing.assert_close(scores_TV.detach(), scores_BLV[:, :-1].reshape(-1, VOCABULARY))
    assert torch.equal(targets_T, batch.tokens_BL[:, 1:].reshape(-1))


def test_t5_three_ways_to_embed_a_word_agree():
    batch = tokens(4, 5)
    embedding = WordEmbedding(Embedding(size=6), Dropout(), VOCABULARY)
    linear = nn.Linear(VOCABULARY, 6, bias=False)
    with torch.no_grad():
        linear.weight.copy_(embedding.weight.T)
    looked_up_BLE = embedding(batch).written_out()
    one_hot_BLV = functional.one_hot(batch.tokens_BL, VOCABULARY).float()
    # A sum with one term that is not zero is that term, to the last bit.
    assert torch.equal(looked_up_BLE, linear(one_hot_BLV))
    assert torch.equal(looked_up_BLE, linear.weight.T[batch.tokens_BL])
