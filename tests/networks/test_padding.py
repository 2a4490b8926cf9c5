"""Padding changes nothing: a row gives the same scores and gradients however it is read.

For every cell, every way of computing it, both directions, three depths and every pooling: alone, with
more padding, packed, among rows of its length, and in any order.
"""

from collections.abc import Iterator
from functools import cache
from itertools import product

import pytest
import torch
from drawn import (
    CLASSES,
    IMPLEMENTATIONS,
    TOLERANCE,
    assert_same,
    batch_of,
    gradients,
    model_of,
    network,
    rows,
)
from torch import Tensor, nn

from unroll.lexicon.vocabulary import PAD
from unroll.networks.batches import Batch
from unroll.networks.cells import CELLS
from unroll.networks.classifier import NextWordModel
from unroll.networks.pooling import PARTS
from unroll.networks.spec import RecurrentNetwork

ROWS = rows(4, 1, 7, 2, 7)
ORDER = [3, 0, 4, 2, 1]
POOLINGS = (*PARTS, "max+attention", "last+mean+max")
EVERYTHING = "+".join(PARTS)
OF_CELL = {name: {"cell": name} for name in CELLS} | {"elman-relu": {"cell": "elman", "nonlinearity": "relu"}}
KINDS = {
    f"{name}-{implementation}": kind | {"implementation": implementation}
    for name, kind in OF_CELL.items()
    for implementation in IMPLEMENTATIONS
}
for implementation in ("fused", "handwritten"):
    KINDS[f"elman-one-bias-{implementation}"] = KINDS[f"elman-{implementation}"] | {"input_bias": False}
every_kind = pytest.mark.parametrize("kind", KINDS)
both_directions = pytest.mark.parametrize("bidirectional", [False, True], ids=["forward", "both"])


@cache
def networks(kind: str, bidirectional: bool) -> list[RecurrentNetwork]:
    """Return two layers with every pooling, and all poolings at once with each depth, of which the deeper
    have more around them."""
    more = {1: {}, 2: {"initial_state": "learned", "head": "relu"}, 3: {"initial_state": "normal"}}
    return [
        network(**KINDS[kind], bidirectional=bidirectional, layers=layers, pooling=pooling, **more[layers])
        for layers, pooling in (*product(more, [EVERYTHING]), *product([2], POOLINGS))
    ]


def made(network: RecurrentNetwork, dtype: torch.dtype = torch.float64) -> nn.Module:
    model = model_of(network, dtype)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("initial"):
                parameter.normal_()  # drawn as zeros, which would hide a row's state in another's place
    return model


def packed(model: nn.Module, network: RecurrentNetwork) -> nn.Module:
    """Return the same weights in a network that packs its rows."""
    other = model_of(network.model_copy(update={"batching": "packed"})).to(next(model.parameters()).dtype)
    other.load_state_dict(model.state_dict())
    return other


def companies() -> Iterator[tuple[str, Batch, list[int]]]:
    """Yield batches, each with the positions of its rows in ROWS."""
    everyone = list(range(len(ROWS)))
    yield "padded", batch_of(ROWS), everyone
    for pads in (1, 13, 50):
        yield f"{pads} more pads", batch_of(ROWS, width=7 + pads), everyone
    yield "another order", batch_of([ROWS[place] for place in ORDER]), ORDER
    even = batch_of([ROWS[4], ROWS[2]])
    assert even.even
    yield "one length", even, [4, 2]
    yield "one length, unnoticed", Batch(even.tokens_BL, even.lengths_B, even.labels_B, even=False), [4, 2]


@every_kind
@both_directions
@torch.no_grad()
def test_a_row_scores_the_same_however_it_is_read(kind, bidirectional):
    for each, (dtype, limit) in product(networks(kind, bidirectional), TOLERANCE.items()):
        model = made(each, dtype)
        alone_BC = torch.cat([model(batch_of([row])) for row in ROWS])
        assert not torch.allclose(alone_BC[2], alone_BC[4])
        readers = {"": model}
        if each.implementation == "library":
            readers["packed, "] = packed(model, each)
        for (reader, reading), (name, batch, places) in product(readers.items(), companies()):
            said = f"{reader}{name}: {each}"
            torch.testing.assert_close(
                reading(batch), alone_BC[places], rtol=limit, atol=limit, msg=lambda m, s=said: s + m
            )


