"""A run that is killed goes on where it stopped, and ends with the bits of one that never was."""

from pathlib import Path

import pytest
import torch
from runs import (
    BAG,
    PRETRAINED,
    READER,
    RULES,
    SMALL,
    Pulled,
    assert_same_bits,
    changed,
    experiment,
    fit,
    prepared,
    pulled_after,
    shipped,
    stop_after,
)

from unroll.failures import Refusal
from unroll.networks import checkpoints
from unroll.networks.spec import Dropout, Embedding, RecurrentNetwork
from unroll.networks.tasks import Classification
from unroll.progress import Clock
from unroll.training import adaptive_softmax, loop
from unroll.training.experiment import forget

HANDWRITTEN = RecurrentNetwork(
    cell="elman",
    implementation="handwritten",
    hidden=6,
    layers=2,
    bidirectional=True,
    initial_state="learned",
    pooling="last+attention",
    batching="padded",
    embedding=Embedding(size=8, gradients="dense", learning_rate=0.05),
    dropout=Dropout(words=0.1, embedding=0.1, layers=0.2, recurrent=0.2, output=0.2, variational=True),
)
LIBRARY = SMALL.model_copy(update={"implementation": "library"})
HALVED = SMALL.model_copy(update={"precision": "bfloat16"})
RUNS = {
    "every chance, by adamw": (
        SMALL,
        changed(optimizer="adamw", weight_decay=0.1, schedule="one_cycle", warm_up=0.3, weight_average=0.9),
    ),
    "torch's layers": (LIBRARY, RULES),
    "bfloat16, by tokens": (HALVED, changed(batch_tokens=50)),
    "every chance, by momentum": (
        HANDWRITTEN,
        changed(
            optimizer="sgd",
            momentum=0.9,
            nesterov=True,
            schedule="cosine",
            warm_up=0.1,
            weight_average=0.5,
            label_smoothing=0.1,
            batches_per_epoch=5,
            class_weights="balanced",
        ),
    ),
    "bag": (BAG, RULES),
    "next word": (READER, changed(weight_average=0.9)),
    "bigru": (shipped("bigru"), RULES),
    "t2_lstm": (shipped("t2_lstm"), changed(optimizer="sgd", learning_rate=0.3, gradient_clip=None)),
    "t4_lstm_packed": (shipped("t4_lstm_packed"), RULES),
    "t5_next_word_ours": (shipped("t5_next_word_ours"), RULES),
}


def another_process() -> None:
    """The process that continues begins with generators of its own."""
    torch.manual_seed(99)


@pytest.mark.parametrize("name", RUNS)
def test_a_run_that_continues_ends_with_the_bits_of_one_that_was_never_stopped(corpus, tmp_path, name):
    network, rules = RUNS[name]
    whole = fit(corpus, tmp_path / "whole", network, rules)
    for epoch in (1, 2, 3):
        folder = tmp_path / f"stopped after {epoch}"
        with pulled_after(".safetensors", epoch):
            fit(corpus, folder, network, rules)
        another_process()
        continued = fit(corpus, folder, network, rules)
        assert_same_bits(whole, continued)
        assert [row["epoch"] for row in continued.history] == [1, 2, 3, 4]


@pytest.mark.parametrize("network", [SMALL, PRETRAINED], ids=["plain", "pretrained"])
def test_a_run_that_continues_does_not_repeat_what_it_has(corpus, tmp_path, monkeypatch, network):
    with pulled_after(".safetensors", 3):
        fit(corpus, tmp_path, network)
    seen = []
    monkeypatch.setattr(Clock, "is_due", lambda clock: True)
    fit(corpus, tmp_path, network, watch=seen.append)
    assert {(one.epoch, one.epochs) for one in seen} == {(4, 4)}


STEPS = 8
"""In an epoch of these runs."""


@pytest.mark.parametrize("name", RUNS)
def test_a_run_that_is_asked_to_stop_in_the_middle_of_an_epoch_repeats_no_step(
    corpus, tmp_path, monkeypatch, name
):
    network, rules = RUNS[name]
    whole = fit(corpus, tmp_path / "whole", network, rules)
    taken = []
    batches = loop.steps

    def counted(run, epoch: int, first: int = 0):
        for step in batches(run, epoch, first):
            taken.append((epoch, tuple(step.rows)))
            yield step

    monkeypatch.setattr(loop, "steps", counted)
    folder = tmp_path / "stopped"
    for steps in (1, 3, 2, 5):
        assert "and saved: run it again to go on from there" in stop_after(
            steps, corpus, folder, network, rules
        )
        another_process()
    assert_same_bits(whole, fit(corpus, folder, network, rules))
    run = prepared(corpus, network, rules)
    assert taken == [(epoch, tuple(rows)) for epoch in range(1, 5) for rows in run.order(epoch)]


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        (1, "stopped by SIGTERM in epoch 1, after 1 of 8 batches"),
        (STEPS, "stopped by SIGTERM in epoch 1, after 8 of 8 batches"),
    ],
)
def test_a_run_that_is_asked_to_stop_says_where(corpus, tmp_path, steps, told):
    assert stop_after(steps, corpus, tmp_path, SMALL, RULES).startswith(told)


