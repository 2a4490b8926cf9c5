"""Counts -> ids: order, limits, and that vocabulary and encoded rows survive their files."""

from pathlib import Path

import hypothesis.strategies as st
import pandas as pd
import pyarrow as pa
import pytest
import tiny
from hypothesis import given
from token_rows import ROWS, arrays, built

from stages import vocabulary as stage
from unroll import frames
from unroll.failures import Refusal
from unroll.lexicon.vocabulary import (
    PAD,
    SPECIAL,
    UNKNOWN,
    Vocabulary,
    VocabularyRules,
    read_unseen,
)


def test_tokens_come_by_count_and_then_by_alphabet():
    vocabulary = built("b a c", "b c", "b d")
    assert list(vocabulary.counts) == ["<pad>", "<unk>", "b", "c", "a", "d"]
    assert list(vocabulary.counts.values()) == [0, 0, 3, 2, 1, 1]


def test_padding_is_0_and_the_unknown_word_is_1():
    assert (PAD, UNKNOWN) == (0, 1)
    assert built("a").ids == {"<pad>": 0, "<unk>": 1, "a": 2}


@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(rows, random):
    shuffled = [random.sample(row, len(row)) for row in random.sample(rows, len(rows))]
    before, after = (Vocabulary.build(some, VocabularyRules()) for some in (rows, shuffled))
    assert list(before.counts.items()) == list(after.counts.items())


def test_rarer_tokens_than_min_count_have_no_id():
    vocabulary = built("a a a b b c", min_count=2)
    assert list(vocabulary.ids) == ["<pad>", "<unk>", "a", "b"]
    assert vocabulary.counts["<unk>"] == 1


def test_max_size_counts_padding_and_the_unknown_word():
    vocabulary = built("a a a b b c", max_size=4)
    assert list(vocabulary.ids) == ["<pad>", "<unk>", "a", "b"]
    assert len(vocabulary) == 4


@given(ROWS, st.integers(1, 4), st.integers(3, 9))
def test_every_token_is_counted_once(rows, min_count, max_size):
    vocabulary = Vocabulary.build(rows, VocabularyRules(min_count=min_count, max_size=max_size))
    assert len(vocabulary) <= max_size
    assert sum(vocabulary.counts.values()) == sum(map(len, rows))
    for token, count in list(vocabulary.counts.items())[2:]:
        assert count == sum(row.count(token) for row in rows) >= min_count


def test_a_text_cannot_write_padding_or_the_unknown_word():
    vocabulary = built("<pad> <pad> <unk> a")
    assert list(vocabulary.ids) == [*SPECIAL, "a"]
    assert vocabulary.counts == {"<pad>": 0, "<unk>": 3, "a": 1}
    # Padding is not read, so a word that is written like it must not become it.
    assert vocabulary.encode(["<pad>", "<unk>", "a"]) == [UNKNOWN, UNKNOWN, 2]


def test_an_unknown_token_is_the_unknown_word_and_an_empty_row_is_one_of_them():
    vocabulary = built("a b")
    assert vocabulary.encode(["b", "z", "a"]) == [3, UNKNOWN, 2]
    assert vocabulary.encode([]) == [UNKNOWN]


@given(ROWS)
def test_a_saved_vocabulary_is_the_same_after_loading(tmp_path_factory, rows):
    vocabulary = Vocabulary.build(rows, VocabularyRules())
    path = tmp_path_factory.mktemp("vocabulary") / "vocabulary.txt"
    vocabulary.save(path)
    loaded = Vocabulary.load(path)
    assert list(loaded.counts.items()) == list(vocabulary.counts.items())
    assert loaded.ids == vocabulary.ids
    # The line number is the id, which is what the training stage counts.
    assert path.read_text(encoding="utf-8").count("\n") == len(vocabulary)


def test_the_file_is_a_token_and_its_count_a_line(tmp_path):
    built("a lamp", "a").save(tmp_path / "vocabulary.txt")
    assert (tmp_path / "vocabulary.txt").read_bytes() == b"<pad>\t0\n<unk>\t0\na\t2\nlamp\t1\n"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"a\t2\nlamp\n", "not enough values to unpack"),
        (b"a\t2\nlamp\tmany\n", "invalid literal for int"),
        (b"a\t2\nl\xe4mp\t1\n", "'utf-8' codec can't decode byte 0xe4 in position 5"),
    ],
)
def test_a_damaged_file_is_refused_by_its_name_with_the_reason(tmp_path, content, why):
    path = tmp_path / "vocabulary.txt"
    path.write_bytes(content)
    with pytest.raises(Refusal) as refusal:
        Vocabulary.load(path)
    assert str(refusal.value).startswith(f"{path} is damaged: {why}")


