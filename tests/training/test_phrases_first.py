"""Phrases before whole sentences: two fits of one model, told as one."""

import pytest
import torch
from runs import (
    PRETRAINED,
    RULES,
    SMALL,
    Fits,
    assert_same_bits,
    changed,
    experiment,
    fit,
    pulled_after,
    stop_after,
)

from unroll.networks.tasks import Classification
from unroll.progress import Clock
from unroll.training import loop
from unroll.training.experiment import forget

FIRST = {"epochs": 2, "learning_rate": 0.02}
BOTH = changed(phrases_first=FIRST, weight_average=0.5, schedule="cosine")


def test_the_sentences_begin_with_the_best_weights_of_the_phrases(corpus, tmp_path, monkeypatch):
    fits = Fits(monkeypatch)
    fit(corpus, tmp_path, SMALL, BOTH)
    phrases, sentences = fits.read
    assert phrases is corpus.validation and sentences is corpus.train
    assert_same_weights(fits.first[1], fits.fitted[0].weights)
    assert not torch.equal(fits.first[0]["head.linear.weight"], fits.first[1]["head.linear.weight"])


def assert_same_weights(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, tensor in found.items():
        assert torch.equal(tensor, expected[name]), name


def test_the_phrases_have_epochs_and_a_rate_of_their_own(corpus, tmp_path, monkeypatch):
    fits = Fits(monkeypatch)
    fit(corpus, tmp_path, SMALL, BOTH)
    phrases, sentences = fits.rules
    assert sentences == BOTH
    assert phrases == loop.merge(BOTH, {"epochs": 2, "patience": 2, "learning_rate": 0.02})


def test_without_a_rate_of_their_own_the_phrases_have_the_common_one(corpus, tmp_path, monkeypatch):
    fits = Fits(monkeypatch)
    fit(corpus, tmp_path, SMALL, changed(phrases_first={"epochs": 1}))
    assert fits.rules[0].learning_rate == RULES.learning_rate


def test_both_are_one_learning_curve(corpus, tmp_path, monkeypatch):
    fits, heard = Fits(monkeypatch), []
    fitted = fit(corpus, tmp_path, SMALL, BOTH, ended=heard.append)
    assert [row["epoch"] for row in fitted.history] == [1, 2, 3, 4, 5, 6]
    assert [row["rows"] for row in fitted.history] == 2 * [len(corpus.validation)] + 4 * [len(corpus.train)]
    assert heard == fitted.history
    before, after = fits.fitted
    assert fitted.tokens == before.tokens + after.tokens == sum(row["tokens"] for row in fitted.history)
    assert fitted.seconds == pytest.approx(before.seconds + after.seconds)


@pytest.mark.parametrize(
    ("accuracies", "best"),
    [
        ([0.5, 0.6, 0.1, 0.2, 0.3, 0.4], 2),
        ([0.5, 0.4, 0.1, 0.7, 0.6, 0.3], 4),
        ([0.5, 0.4, 0.5, 0.1, 0.2, 0.3], 1),
    ],
    ids=["of the phrases", "of the sentences", "the earlier of two"],
)
def test_the_best_epoch_of_both_is_kept(corpus, tmp_path, monkeypatch, accuracies, best):
    waiting = iter(accuracies)
    monkeypatch.setattr(Classification, "score", lambda *given: {"accuracy": next(waiting)})
    fits = Fits(monkeypatch)
    fitted = fit(corpus, tmp_path, SMALL, BOTH)
    assert fitted.best_epoch == best
    assert_same_weights(fitted.weights, fits.fitted[0 if best <= 2 else 1].weights)


def test_the_patience_of_the_sentences_is_their_own(corpus, tmp_path, monkeypatch):
    waiting = iter([0.9, 0.8, 0.3, 0.2, 0.1])
    monkeypatch.setattr(Classification, "score", lambda *given: {"accuracy": next(waiting)})
    fitted = fit(corpus, tmp_path, SMALL, loop.merge(BOTH, {"patience": 2}))
    assert len(fitted.history) == 5


@pytest.mark.parametrize("steps", [2, 9, 15, 30])
def test_wherever_it_stops_it_ends_with_the_same_bits(corpus, tmp_path, steps):
    whole = fit(corpus, tmp_path / "whole", SMALL, BOTH)
    assert "stopped by SIGTERM" in stop_after(steps, corpus, tmp_path / "stopped", SMALL, BOTH)
    torch.manual_seed(99)
    heard = []
    assert_same_bits(whole, fit(corpus, tmp_path / "stopped", SMALL, BOTH, ended=heard.append))
    assert heard == whole.history


@pytest.mark.parametrize(("suffix", "epoch"), [(".phrases", 1), (".phrases", 2), (".safetensors", 1)])
def test_a_pretraining_comes_before_and_is_not_repeated(corpus, tmp_path, monkeypatch, suffix, epoch):
    whole = fit(corpus, tmp_path / "whole", PRETRAINED, BOTH)
    with pulled_after(suffix, epoch):
        fit(corpus, tmp_path / "stopped", PRETRAINED, BOTH)
    assert (tmp_path / "stopped/run-1.pretraining").exists()
    fits = Fits(monkeypatch)
    torch.manual_seed(99)
    assert_same_bits(whole, fit(corpus, tmp_path / "stopped", PRETRAINED, BOTH))
    assert [task.headline for task in fits.tasks] == ["accuracy", "accuracy"]


def test_a_run_in_its_sentences_reads_no_phrase_again(corpus, tmp_path, monkeypatch):
    with pulled_after(".safetensors", 3):
        fit(corpus, tmp_path, SMALL, BOTH)
    seen = []
    monkeypatch.setattr(Clock, "is_due", lambda clock: True)
    fit(corpus, tmp_path, SMALL, BOTH, watch=seen.append)
    assert {(one.epoch, one.epochs) for one in seen} == {(4, 4)}


def test_what_is_over_leaves_no_checkpoint(corpus, tmp_path):
    made = experiment(corpus, SMALL, BOTH)
    path = tmp_path / "run-1.safetensors"
    made.run(made.model(None, "cpu"), corpus.train, corpus.validation, path, phrases=corpus.validation)
    assert {one.suffix for one in tmp_path.iterdir()} == {".phrases", ".safetensors"}
    forget(tmp_path, "run")
    assert not list(tmp_path.iterdir())
