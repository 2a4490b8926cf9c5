"""A student's training in memory: what its teacher says is in the loss, and the same bits come again."""

import copy
import dataclasses

import numpy as np
import pytest
import torch
from runs import (
    CLASSES,
    PRETRAINED,
    SMALL,
    Corpus,
    Fits,
    assert_same_bits,
    changed,
    experiment,
    fit,
    stop_after,
)
from teams import STILL, fitted, together

from unroll.networks.tasks import Classification

RULES = changed(distillation=0.7)


@pytest.fixture(scope="module")
def taught(corpus) -> Corpus:
    """The corpus with a teacher that is sure of another class than the label."""
    found = copy.copy(corpus)
    teacher_NC = torch.full((len(corpus.train), CLASSES), 0.1)
    teacher_NC[torch.arange(len(corpus.train)), (corpus.train.labels + 1) % CLASSES] = 0.8
    found.train = dataclasses.replace(corpus.train, teacher_NC=teacher_NC)
    return found


def test_a_batch_has_its_rows_teachers(taught):
    order = [np.array([7, 3, 41]), np.array([0]), np.array([5, 6])]
    for rows, batch in zip(order, taught.train.batches(order), strict=True):
        assert torch.equal(batch.teacher_BC, taught.train.teacher_NC[rows])


@pytest.mark.parametrize("weights", [None, [0.5, 1.0, 3.0]], ids=["equal", "weighed"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_loss_is_shared_between_labels_and_teacher(taught, weights, smoothing):
    """Of either cross entropy a row weighs what its label's class does."""
    weights_C = None if weights is None else torch.tensor(weights)
    model = experiment(taught, SMALL).model(None, "cpu").eval()
    batch = taught.train.batch(np.arange(9))
    loss, _, _ = Classification("accuracy", smoothing, weights_C, distillation=0.7).step(model, batch)
    with torch.no_grad():
        log_BC = model(batch).double().log_softmax(dim=1).numpy()
    labels_B, teacher_BC = batch.labels_B.numpy(), batch.teacher_BC.double().numpy()
    weights_B = np.ones(9) if weights is None else np.array(weights)[labels_B]
    with_labels, *_ = Classification("accuracy", smoothing, weights_C).step(model, batch)
    with_teacher = -(weights_B * (teacher_BC * log_BC).sum(axis=1)).sum() / weights_B.sum()
    assert loss.item() == pytest.approx(0.3 * with_labels.item() + 0.7 * with_teacher, rel=1e-5)


def test_a_teacher_that_counts_for_all_is_followed_against_the_labels(taught, tmp_path):
    followed = fit(taught, tmp_path, STILL, changed(distillation=1.0, epochs=6, patience=6))
    heeded = fit(taught, tmp_path, STILL, changed(distillation=0.1, epochs=6, patience=6))
    last = "train_accuracy"
    assert followed.history[-1][last] < 1 / CLASSES < heeded.history[-1][last]


def test_a_teacher_that_counts_for_nothing_changes_no_bit(corpus, taught, tmp_path):
    assert_same_bits(fit(corpus, tmp_path), fit(taught, tmp_path))


@pytest.mark.parametrize("network", [SMALL, PRETRAINED], ids=["every chance", "pretrained"])
def test_a_student_that_is_stopped_ends_with_the_bits_of_one_that_never_was(taught, tmp_path, network):
    whole = fit(taught, tmp_path / "whole", network, RULES)
    for steps in (3, 20):
        stop_after(steps, taught, tmp_path / str(steps), network, RULES)
        assert_same_bits(fit(taught, tmp_path / str(steps), network, RULES), whole)


@pytest.mark.parametrize("class_weights", ["none", "balanced"])
def test_a_team_teaches_as_one_process_does(taught, tmp_path, class_weights):
    rules = changed(distillation=0.7, batch_size=7, class_weights=class_weights)
    alone = fit(taught, tmp_path, STILL, rules)
    first, second = together(2, tmp_path / "team", fitted(taught, tmp_path / "run", STILL, rules))
    assert_same_bits(first, second)
    for name, tensor in alone.weights.items():
        assert torch.allclose(tensor, first.weights[name], rtol=1e-3, atol=1e-4), name


def test_of_phrases_a_student_learns_the_labels_alone(corpus, taught, tmp_path, monkeypatch):
    fits = Fits(monkeypatch)
    rules = changed(phrases_first={"epochs": 1}, distillation=0.7)
    fit(taught, tmp_path, rules=rules)
    fit(corpus, tmp_path, rules=changed(phrases_first={"epochs": 1}))
    assert_same_bits(fits.fitted[0], fits.fitted[2])
    assert fits.fitted[1].history != fits.fitted[3].history
