"""A run that is killed goes on where it stopped, and ends with the bits of one that never was."""

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
    fit,
    pulled_after,
    shipped,
)

from unroll.networks import checkpoints
from unroll.networks.spec import Dropout, Embedding, RecurrentNetwork
from unroll.progress import Clock

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


@pytest.mark.parametrize("stopped_at", [1, 3])
def test_a_run_that_stops_in_the_middle_of_an_epoch_repeats_that_epoch(
    corpus, tmp_path, monkeypatch, stopped_at
):
    network, rules = RUNS["every chance, by adamw"]
    whole = fit(corpus, tmp_path / "whole", network, rules)
    monkeypatch.setattr(Clock, "is_due", lambda clock: True)

    def stop(progress) -> None:
        if progress.epoch == stopped_at and progress.done > 0.4:
            raise Pulled

    with pytest.raises(Pulled):
        fit(corpus, tmp_path / "stopped", network, rules, watch=stop)
    assert_same_bits(whole, fit(corpus, tmp_path / "stopped", network, rules))


def test_a_checkpoint_that_was_cut_short_is_not_continued_from(corpus, tmp_path):
    whole = fit(corpus, tmp_path / "whole")
    path = tmp_path / "run.safetensors"
    checkpoints.save_checkpoint(path, {"model": whole.weights}, {"epoch": 2})
    path.write_bytes(path.read_bytes()[:-50])
    assert_same_bits(whole, fit(corpus, tmp_path))


@pytest.mark.parametrize("network", [SMALL, PRETRAINED, READER], ids=["plain", "pretrained", "next word"])
def test_a_finished_run_leaves_no_checkpoint(corpus, tmp_path, network):
    fit(corpus, tmp_path, network)
    assert list(tmp_path.iterdir()) == []


# --- with pretraining -------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".pretraining", ".safetensors"])
@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_a_run_may_stop_in_its_pretraining_and_after_it(corpus, tmp_path, suffix, epoch):
    rules = changed(weight_average=0.5, schedule="one_cycle", warm_up=0.3)
    whole = fit(corpus, tmp_path / "whole", PRETRAINED, rules)
    folder = tmp_path / "stopped"
    with pulled_after(suffix, epoch):
        fit(corpus, folder, PRETRAINED, rules)
    assert [path.suffix for path in folder.iterdir()] == [suffix]
    another_process()
    assert_same_bits(whole, fit(corpus, folder, PRETRAINED, rules))


def test_a_run_that_stops_between_pretraining_and_training_pretrains_again(corpus, tmp_path, monkeypatch):
    whole = fit(corpus, tmp_path / "whole", PRETRAINED)
    monkeypatch.setattr(Clock, "is_due", lambda clock: True)

    def stop(progress) -> None:
        # The pretraining has three epochs, the training four.
        if progress.epochs == RULES.epochs:
            raise Pulled

    folder = tmp_path / "stopped"
    folder.mkdir()
    with pytest.raises(Pulled):
        fit(corpus, folder, PRETRAINED, watch=stop)
    assert list(folder.iterdir()) == []
    another_process()
    assert_same_bits(whole, fit(corpus, folder, PRETRAINED))


def test_a_checkpoint_that_was_cut_short_does_not_stand_for_a_pretraining(corpus, tmp_path):
    whole = fit(corpus, tmp_path / "whole", PRETRAINED)
    with pulled_after(".safetensors", 2):
        fit(corpus, tmp_path, PRETRAINED)
    path = tmp_path / "run.safetensors"
    path.write_bytes(path.read_bytes()[:-50])
    assert_same_bits(whole, fit(corpus, tmp_path, PRETRAINED))
