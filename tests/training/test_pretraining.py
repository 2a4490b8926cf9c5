"""Words predicted before a classifier learns: what each prediction has read, the loss and its score."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from drawn import SIZE, VOCABULARY, batch_of, gradients, model_of, network, rows
from tiny import split_of
from torch import Tensor

from unroll.lexicon.vocabulary import UNKNOWN
from unroll.networks.classifier import Classifier
from unroll.training import adaptive_softmax, pretraining
from unroll.training.pretraining import LanguageModel, LanguageModelling

ROWS = rows(5, 1, 9, 9, 3)
both_directions = pytest.mark.parametrize("bidirectional", [False, True], ids=["forward", "both"])


@pytest.fixture(autouse=True)
def tails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have few words in three parts too."""
    monkeypatch.setattr(adaptive_softmax, "FEWEST", 1)


def language_model(classifier: Classifier) -> LanguageModel:
    torch.manual_seed(5)
    return LanguageModel(classifier.embedding, classifier.encoder).double().eval()


def reader(**keys: object) -> LanguageModel:
    return language_model(model_of(network(**keys)))


def log_probabilities(model: LanguageModel, row: list[int]) -> list[float]:
    """Return what is made of each of the words that are predicted of a row that is read alone."""
    losses_T, _ = model(batch_of([torch.tensor(row)]))
    return (-losses_T).tolist()


def test_the_classifiers_own_embedding_and_encoder_are_moved_and_its_head_is_not():
    classifier = model_of(network())
    loss, _, _ = LanguageModelling().step(language_model(classifier), batch_of(ROWS))
    loss.backward()
    assert classifier.encoder.layers[0][0].cell.weight_hh_l0.grad.any()
    assert classifier.embedding.weight.grad is not None
    assert classifier.head.linear.weight.grad is None


def test_forward_alone_every_word_but_a_rows_first_is_a_target_row_by_row():
    _, targets_T = reader().states_and_targets(batch_of(ROWS, width=12))
    assert torch.equal(targets_T, torch.cat([row[1:] for row in ROWS]))


def test_the_backward_direction_predicts_the_word_before_and_has_not_read_it():
    words = reader(bidirectional=True)
    row = torch.tensor([4, 5, 6, 7])
    states_TH, targets_T = words.states_and_targets(batch_of([row]))
    assert targets_T.tolist() == [5, 6, 7, 4, 5, 6]
    for place in range(3):
        ahead, behind = row.clone(), row.clone()
        ahead[place + 1 :] = 9  # what a direction predicts, and all beyond it
        behind[: place + 1] = 9
        for changed, at in ((ahead, place), (behind, 3 + place)):
            again_TH, _ = words.states_and_targets(batch_of([changed]))
            torch.testing.assert_close(again_TH[at], states_TH[at])
            assert not torch.allclose(again_TH, states_TH)


def test_padding_is_never_predicted_in_either_direction():
    words = reader(bidirectional=True)
    together_TH, targets_T = words.states_and_targets(batch_of(ROWS))
    alone = [words.states_and_targets(batch_of([row])) for row in ROWS]
    halves = [[half for half in zip(*(one.chunk(2) for one in pair), strict=True)] for pair in alone]
    states_TH = torch.cat([halves[row][way][0] for way in (0, 1) for row in range(len(ROWS))])
    assert targets_T.tolist() == [
        int(target) for way in (0, 1) for row in range(len(ROWS)) for target in halves[row][way][1]
    ]
    torch.testing.assert_close(together_TH, states_TH)


def test_a_word_without_an_id_counts_as_unknown_and_is_read_by_its_vector():
    words, vectors_XE = reader(), torch.ones(2, SIZE, dtype=torch.float64)
    seen, unknown = (
        words.states_and_targets(batch_of([torch.tensor([4, token, 5])], unseen_XE=vectors_XE))
        for token in (VOCABULARY + 1, UNKNOWN)
    )
    assert seen[1].tolist() == unknown[1].tolist() == [UNKNOWN, 5]
    assert torch.equal(seen[0][0], unknown[0][0])
    assert not torch.allclose(seen[0][1], unknown[0][1])


@both_directions
def test_both_directions_have_one_softmax_and_the_loss_is_the_mean_over_both(bidirectional):
    words = reader(bidirectional=bidirectional)
    parts = [name for name, _ in words.named_parameters() if name.startswith("head.")]
    assert sorted(parts) == [
        "head.head.bias",
        "head.head.weight",
        *(f"head.tails.{tail}.{layer}.weight" for tail in range(2) for layer in range(2)),
    ]
    loss, right, count = LanguageModelling().step(words, batch_of(ROWS))
    each = [chance for row in ROWS for chance in log_probabilities(words, row.tolist())]
    assert count == len(each) == (1 + bidirectional) * sum(len(row) - 1 for row in ROWS)
    assert loss.item() == pytest.approx(-np.mean(each), rel=1e-12)
    assert 0 <= right <= count


@both_directions
def test_batches_weigh_as_many_words_as_they_predict(bidirectional):
    words, task = reader(bidirectional=bidirectional), LanguageModelling()
    whole, *parts = (batch_of(part) for part in (ROWS, ROWS[:2], ROWS[2:3], ROWS[3:]))
    losses = [task.step(words, part)[0] * task.weight(part) for part in parts]
    assert (sum(losses) / task.weight(whole)).item() == pytest.approx(task.step(words, whole)[0].item())


@both_directions
def test_rows_of_one_word_have_nothing_to_predict_and_break_nothing(bidirectional):
    words = reader(bidirectional=bidirectional)
    loss, right, count = LanguageModelling().step(words, batch_of(rows(1, 1)))
    assert (loss.item(), right.item(), count) == (0.0, 0, 0)
    found = gradients(words, loss)
    assert not any(gradient.any() for gradient in found.values())
    assert all(parameter.grad is not None for parameter in words.parameters())


@both_directions
@pytest.mark.parametrize("size", [1, 3, 200])
def test_perplexity_is_that_of_all_words_however_they_are_read(bidirectional, size, monkeypatch):
    words = reader(bidirectional=bidirectional).train()
    given = [row.tolist() for row in ROWS]
    each = [chance for row in given for chance in log_probabilities(words.eval(), row)]
    monkeypatch.setattr(pretraining, "READING_BATCH", size)
    found = LanguageModelling().score(words.train(), split_of(given))
    assert found == pytest.approx({"loss": -np.mean(each), "perplexity": np.exp(-np.mean(each))})


def ring(count: int) -> list[list[int]]:
    """Return rows of words of which each says what comes next and what came before; all are as frequent."""
    return [[4 + (start + step) % count for step in range(6)] for start in range(count)] * 3


@both_directions
def test_what_follows_what_is_learnt_in_every_part_of_the_vocabulary(bidirectional):
    words, split = reader(bidirectional=bidirectional, hidden=16).float().train(), split_of(ring(24))
    ends = words.head.cutoffs
    assert all(any(first <= token < end for token in range(4, 28)) for first, end in pairwise(ends))
    task, optimizer = LanguageModelling(), torch.optim.Adam(list(words.parameters()), lr=0.02)
    before = task.score(words, split)["perplexity"]
    for _ in range(150):
        optimizer.zero_grad()
        loss: Tensor = task.step(words.train(), split.batch(np.arange(len(split))))[0]
        loss.backward()
        words.embedding.weight.grad = words.embedding.weight.grad.to_dense()
        optimizer.step()
    assert before > 10
    assert task.score(words, split)["perplexity"] < 1.5
