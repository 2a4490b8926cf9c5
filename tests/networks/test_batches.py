"""Encoded rows -> batches: every row once, in an order that (seed, epoch) decides alone."""

from itertools import pairwise
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given
from in_memory import save_encoded
from tiny import split_of

from unroll.failures import Refusal
from unroll.lexicon.vocabulary import PAD, UNKNOWN, Vocabulary, VocabularyRules
from unroll.networks.batches import EncodedSplit, load_texts, reading_order, training_order

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


# --- words without an id of their own ---------------------------------------------------------------

KNOWN = Vocabulary.build([["lamp", "clock", "ladder"]], VocabularyRules())
V = len(KNOWN)
NAN = float("nan")


def written(folder: Path) -> Path:
    """Write a split, two of whose words the vocabulary lacks, as the stage `vectors` numbers them."""
    save_encoded(folder, KNOWN, range(2), [["lamp", "lamp", "clock"], ["ladder", "lamp"]], [0, 1])
    np.save(folder / "ids.npy", np.array([2, V, 3, V + 1, V], dtype=np.int32))
    return folder


def test_without_vectors_words_without_an_id_read_as_unknown(tmp_path):
    split = EncodedSplit.load(written(tmp_path / "train"), "cpu", V)
    assert split.tokens_N.tolist() == [2, UNKNOWN, 3, UNKNOWN, UNKNOWN]
    assert split.batch(np.array([1, 0])).tokens_BL.tolist() == [[UNKNOWN, UNKNOWN, PAD], [2, UNKNOWN, 3]]
    assert split.batch(np.array([0, 1])).unseen_XE is None


def test_with_vectors_those_read_as_unknown_of_which_all_is_missing(tmp_path):
    unseen_XE = torch.tensor([[NAN, NAN], [NAN, 0.5]])
    split = EncodedSplit.load(written(tmp_path / "train"), "cpu", V, unseen_XE)
    assert split.tokens_N.tolist() == [2, UNKNOWN, 3, V + 1, UNKNOWN]
    # What is missing of the others is zero.
    assert split.unseen_XE[1].tolist() == [0.0, 0.5]
    assert split.unseen_XE.isfinite().all()
    batch = split.batch(np.array([1]))
    assert batch.tokens_BL.tolist() == [[V + 1, UNKNOWN]]
    assert batch.unseen_XE is split.unseen_XE


def test_words_with_vectors_keep_their_ids(tmp_path):
    split = EncodedSplit.load(written(tmp_path / "train"), "cpu", V, torch.ones(2, 3))
    assert split.tokens_N.tolist() == [2, V, 3, V + 1, V]


def test_reading_a_split_leaves_its_files_and_the_vectors_as_they_are(tmp_path):
    folder = written(tmp_path / "train")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    unseen_XE = torch.tensor([[NAN, NAN], [NAN, 0.5]])
    EncodedSplit.load(folder, "cpu", V, unseen_XE)
    EncodedSplit.load(folder, "cpu", V)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert unseen_XE.isnan().sum() == 3


def test_a_split_in_which_every_word_is_known_needs_no_vectors(tmp_path):
    save_encoded(tmp_path / "train", KNOWN, range(1), [["lamp", "clock"]], [0])
    for unseen_XE in (None, torch.empty(0, 4)):
        split = EncodedSplit.load(tmp_path / "train", "cpu", V, unseen_XE)
        assert split.tokens_N.tolist() == [4, 2]
        assert split.token_of_W is None


