"""Faults in training."""

import pytest
import torch
from runs import SMALL, changed, fit, shipped

from unroll.failures import Refusal
from unroll.networks import checkpoints
from unroll.networks.tasks import Classification


def test_a_training_that_leaps_is_stopped_at_its_batch(corpus, tmp_path, tell):
    tried = "an Elman network with ReLU at learning_rate 10, nothing clipped"
    network = shipped("rnn").model_copy(update={"nonlinearity": "relu"})
    tell(tried, "")
    with pytest.raises(Refusal, match=r"epoch \d, batch \d of 8") as told:
        fit(corpus, tmp_path, network, changed(optimizer="sgd", learning_rate=10.0, gradient_clip=None))
    tell(tried, str(told.value))


@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_what_is_no_number_stops_at_its_step_and_the_last_good_checkpoint_stays(
    corpus, tmp_path, tell, monkeypatch, what
):
    tried = f"a {what} that is no number, in the third epoch"
    tell(tried, "")
    taken = []
    step = Classification.step

    def spoiled(task, model, batch):
        loss, right, predicted = step(task, model, batch)
        taken.append(batch)
        if len(taken) == 20:
            nothing = model.head.linear.bias.sum() * 0
            loss = loss + (nothing.log() if what == "loss" else nothing.sqrt())
        return loss, right, predicted

    with monkeypatch.context() as patched, pytest.raises(Refusal, match="epoch 3, batch 4 of 8") as told:
        patched.setattr(Classification, "step", spoiled)
        fit(corpus, tmp_path)
    assert len(taken) == 20
    parts, document = checkpoints.load_checkpoint(tmp_path / "run-1.safetensors", "cpu")
    assert document["standing"]["epochs"] == 2
    assert all(tensor.isfinite().all() for tensor in parts["model"].values())
    tell(tried, str(told.value))


def test_a_full_gpu_names_the_batch_size_to_try(corpus, tmp_path, tell, monkeypatch):
    tried = "a GPU out of memory (its error, raised where there is none)"
    tell(tried, "")

    def too_large(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

    monkeypatch.setattr(Classification, "step", too_large)
    with pytest.raises(Refusal, match=r"Try training.batch_size: 32") as told:
        fit(corpus, tmp_path, SMALL, changed(batch_size=64))
    tell(tried, str(told.value))


def test_no_checkpoint_with_a_flipped_bit_is_continued_from(tmp_path, tell, times):
    tried = "a checkpoint with one flipped bit"
    tell(tried, "")
    path = tmp_path / "run-1.safetensors"
    checkpoints.save_checkpoint(path, {"model": {"weight": torch.randn(500)}}, {"standing": {"epochs": 2}})
    good = path.read_bytes()
    draw = torch.Generator().manual_seed(1)
    tries = times(2000, 100)
    for _ in range(tries):
        bit = int(torch.randint(8 * len(good), (), generator=draw))
        flipped = bytearray(good)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        assert checkpoints.load_checkpoint(path, "cpu") is None, bit
    tell(tried, f"none of {tries}, each bit drawn at random, is taken for a checkpoint: training starts anew")