@every_kind
@both_directions
@torch.no_grad()
def test_any_number_of_pads_up_to_fifty_changes_nothing(kind, bidirectional):
    model = made(network(**KINDS[kind], bidirectional=bidirectional, layers=2, pooling=EVERYTHING))
    row = ROWS[0]
    alone_C = model(batch_of([row]))[0]
    for pads in range(1, 51):
        beside_a_longer_one = model(batch_of([row, *rows(len(row) + pads)]))[0]
        torch.testing.assert_close(beside_a_longer_one, alone_C, rtol=1e-10, atol=1e-10)


def weighed(scores_BC: Tensor, places: list[int]) -> Tensor:
    """Return a loss in which every row and class has a weight of its own."""
    weights_BC = torch.linspace(-1, 2, len(ROWS) * CLASSES, dtype=scores_BC.dtype).view(-1, CLASSES)
    return (scores_BC * weights_BC[places]).sum()


@every_kind
@both_directions
def test_rows_give_the_same_gradients_however_they_are_read(kind, bidirectional):
    everyone = list(range(len(ROWS)))
    for each in networks(kind, bidirectional):
        model = made(each)
        alone = gradients(
            model, sum(weighed(model(batch_of([row])), [place]) for place, row in enumerate(ROWS))
        )
        # A unit of a relu may be off for all of these rows.
        assert all(gradient.abs().sum() > 0 or "relu" in kind for gradient in alone.values())
        assert not alone["embedding.weight"][PAD].any()
        padded, shuffled = batch_of(ROWS, width=9), batch_of([ROWS[place] for place in ORDER])
        assert_same(gradients(model, weighed(model(padded), everyone)), alone)
        assert_same(gradients(model, weighed(model(shuffled), ORDER)), alone)
        by_length = [[0], [1], [3], [2, 4]]
        losses = [weighed(model(batch_of([ROWS[p] for p in places])), places) for places in by_length]
        assert_same(gradients(model, sum(losses)), alone)
        if each.implementation == "library":
            reader = packed(model, each)
            assert_same(gradients(reader, weighed(reader(padded), everyone)), alone)


# --- next words -------------------------------------------------------------------------------------


def scored(model: NextWordModel, batch: Batch) -> list[Tensor]:
    """Return the scores of each row's words."""
    scores_TV, targets_T = model.scored_targets(batch)
    wanted = [row[1:length] for row, length in zip(batch.tokens_BL, batch.lengths_B, strict=True)]
    assert torch.equal(targets_T, torch.cat(wanted))
    return list(scores_TV.split((batch.lengths_B - 1).tolist()))


@every_kind
def test_a_rows_next_words_score_the_same_however_it_is_read(kind):
    for layers in (1, 2, 3):
        each = network(**KINDS[kind], task="next_word", layers=layers, initial_state="learned")
        model = made(each)
        alone = [scored(model, batch_of([row]))[0] for row in ROWS]
        reached = gradients(model, sum(scores.square().sum() for scores in alone))
        for reader in (model, packed(model, each)) if each.implementation == "library" else (model,):
            for _, batch, places in companies():
                found = scored(reader, batch)
                for place, scores in zip(places, found, strict=True):
                    torch.testing.assert_close(scores, alone[place], rtol=1e-10, atol=1e-10)
                if len(places) == len(ROWS):
                    assert_same(gradients(reader, sum(scores.square().sum() for scores in found)), reached)


@torch.no_grad()
def test_a_next_word_is_scored_from_the_words_before_it_alone():
    model = made(network(task="next_word", layers=2))
    [row] = rows(6)
    [before], [all_of_it] = (scored(model, batch_of([part])) for part in (row[:4], row))
    torch.testing.assert_close(all_of_it[:3], before, rtol=1e-12, atol=1e-12)
    scores_BLV = model(batch_of([row]))
    torch.testing.assert_close(scores_BLV[0, :-1], all_of_it, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("pooling", ["mean", "max", "attention", "mean+max+attention"])
def test_a_bag_is_read_the_same_in_any_company_and_in_any_order_of_words(pooling):
    model = made(network(cell="bag", pooling=pooling))
    alone_BC = torch.cat([model(batch_of([row])) for row in ROWS])
    backward_BC = torch.cat([model(batch_of([row.flip(0)])) for row in ROWS])
    torch.testing.assert_close(backward_BC, alone_BC, rtol=1e-12, atol=1e-12)
    for _, batch, places in companies():
        torch.testing.assert_close(model(batch), alone_BC[places], rtol=1e-10, atol=1e-10)