def test_a_run_that_is_asked_to_stop_while_it_is_scored_has_ended_its_epoch(corpus, tmp_path, monkeypatch):
    whole = fit(corpus, tmp_path / "whole")
    asked = []
    score = Classification.score

    def scored(*given) -> dict:
        asked.append("SIGINT")
        return score(*given)

    with monkeypatch.context() as patched, pytest.raises(Refusal, match="stopped by SIGINT after 1 epochs"):
        patched.setattr(Classification, "score", scored)
        fit(corpus, tmp_path / "stopped", stopping=lambda: asked[0] if asked else None)
    another_process()
    assert_same_bits(whole, fit(corpus, tmp_path / "stopped"))


def test_a_run_saves_once_a_minute_in_the_middle_of_an_epoch(corpus, tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(loop.time, "monotonic", lambda: now[0])
    saved = []
    save = checkpoints.save_checkpoint

    def remember(path: Path, parts: dict, document: dict) -> None:
        saved.append((document["standing"]["epochs"], document["tally"]["batches"]))
        save(path, parts, document)

    def tick() -> None:
        now[0] += 25.0

    monkeypatch.setattr(checkpoints, "save_checkpoint", remember)
    fit(corpus, tmp_path, rules=changed(epochs=2), stopping=tick)
    # After three steps of 25 s each, and after each epoch.
    assert saved == [(0, 3), (0, 6), (1, 0), (1, 3), (1, 6), (2, 0)]


def test_a_checkpoint_that_was_cut_short_is_not_continued_from(corpus, tmp_path):
    whole = fit(corpus, tmp_path / "whole")
    path = tmp_path / "run-1.safetensors"
    checkpoints.save_checkpoint(path, {"model": whole.weights}, {"standing": {}})
    path.write_bytes(path.read_bytes()[:-50])
    assert_same_bits(whole, fit(corpus, tmp_path))


@pytest.mark.parametrize("network", [SMALL, PRETRAINED, READER], ids=["plain", "pretrained", "next word"])
def test_a_finished_run_gives_again_what_it_gave_until_it_is_forgotten(
    corpus, tmp_path, network, monkeypatch
):
    path = tmp_path / "run-1.safetensors"
    made = experiment(corpus, network)
    first = made.run(made.model(None, "cpu"), corpus.train, corpus.validation, path)
    with monkeypatch.context() as patched:
        patched.delattr(loop, "steps")
        again = made.run(made.model(None, "cpu"), corpus.train, corpus.validation, path)
    assert_same_bits(first, again)
    (tmp_path / "run2-1.safetensors").touch()
    forget(tmp_path, "run")
    assert [one.name for one in tmp_path.iterdir()] == ["run2-1.safetensors"]


# --- with pretraining -------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".pretraining", ".safetensors"])
@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_a_run_may_stop_in_its_pretraining_and_after_it(corpus, tmp_path, suffix, epoch):
    rules = changed(weight_average=0.5, schedule="one_cycle", warm_up=0.3)
    whole = fit(corpus, tmp_path / "whole", PRETRAINED, rules)
    folder = tmp_path / "stopped"
    with pulled_after(suffix, epoch):
        fit(corpus, folder, PRETRAINED, rules)
    # What came of the pretraining stays until all is in a safe place.
    assert {path.suffix for path in folder.iterdir()} == {".pretraining", suffix}
    another_process()
    assert_same_bits(whole, fit(corpus, folder, PRETRAINED, rules))


@pytest.mark.parametrize("steps", [3, 11])
def test_a_pretraining_both_ways_with_rare_words_apart_goes_on_amid_an_epoch(
    corpus, tmp_path, monkeypatch, steps
):
    monkeypatch.setattr(adaptive_softmax, "FEWEST", 1)
    network = PRETRAINED.model_copy(update={"bidirectional": True})
    whole = fit(corpus, tmp_path / "whole", network)
    assert "of 8 batches" in stop_after(steps, corpus, tmp_path / "stopped", network)
    assert [path.suffix for path in (tmp_path / "stopped").iterdir()] == [".pretraining"]
    another_process()
    assert_same_bits(whole, fit(corpus, tmp_path / "stopped", network))


def test_a_run_that_stops_between_pretraining_and_training_does_not_pretrain_again(
    corpus, tmp_path, monkeypatch
):
    whole = fit(corpus, tmp_path / "whole", PRETRAINED)
    monkeypatch.setattr(Clock, "is_due", lambda clock: True)
    seen = []

    def look(progress) -> None:
        seen.append(progress.epochs)

    def stop(progress) -> None:
        look(progress)
        # The pretraining has three epochs, the training four.
        if progress.epochs == RULES.epochs:
            raise Pulled

    folder = tmp_path / "stopped"
    with pytest.raises(Pulled):
        fit(corpus, folder, PRETRAINED, watch=stop)
    assert 3 in seen
    seen.clear()
    another_process()
    assert_same_bits(
        whole, fit(corpus, folder, PRETRAINED, watch=lambda progress: seen.append(progress.epochs))
    )
    assert set(seen) == {RULES.epochs}


def test_a_checkpoint_that_was_cut_short_does_not_stand_for_a_pretraining(corpus, tmp_path):
    whole = fit(corpus, tmp_path / "whole", PRETRAINED)
    with pulled_after(".safetensors", 2):
        fit(corpus, tmp_path, PRETRAINED)
    path = tmp_path / "run-1.safetensors"
    path.write_bytes(path.read_bytes()[:-50])
    assert_same_bits(whole, fit(corpus, tmp_path, PRETRAINED))
