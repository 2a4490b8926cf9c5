"""An encoded split from its files: its words with and without an id, and no damaged file taken for whole."""

from pathlib import Path

import numpy as np
import pytest
import torch
from in_memory import save_encoded

from unroll.failures import Refusal
from unroll.lexicon.vocabulary import PAD, UNKNOWN, Vocabulary, VocabularyRules
from unroll.networks.batches import EncodedSplit, load_texts

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
