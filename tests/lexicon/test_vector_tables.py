"""Vectors of every format: the words asked for, the first of two, and no damaged file taken for whole."""

import pickle
import struct
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from gensim.models import FastText, KeyedVectors
from gensim.models.fasttext import save_facebook_model
from hypothesis import given
from tiny_package import install

from unroll.failures import Refusal
from unroll.files import sha256_of
from unroll.lexicon.vector_tables import READERS, Table, matrix, read
from unroll.lexicon.vectors import FileSource, LexiconSource, PackageFile

WORDS = {"lamp": [0.5, -1.25, 3.0], "Kettle": [1e-3, 2.0, -0.75], "é": [4.0, 5.0, 6.0]}
TEXT = "".join(f"{word} {' '.join(map(str, numbers))}\n" for word, numbers in WORDS.items())
GENSIM = {"word2vec": False, "fasttext": False, "word2vec_binary": True}
MODEL = FastText(
    [["lamp", "kettle", "ladder"], ["lamp", "garden"]],
    vector_size=6,
    min_count=1,
    bucket=40,
    min_n=3,
    max_n=4,
    epochs=1,
    workers=1,
    seed=1,
)


def written(folder: Path, form: str) -> FileSource:
    """Write WORDS in a format, fastText's own model apart, which holds the words of MODEL."""
    path = folder / form
    if form == "glove":
        path.write_text(TEXT, encoding="utf-8")
    elif form == "fasttext_binary":
        save_facebook_model(MODEL, str(path))
    else:
        known = KeyedVectors(3)
        known.add_vectors(list(WORDS), np.array(list(WORDS.values()), dtype=np.float32))
        known.save_word2vec_format(str(path), binary=GENSIM[form])
    return FileSource(kind="file", path=str(path), format=form)


def text_file(folder: Path, text: str | bytes, form: str = "glove") -> FileSource:
    path = folder / "mine.txt"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return FileSource(kind="file", path=str(path), format=form)


def refusal_of(source: FileSource, words: set[str] = frozenset({"lamp"})) -> str:
    with pytest.raises(Refusal) as caught:
        read("mine", source, set(words))
    assert "vectors.mine: " in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("form", ["glove", *GENSIM])
def test_every_format_gives_the_same_numbers_for_the_words_asked_for(tmp_path, form):
    table = read("mine", written(tmp_path, form), {"lamp", "é", "absent"})
    assert table.size == 3
    assert {word: vector.tolist() for word, vector in table.exact.items()} == {
        word: np.float32(WORDS[word]).tolist() for word in ("lamp", "é")
    }
    assert all(vector.dtype == np.float32 for vector in table.exact.values())
    assert not table.from_subwords


def test_a_fasttext_model_has_vectors_of_its_words_and_makes_those_of_others(tmp_path):
    source = written(tmp_path, "fasttext_binary")
    table = read("mine", source, {"lamp", "lamps", "Garden", "a", ""})
    assert set(table.exact) == {"lamp", "garden"}
    np.testing.assert_array_equal(table.exact["lamp"], MODEL.wv["lamp"])
    np.testing.assert_array_equal(table.from_subwords["lamps"], MODEL.wv["lamps"])
    # "" has no n-gram of three characters, not even with the marks of its ends.
    assert "" not in table.from_subwords and "a" in table.from_subwords
    again = read("mine", source, {"lamps"})
    np.testing.assert_array_equal(again.from_subwords["lamps"], table.from_subwords["lamps"])
    _, found = matrix(["lamp", "Garden", "lamps", ""], {"mine": table})
    assert found == {"mine": {"words": 4, "as_written": 1, "in_lower_case": 1, "from_subwords": 1}}


def test_a_package_gives_its_rows_by_the_order_of_its_words(tmp_path, monkeypatch):
    vectors = np.arange(8, dtype=np.float32).reshape(4, 2)
    source = install(tmp_path, monkeypatch, ["lamp", "kettle", "lamp", "é"], vectors)
    table = read("packed", source, {"é", "Lamp", "absent"})
    assert table.size == 2
    assert {word: vector.tolist() for word, vector in table.exact.items()} == {"lamp": [0, 1], "é": [6, 7]}


def test_a_package_whose_file_was_changed_is_refused(tmp_path, monkeypatch):
    source = install(tmp_path, monkeypatch, ["lamp"], np.ones((1, 2), np.float32))
    np.save(source.locate(source.vectors), np.zeros((1, 2), np.float32))
    with pytest.raises(Refusal, match=r"vectors\.packed: .*invented\.npy has the sha256"):
        read("packed", source, {"lamp"})


def test_a_package_with_more_vectors_than_words_is_refused(tmp_path, monkeypatch):
    source = install(tmp_path, monkeypatch, ["lamp"], np.ones((2, 2), np.float32))
    with pytest.raises(Refusal, match="1 words, but 2 vectors"):
        read("packed", source, {"lamp"})


def test_a_package_cannot_carry_objects(tmp_path, monkeypatch):
    source = install(tmp_path, monkeypatch, ["lamp"], np.array([["lamp"]], dtype=object))
    with pytest.raises(ValueError, match="Python objects"):
        read("packed", source, {"lamp"})


