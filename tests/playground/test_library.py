"""What can be tried is found, read once, and kept only as far as there is room."""

import json

import numpy as np
import pytest
import tried
from ruamel.yaml import YAML

from unroll import catalogue, files
from unroll.failures import Refusal
from unroll.playground.library import Library
from unroll.prediction.predictor import Predictor

TEXT = "The splendid lamp by a kazoo"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tried.write(tmp_path)


def library(**more) -> Library:
    return Library(catalogue.load(), [tried.CORPUS], **more)


def missing_of(network: str) -> str:
    [found] = [one for one in library().survey() if one.network == network]
    return found.missing


def change(folder, **keys: object) -> None:
    path = folder / "models" / tried.CORPUS / "gru/2/model.json"
    path.write_text(json.dumps(files.read_json(path) | keys), encoding="utf-8")


@pytest.mark.parametrize("network", tried.TRAINED)
def test_probabilities_are_those_that_predict_gives_each_seed(folder, network):
    answer = library().answer(tried.CORPUS, network, TEXT)
    rules = catalogue.load().corpora[tried.CORPUS].text
    vocabulary = folder / f"data/vocabulary/{tried.CORPUS}/vocabulary.txt"
    expected_SC = [
        Predictor.load(folder / f"models/{tried.CORPUS}/{network}/{seed}", vocabulary, rules)
        .predict([TEXT])
        .probabilities_NC[0]
        for seed in tried.SEEDS
    ]
    np.testing.assert_allclose(answer.probabilities_SC, expected_SC, atol=1e-6)
    document = answer.as_document()
    np.testing.assert_allclose(document["probabilities"], np.mean(expected_SC, axis=0), atol=1e-6)
    np.testing.assert_allclose(document["std"], np.std(expected_SC, axis=0, ddof=1), atol=1e-6)
    assert document["winner"] == np.mean(expected_SC, axis=0).argmax()
    assert document["words"] == ("the", "splendid", "lamp", "by", "a", "kazoo")
    assert document["known"] == (True,) * 5 + (False,)
    assert sum(document["attention"] or [1]) == pytest.approx(1)
    assert (document["attention"] is None) == (network != "heeding")


def test_every_seed_explains_the_class_that_they_find_together(folder):
    answer = library().answer(tried.CORPUS, "bow", "splendid")
    models = library()
    models.answer(tried.CORPUS, "bow", "splendid")
    word = list(models._lexicon(tried.CORPUS).vocabulary.ids).index("splendid")
    for place, model in enumerate(models._models.values()):
        added = model.embedding.weight[word] @ model.head.linear.weight[answer.winner]
        assert answer.saliency_SL[place, 0] == pytest.approx(added.item(), abs=1e-6)


def test_one_seed_alone_has_no_spread(folder):
    document = YAML(typ="safe").load((folder / "params.yaml").read_text(encoding="utf-8"))
    document["select"]["seeds"] = [1]
    tried.tiny.write_params(folder, document)
    assert library().answer(tried.CORPUS, "gru", TEXT).as_document()["std"] is None


def test_a_text_without_words_reads_as_one_unknown_word(folder):
    document = library().answer(tried.CORPUS, "gru", "  ").as_document()
    assert document["words"] == ("<unk>",)
    assert document["known"] == (False,)


def test_what_is_missing_is_named_with_the_way_out(folder):
    assert missing_of("gru") == ""
    assert missing_of("absent") == "seeds 1, 2 not trained: run make repro SUITE=keep"
    assert "predicts next words" in missing_of("reader")
    [first, *_] = Library(catalogue.load(), [tried.EMPTY]).survey()
    assert first.missing == (
        "data/vocabulary/tiny_trees/vocabulary.txt is missing: run make repro SUITE=keep"
    )
    with pytest.raises(Refusal, match="not trained"):
        library().answer(tried.CORPUS, "absent", TEXT)


def test_a_network_that_is_not_selected_is_shown_where_it_is_trained_and_else_told_how_to_select(folder):
    document = YAML(typ="safe").load((folder / "params.yaml").read_text(encoding="utf-8"))
    document["select"]["networks"] = ["bow"]
    tried.tiny.write_params(folder, document)
    assert [one.network for one in library().survey()] == tried.TRAINED
    [found] = library(networks=["absent"]).survey()
    assert "name absent in select.networks of params.yaml, then run make repro" in found.missing
    document["ensembles"] = {"alone": {"networks": ["gru"]}}
    document["networks"]["absent"] |= {"teacher": "alone", "training": {"distillation": 0.5}}
    tried.tiny.write_params(folder, document)
    [found] = library(networks=["absent"]).survey()
    assert "name absent in select.taught of params.yaml, then run make repro" in found.missing


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"network": {"cell": "bag"}}, "seed 2 trained before params.yaml changed"),
        ({"training": {"epochs": 1}}, "seed 2 trained before params.yaml changed"),
        ({"labels": ["a", "b", "c"]}, "seed 2 trained before params.yaml changed"),
    ],
)
def test_a_seed_of_other_parameters_is_left_out(folder, keys, said):
    change(folder, **keys)
    assert said in missing_of("gru")
    assert library().answer(tried.CORPUS, "gru", TEXT).seeds == (1,)


def test_a_damaged_seed_is_left_out_or_refused(folder):
    path = folder / "models" / tried.CORPUS / "gru/2"
    (path / "weights.safetensors").write_bytes(b"x")
    with pytest.raises(Refusal, match="damaged"):
        library().answer(tried.CORPUS, "gru", TEXT)
    (path / "model.json").write_text("{", encoding="utf-8")
    assert "seed 2 damaged" in missing_of("gru")
    assert library().answer(tried.CORPUS, "gru", TEXT).seeds == (1,)


def test_a_network_without_numbers_is_refused(folder):
    models = library()
    models.answer(tried.CORPUS, "gru", TEXT)
    model = list(models._models.values())[1]
    model.head.linear.bias.data.fill_(float("nan"))
    with pytest.raises(Refusal, match="seed 2 gives no numbers"):
        models.answer(tried.CORPUS, "gru", TEXT)


def test_models_are_read_once_and_anew_when_their_files_change(folder):
    models = library()
    first = models.answer(tried.CORPUS, "gru", TEXT)
    before = dict(models._models)
    models.answer(tried.CORPUS, "gru", TEXT)
    assert list(map(id, models._models.values())) == list(map(id, before.values()))
    vocabulary = models._lexicon(tried.CORPUS).vocabulary
    whole = folder / "models" / tried.CORPUS / "gru"
    tried.save(folder, "gru", 7, vocabulary)
    files.remove(whole / "2")
    (whole / "7").rename(whole / "2")
    again = models.answer(tried.CORPUS, "gru", TEXT)
    assert (again.probabilities_SC[0] == first.probabilities_SC[0]).all()
    assert (again.probabilities_SC[1] != first.probabilities_SC[1]).any()


def test_no_more_is_kept_than_there_is_room_for(folder):
    whole = library()
    for network in tried.TRAINED:
        whole.answer(tried.CORPUS, network, TEXT)
    small = library(room=whole.bytes_kept // 2)
    for network in tried.TRAINED:
        expected = whole.answer(tried.CORPUS, network, TEXT).probabilities_SC
        found = small.answer(tried.CORPUS, network, TEXT).probabilities_SC
        np.testing.assert_array_equal(found, expected)
        assert small.bytes_kept <= small.room
    assert 0 < len(small._models) < len(whole._models)
