"""The stages that teach, on a corpus of their own: what they leave, refuse, and go on from."""

from pathlib import Path

import numpy as np
import own_corpus
import pytest
import tiny
from own_corpus import CORPUS, NETWORK, SEED, SMALL, OwnCorpus
from ruamel.yaml import YAML
from runs import pulled_after

from unroll import arrays, files
from unroll.failures import Refusal

OTHER, STUDENT, TEACHER = "bag", "student", "two"
OPINIONS = Path("data/opinions") / CORPUS
TAUGHT = Path("data/ensembles") / CORPUS / TEACHER
ARGUMENTS = {
    "train": (CORPUS, STUDENT, str(SEED)),
    "evaluate": (CORPUS, STUDENT),
}


def run(corpus: OwnCorpus, *stages: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for stage, arguments in ARGUMENTS.items():
            patch.setitem(own_corpus.ARGUMENTS, stage, arguments)
        corpus.run(*stages)


def train(corpus: OwnCorpus, network: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(own_corpus.ARGUMENTS, "train", (CORPUS, network, str(SEED)))
        corpus.run("train")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> OwnCorpus:
    """Two teachers, trained, and a student that is not."""
    made = OwnCorpus(tmp_path_factory.mktemp("prepared"))
    document = YAML(typ="safe").load((made.folder / "params.yaml").read_text(encoding="utf-8"))
    student = SMALL | {"teacher": TEACHER, "training": {"distillation": 0.5, "epochs": 3, "patience": 3}}
    document["networks"] = {
        NETWORK: SMALL,
        OTHER: {"cell": "bag", "embedding": {"size": 6}},
        STUDENT: student,
    }
    document["ensembles"] = {TEACHER: {"networks": [NETWORK, OTHER]}}
    document["select"] |= {"networks": [NETWORK, OTHER], "taught": [STUDENT]}
    tiny.write_params(made.folder, document)
    made.run("environment", "download", "preprocess", "vocabulary", "vectors")
    train(made, NETWORK)
    train(made, OTHER)
    return made


@pytest.fixture
def taught(prepared, tmp_path) -> OwnCorpus:
    """With what the teachers say together."""
    copied = prepared.copied(tmp_path / "taught")
    run(copied, "ensemble")
    return copied


def weights(corpus: OwnCorpus) -> bytes:
    return (corpus.folder / "models" / CORPUS / STUDENT / str(SEED) / "weights.safetensors").read_bytes()


def left(corpus: OwnCorpus) -> set[str]:
    return {path.name for path in (corpus.folder / ".unroll/checkpoints").glob("*")}


def test_an_ensemble_whose_networks_are_not_all_selected_is_left_out(prepared, tmp_path):
    corpus = prepared.copied(tmp_path / "copied")
    document = YAML(typ="safe").load((corpus.folder / "params.yaml").read_text(encoding="utf-8"))
    document["select"]["networks"] = [NETWORK]
    tiny.write_params(corpus.folder, document)
    run(corpus, "ensemble")
    assert list((corpus.folder / TAUGHT.parent).iterdir()) == []


def test_a_student_is_trained_and_evaluated_and_says_nothing_itself(taught):
    run(taught, "train", "evaluate")
    report = files.read_json(taught.folder / f"reports/scores/{CORPUS}/{STUDENT}.json")
    assert report["spec"]["teacher"] == TEACHER and set(report["seeds"]) == {str(SEED)}
    assert not (taught.folder / OPINIONS / STUDENT).exists()
    assert left(taught) == set()


def test_a_student_that_is_killed_goes_on_to_the_same_bytes_unless_its_teacher_changed(taught, tmp_path):
    whole = taught.copied(tmp_path / "whole")
    run(whole, "train")
    with pulled_after(".safetensors", 1):
        run(taught, "train")
    [first] = left(taught)
    path = taught.folder / TAUGHT / "train.npy"
    before = path.read_bytes()
    arrays.save(path, np.roll(arrays.load(path, "<f4"), 1, axis=1))
    with pulled_after(".safetensors", 1):
        run(taught, "train")
    assert len(left(taught)) == 2
    path.write_bytes(before)
    run(taught, "train")
    assert weights(taught) == weights(whole)
    assert left(taught) == set(), first


def test_a_teacher_of_other_rows_or_none_is_refused(taught):
    path = taught.folder / TAUGHT / "train.npy"
    arrays.save(path, arrays.load(path, "<f4")[1:])
    with pytest.raises(Refusal, match=r"train\.npy is damaged: its shape"):
        run(taught, "train")
    path.unlink()
    with pytest.raises(Refusal, match=r"train\.npy is missing: run dvc repro"):
        run(taught, "train")


def test_opinions_of_other_rows_or_none_are_refused(taught):
    folder = taught.folder / OPINIONS / OTHER / str(SEED)
    whole_NC = arrays.load(folder / "train.npy", "<f4")
    arrays.save(folder / "train.npy", whole_NC[1:])
    with pytest.raises(Refusal, match="must have learned from the same rows"):
        run(taught, "ensemble")
    spoilt_NC = whole_NC.copy()
    spoilt_NC[3] = np.nan
    arrays.save(folder / "train.npy", spoilt_NC)
    with pytest.raises(Refusal, match=r"train\.npy is damaged: it holds no probabilities"):
        run(taught, "ensemble")
    (folder / "train.npy").unlink()
    with pytest.raises(Refusal, match=r"train\.npy is missing"):
        run(taught, "ensemble")
    arrays.save(folder / "train.npy", whole_NC)
    labels = taught.folder / "data/vocabulary" / CORPUS / "validation/labels.npy"
    arrays.save(labels, arrays.load(labels, "<i8")[1:])
    with pytest.raises(Refusal, match="opinions of 20 rows, but 19 labels"):
        run(taught, "ensemble")