def test_texts_of_other_corpora_follow_the_sentences_each_with_its_own_words(tmp_path):
    written(tmp_path / "train")
    assert load_texts(tmp_path, "cpu", V).tokens_N.tolist() == [2, UNKNOWN, 3, UNKNOWN, UNKNOWN]
    save_encoded(tmp_path / "train/further", KNOWN, range(2), [["lamp"], ["clock", "lamp"]], [0, 0])
    np.save(tmp_path / "train/further/ids.npy", np.array([V, 2, V + 1], dtype=np.int32))
    alone = load_texts(tmp_path, "cpu", V)
    assert alone.tokens_N.tolist() == [2, UNKNOWN, 3, UNKNOWN, UNKNOWN, UNKNOWN, 2, UNKNOWN]
    assert alone.lengths.tolist() == [3, 2, 1, 2] and alone.unseen_XE is None
    vectors = {"train": torch.tensor([[1.0], [2.0]]), "further": torch.tensor([[3.0], [NAN]])}
    both = load_texts(tmp_path, "cpu", V, vectors.get)
    assert both.tokens_N.tolist() == [2, V, 3, V + 1, V, V + 2, 2, UNKNOWN]
    assert both.unseen_XE.flatten().tolist() == [1.0, 2.0, 3.0, 0.0]
    assert both.batch(np.array([3, 0])).tokens_BL.tolist() == [[2, UNKNOWN, PAD], [2, V, 3]]
    assert len(both) == len(both.labels) == len(both.rows) == 4


@pytest.mark.parametrize("unseen_XE", [None, torch.tensor([[NAN], [0.5]])], ids=["no vectors", "a vector"])
def test_the_ids_stay_in_their_file(tmp_path, unseen_XE, monkeypatch):
    mapped, load = {}, np.load

    def remembered(path: Path, **how: object) -> np.ndarray:
        mapped[path.name] = load(path, **how)
        return mapped[path.name]

    monkeypatch.setattr(np, "load", remembered)
    split = EncodedSplit.load(written(tmp_path / "train"), "cpu", V, unseen_XE)
    assert isinstance(mapped["ids.npy"], np.memmap)
    assert np.shares_memory(split.ids.numpy(), mapped["ids.npy"])
    assert split.batch(np.array([0])).tokens_BL[0, 1] == UNKNOWN


def test_rows_keep_their_numbers_in_the_corpus(tmp_path):
    save_encoded(tmp_path / "train", KNOWN, [3, 8], [["lamp"], ["clock"]], [0, 1])
    assert EncodedSplit.load(tmp_path / "train", "cpu", V).rows.tolist() == [3, 8]


@pytest.mark.parametrize("name", ["ids", "offsets", "labels", "rows"])
def test_a_pickle_among_the_arrays_is_refused(tmp_path, name):
    folder = written(tmp_path / "train")
    np.save(folder / f"{name}.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(Refusal, match=rf"{name}\.npy is damaged"):
        EncodedSplit.load(folder, "cpu", V)


def test_a_split_without_tokens_can_be_loaded(tmp_path):
    save_encoded(tmp_path / "train", KNOWN, range(0), [], [])
    assert len(EncodedSplit.load(tmp_path / "train", "cpu", V).tokens_N) == 0


@pytest.mark.parametrize(
    ("name", "array", "why"),
    [
        ("labels", np.zeros((2, 1), np.int64), "an array has another shape"),
        ("rows", np.zeros(3, np.int64), "3 offsets, 2 labels and 3 rows"),
        ("labels", np.zeros(1, np.int64), "3 offsets, 1 labels and 2 rows"),
        ("offsets", np.array([1, 3, 5]), "the offsets do not part 5 tokens"),
        ("offsets", np.array([0, 3, 6]), "the offsets do not part 5 tokens"),
        ("offsets", np.array([0, 5, 5]), "the offsets do not part 5 tokens"),
        ("ids", np.array([2, 3, 3, PAD, 2], np.int32), "a number is negative"),
        ("labels", np.array([0, -1]), "a number is negative"),
    ],
)
def test_arrays_that_do_not_fit_each_other_are_refused_with_their_folder(tmp_path, name, array, why):
    folder = written(tmp_path / "train")
    np.save(folder / f"{name}.npy", array)
    with pytest.raises(Refusal) as refusal:
        EncodedSplit.load(folder, "cpu", V)
    assert str(refusal.value).startswith(f"{folder} is damaged: {why}. ")