# --- which vector a word gets -----------------------------------------------------------------------


def lexicon(folder: Path, monkeypatch, text: str, **others) -> LexiconSource:
    """Put a package on the path that holds this lexicon."""
    packed = install(folder, monkeypatch, ["lamp"], np.ones((1, 2), np.float32))
    (folder / "scores.txt").write_text(text, encoding="utf-8")
    return LexiconSource(
        kind="lexicon",
        scores=PackageFile(file="scores.txt", sha256=sha256_of(folder / "scores.txt")),
        **{"columns": (1, 3), "largest": 4.0} | others,
        **packed.model_dump(include={"package", "version", "licence", "citation"}),
    )


def test_a_lexicon_gives_shares_of_its_largest_number_by_its_columns(tmp_path, monkeypatch):
    source = lexicon(tmp_path, monkeypatch, "lamp\t-2\tx\t1\n:-P\t4\t0\t0.5\t9\nlamp\t3\t3\t3\n")
    table = read("scored", source, {"Lamp", ":-P", "oak"})
    assert table.size == 2
    assert {word: vector.tolist() for word, vector in table.exact.items()} == {
        "lamp": [-0.5, 0.25],
        ":-P": [1.0, 0.125],
    }
    assert all(vector.dtype == np.float32 for vector in table.exact.values())


@pytest.mark.parametrize("line", ["oak", "oak\t1\t2", "oak\t1\t2\ttwo"])
def test_a_line_of_a_lexicon_without_its_numbers_is_refused(tmp_path, monkeypatch, line):
    source = lexicon(tmp_path, monkeypatch, f"lamp\t1\t2\t3\n{line}\n")
    with pytest.raises(Refusal, match=r"vectors\.scored: .*scores\.txt, line 2: no numbers in its columns"):
        read("scored", source, {"lamp"})


def test_a_lexicon_that_was_changed_is_refused(tmp_path, monkeypatch):
    source = lexicon(tmp_path, monkeypatch, "lamp\t1\t2\t3\n")
    (tmp_path / "scores.txt").write_text("lamp\t2\t2\t3\n")
    with pytest.raises(Refusal, match="has the sha256"):
        read("scored", source, {"lamp"})


def test_a_word_as_it_is_goes_before_its_lower_case(tmp_path):
    source = text_file(tmp_path, "lamp 1 1\nLamp 2 2\nkettle 3 3\n")
    vectors, found = matrix(["Lamp", "LAMP", "Kettle", "kettle", "Garden"], {"mine": read_all(source)})
    np.testing.assert_array_equal(vectors[:, 0], [2, 1, 3, 3, np.nan])
    assert found == {"mine": {"words": 5, "as_written": 2, "in_lower_case": 2, "from_subwords": 0}}


def read_all(source: FileSource) -> Table:
    return read("mine", source, {"Lamp", "LAMP", "Kettle", "kettle", "Garden"})


@pytest.mark.parametrize("form", ["glove", "word2vec", "word2vec_binary"])
def test_the_first_of_two_vectors_of_a_word_counts(tmp_path, form):
    if form == "word2vec_binary":
        entries = [b"lamp " + np.float32([number, number]).tobytes() for number in (1, 2)]
        content = b"2 2\n" + b"".join(entries)
    else:
        content = b"2 2\n" * (form == "word2vec") + b"lamp 1 1\nlamp 2 2\n"
    table = read("mine", text_file(tmp_path, content, form), {"lamp"})
    assert table.exact["lamp"].tolist() == [1, 1]


NAMES = st.sampled_from(["lamp", "Lamp", "kettle", "garden", None])


@given(st.lists(NAMES), st.lists(st.tuples(st.integers(1, 3), st.sets(NAMES)), min_size=1, max_size=3))
def test_tables_stand_side_by_side_and_what_one_lacks_is_missing_there_alone(words, known):
    tables = {
        f"table_{place}": Table(
            size, {word: np.full(size, place + 1, np.float32) for word in vocabulary if word is not None}
        )
        for place, (size, vocabulary) in enumerate(known)
    }
    vectors, found = matrix(words, tables)
    assert vectors.shape == (len(words), sum(size for size, _ in known))
    assert vectors.dtype == np.float32
    start = 0
    for place, table in enumerate(tables.values()):
        part = vectors[:, start : start + table.size]
        start += table.size
        has = [word is not None and (word in table.exact or word.lower() in table.exact) for word in words]
        assert (part[has] == place + 1).all()
        assert np.isnan(part[~np.array(has, dtype=bool)]).all()
        counts = found[f"table_{place}"]
        assert counts.pop("words") == sum(word is not None for word in words)
        assert sum(counts.values()) == sum(has)


# --- files as they are found in the world -----------------------------------------------------------


def test_words_may_hold_spaces_and_lines_may_end_in_any_way(tmp_path):
    content = "lamp 1 2 \r\n. . . 3 4\nat home 5 6\n\u2028x 7 8\n\xa0 9 10"
    table = read("mine", text_file(tmp_path, content), {"lamp", ". . .", "at home", "\u2028x", "\xa0"})
    assert [table.exact[word][0] for word in ("lamp", ". . .", "at home", "\u2028x", "\xa0")] == [
        1,
        3,
        5,
        7,
        9,
    ]


