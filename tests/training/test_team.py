"""Processes that train one network together take the steps of one process, and end at one step too."""

import os

import numpy as np
import pytest
import torch
from runs import BAG, PRETRAINED, READER, SMALL, assert_same_bits, changed, fit
from teams import STILL, fitted, together

from unroll.failures import Refusal
from unroll.networks import checkpoints
from unroll.networks.spec import Embedding, Pretraining, RecurrentNetwork
from unroll.training import adaptive_softmax, team
from unroll.training.loop import seed_everything
from unroll.training.team import ALONE, Team

NEXT_WORD = RecurrentNetwork(cell="lstm", hidden=6, task="next_word", embedding=Embedding(size=8))
DENSE = RecurrentNetwork(
    cell="elman", hidden=6, pooling="mean", embedding=Embedding(size=8, gradients="dense")
)


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize(
    "network, rules",
    [
        (STILL, changed(batch_size=7)),
        (STILL, changed(batch_size=7, class_weights="balanced", label_smoothing=0.1, weight_average=0.9)),
        # Its last batches have fewer rows than the team has members.
        (STILL, changed(batch_tokens=9)),
        (NEXT_WORD, changed(batch_size=5)),
        (DENSE, changed(batch_size=7, optimizer="sgd", momentum=0.9)),
        (BAG, changed(batch_size=7, optimizer="adamw", weight_decay=0.1)),
        (STILL, changed(batch_size=7, phrases_first={"epochs": 2})),
    ],
    ids=["classes", "weighed classes", "few rows", "next words", "dense gradients", "bag", "phrases first"],
)
def test_a_team_learns_what_one_process_learns(corpus, tmp_path, network, rules, size):
    assert_learns_as_one(corpus, tmp_path, network, rules, size)


@pytest.mark.parametrize("rules", [changed(batch_size=5), changed(batch_tokens=9)], ids=["rows", "few rows"])
def test_a_team_pretrains_as_one_process_does_with_rare_words_apart(corpus, tmp_path, monkeypatch, rules):
    monkeypatch.setattr(adaptive_softmax, "FEWEST", 1)
    network = STILL.model_copy(update={"pretraining": Pretraining(epochs=2)})
    assert_learns_as_one(corpus, tmp_path, network, rules, size=2)


def assert_learns_as_one(corpus, folder, network, rules, size: int) -> None:
    alone = fit(corpus, folder, network, rules)
    for one in together(size, folder / "team", fitted(corpus, folder / "run", network, rules)):
        for name, tensor in alone.weights.items():
            assert torch.allclose(tensor, one.weights[name], rtol=1e-3, atol=1e-4), name
        for row, expected in zip(one.history, alone.history, strict=True):
            assert row == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("network", [SMALL, READER, PRETRAINED], ids=["classes", "next words", "pretrained"])
def test_members_stay_alike_to_the_last_bit_and_so_does_the_next_team(corpus, tmp_path, network):
    first, second = together(2, tmp_path / "one", fitted(corpus, tmp_path / "run.a", network, changed()))
    assert_same_bits(first, second)
    again, _ = together(2, tmp_path / "two", fitted(corpus, tmp_path / "run.b", network, changed()))
    assert_same_bits(first, again)


def test_members_draw_dropout_each_for_itself():
    drawn = []
    for rank in range(3):
        seed_everything(1, 2, rank)
        drawn.append(torch.rand(8))
    assert len({tuple(one.tolist()) for one in drawn}) == 3
    seed_everything(1, 2)
    assert torch.equal(torch.rand(8), drawn[0])


@pytest.mark.parametrize("told", [0, 1], ids=["who leads", "the other"])
def test_a_team_of_which_one_is_told_to_end_ends_at_one_step_and_goes_on_from_there(corpus, tmp_path, told):
    path = tmp_path / "run.safetensors"

    def stopped(ours: Team) -> str:
        asked = iter(range(1000))
        work = fitted(
            corpus,
            path,
            SMALL,
            changed(),
            stopping=lambda: "SIGTERM" if next(asked) >= 12 and ours.rank == told else None,
        )
        with pytest.raises(Refusal) as refused:
            work(ours)
        return str(refused.value)

    whole, _ = together(
        2, tmp_path / "whole", fitted(corpus, tmp_path / "whole.safetensors", SMALL, changed())
    )
    said = together(2, tmp_path / "stopped", stopped)
    assert "stopped by SIGTERM in epoch 2, after 4 of 8 batches" in said[told]
    assert "stopped by another process of its team in epoch 2, after 4 of 8 batches" in said[1 - told]
    parts, _ = checkpoints.load_checkpoint(path, "cpu")
    assert not torch.equal(parts["generators"]["cpu.0"], parts["generators"]["cpu.1"])
    for one in together(2, tmp_path / "on", fitted(corpus, path, SMALL, changed())):
        assert_same_bits(one, whole)


def test_of_a_batch_each_row_is_one_members_share():
    members = [Team(rank, 3) for rank in range(3)]
    for count in range(1, 9):
        rows = np.arange(count)
        shares = [one.share(rows) for one in members if one.counts(rows)]
        assert sorted(np.concatenate(shares)) == list(rows)
        assert all(len(one.share(rows)) for one in members)
    assert np.array_equal(ALONE.share(rows), rows) and ALONE.counts(rows)


def test_what_a_member_refuses_is_left_to_be_told_once(corpus, tmp_path, capfd):
    def refuse(ours: Team) -> None:
        raise Refusal(f"no more of this, says {ours.rank}")

    assert together(2, tmp_path / "team", refuse) == [None, None]
    assert (tmp_path / "team" / team.SAID).read_text().startswith("no more of this, says ")
    assert capfd.readouterr().err == ""


def test_who_has_lost_a_member_ends_without_a_word(tmp_path, capfd):
    def lose(ours: Team) -> None:
        if ours.rank == 1:
            os._exit(3)
        ours.any(True)

    assert together(2, tmp_path / "team", lose) == [None, None]
    assert not (tmp_path / "team" / team.SAID).exists()
    assert "Traceback" not in capfd.readouterr().err
