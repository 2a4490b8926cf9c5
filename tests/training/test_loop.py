"""The training loop learns, repeats bit for bit, and batches its rows in four ways to one result."""

import math
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
import torch
from drawn import batched
from runs import BAG, PRETRAINED, READER, RULES, SMALL, assert_same_bits, changed, experiment, fit, shipped

from unroll.failures import Refusal
from unroll.networks.batches import Batch, EncodedSplit
from unroll.networks.spec import BagNetwork, Embedding, RecurrentNetwork
from unroll.networks.tasks import Classification
from unroll.progress import Clock
from unroll.training import loop

BATCHINGS = ("exact", "length", "padded", "packed")

# --- it learns --------------------------------------------------------------------------------------


def test_what_is_learnt_carries_over_to_other_rows(corpus, tmp_path):
    fitted = fit(corpus, tmp_path, BAG, changed(epochs=8))
    # Each class has words of its own, so that all can be told apart; guessing gets a third.
    assert fitted.history[-1]["validation_accuracy"] > 0.8


def test_the_history_has_a_row_an_epoch(corpus, tmp_path):
    fitted = fit(corpus, tmp_path)
    assert [row["epoch"] for row in fitted.history] == [1, 2, 3, 4]
    for row in fitted.history:
        assert {"train_loss", "validation_accuracy", "validation_macro_recall", "validation_loss"} <= set(row)
        assert all(math.isfinite(value) for value in row.values())
    assert fitted.tokens_per_second > 0


# --- it repeats -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "network", [SMALL, READER, PRETRAINED], ids=["classifier", "next word", "pretrained"]
)
def test_two_fits_with_one_seed_give_the_same_bits(corpus, tmp_path, network):
    first = fit(corpus, tmp_path, network)
    made = experiment(corpus, network)
    model = made.model(None, "cpu")
    # What else the process did with the generators must not matter.
    torch.manual_seed(99)
    assert_same_bits(first, made.run(model, corpus.train, corpus.validation, tmp_path / "run-1.safetensors"))


def test_another_seed_gives_other_weights_and_another_order(corpus, tmp_path):
    first, second = (fit(corpus, tmp_path, seed=seed) for seed in (1, 2))
    assert not any(torch.equal(first.weights[name], second.weights[name]) for name in first.weights)
    # From the same first weights too: the order of rows and dropout follow the seed.
    model = experiment(corpus, SMALL, seed=1).model(None, "cpu")
    second_order = experiment(corpus, SMALL, seed=2)
    result = second_order.run(model, corpus.train, corpus.validation, tmp_path / "run-1.safetensors")
    assert result.history != first.history


