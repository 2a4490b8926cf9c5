"""A training run from its parameters: every shipped network, first weights, pretraining."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from drawn import PACKED
from runs import (
    CLASSES,
    PRETRAINED,
    READER,
    RULES,
    SHIPPED,
    SMALL,
    Corpus,
    Fits,
    assert_same_bits,
    changed,
    experiment,
    fit,
    shipped,
)

from unroll.evaluation import scoring
from unroll.networks import checkpoints, tasks
from unroll.networks.batches import EncodedSplit
from unroll.networks.classifier import Classifier, NextWordModel
from unroll.networks.spec import Embedding, RecurrentNetwork
from unroll.networks.tasks import Classification, NextWord
from unroll.training.experiment import forget
from unroll.training.loop import Fitted
from unroll.training.pretraining import LanguageModelling


@pytest.fixture(scope="module")
def twenty(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return Corpus(tmp_path_factory.mktemp("twenty"), {"train": 20, "validation": 20})


# --- every shipped network --------------------------------------------------------------------------

NO_PART_OF_THE_MODEL = {"training", "pretraining", "teacher", "tutor"}


def model_of(name: str) -> dict:
    return {key: said for key, said in SHIPPED["networks"][name].items() if key not in NO_PART_OF_THE_MODEL}


# One of those whose models are the same: how they are trained is set below.
MODELS = {json.dumps(model_of(name), sort_keys=True): name for name in SHIPPED["networks"]}.values()
CLASSIFIERS = [name for name in MODELS if model_of(name).get("task") != "next_word"]
READERS = [name for name in MODELS if name not in CLASSIFIERS]
# 256 units leap too far at the rate that suits a hundred.
RATES = {"t3_rnn": 0.003, "t3_rnn_ours": 0.003}


def learnt_by_heart(twenty: Corpus, folder, name: str) -> tuple[torch.nn.Module, Fitted]:
    """Validated on the training rows: what is kept is the epoch that knows them best."""
    rules = changed(epochs=25, patience=25, batch_size=5, learning_rate=RATES.get(name, 0.01))
    made = experiment(twenty, shipped(name), rules)
    model = made.model(None, "cpu")
    fitted = made.run(model, twenty.train, twenty.train, folder / "run-1.safetensors")
    model.load_state_dict(fitted.weights)
    return model, fitted


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_every_shipped_network_can_learn_twenty_rows_by_heart(twenty, tmp_path, name):
    model, fitted = learnt_by_heart(twenty, tmp_path, name)
    assert Classification("accuracy").score(model, twenty.train)["accuracy"] == 1.0
    assert min(row["train_loss"] for row in fitted.history) < 0.1 < fitted.history[0]["train_loss"]


@pytest.mark.parametrize("name", READERS)
def test_every_shipped_next_word_network_learns_more_than_frequencies(twenty, tmp_path, name):
    model, _ = learnt_by_heart(twenty, tmp_path, name)
    floor = scoring.unigrams(twenty.train, twenty.train, len(twenty.vocabulary))
    assert NextWord().score(model, twenty.train)["loss"] < floor["loss"] / 2


def test_there_are_networks_of_both_tasks():
    # Without any, the tests above would not run.
    assert CLASSIFIERS
    assert READERS


# --- what is trained --------------------------------------------------------------------------------


def test_a_network_gets_the_model_and_the_task_that_it_asks_for(corpus):
    classifier, reader = experiment(corpus, SMALL), experiment(corpus, READER, changed(label_smoothing=0.2))
    assert isinstance(classifier.model(None, "cpu"), Classifier)
    assert isinstance(reader.model(None, "cpu"), NextWordModel)
    assert classifier.task(corpus.train).headline == "accuracy"
    assert reader.task(corpus.train).headline == "perplexity"
    assert reader.task(corpus.train).smoothing == 0.2


def test_a_task_follows_the_rules_of_training(corpus):
    rules = changed(label_smoothing=0.1, class_weights="balanced", consistency=0.5, distillation=0.7)
    task = experiment(corpus, SMALL, rules, headline="macro_f1").task(corpus.train)
    assert (task.headline, task.smoothing, task.consistency) == ("macro_f1", 0.1, 0.5)
    assert task.distillation == 0.7
    assert torch.equal(task.weights_C, tasks.class_weights(corpus.train, CLASSES, "balanced"))


def test_first_weights_depend_on_the_seed_and_the_vectors_alone(corpus):
    weights = []
    for seed, rules, noise in ((1, RULES, 7), (1, changed(epochs=9, optimizer="sgd"), 8), (2, RULES, 7)):
        torch.manual_seed(noise)
        weights.append(experiment(corpus, SMALL, rules, seed).model(None, "cpu").state_dict())
    first, again, other = weights
    assert all(torch.equal(tensor, again[name]) for name, tensor in first.items())
    assert not any(torch.equal(tensor, other[name]) for name, tensor in first.items())
    vectors_VE = torch.full((len(corpus.vocabulary), 8), float("nan"))
    vectors_VE[5] = 0.25
    given = experiment(corpus, SMALL).model(vectors_VE, "cpu").state_dict()
    changes = given["embedding.weight"] != first["embedding.weight"]
    assert changes.any(dim=1).nonzero().flatten().tolist() == [5]
    assert all(torch.equal(given[name], first[name]) for name in first if name != "embedding.weight")


def test_a_frozen_embedding_stays_what_it_was_through_a_whole_run(corpus, tmp_path):
    network = SMALL.model_copy(update={"embedding": Embedding(size=8, frozen=True)})
    made = experiment(corpus, network)
    model = made.model(None, "cpu")
    before = model.embedding.weight.detach().clone()
    fitted = made.run(model, corpus.train, corpus.validation, tmp_path / "run-1.safetensors")
    assert torch.equal(fitted.weights["embedding.weight"], before)


def test_words_without_an_id_are_trained_around_and_read(corpus, tmp_path):
    """They have vectors that do not move, in training and in scoring."""
    vocabulary = len(corpus.vocabulary)
    ids = corpus.train.ids.clone()
    ids[::7] = vocabulary + (torch.arange(len(ids[::7])) % 2).int()
    unseen_XE = torch.randn(2, 8, generator=torch.Generator().manual_seed(1))
    train = dataclasses.replace(corpus.train, ids=ids, unseen_XE=unseen_XE)
    for network in (SMALL, READER, PRETRAINED):
        made = experiment(corpus, network)
        fitted = made.run(made.model(None, "cpu"), train, train, tmp_path / "run-1.safetensors")
        forget(tmp_path, "run")
        assert fitted.weights["embedding.weight"].shape == (vocabulary, 8)
        assert fitted.history[-1]["train_loss"] < fitted.history[0]["train_loss"]
    torch.testing.assert_close(
        unseen_XE, torch.randn(2, 8, generator=torch.Generator().manual_seed(1)), rtol=0, atol=0
    )


# --- pretraining ------------------------------------------------------------------------------------

PLAIN = PRETRAINED.model_copy(update={"pretraining": None})


def test_a_classifier_starts_from_the_best_epoch_of_its_pretraining(corpus, tmp_path, monkeypatch):
    fits = Fits(monkeypatch)
    waiting = iter([5.0, 3.0, 4.0])
    monkeypatch.setattr(LanguageModelling, "score", lambda *given: {"perplexity": next(waiting)})
    learnt = {}
    save = checkpoints.save_checkpoint

    def remember(path: Path, parts: dict, document: dict) -> None:
        if path.suffix == ".pretraining":
            weights = {name: tensor.clone() for name, tensor in parts["model"].items()}
            learnt[document["standing"]["epochs"]] = weights
        save(path, parts, document)

    monkeypatch.setattr(checkpoints, "save_checkpoint", remember)
    fit(corpus, tmp_path, PRETRAINED)
    assert [task.headline for task in fits.tasks] == ["perplexity", "accuracy"]
    shared = {name for name in learnt[2] if not name.startswith("head.")}
    assert any(name.startswith("encoder.") for name in shared)
    for name in shared:
        assert torch.equal(fits.first[1][name], learnt[2][name])
        assert not torch.equal(learnt[3][name], learnt[2][name])


def test_pretraining_changes_the_first_weights_but_not_the_head(corpus, tmp_path, monkeypatch):
    fits = Fits(monkeypatch)
    fit(corpus, tmp_path, PLAIN)
    fit(corpus, tmp_path, PRETRAINED)
    plain, pretrained = fits.first[0], fits.first[2]
    same = {name for name, tensor in plain.items() if torch.equal(tensor, pretrained[name])}
    assert same == {"head.linear.weight", "head.linear.bias"}


def test_pretraining_has_epochs_and_a_rate_of_its_own(corpus, tmp_path, monkeypatch):
    fits = Fits(monkeypatch)
    fit(corpus, tmp_path, PRETRAINED)
    pretraining, rules = fits.rules
    assert rules == RULES
    assert pretraining == changed(epochs=3, patience=3, learning_rate=0.02)
    assert len(fits.fitted[0].history) == 3


def test_without_a_rate_of_its_own_pretraining_has_the_common_one(corpus, tmp_path, monkeypatch):
    fits = Fits(monkeypatch)
    asked = PRETRAINED.pretraining.model_copy(update={"learning_rate": None})
    fit(corpus, tmp_path, PRETRAINED.model_copy(update={"pretraining": asked}))
    assert fits.rules[0].learning_rate == RULES.learning_rate


def test_pretraining_lowers_the_perplexity(corpus, tmp_path, monkeypatch):
    fits = Fits(monkeypatch)
    fit(corpus, tmp_path, PRETRAINED)
    perplexities = [row["validation_perplexity"] for row in fits.fitted[0].history]
    assert perplexities[-1] < perplexities[0] < len(corpus.vocabulary)


def relabelled(split: EncodedSplit) -> EncodedSplit:
    return dataclasses.replace(split, labels=(split.labels + 1) % CLASSES)


def test_pretraining_does_not_read_labels(corpus, tmp_path, monkeypatch):
    fits = Fits(monkeypatch)
    made = experiment(corpus, PRETRAINED)
    made.run(made.model(None, "cpu"), corpus.train, corpus.validation, tmp_path / "run-1.safetensors")
    others = relabelled(corpus.train), relabelled(corpus.validation)
    made.run(made.model(None, "cpu"), *others, tmp_path / "run-2.safetensors")
    assert_same_bits(fits.fitted[0], fits.fitted[2])
    # The training after it does read them.
    assert fits.fitted[1].history != fits.fitted[3].history


def test_pretraining_reads_texts_of_its_own_where_it_is_given_some(corpus, tmp_path, monkeypatch):
    fits = Fits(monkeypatch)
    made, splits = experiment(corpus, PRETRAINED), (corpus.train, corpus.validation)
    made.run(made.model(None, "cpu"), *splits, tmp_path / "run-1.safetensors", texts=corpus.validation)
    made.run(made.model(None, "cpu"), *splits, tmp_path / "run-2.safetensors")
    assert [read is corpus.train for read in fits.read] == [False, True, True, True]
    assert fits.read[0] is corpus.validation
    assert not torch.equal(fits.first[1]["embedding.weight"], fits.first[3]["embedding.weight"])


def test_every_cell_can_be_pretrained_with_all_that_surrounds_it(corpus, tmp_path):
    for cell in ("elman", "lstm", "gru"):
        for more in ({}, PACKED, {"implementation": "handwritten"}):
            network = RecurrentNetwork(
                cell=cell,
                hidden=6,
                layers=2,
                pooling="max+attention",
                head="relu",
                initial_state="learned",
                embedding=Embedding(size=8, frozen=True),
                pretraining={"epochs": 1},
                **more,
            )
            fitted = fit(corpus, tmp_path, network, changed(epochs=1, weight_average=0.5))
            assert len(fitted.history) == 1
