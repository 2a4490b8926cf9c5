"""Encoded rows -> batches: every row once, in an order that (seed, epoch) decides alone."""

from itertools import pairwise

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given
from tiny import split_of

from unroll.lexicon.vocabulary import PAD
from unroll.networks.batches import reading_order, training_order

LENGTHS = st.lists(st.integers(1, 9), min_size=1, max_size=60).map(np.array)
SIZES = st.integers(1, 16)
SEEDS = st.integers(0, 2**31 - 1)
EPOCHS = st.integers(1, 100)
BATCHINGS = ("exact", "length", "padded", "packed")
ANY_BATCHING = st.sampled_from(BATCHINGS)


@given(LENGTHS, SIZES, SEEDS, EPOCHS, ANY_BATCHING)
def test_every_row_comes_exactly_once(lengths, size, seed, epoch, batching):
    for order in (training_order(lengths, size, seed, epoch, batching), reading_order(lengths, size)):
        assert sorted(np.concatenate(order)) == list(range(len(lengths)))
        assert all(1 <= len(batch) <= size for batch in order)
        assert len(order) == -(-len(lengths) // size)


@given(LENGTHS, SIZES, SEEDS, EPOCHS, ANY_BATCHING)
def test_the_order_is_a_function_of_seed_and_epoch(lengths, size, seed, epoch, batching):
    first = training_order(lengths, size, seed, epoch, batching)
    # Neither numpy's nor torch's generators have a say, nor what was asked for before.
    np.random.seed(1)
    torch.manual_seed(1)
    training_order(lengths, size, seed, epoch + 1, batching)
    again = training_order(lengths.copy(), size, seed, epoch, batching)
    assert [batch.tolist() for batch in first] == [batch.tolist() for batch in again]


@pytest.mark.parametrize("batching", BATCHINGS)
def test_the_order_differs_between_epochs_and_between_seeds(batching):
    lengths = np.repeat(np.arange(1, 9), 50)
    orders = {
        (seed, epoch): np.concatenate(training_order(lengths, 16, seed, epoch, batching)).tolist()
        for seed in (0, 1, 2)
        for epoch in (1, 2, 3)
    }
    assert len({tuple(order) for order in orders.values()}) == 9


@pytest.mark.parametrize(
    ("batching", "expected"),
    [
        ("exact", [[2, 1], [4, 6], [3, 5], [7, 8], [0]]),
        ("length", [[2, 1], [0, 4], [6, 3], [5, 7], [8]]),
        ("padded", [[4, 2], [6, 1], [7, 3], [5, 0], [8]]),
        ("packed", [[4, 2], [6, 1], [7, 3], [5, 0], [8]]),
    ],
)
def test_the_order_is_pinned(batching, expected):
    """The very order is part of every published result: a change of it must be seen and meant."""
    order = training_order(np.array([1, 1, 1, 2, 2, 2, 2, 3, 3]), 2, 1, 1, batching)
    assert [batch.tolist() for batch in order] == expected


@given(LENGTHS, SIZES, SEEDS, EPOCHS)
def test_as_many_batches_as_possible_are_of_one_length(lengths, size, seed, epoch):
    order = training_order(lengths, size, seed, epoch)
    even = sum(len(batch) == size and len(set(lengths[batch])) == 1 for batch in order)
    assert even >= sum(np.bincount(lengths) // size)
    assert sum(len(batch) < size for batch in order) <= 1


@given(LENGTHS, SIZES, SEEDS, EPOCHS)
def test_what_is_left_over_is_batched_with_its_neighbours_in_length(lengths, size, seed, epoch):
    order = training_order(lengths, size, seed, epoch)
    uneven = [lengths[batch] for batch in order if len(batch) < size or len(set(lengths[batch])) > 1]
    uneven.sort(key=lambda found: (found.max(), found.min()))
    for before, after in pairwise(uneven):
        assert before.max() <= after.min()


@given(LENGTHS, SIZES, SEEDS, EPOCHS)
def test_by_length_batches_hold_neighbours_in_length(lengths, size, seed, epoch):
    order = training_order(lengths, size, seed, epoch, "length")
    ranges = sorted((lengths[batch].min(), lengths[batch].max()) for batch in order)
    for before, after in pairwise(ranges):
        assert before[1] <= after[0]


# --- as many rows as make so many tokens ------------------------------------------------------------

TOKENS = st.integers(1, 40)


@given(LENGTHS, TOKENS, SEEDS, EPOCHS, ANY_BATCHING)
def test_by_tokens_every_row_comes_once_and_as_many_batches_in_each_epoch(
    lengths, tokens, seed, epoch, batching
):
    orders = [training_order(lengths, 1, seed, one, batching, tokens) for one in (epoch, epoch + 1)]
    for order in orders:
        assert sorted(np.concatenate(order)) == list(range(len(lengths)))
    assert len(orders[0]) == len(orders[1])


@given(LENGTHS, TOKENS, SEEDS, EPOCHS, st.sampled_from(["exact", "length"]))
def test_no_batch_has_more_tokens_with_its_padding_unless_one_row_has(lengths, tokens, seed, epoch, batching):
    for batch in training_order(lengths, 1, seed, epoch, batching, tokens):
        assert len(batch) * lengths[batch].max() <= tokens or len(batch) == 1


@given(LENGTHS, TOKENS, SEEDS, EPOCHS, ANY_BATCHING, SIZES)
def test_by_tokens_the_order_is_a_function_of_seed_and_epoch_and_of_no_number_of_rows(
    lengths, tokens, seed, epoch, batching, size
):
    first = training_order(lengths, 1, seed, epoch, batching, tokens)
    np.random.seed(1)
    torch.manual_seed(1)
    again = training_order(lengths.copy(), size, seed, epoch, batching, tokens)
    assert [batch.tolist() for batch in first] == [batch.tolist() for batch in again]


@pytest.mark.parametrize("batching", ["exact", "length"])
def test_by_tokens_batches_are_as_full_as_their_rows_allow(batching):
    lengths = np.random.default_rng(3).integers(1, 60, size=4000)
    order = training_order(lengths, 1, 1, 1, batching, 1000)
    held = np.array([len(batch) * lengths[batch].max() for batch in order])
    assert np.median(held) > 900
    assert len({len(batch) for batch in order}) > 10


@pytest.mark.parametrize("batching", ["padded", "packed"])
def test_as_they_come_by_tokens_there_are_as_many_rows_as_if_all_had_the_mean_length(batching):
    lengths = np.array([1, 3, 5, 3, 3, 3])
    assert {len(batch) for batch in training_order(lengths, 1, 1, 1, batching, 9)} == {3}


# --- what the batches of an order hold --------------------------------------------------------------


@pytest.mark.parametrize("batching", BATCHINGS)
def test_an_orders_batches_are_each_batch_by_itself(batching):
    rows = [[5] * length for length in (1, 4, 4, 2, 4, 1, 3)]
    split = split_of([[*row[:-1], 6 + place] for place, row in enumerate(rows)], [0, 1, 2, 0, 1, 2, 0])
    order = training_order(split.lengths, 2, 1, 1, batching)
    found = list(split.batches(order))
    assert len(found) == len(order)
    for together, positions in zip(found, order, strict=True):
        alone = split.batch(positions)
        assert torch.equal(together.tokens_BL, alone.tokens_BL)
        assert torch.equal(together.lengths_B, alone.lengths_B)
        assert torch.equal(together.labels_B, alone.labels_B)
        assert together.even == alone.even


def padding_share(lengths: np.ndarray, batching: str) -> float:
    order = training_order(lengths, 16, 1, 1, batching)
    read = sum(len(batch) * lengths[batch].max() for batch in order)
    return 1 - lengths.sum() / read


def test_there_is_nearly_no_padding_by_length_and_much_as_rows_come():
    lengths = np.random.default_rng(3).integers(1, 60, size=2000)
    assert padding_share(lengths, "exact") < 0.02
    assert padding_share(lengths, "length") < 0.02
    assert padding_share(lengths, "padded") == padding_share(lengths, "packed") > 0.3


@pytest.mark.parametrize("batching", ["padded", "packed"])
def test_as_they_come_lengths_have_no_say(batching):
    lengths = np.random.default_rng(3).integers(1, 60, size=100)
    first, second = (training_order(one, 8, 1, 1, batching) for one in (lengths, np.full(100, 5)))
    assert [batch.tolist() for batch in first] == [batch.tolist() for batch in second]


@pytest.mark.parametrize("batching", BATCHINGS)
def test_rows_of_one_length_are_shuffled_too(batching):
    lengths = np.full(256, 5)
    batches = [set(batch.tolist()) for batch in training_order(lengths, 16, 1, 1, batching)]
    assert set(range(16)) not in batches
    # Each position is as likely in each batch: a batch of neighbours would show in its spread.
    assert all(np.std(list(batch)) > 30 for batch in batches)


@pytest.mark.parametrize("batching", BATCHINGS)
def test_batches_do_not_come_by_length(batching):
    lengths = np.repeat(np.arange(1, 33), 16)
    means = [lengths[batch].mean() for batch in training_order(lengths, 16, 1, 1, batching)]
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.5


def test_the_order_for_scoring_is_by_length_and_keeps_the_order_of_equals():
    order = reading_order(np.array([3, 1, 2, 3, 1, 2]), 4)
    assert [batch.tolist() for batch in order] == [[1, 4, 2, 5], [0, 3]]


ROWS = st.lists(st.lists(st.integers(1, 50), min_size=1, max_size=8), min_size=1, max_size=20)


@given(ROWS, st.data())
def test_a_batch_equals_one_made_row_by_row(rows, data):
    wanted = data.draw(st.lists(st.integers(0, len(rows) - 1), min_size=1, max_size=12))
    split = split_of(rows, [place % 5 for place in range(len(rows))])
    batch = split.batch(np.array(wanted))
    longest = max(len(rows[position]) for position in wanted)
    padded = [rows[position] + [PAD] * (longest - len(rows[position])) for position in wanted]
    assert batch.tokens_BL.tolist() == padded
    assert batch.tokens_BL.dtype == torch.int64
    assert batch.lengths_B.tolist() == [len(rows[position]) for position in wanted]
    assert batch.labels_B.tolist() == [position % 5 for position in wanted]
    assert batch.even == (len({len(rows[position]) for position in wanted}) == 1)


def test_padding_is_on_the_right():
    batch = split_of([[5, 6, 7], [8]]).batch(np.array([1, 0]))
    assert batch.tokens_BL.tolist() == [[8, PAD, PAD], [5, 6, 7]]
    assert not batch.even


def test_the_last_row_of_a_split_can_be_padded():
    # Its padding would lie beyond the end of `ids`.
    batch = split_of([[5, 6, 7, 8], [9]]).batch(np.array([0, 1]))
    assert batch.tokens_BL.tolist() == [[5, 6, 7, 8], [9, PAD, PAD, PAD]]


def test_a_split_of_no_rows_has_no_batches_for_scoring():
    assert reading_order(np.array([], dtype=np.int64), 4) == []


@pytest.mark.parametrize("size", [1, 7, 100])
def test_lengths_far_apart_keep_to_the_rules_too(size):
    lengths = np.array([1, 500, 1, 2, 500, 3, 1])
    assert sorted(np.concatenate(training_order(lengths, size, 0, 1))) == list(range(7))