def test_watching_does_not_change_a_bit(corpus, tmp_path, monkeypatch):
    plain = fit(corpus, tmp_path)
    monkeypatch.setattr(Clock, "is_due", lambda clock: True)
    seen = []
    assert_same_bits(plain, fit(corpus, tmp_path, watch=seen.append))
    assert [(one.epoch, one.epochs) for one in seen[:: len(seen) // 4]] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert seen[-1].done == 1.0
    assert all(0 < one.done <= 1 and one.tokens_per_second > 0 and one.seconds_left >= 0 for one in seen)
    assert math.isnan(seen[0].score)
    assert seen[-1].score == max(row["validation_accuracy"] for row in plain.history[:-1])


def test_the_best_perplexity_is_shown_as_a_perplexity(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(Clock, "is_due", lambda clock: True)
    seen = []
    fitted = fit(corpus, tmp_path, READER, watch=seen.append)
    assert seen[-1].score == min(row["validation_perplexity"] for row in fitted.history[:-1])


# --- batches ----------------------------------------------------------------------------------------


def still(**changes: object) -> loop.Training:
    """Rules under which the weights do not move, so that epochs can be compared."""
    return changed(optimizer="sgd", learning_rate=1e-30, gradient_clip=None, epochs=1, **changes)


@pytest.mark.parametrize("cell", ["elman", "lstm", "gru"])
def test_in_whatever_batches_an_epoch_has_one_loss(corpus, tmp_path, cell):
    results = []
    for batching in BATCHINGS:
        network = RecurrentNetwork(
            cell=cell, hidden=6, bidirectional=True, pooling="last+max", **batched(batching)
        )
        results.append(fit(corpus, tmp_path, network, still(batch_size=7)))
    for one in results:
        assert one.history[0] == pytest.approx(results[0].history[0], rel=1e-5)
        assert_same_weights(one, results[0])
    # And it is that of the same rows, scored.
    scored = experiment(corpus, network).model(None, "cpu")
    loss = Classification("accuracy").score(scored, corpus.train)["loss"]
    assert results[0].history[0]["train_loss"] == pytest.approx(loss, rel=1e-5)


def assert_same_weights(first: loop.Fitted, second: loop.Fitted) -> None:
    assert all(torch.equal(tensor, second.weights[name]) for name, tensor in first.weights.items())


@pytest.mark.parametrize("batching", BATCHINGS)
def test_a_next_word_network_has_one_loss_too(corpus, tmp_path, batching):
    networks = [
        RecurrentNetwork(cell="gru", hidden=6, task="next_word", **batched(one))
        for one in ("exact", batching)
    ]
    first, second = (fit(corpus, tmp_path, network, still()) for network in networks)
    assert first.history[0] == pytest.approx(second.history[0], rel=1e-5)


class Recorder(Classification):
    """Remembers the batches of an epoch, each as the tuples of its rows' tokens."""

    def __init__(self) -> None:
        super().__init__("accuracy")
        self.epochs: list[list[list[tuple[int, ...]]]] = [[]]

    def step(self, model: torch.nn.Module, batch: Batch) -> tuple[torch.Tensor, torch.Tensor, int]:
        rows = zip(batch.tokens_BL.tolist(), batch.lengths_B.tolist(), strict=True)
        self.epochs[-1].append([tuple(tokens[:length]) for tokens, length in rows])
        return super().step(model, batch)

    def score(self, model: torch.nn.Module, split: object) -> dict[str, float]:
        self.epochs.append([])
        return {"accuracy": 0.5}


def recorded(corpus, folder, rules: loop.Training, batching: str = "exact") -> list:
    task = Recorder()
    model = experiment(corpus, BAG).model(None, "cpu")
    loop.fit(model, corpus.train, corpus.validation, task, rules, batching, 1, folder / "run-1.safetensors")
    return task.epochs[:-1]


@pytest.mark.parametrize("batching", BATCHINGS)
def test_an_epoch_reads_every_row_once(corpus, tmp_path, batching):
    ids = corpus.train.ids.tolist()
    rows = sorted(tuple(ids[start:end]) for start, end in pairwise(corpus.train.offsets.tolist()))
    for epoch in recorded(corpus, tmp_path, changed(epochs=2), batching):
        assert sorted(row for batch in epoch for row in batch) == rows


def test_a_shortened_epoch_reads_other_rows_each_time(corpus, tmp_path):
    epochs = recorded(corpus, tmp_path, changed(batches_per_epoch=3), "padded")
    assert [len(epoch) for epoch in epochs] == [3] * 4
    read = [{row for batch in epoch for row in batch} for epoch in epochs]
    assert all(len(rows) == 3 * 8 for rows in read)
    assert len({frozenset(rows) for rows in read}) == 4


@pytest.mark.parametrize("batches", [8, 1000])
def test_no_epoch_is_longer_than_the_rows_last(corpus, tmp_path, batches):
    epochs = recorded(corpus, tmp_path, changed(batches_per_epoch=batches))
    assert [len(epoch) for epoch in epochs] == [-(-60 // 8)] * 4


@pytest.mark.parametrize("asked_for", [{"batches_per_epoch": 3}, {}, {"batch_tokens": 40}], ids=str)
def test_the_learning_curve_counts_what_was_read(corpus, tmp_path, monkeypatch, asked_for):
    trained = []
    batches = EncodedSplit.batches

    def recorded(split: EncodedSplit, order: list[np.ndarray]) -> Iterator[Batch]:
        for rows, batch in zip(order, batches(split, order), strict=True):
            if split is corpus.train:
                trained.append(rows)
            yield batch

    monkeypatch.setattr(EncodedSplit, "batches", recorded)
    history = fit(corpus, tmp_path, BAG, changed(**asked_for)).history
    assert len(trained) >= len(history) * 3
    assert sum(epoch["rows"] for epoch in history) == sum(map(len, trained))
    assert sum(epoch["tokens"] for epoch in history) == sum(
        corpus.train.lengths[rows].sum() for rows in trained
    )


def test_the_progress_of_a_shortened_epoch_is_that_of_its_batches(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(Clock, "is_due", lambda clock: True)
    seen = []
    fit(corpus, tmp_path, BAG, changed(batches_per_epoch=4), watch=seen.append)
    assert [one.done for one in seen[:4]] == pytest.approx([0.25, 0.5, 0.75, 1.0], abs=0.2)


@pytest.mark.parametrize(
    ("asked_for", "batches"),
    [
        ({"batches_per_epoch": 3}, 3),
        ({"batches_per_epoch": 1000}, 8),
        ({}, 8),
        # A batch of one row for each of the 60.
        ({"batch_tokens": 1}, 60),
        ({"batch_tokens": 1, "batches_per_epoch": 7}, 7),
    ],
    ids=str,
)
def test_the_schedule_runs_over_the_steps_that_are_taken(corpus, tmp_path, monkeypatch, asked_for, batches):
    asked = []
    monkeypatch.setattr(loop.schedules, "factor", lambda *given: asked.append(given) or 1.0)
    fit(corpus, tmp_path, BAG, changed(**asked_for, schedule="cosine", warm_up=0.25))
    assert asked == [("cosine", 0.25, step, 4 * batches) for step in range(4 * batches)]


# --- every switch does something --------------------------------------------------------------------

SWITCHES = [
    {"batch_tokens": 40},
    {"optimizer": "sgd"},
    {"optimizer": "sgd", "momentum": 0.9},
    {"optimizer": "sgd", "momentum": 0.9, "nesterov": True},
    {"optimizer": "adamw", "weight_decay": 0.1},
    {"weight_decay": 0.1},
    {"schedule": "cosine"},
    {"schedule": "one_cycle", "warm_up": 0.3},
    {"warm_up": 0.3},
    {"gradient_clip": 0.01},
    {"gradient_clip": None},
    {"label_smoothing": 0.1},
    {"weight_average": 0.5},
    {"batches_per_epoch": 3},
    {"batch_size": 5},
    {"learning_rate": 0.1},
]


def test_consistency_leads_to_weights_of_its_own_where_something_is_dropped(corpus, tmp_path):
    plain, asked = (fit(corpus, tmp_path, SMALL, changed(epochs=1, consistency=one)) for one in (0.0, 1.0))
    assert not torch.equal(plain.weights["head.linear.weight"], asked.weights["head.linear.weight"])


def test_every_rule_of_training_leads_to_weights_of_its_own(corpus, tmp_path):
    # A clip that bites, so that its absence shows.
    plain = changed(epochs=1, gradient_clip=0.1)
    fits = [fit(corpus, tmp_path, BAG, loop.merge(plain, switch)) for switch in [{}, *SWITCHES]]
    found = {fitted.weights["head.linear.weight"].numpy().tobytes() for fitted in fits}
    assert len(found) == 1 + len(SWITCHES)


# --- what goes wrong --------------------------------------------------------------------------------


def test_scores_beyond_all_numbers_are_refused(corpus, tmp_path):
    network = BagNetwork(cell="bag", embedding=Embedding(size=8, scale=3e38))
    with pytest.raises(Refusal, match="training came to nothing"):
        fit(corpus, tmp_path, network)


def test_overrides_are_checked_like_what_they_override():
    with pytest.raises(ValueError, match="patience"):
        loop.merge(RULES, {"patience": 0})
    with pytest.raises(ValueError, match="epoch\n"):
        loop.merge(RULES, {"epoch": 3})
    with pytest.raises(ValueError, match="supervision is phrases from first to last"):
        loop.merge(RULES, {"supervision": "phrases", "phrases_first": {"epochs": 1}})
    with pytest.raises(ValueError, match=r"phrases_first\.epochs"):
        loop.merge(RULES, {"phrases_first": {}})
    assert loop.merge(RULES, {"epochs": 3}, {"epochs": 9}).epochs == 9


# --- seeds ------------------------------------------------------------------------------------------


def test_each_seed_and_epoch_has_numbers_of_its_own():
    drawn = set()
    for seed in range(4):
        for epoch in range(4):
            loop.seed_everything(seed, epoch)
            drawn.add(torch.rand(4).numpy().tobytes())
    assert len(drawn) == 16
    loop.seed_everything(0, 0)
    assert torch.rand(4).numpy().tobytes() in drawn


def test_no_seed_is_too_large():
    loop.seed_everything(2**31 - 1, 10_000)
    assert np.isfinite(torch.rand(1).item())


def test_a_shipped_network_trains_as_params_yaml_says(corpus, tmp_path):
    network = shipped("t3_rnn")
    rules = loop.merge(RULES, network.training)
    assert (rules.optimizer, rules.momentum, rules.nesterov, rules.epochs) == ("sgd", 0.9, True, 10)
    fitted = fit(corpus, tmp_path, network, rules)
    assert len(fitted.history) == 10
