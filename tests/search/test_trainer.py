"""A trial trains as the stage `train` would, and needs no test split."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import runs
from searched import CORPUS, refusal_of, write_project

from unroll import catalogue
from unroll.networks.batches import EncodedSplit
from unroll.networks.spec import Embedding, RecurrentNetwork
from unroll.search.trainer import Job, Trainer
from unroll.training import loop
from unroll.training.experiment import Experiment
from unroll.training.loop import Fitted

NETWORK = RecurrentNetwork(cell="gru", hidden=6, pooling="max", embedding=Embedding(size=8))
RULES = runs.changed(epochs=3)


@pytest.fixture
def trainer(tmp_path, monkeypatch) -> Trainer:
    write_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    data = Path("data/vocabulary") / CORPUS
    return Trainer(data, None, "accuracy", runs.CLASSES, "cpu", Path(".unroll/checkpoints"), "key")


def job(network: RecurrentNetwork = NETWORK, rules=RULES, seed: int = 1) -> Job:
    return Job(f"search-found-1-{seed}", network, rules, seed)


def test_a_trials_score_is_that_of_the_best_epoch_of_a_training(trainer):
    vocabulary = (trainer.data / "vocabulary.txt").read_bytes().count(b"\n")
    splits = [EncodedSplit.load(trainer.data / name, "cpu", vocabulary) for name in ("train", "validation")]
    made = Experiment(NETWORK, RULES, "accuracy", vocabulary, runs.CLASSES, 1)
    fitted = made.run(made.model(None, "cpu"), *splits, Path("own.safetensors"))
    found = trainer(job())
    scores = [row["validation_accuracy"] for row in fitted.history]
    assert found.score == max(scores) == scores[fitted.best_epoch - 1]
    assert found.epochs == len(scores)
    assert trainer(job(seed=2)).score != found.score or trainer(job(seed=3)).score != found.score


def test_there_need_be_no_test_split(trainer):
    assert not (trainer.data / "test").exists()
    assert trainer(job()).score > 0


def test_what_was_stopped_goes_on_and_leaves_nothing_behind(trainer):
    whole = trainer(job())
    with runs.pulled_after(".safetensors", epoch=2):
        trainer(job())
    assert len(list(trainer.checkpoints.iterdir())) == 1
    again = trainer(job())
    assert (again.score, again.epochs) == (whole.score, whole.epochs)
    assert not list(trainer.checkpoints.iterdir())


def test_a_checkpoint_of_another_setting_is_not_gone_on_with(trainer):
    wanted = trainer(job(rules=runs.changed(epochs=3, learning_rate=0.02)))
    with runs.pulled_after(".safetensors", epoch=2):
        trainer(job())
    found = trainer(job(rules=runs.changed(epochs=3, learning_rate=0.02)))
    assert (found.score, found.epochs) == (wanted.score, wanted.epochs)


def test_a_training_without_numbers_is_given_up(trainer):
    rules = runs.changed(optimizer="sgd", learning_rate=10.0, gradient_clip=None, epochs=3)
    network = RecurrentNetwork(
        cell="elman", nonlinearity="relu", hidden=50, embedding=Embedding(size=8, scale=1e18)
    )
    found = trainer(job(network, rules))
    assert found.score is None and found.epochs == 0 and found.parameters > 0
    assert not list(trainer.checkpoints.glob("*"))


def test_a_next_word_network_is_scored_by_perplexity(trainer):
    assert trainer(job(runs.READER)).score > 1


def test_pretrained_vectors_are_those_that_were_looked_up(trainer):
    network = RecurrentNetwork(cell="gru", hidden=6, embedding=Embedding(vectors=("mine",), frozen=True))
    words = (trainer.data / "vocabulary.txt").read_bytes().count(b"\n")
    vectors = Path("vectors")
    vectors.mkdir()
    scores = set()
    for seed in (1, 2):
        drawn = np.random.default_rng(seed).normal(size=(words, 5)).astype("<f4")
        np.save(vectors / "vocabulary.npy", drawn, allow_pickle=False)
        for split in ("train", "validation"):
            np.save(vectors / f"{split}.npy", np.zeros((50, 5), "<f4"), allow_pickle=False)
        reading = Trainer(**{**vars(trainer), "vectors": vectors})
        found = reading(job(network))
        scores.add(found.score)
        assert found.parameters < trainer(job()).parameters
    assert len(scores) == 2


def test_pretraining_reads_the_sentences_though_phrases_are_learnt_from(trainer, monkeypatch):
    """Each part has the vectors of its own words without an id."""
    shutil.copytree(trainer.data / "validation", trainer.data / "train/phrases")
    words, vectors = (trainer.data / "vocabulary.txt").read_bytes().count(b"\n"), Path("vectors")
    vectors.mkdir()
    for place, part in enumerate(("vocabulary", "train", "phrases", "validation")):
        np.save(vectors / f"{part}.npy", np.full((words, 5), place, "<f4"), allow_pickle=False)
    read, fit = [], loop.fit

    def remember(model, train, validation, *more, **named) -> Fitted:
        read.append((len(train), train.unseen_XE[0, 0].item(), validation.unseen_XE[0, 0].item()))
        return fit(model, train, validation, *more, **named)

    monkeypatch.setattr(loop, "fit", remember)
    network = runs.PRETRAINED.model_copy(update={"embedding": Embedding(vectors=("mine",))})
    reading = Trainer(**{**vars(trainer), "vectors": vectors})
    sentences, phrases = (
        len(EncodedSplit.load(trainer.data / part, "cpu", words)) for part in ("train", "train/phrases")
    )
    assert sentences != phrases
    for supervision, learnt in (("phrases", (phrases, 2.0, 3.0)), ("sentences", (sentences, 1.0, 3.0))):
        reading(job(network, runs.changed(epochs=1, supervision=supervision)))
        assert read == [(sentences, 1.0, 3.0), learnt]
        read.clear()


def test_phrases_that_are_not_there_are_missed(trainer):
    assert "has no phrases" in refusal_of(lambda: trainer(job(rules=runs.changed(supervision="phrases"))))


def test_the_tiny_projects_search_is_sound(tmp_path):
    write_project(tmp_path)
    assert set(catalogue.load(tmp_path / "params.yaml").searches) == {"found"}
