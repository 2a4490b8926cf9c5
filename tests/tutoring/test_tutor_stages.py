"""The stages of a tutor on a corpus of their own: who learns from it, and who trains again because of it."""

import numpy as np
import own_corpus
import pytest
import tiny
import tiny_encoder
from own_corpus import CORPUS, NETWORK, SEED, SMALL, OwnCorpus
from ruamel.yaml import YAML

from unroll import arrays, files
from unroll.distillation import opinions
from unroll.failures import Refusal

STUDENT = "student"
TAUGHT = SMALL | {"tutor": "ours", "training": {"distillation": 0.9, "epochs": 2}}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> OwnCorpus:
    """A network without a tutor and one with, before they train."""
    made = OwnCorpus(tmp_path_factory.mktemp("prepared"))
    source = tiny_encoder.lay_out(made.folder).model_dump(mode="json")
    document = YAML(typ="safe").load((made.folder / "params.yaml").read_text(encoding="utf-8"))
    document["networks"][STUDENT] = TAUGHT
    document["vectors"]["ours"] = source
    document["tutors"]["ours"] = {"encoder": "ours", "training": {"epochs": 1, "learning_rate": 0.001}}
    document["select"]["networks"] = [NETWORK, STUDENT]
    tiny.write_params(made.folder, document)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(made.folder)
        made.run("environment", "download", "preprocess", "vocabulary", "vectors", "tutor", "lessons")
    return made


@pytest.fixture
def corpus(prepared, tmp_path) -> OwnCorpus:
    return prepared.copied(tmp_path / "corpus")


def train(corpus: OwnCorpus, network: str = STUDENT) -> bytes:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(own_corpus.ARGUMENTS, "train", (CORPUS, network, str(SEED)))
        corpus.run("train")
    return (corpus.folder / f"models/{CORPUS}/{network}/{SEED}/weights.safetensors").read_bytes()


def test_a_network_has_what_its_tutor_says_and_another_a_record_that_it_has_none(corpus):
    folder = corpus.folder / "data/lessons" / CORPUS
    assert [path.name for path in (folder / NETWORK).iterdir()] == [opinions.TUTOR]
    assert files.read_json(folder / NETWORK / opinions.TUTOR) == {"tutor": None}
    said = {path.name: path.read_bytes() for path in (folder / STUDENT).iterdir()}
    assert said.keys() == {"train.npy", "validation.npy", opinions.TUTOR}
    assert said == {
        path.name: path.read_bytes() for path in (corpus.folder / f"data/tutors/{CORPUS}/ours").iterdir()
    }
    assert opinions.load(folder / STUDENT / "train.npy").shape == (tiny.COUNTS["train"], 3)


def test_without_a_network_that_has_one_no_tutor_learns(corpus):
    files.write_json(corpus.folder / "data/environment/tutors.json", {})
    files.write_json(corpus.folder / "data/environment/lessons.json", {NETWORK: None})
    (corpus.folder / "data/environment/training.json").unlink()
    corpus.run("tutor", "lessons")
    assert list((corpus.folder / "data/tutors" / CORPUS).iterdir()) == []
    assert [path.name for path in (corpus.folder / "data/lessons" / CORPUS).iterdir()] == [NETWORK]


def test_what_the_tutor_says_decides_what_its_student_learns_and_nothing_of_others(corpus, tmp_path):
    other = corpus.copied(tmp_path / "other")
    for folder in ("tutors", "lessons"):
        for path in (other.folder / "data" / folder / CORPUS).rglob("train.npy"):
            arrays.save(path, np.roll(arrays.load(path, "<f4"), 1, axis=1))
    assert train(corpus) != train(other)
    assert train(corpus, NETWORK) == train(other, NETWORK)


def test_a_student_is_evaluated_and_known_as_one(corpus):
    train(corpus)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(own_corpus.ARGUMENTS, "evaluate", (CORPUS, STUDENT))
        corpus.run("evaluate")
    report = files.read_json(corpus.folder / f"reports/scores/{CORPUS}/{STUDENT}.json")
    assert report["spec"]["tutor"] == "ours"
    model = files.read_json(corpus.folder / f"models/{CORPUS}/{STUDENT}/{SEED}/model.json")
    assert model["tutor"] == files.read_json(corpus.folder / f"data/tutors/{CORPUS}/ours/tutor.json")
    assert (corpus.folder / f"data/opinions/{CORPUS}/{STUDENT}/{SEED}/train.npy").exists()


def test_what_is_said_of_other_rows_or_is_missing_is_refused(corpus):
    path = corpus.folder / f"data/lessons/{CORPUS}/{STUDENT}/train.npy"
    arrays.save(path, arrays.load(path, "<f4")[1:])
    with pytest.raises(Refusal, match=r"train\.npy is damaged: its shape is"):
        train(corpus)
    path.unlink()
    with pytest.raises(Refusal, match=r"train\.npy is missing: run dvc repro"):
        train(corpus)


def test_without_the_encoder_the_environment_says_how_to_install_it(corpus):
    with pytest.raises(Refusal, match=r"vectors\.ours: .*pip install --no-deps invented-encoder==1\.0\.0"):
        corpus.run("environment")
