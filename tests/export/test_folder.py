"""An exported folder is whole, says what it was made of, and is held against the network first."""

import onnx
import pytest
import torch
from drawn import network
from trained_project import CORPUS, LABELS, READER, Project

from unroll import files
from unroll.export import folder
from unroll.export.runtime import Runtime
from unroll.failures import Refusal
from unroll.lexicon.vocabulary import UNKNOWN
from unroll.networks import checkpoints, tasks
from unroll.networks.batches import EncodedSplit

ANOTHER = READER.model_copy(update={"cell": "lstm"})
NEXT_WORD = network(cell="gru", task="next_word")


def files_of(path) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in path.iterdir()}


def test_the_document_says_what_is_there_and_what_it_was_made_of(trained, tmp_path):
    found = folder.write(trained.trained(), tmp_path / "out", "float32")
    document = files.read_json(tmp_path / "out/export.json")
    assert (document["corpus"], document["network"], document["seeds"]) == (CORPUS, "gru", [1, 2])
    assert document["labels"] == LABELS
    assert document["text"]["tokenizer"] == "whitespace"
    assert document["spec"] == READER.model_dump(mode="json")
    assert document["files"] == {
        name: files.sha256_of(tmp_path / "out" / name) for name in ("model.onnx", "vocabulary.txt")
    }
    weights = [trained.model(seed) / "weights.safetensors" for seed in (1, 2)]
    assert document["made_from"] == {str(path): files.sha256_of(path) for path in weights}
    assert document["agreement"] == {
        "split": str(trained.data / "test"),
        "texts": 30,
        "largest_difference": found.largest_difference,
        "changed_labels": 0,
        "bound": 1e-5,
    }
    onnx.checker.check_model(tmp_path / "out/model.onnx", full_check=True)


def test_the_same_models_give_the_same_bytes(trained, tmp_path):
    for name in ("one", "two"):
        folder.write(trained.trained(), tmp_path / name, "int8")
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")


@pytest.mark.parametrize("weights", ["float32", "int8"])
def test_what_is_measured_is_the_largest_difference_on_every_text_of_the_split(trained, tmp_path, weights):
    found = folder.write(trained.trained(), tmp_path / "out", weights)
    split = EncodedSplit.load(trained.data / "test", "cpu", len(trained.vocabulary))
    digest = files.sha256_of(trained.data / "vocabulary.txt")
    models = [folder.load_model(trained.model(seed), digest, "cpu")[0] for seed in (1, 2)]
    own_NC = sum(tasks.predict(model, split) for model in models) / 2
    rows = [split.batch([place]).tokens_BL[0].tolist() for place in range(len(split))]
    # A word that has no id of its own is read as unknown.
    assert int(split.ids.max()) >= len(trained.vocabulary) and any(UNKNOWN in row for row in rows)
    found_NC = Runtime.load(tmp_path / "out").probabilities(rows)
    assert found.texts == len(rows)
    assert found.largest_difference == pytest.approx(abs(found_NC - own_NC).max(), rel=1e-4, abs=1e-9)
    assert found.changed_labels == (found_NC.argmax(axis=1) != own_NC.argmax(axis=1)).sum()
    low, high = {"float32": (0, 1e-6), "int8": (1e-4, 0.05)}[weights]
    assert low <= found.largest_difference < high


def test_no_label_of_the_split_is_read(trained, tmp_path):
    for name in ("labels.npy", "rows.npy"):
        (trained.data / "test" / name).unlink()
    assert folder.write(trained.trained(), tmp_path / "out", "float32").texts == 30


@pytest.mark.parametrize("weights", ["float32", "int8"])
def test_beyond_the_bound_nothing_is_written(trained, tmp_path, monkeypatch, weights):
    monkeypatch.setitem(folder.BOUNDS, weights, 1e-12)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(Refusal, match=rf"gru in {weights} is off by .* more than 1e-12: nothing is written"):
        folder.write(trained.trained(), tmp_path / "out", weights)
    assert sorted(tmp_path.iterdir()) == before


def test_scores_that_are_no_numbers_are_beyond_any_bound(trained, tmp_path):
    weights, document = checkpoints.load_weights(trained.model(1))
    weights["head.linear.bias"] = torch.full_like(weights["head.linear.bias"], torch.nan)
    trained.save(1, weights, document)
    with pytest.raises(Refusal, match="off by nan"):
        folder.write(trained.trained(), tmp_path / "out", "float32")


def test_an_older_export_is_replaced_and_nothing_else(trained, tmp_path):
    for weights in ("float32", "int8"):
        folder.write(trained.trained(), tmp_path / "out", weights)
    assert files.read_json(tmp_path / "out/export.json")["weights"] == "int8"
    before = files_of(tmp_path / "out") | {"mine.txt": b"mine"}
    (tmp_path / "out/mine.txt").write_bytes(b"mine")
    with pytest.raises(Refusal, match="out is there and no export"):
        folder.write(trained.trained(), tmp_path / "out", "float32")
    assert files_of(tmp_path / "out") == before


@pytest.mark.parametrize("to", ["params.yaml", "link", "."])
def test_a_file_a_link_and_the_project_itself_are_not_replaced(trained, tmp_path, to):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Refusal, match="is there and no export"):
        folder.write(trained.trained(), tmp_path / to, "float32")
    assert (tmp_path / "params.yaml").is_file() and (tmp_path / "link").is_symlink()


def test_files_of_the_same_names_are_no_export_without_its_document(trained, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/vocabulary.txt").write_bytes(b"mine")
    with pytest.raises(Refusal, match="out is there and no export"):
        folder.write(trained.trained(), tmp_path / "out", "float32")
    assert files_of(tmp_path / "out") == {"vocabulary.txt": b"mine"}


def test_an_empty_folder_may_be_filled(trained, tmp_path):
    (tmp_path / "out").mkdir()
    folder.write(trained.trained(), tmp_path / "out", "float32")
    assert (tmp_path / "out/model.onnx").is_file()


@pytest.mark.parametrize(
    ("seeds", "said"),
    [
        ({1: NEXT_WORD}, f"{CORPUS}/gru predicts next words"),
        ({1: READER, 2: ANOTHER}, "gru/2 was trained as another network than the seeds before it"),
    ],
    ids=["next-word", "another"],
)
def test_what_cannot_be_one_classifier_is_refused_by_name(tmp_path, seeds, said):
    project = Project.make(tmp_path, seeds)
    with pytest.raises(Refusal, match=said):
        folder.write(project.trained(), tmp_path / "out", "float32")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("data/vocabulary/tiny_rows/vocabulary.txt", r"vocabulary\.txt is missing"),
        ("data/vocabulary/tiny_rows/test/ids.npy", r"ids\.npy is missing"),
        ("models/tiny_rows/gru/2/model.json", r"2/model\.json is missing"),
    ],
)
def test_what_is_missing_is_named_and_nothing_is_written(trained, tmp_path, missing, said):
    (tmp_path / missing).unlink()
    with pytest.raises(Refusal, match=said):
        folder.write(trained.trained(), tmp_path / "out", "float32")
    assert not (tmp_path / "out").exists()


def test_a_split_that_is_none_is_refused(trained, tmp_path):
    (trained.data / "test/ids.npy").write_bytes((trained.data / "validation/ids.npy").read_bytes())
    with pytest.raises(Refusal, match="test is damaged: the offsets do not part"):
        folder.write(trained.trained(), tmp_path / "out", "float32")
