"""Rows of pieces: those that the tokenizer makes of the row's text, however its words are coded."""

from itertools import pairwise
from pathlib import Path

import pytest
import tiny_encoder
from in_memory import encode_corpus
from tokenizers import Tokenizer, models

from unroll.failures import Refusal
from unroll.lexicon.vocabulary import Vocabulary
from unroll.tutoring.pieces import Cutter

ROWS = [
    ["lamp", "kettle", "lampshade", "testword"],
    ["lamp", "kettle", "kettles", "nobody", "😀"],
    ["clocks"],
    [],
    ["<unk>", "lamp-shade", "<pad>"],
]


@pytest.fixture
def folder(tmp_path) -> Path:
    """The rows as ids: lamp and kettle have one of their own, all else is unseen."""
    encode_corpus(tmp_path / "tiny", {"train": ROWS})
    tiny_encoder.tokenizer().save(str(tmp_path / "tokenizer.json"))
    return tmp_path


def split(folder: Path, longest: int = 100):
    vocabulary = Vocabulary.load(folder / "tiny/vocabulary.txt")
    return Cutter(folder / "tokenizer.json", longest).split(folder / "tiny/train", vocabulary, "cpu")


def test_a_row_has_the_pieces_of_its_text(folder):
    tokenizer = tiny_encoder.tokenizer()
    tokenizer.no_padding()
    tokenizer.no_truncation()
    found = split(folder)
    expected = [tokenizer.encode(" ".join(row)).ids for row in ROWS]
    expected[3] = [2, 1, 3]  # a text without tokens reads as one unknown word
    bounds = found.offsets.tolist()
    assert [found.ids[begin:end].tolist() for begin, end in pairwise(bounds)] == expected
    assert found.lengths.tolist() == [len(row) for row in expected]
    assert len(found) == len(ROWS) and found.rows.tolist() == list(range(len(ROWS)))


def test_a_row_is_cut_before_the_mark_of_its_end(folder):
    whole, cut = split(folder), split(folder, longest=5)
    assert cut.lengths.tolist() == [min(length, 5) for length in whole.lengths.tolist()]
    assert cut.ids[:5].tolist() == [*whole.ids[:4].tolist(), 3]


def test_a_tokenizer_without_the_marks_of_a_bert_is_refused(folder):
    Tokenizer(models.WordPiece({"[UNK]": 0}, unk_token="[UNK]")).save(str(folder / "tokenizer.json"))
    with pytest.raises(Refusal, match=r"tokenizer\.json is not a BERT's: it lacks one of \[CLS\]"):
        split(folder)
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(Refusal, match=r"tokenizer\.json is no tokenizer"):
        split(folder)
