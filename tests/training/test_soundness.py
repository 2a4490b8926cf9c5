"""What is no number, or does not fit into memory, is told at its batch and in words."""

import pytest
import torch
from runs import READER, SMALL, changed, experiment, fit, prepared

from unroll.failures import Refusal
from unroll.networks.tasks import Classification
from unroll.training import loop, soundness
from unroll.training.soundness import Soundness, enough_memory


@pytest.mark.parametrize("network", [SMALL, READER], ids=["classifier", "next word"])
def test_a_loss_that_is_no_number_is_refused(corpus, tmp_path, network):
    made = experiment(corpus, network)
    model = made.model(None, "cpu")
    with torch.no_grad():
        model.head.linear.bias[0] = float("nan")
    with pytest.raises(Refusal, match=r"epoch 1, batch 1 of 8.*Try a smaller learning_rate"):
        made.run(model, corpus.train, corpus.validation, tmp_path / "run-1.safetensors")
    assert list(tmp_path.iterdir()) == []


def spoil(monkeypatch: pytest.MonkeyPatch, at: int, what: str) -> list:
    """Let the loss or the gradient of one of all steps be no number; return the steps that were taken."""
    taken = []
    step = Classification.step

    def spoiled(task, model, batch):
        loss, right, predicted = step(task, model, batch)
        taken.append(batch)
        if len(taken) == at and what == "loss":
            loss = loss * float("nan")
        if len(taken) == at and what == "gradient":
            # The loss stays a number: its gradient is infinite.
            loss = loss + (model.head.linear.bias.sum() * 0).sqrt()
        return loss, right, predicted

    monkeypatch.setattr(Classification, "step", spoiled)
    return taken


@pytest.mark.parametrize("clip", [1.0, None])
@pytest.mark.parametrize("what", ["loss", "gradient"])
@pytest.mark.parametrize("at", [1, 8, 11, 32])
def test_the_batch_is_named_and_nothing_follows_it(corpus, tmp_path, monkeypatch, at, what, clip):
    rules = changed(gradient_clip=clip)
    epoch, batch = divmod(at - 1, 8)
    rows = corpus.train.rows[prepared(corpus, SMALL, rules).order(epoch + 1)[batch]]
    taken = spoil(monkeypatch, at, what)
    with pytest.raises(Refusal, match=rf"epoch {epoch + 1}, batch {batch + 1} of 8") as told:
        fit(corpus, tmp_path, SMALL, rules)
    assert ", ".join(map(str, rows[: soundness.ROWS_NAMED])) in str(told.value)
    assert len(taken) == at


@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_the_last_good_checkpoint_is_kept_and_continued_from(corpus, tmp_path, monkeypatch, what):
    whole = fit(corpus, tmp_path / "whole")
    with monkeypatch.context() as patched:
        spoil(patched, 20, what)
        with pytest.raises(Refusal, match="epoch 3, batch 4"):
            fit(corpus, tmp_path / "broken")
    taken = spoil(monkeypatch, 0, what)
    continued = fit(corpus, tmp_path / "broken")
    assert all(torch.equal(tensor, continued.weights[name]) for name, tensor in whole.weights.items())
    assert len(taken) == 2 * 8


@pytest.mark.parametrize("asked_to_stop", [True, False])
def test_where_nobody_waits_for_the_device_a_fault_is_found_before_anything_is_saved(
    corpus, tmp_path, monkeypatch, asked_to_stop
):
    original = Soundness.__init__

    def as_on_a_gpu(one: Soundness, *given) -> None:
        original(one, *given)
        one.at_once = False

    monkeypatch.setattr(Soundness, "__init__", as_on_a_gpu)
    taken = spoil(monkeypatch, 20, "loss")
    with pytest.raises(Refusal, match="epoch 3, batch 4 of 8"):
        fit(
            corpus,
            tmp_path,
            stopping=lambda: "SIGTERM" if asked_to_stop and len(taken) > 21 else None,
        )
    assert len(taken) == 22 if asked_to_stop else 24
    assert fit_continues_at(corpus, tmp_path, monkeypatch) == 3


def fit_continues_at(corpus, folder, monkeypatch) -> int:
    epochs = []
    steps = loop.steps
    monkeypatch.setattr(
        loop, "steps", lambda run, epoch, first: epochs.append(epoch) or steps(run, epoch, first)
    )
    with monkeypatch.context() as patched:
        patched.setattr(Soundness, "first_fault", lambda one: None)
        fit(corpus, folder)
    return epochs[0]


# --- memory -----------------------------------------------------------------------------------------

FULL_GPU = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
FULL_MACHINE = RuntimeError(
    "[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9"
)


@pytest.mark.parametrize(
    ("error", "sizes", "told"),
    [
        (FULL_GPU, (64, None), "the GPU is out of memory. Try training.batch_size: 32"),
        (FULL_GPU, (64, 4096), "the GPU is out of memory. Try training.batch_tokens: 2048"),
        (FULL_GPU, (1, None), "the GPU is out of memory. Try a smaller hidden or embedding.size"),
        (FULL_MACHINE, (7, None), "the machine is out of memory. Try training.batch_size: 3"),
    ],
)
def test_too_little_memory_names_the_batch_size_to_try(error, sizes, told):
    with pytest.raises(Refusal) as refused, enough_memory(*sizes):
        raise error
    assert str(refused.value).startswith(told)


def test_the_machine_really_says_so():
    with pytest.raises(Refusal, match="the machine is out of memory"), enough_memory(64, None):
        torch.empty(2**60)


def test_a_training_that_does_not_fit_says_what_to_try(corpus, tmp_path, monkeypatch):
    def too_large(*_):
        raise FULL_GPU

    monkeypatch.setattr(Classification, "step", too_large)
    with pytest.raises(
        Refusal, match=r"out of memory. Try training.batch_size: 4 \(params.yaml; it is 8 now\)"
    ):
        fit(corpus, tmp_path, SMALL, changed(batch_size=8))


def test_any_other_error_is_not_taken_for_it():
    with pytest.raises(RuntimeError, match="size mismatch"), enough_memory(64, None):
        raise RuntimeError("size mismatch")
