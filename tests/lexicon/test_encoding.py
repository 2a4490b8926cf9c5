"""Encoded splits: what their files hold, whatever the chunks that they were written in."""

from collections import Counter
from itertools import pairwise

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from in_memory import save_encoded
from token_rows import ROWS, arrays, built

from unroll import frames
from unroll.lexicon import encoding
from unroll.lexicon.encoding import Draft
from unroll.lexicon.vocabulary import (
    PAD,
    SPECIAL,
    UNKNOWN,
    Vocabulary,
    VocabularyRules,
    read_unseen,
)


@given(ROWS, ROWS)
def test_encoded_rows_are_the_same_after_loading(tmp_path_factory, train, rows):
    vocabulary = Vocabulary.build(train, VocabularyRules(min_count=2))
    folder = tmp_path_factory.mktemp("encoded") / "test"
    numbers, labels = [7 * place for place in range(len(rows))], [place % 3 for place in range(len(rows))]
    save_encoded(folder, vocabulary, numbers, rows, labels)
    found = arrays(folder)
    assert found["rows"].tolist() == numbers
    assert found["labels"].tolist() == labels
    known = found["ids"].copy()
    known[known >= len(vocabulary)] = UNKNOWN
    cut = [known[start:end].tolist() for start, end in pairwise(found["offsets"].tolist())]
    assert cut == [vocabulary.encode(row) for row in rows]


@given(ROWS, ROWS)
def test_every_word_of_a_split_can_be_read_back_from_its_ids(tmp_path_factory, train, rows):
    vocabulary = Vocabulary.build(train, VocabularyRules(min_count=2))
    folder = tmp_path_factory.mktemp("encoded") / "test"
    save_encoded(folder, vocabulary, range(len(rows)), rows, [0] * len(rows))
    unseen = read_unseen(folder)
    assert unseen == sorted(set(unseen))
    words = [*vocabulary.ids, *unseen]
    found = arrays(folder)
    cut = [found["ids"][start:end] for start, end in pairwise(found["offsets"].tolist())]
    assert [[words[index] for index in row] for row in cut] == [row or ["<unk>"] for row in rows]
    # No word of a text is padding or the unknown word, however it is written.
    assert not set(SPECIAL) & {words[index] for index in found["ids"] if index > UNKNOWN} - set(unseen)
    assert PAD not in found["ids"]


def test_words_without_an_id_are_coded_after_the_vocabulary_in_alphabetical_order(tmp_path):
    rows = [["z", "a", "<pad>"], ["m", "z"]]
    save_encoded(tmp_path / "test", built("a b"), [0, 1], rows, [0, 0])
    assert (tmp_path / "test/unseen.txt").read_bytes() == b"<pad>\nm\nz\n"
    assert arrays(tmp_path / "test")["ids"].tolist() == [6, 2, 4, 5, 6]


def test_arrays_are_of_the_types_that_their_readers_rely_on(tmp_path):
    save_encoded(tmp_path / "train", built("a b"), [0], [["a", "z"]], [1], sentences=[5])
    found = arrays(tmp_path / "train")
    types = {name: array.dtype.str for name, array in found.items()}
    assert types == {"ids": "<i4", "offsets": "<i8", "labels": "<i8", "rows": "<i8", "sentences": "<i8"}
    assert found["offsets"].tolist() == [0, 2]


@given(ROWS, st.integers(1, 4))
def test_counts_and_ids_do_not_depend_on_the_chunks(tmp_path_factory, rows, size):
    table = pa.table({"tokens": pa.array(rows, frames.TOKENS)})
    chunks = [table.slice(start, size) for start in range(0, len(table), size)]
    assert Draft(chunks).counts() == Counter(token for row in rows for token in row)
    vocabulary = Vocabulary.build(rows, VocabularyRules(min_count=2))
    parts, whole = (tmp_path_factory.mktemp("encoded") / "train" for _ in range(2))
    for folder, chunk_rows in ((parts, size), (whole, 100)):
        save_encoded(folder, vocabulary, range(len(rows)), rows, [0] * len(rows), chunk_rows=chunk_rows)
    for name in ("ids.npy", "offsets.npy", "labels.npy", "rows.npy", "unseen.txt"):
        assert (parts / name).read_bytes() == (whole / name).read_bytes()


@pytest.mark.parametrize("block", [1, 2, 1000])
def test_counts_and_ids_do_not_depend_on_the_blocks_that_are_read_back(tmp_path, monkeypatch, block):
    monkeypatch.setattr(encoding, "BLOCK", block)
    rows = [["a", "b", "a"], ["c"], ["a"]]
    table = pa.table({"tokens": pa.array(rows, frames.TOKENS)})
    assert Draft([table]).counts() == {"a": 3, "b": 1, "c": 1}
    save_encoded(tmp_path / "new/train", built("a b"), range(3), rows, [0] * 3)
    assert arrays(tmp_path / "new/train")["ids"].tolist() == [2, 3, 2, 4, 2]


def test_ids_written_in_parts_are_a_file_as_numpy_writes_it(tmp_path):
    save_encoded(tmp_path / "train", built("a b"), range(5), [["a"], [], ["b", "z"], [], []], [0] * 5)
    whole = np.array([2, UNKNOWN, 3, 4, UNKNOWN, UNKNOWN], dtype=np.int32)
    np.save(tmp_path / "whole.npy", whole)
    assert (tmp_path / "train/ids.npy").read_bytes() == (tmp_path / "whole.npy").read_bytes()