def test_a_word_that_is_not_utf8_is_passed_over(tmp_path):
    table = read("mine", text_file(tmp_path, b"\xff\xfe 1 2\nlamp 3 4\n"), {"lamp"})
    assert table.exact["lamp"].tolist() == [3, 4]


FAULTS = {
    "too few numbers": ("lamp 1 2 3\nkettle 1 2\n", "glove", "line 2: expected a word and 3 numbers"),
    "too many numbers": ("lamp 1 2\nkettle 1 2 3\n", "glove", "line 2: expected a word and 2 numbers"),
    "after a first line of counts": ("2 2\nlamp 1 2\nkettle 1\n", "word2vec", "line 3: expected"),
    "an empty line": ("lamp 1 2\n\nkettle 1 2\n", "glove", "line 2: expected"),
    "tabs": ("lamp\t1\t2\n", "glove", "line 1: expected a word and its numbers"),
    "what is no number": ("kettle 1 2\nlamp 1 x\n", "glove", "line 2: could not convert"),
    "counts where none belong": ("2 2\nlamp 1 2\nkettle 1 2\n", "glove", "line 2: expected"),
    "no counts": ("lamp 1 2\nkettle 1 2\n", "word2vec", "format: glove"),
    "fewer words than it says": ("3 2\nlamp 1 2\n", "fasttext", "holds 1 words of 3"),
    "more words than it says": ("1 2\nlamp 1 2\na 1 2\n", "fasttext", "holds 2 words of 1"),
    "nothing": ("", "glove", "holds 0 words"),
    "text as binary": ("1 2\nlamp 1.0 2.0\n", "word2vec_binary", "is text"),
    "binary, too short": (b"9 2\nlamp \0\0\0\0\0\0\0\0", "word2vec_binary", "too short"),
    "binary, cut": (b"2 1\nlampshade \0\0\0\0kettle \0\0", "word2vec_binary", "cannot be read"),
    "text as a model": ("1 2\nlamp 1.0 2.0\n" * 9, "fasttext_binary", "is no model of fastText"),
    "nothing as a model": ("", "fasttext_binary", "is no model of fastText"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_damaged_file_is_refused_by_name_and_line(tmp_path, fault):
    content, form, said = FAULTS[fault]
    message = refusal_of(text_file(tmp_path, content, form))
    assert said in message and str(tmp_path / "mine.txt") in message


def test_a_fasttext_model_that_is_cut_short_anywhere_is_refused(tmp_path):
    source = written(tmp_path, "fasttext_binary")
    whole = Path(source.path).read_bytes()
    # What follows the vectors of words and n-grams is not read.
    end = whole.rindex(np.float32(MODEL.wv.vectors_ngrams[-1]).tobytes()) + 6 * 4
    for length in [*range(0, 200, 9), *range(200, end, 97), end - 1]:
        Path(source.path).write_bytes(whole[:length])
        refusal_of(source)


def test_a_supervised_fasttext_model_is_refused(tmp_path):
    source = written(tmp_path, "fasttext_binary")
    content = bytearray(Path(source.path).read_bytes())
    struct.pack_into("<i", content, 72, 1)  # labels
    Path(source.path).write_bytes(content)
    assert "Supervised" in refusal_of(source)


@pytest.mark.parametrize("number", ["nan", "inf", "-1e99"])
def test_a_vector_that_is_not_finite_is_refused(tmp_path, number):
    table = read("mine", text_file(tmp_path, f"lamp 1 {number}\n"), {"lamp"})
    with pytest.raises(Refusal, match=r"vectors\.mine: 'lamp'"):
        matrix(["lamp"], {"mine": table})


def test_a_file_that_was_changed_since_it_was_recorded_is_refused(tmp_path):
    source = text_file(tmp_path, TEXT)
    source = source.model_copy(update={"sha256": sha256_of(Path(source.path))})
    assert read("mine", source, {"lamp"}).exact
    Path(source.path).write_text("lamp 9 9 9\n")
    assert "sha256" in refusal_of(source)


@pytest.mark.parametrize("form", READERS)
def test_nothing_is_unpickled(tmp_path, form, monkeypatch):
    def forbidden(*_, **__):
        raise AssertionError("pickle was called")

    known = KeyedVectors(3)
    known.add_vectors(list(WORDS), np.array(list(WORDS.values()), dtype=np.float32))
    known.save(str(tmp_path / "pickled"))
    source = written(tmp_path, form)
    for name in ("load", "loads", "Unpickler", "_load", "_loads", "_Unpickler"):
        monkeypatch.setattr(pickle, name, forbidden)
    with pytest.raises(AssertionError, match="pickle"):
        KeyedVectors.load(str(tmp_path / "pickled"))
    assert read("mine", source, {"lamp"}).exact
    refusal_of(FileSource(kind="file", path=str(tmp_path / "pickled"), format=form))
