"""Which vectors each network reads, and what the stage makes of them for a corpus."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from in_memory import encode_corpus
from shipped import vectors_of
from tiny_package import install

from stages import vectors as stage
from unroll.failures import Refusal
from unroll.files import sha256_of
from unroll.lexicon import vector_tables
from unroll.lexicon.vectors import FileSource, NetworkVectors, VectorsSource, as_document, of_networks
from unroll.params import parse


def network(*names: str) -> SimpleNamespace:
    return SimpleNamespace(embedding=SimpleNamespace(vectors=names))


def text_file(path: Path, content: str, **others) -> FileSource:
    path.write_text(content, encoding="utf-8")
    return FileSource(kind="file", path=str(path), format="glove", **others)


# --- what is recorded of the networks ---------------------------------------------------------------


def test_the_record_holds_what_selected_networks_name_in_their_order(tmp_path):
    known = {name: text_file(tmp_path / name, f"{name} 1\n") for name in ("one", "two")}
    networks = {"both": network("two", "one"), "none": network(), "other": network("one")}
    found = of_networks(["none", "both"], networks, known)
    assert {name: [vectors for vectors, _ in chosen] for name, chosen in found.items()} == {
        "none": [],
        "both": ["two", "one"],
    }
    document = as_document(found)
    assert document["both"][1] == [
        "one",
        {
            "kind": "file",
            "path": str(tmp_path / "one"),
            "format": "glove",
            "sha256": sha256_of(tmp_path / "one"),
        },
    ]
    assert parse(json.loads(json.dumps(document)), NetworkVectors, "", Path("vectors.json")) == found


def test_the_record_of_a_file_changes_with_its_bytes_and_with_nothing_else(tmp_path):
    def record() -> dict:
        return as_document(of_networks(["one"], {"one": network("mine")}, {"mine": source}))

    source = text_file(tmp_path / "mine", "lamp 1\n")
    before = record()
    (tmp_path / "mine").touch()
    assert record() == before
    (tmp_path / "mine").write_text("lamp 2\n")
    assert record() != before


def test_a_file_that_no_selected_network_names_may_be_missing(tmp_path):
    absent = FileSource(kind="file", path=str(tmp_path / "absent"), format="glove")
    networks = {"plain": network(), "reads": network("mine")}
    assert of_networks(["plain"], networks, {"mine": absent}) == {"plain": []}
    with pytest.raises(Refusal, match=r"vectors\.mine: there is no file .*absent"):
        of_networks(["reads"], networks, {"mine": absent})


def test_a_file_with_another_sha256_is_refused(tmp_path):
    source = text_file(tmp_path / "mine", "lamp 1\n", sha256="0" * 64)
    with pytest.raises(Refusal, match=rf"vectors\.mine: .*mine has the sha256 .*, not {'0' * 64}"):
        of_networks(["one"], {"one": network("mine")}, {"mine": source})


def test_a_package_that_is_absent_or_of_another_version_says_how_to_install_it(tmp_path, monkeypatch):
    source = install(tmp_path, monkeypatch, ["lamp"], np.ones((1, 2), np.float32))
    networks = {"one": network("packed")}
    assert of_networks(["one"], networks, {"packed": source}) == {"one": [("packed", source)]}
    for change, said in (
        (
            {"version": "2.0.0"},
            "invented-words 1.0.0 is not 2.0.0: pip install --no-deps invented-words==2.0.0",
        ),
        (
            {"package": "uninstalled-words"},
            "is not installed: pip install --no-deps uninstalled-words==1.0.0",
        ),
    ):
        with pytest.raises(Refusal) as caught:
            of_networks(["one"], networks, {"packed": source.model_copy(update=change)})
        assert "vectors.packed: " in str(caught.value) and said in str(caught.value)


@pytest.mark.parametrize(
    ("document", "key"),
    [
        ({"kind": "file", "path": "x", "format": "pickle"}, "vectors.mine.format: "),
        ({"kind": "file", "path": "x", "format": "glove", "sha256": "abc"}, "vectors.mine.sha256: "),
        ({"kind": "file", "path": "x", "format": "glove", "size": 50}, "vectors.mine.size: "),
        ({"kind": "url", "path": "x"}, "vectors.mine: "),
    ],
)
def test_a_fault_in_a_source_is_named_by_its_key(document, key):
    with pytest.raises(Refusal) as caught:
        parse(document, VectorsSource, "vectors.mine", Path("params.yaml"))
    assert key in str(caught.value)


# --- the stage --------------------------------------------------------------------------------------

GLOVE = "lamp 1 2\nkettle 3 4\ntestword 5 6\nvalid 7 8\nphrase 9 10\nrare 11 12\n"
SPLITS = {
    "train": [["lamp", "lamp", "clock", "clock", "rare"]],
    "validation": [["lamp", "valid", "Valid", "absent"]],
    "test": [["testword", "lamp"]],
    "train/phrases": [["phrase", "lamp"]],
}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """An encoded corpus, and networks without vectors, with a file's, and with two."""
    monkeypatch.chdir(tmp_path)
    one = text_file(tmp_path / "one.txt", GLOVE)
    two = text_file(tmp_path / "two.txt", "clock 0.5\n")
    encode_corpus(Path("data/vocabulary/tiny"), SPLITS)
    record({"bow": [], "lstm": [("one", one)], "gru": [("two", two), ("one", one)]})
    return tmp_path


def record(networks: NetworkVectors) -> None:
    stage.RECORD.parent.mkdir(parents=True, exist_ok=True)
    stage.RECORD.write_text(json.dumps(as_document(networks)))