# --- the stage --------------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project folder with clean rows; the held-out splits have words of their own."""
    monkeypatch.chdir(tmp_path)
    document = tiny.params()
    document["corpora"]["tiny_rows"]["vocabulary"] = {"min_count": 1, "max_size": 25000}
    tiny.write_params(tmp_path, document)
    for seed, (split, count) in enumerate(tiny.COUNTS.items()):
        frame = pd.DataFrame(tiny.rows(count, seed)).assign(row=range(count))
        own = [] if split == "train" else [f"only_{split}"]
        frame["tokens"] = [row.split() + own for row in frame["text"]]
        path = tmp_path / f"data/clean/tiny_rows/{split}.parquet"
        frames.write_parquet(path, frame, frames.CLEAN)
    return tmp_path


def test_only_training_rows_are_counted(project):
    stage.main("tiny_rows")
    vocabulary = Vocabulary.load(project / "data/vocabulary/tiny_rows/vocabulary.txt")
    assert not [token for token in vocabulary.ids if token.startswith("only_")]
    words = [word for row in tiny.rows(tiny.COUNTS["train"], 0) for word in row["text"].split()]
    assert sum(vocabulary.counts.values()) == len(words)
    for split in ("validation", "test"):
        folder = project / "data/vocabulary/tiny_rows" / split
        assert read_unseen(folder) == [f"only_{split}"]
        found = arrays(folder)
        assert (found["ids"][found["offsets"][1:] - 1] == len(vocabulary)).all()


def write_phrases(project: Path, tokens: list[list[str]]) -> None:
    places = list(range(len(tokens)))
    columns = {"row": places, "sentence": [10 + place // 2 for place in places], "label": [1] * len(tokens)}
    frame = pd.DataFrame(columns | {"text": [" ".join(row) for row in tokens], "tokens": tokens})
    schema = frames.CLEAN.append(pa.field("sentence", pa.int64()))
    frames.write_parquet(project / "data/clean/tiny_rows/phrases.parquet", frame, schema)


def test_phrases_are_encoded_and_not_counted(project):
    stage.main("tiny_rows")
    root = project / "data/vocabulary/tiny_rows"
    assert not (root / "train/phrases").exists()
    counts = (root / "vocabulary.txt").read_bytes()
    write_phrases(project, [["lamp", "only_phrases"], ["lamp"], ["kettle"]])
    stage.main("tiny_rows")
    assert (root / "vocabulary.txt").read_bytes() == counts
    vocabulary = Vocabulary.load(root / "vocabulary.txt")
    found = arrays(root / "train/phrases")
    lamp, kettle = vocabulary.ids["lamp"], vocabulary.ids["kettle"]
    assert found["ids"].tolist() == [lamp, len(vocabulary), lamp, kettle]
    assert found["sentences"].tolist() == [10, 10, 11]
    assert read_unseen(root / "train/phrases") == ["only_phrases"]
    assert read_unseen(root / "train") == []


def test_another_test_split_changes_no_byte_of_what_training_reads(project):
    def written() -> dict[str, bytes]:
        stage.main("tiny_rows")
        root = project / "data/vocabulary/tiny_rows"
        read = [path for path in root.rglob("*") if path.is_file() and path.parent.name != "test"]
        return {path.relative_to(root).as_posix(): path.read_bytes() for path in read}

    before = written()
    frame = pd.DataFrame({"row": [0], "text": ["x"], "tokens": [["x"] * 1000], "label": [0]})
    frames.write_parquet(project / "data/clean/tiny_rows/test.parquet", frame, frames.CLEAN)
    assert written() == before
    assert len(before) == 11


@given(ROWS, ROWS)
def test_known_words_are_read_back_and_all_others_are_unknown(train, rows):
    vocabulary = Vocabulary.build(train, VocabularyRules())
    known = {word for row in train for word in row} - set(SPECIAL)
    words = list(vocabulary.ids)
    for row in rows:
        ids = vocabulary.encode(row)
        assert [words[index] for index in ids] == [
            word if word in known else SPECIAL[UNKNOWN] for word in row or ["<unk>"]
        ]