def written(folder: str = "") -> dict[str, bytes]:
    root = Path("data/vectors/tiny") / folder
    return {
        path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def array(name: str) -> np.ndarray:
    found = np.load(f"data/vectors/tiny/{name}.npy", allow_pickle=False)
    assert found.dtype == np.float32
    return found


def test_a_network_gets_a_matrix_of_the_vocabulary_and_of_the_other_words_of_each_split(project):
    stage.main("tiny")
    missing = [np.nan, np.nan]
    # <pad>, <unk>, clock, lamp
    np.testing.assert_array_equal(array("lstm/training/vocabulary"), [missing, missing, missing, [1, 2]])
    np.testing.assert_array_equal(array("lstm/training/train"), [[11, 12]])
    np.testing.assert_array_equal(array("lstm/training/validation"), [[7, 8], missing, [7, 8]])
    np.testing.assert_array_equal(array("lstm/training/phrases"), [[9, 10]])
    np.testing.assert_array_equal(array("lstm/test/test"), [[5, 6]])
    np.testing.assert_array_equal(array("gru/training/vocabulary")[2:], [[0.5, *missing], [np.nan, 1, 2]])
    assert set(written("lstm")) == {
        *(f"training/{part}.npy" for part in ("vocabulary", "train", "validation", "phrases")),
        "training/vectors.json",
        "test/test.npy",
        "test/vectors.json",
    }


def test_the_rows_of_a_matrix_are_the_codes_in_the_encoded_split(project):
    stage.main("tiny")
    whole = np.concatenate([array("lstm/training/vocabulary"), array("lstm/training/validation")])
    ids = np.load("data/vocabulary/tiny/validation/ids.npy")
    missing = [np.nan, np.nan]
    np.testing.assert_array_equal(whole[ids], [[1, 2], [7, 8], [7, 8], missing])


def test_vectors_json_says_what_was_found_and_how(project):
    stage.main("tiny")
    found = json.loads(written("gru/training")["vectors.json"])
    assert found["vectors"] == ["two", "one"] and found["size"] == 3
    assert list(found["found"]) == ["vocabulary", "train", "validation", "phrases"]
    counts = {"words": 2, "as_written": 1, "in_lower_case": 0, "from_subwords": 0}
    assert found["found"]["vocabulary"] == {"two": counts, "one": counts}
    counts = {"words": 3, "as_written": 1, "in_lower_case": 1, "from_subwords": 0}
    assert found["found"]["validation"]["one"] == counts
    assert list(json.loads(written("gru/test")["vectors.json"])["found"]) == ["test"]


def test_a_network_without_vectors_has_an_empty_list_and_nothing_else(project):
    stage.main("tiny")
    files = written("bow")
    assert set(files) == {"training/vectors.json", "test/vectors.json"}
    assert json.loads(files["training/vectors.json"]) == {"vectors": [], "size": 0, "found": {}}


def test_a_corpus_without_phrases_has_no_matrix_of_them(project):
    (project / "data/vocabulary/tiny/train/phrases/unseen.txt").unlink()
    (project / "data/vocabulary/tiny/train/phrases").rename(project / "elsewhere")
    stage.main("tiny")
    assert "training/phrases.npy" not in written("lstm")


def test_words_of_further_texts_have_a_matrix_of_their_own(project):
    further = SPLITS | {"train/further": [["absent", "Valid", "lamp"]]}
    (project / "data/vocabulary/tiny").rename(project / "former")
    encode_corpus(Path("data/vocabulary/tiny"), further)
    stage.main("tiny")
    np.testing.assert_array_equal(array("lstm/training/further"), [[7, 8], [np.nan, np.nan]])


def test_another_test_split_changes_no_byte_of_what_training_reads(project):
    stage.main("tiny")
    before = {name: written(f"{name}/training") for name in ("bow", "lstm", "gru")}
    test = written("lstm/test")
    (project / "data/vocabulary/tiny").rename(project / "former")
    encode_corpus(Path("data/vocabulary/tiny"), SPLITS | {"test": [["kettle", "garden"]]})
    stage.main("tiny")
    assert {name: written(f"{name}/training") for name in before} == before
    assert written("lstm/test") != test


def test_another_network_changes_no_byte_of_the_others(project):
    stage.main("tiny")
    before = written()
    chosen = parse(json.loads(stage.RECORD.read_text()), NetworkVectors, "", stage.RECORD)
    record({"added": [("new", text_file(project / "new.txt", "lamp 1 1 1\n"))], **chosen})
    stage.main("tiny")
    after = written()
    assert {name: after[name] for name in before} == before
    assert "added/training/vocabulary.npy" in after


def test_each_source_is_read_once(project, monkeypatch):
    read, names = vector_tables.read, []
    monkeypatch.setattr(vector_tables, "read", lambda name, *rest: names.append(name) or read(name, *rest))
    stage.main("tiny")
    assert sorted(names) == ["one", "two"]


# --- the shipped vectors ----------------------------------------------------------------------------


def test_glove_6b_50d_is_what_params_yaml_says():
    source = vectors_of("glove_6b_50d")
    table = vector_tables.read("glove_6b_50d", source, {"the", "Lamp", "qqxzzqq"})
    assert table.size == 50
    assert set(table.exact) == {"the", "lamp"}
    assert all(np.isfinite(vector).all() and vector.any() for vector in table.exact.values())


def test_vader_is_what_params_yaml_says():
    source = vectors_of("vader")
    table = vector_tables.read("vader", source, {"Great", "awful", ":)", "lamp"})
    assert set(table.exact) == {"great", "awful", ":)"}
    assert table.find("Great")[1].tolist() == pytest.approx([3.1 / 4, 0.7 / 4], abs=1e-6)
    assert table.exact["awful"][0] == -0.5
