"""What holds on a CPU holds on a GPU: the same function, the same bits again, and never a wait in between.

These run where there is a GPU, and nowhere else.
"""

from dataclasses import replace
from itertools import islice
from types import SimpleNamespace

import pytest
import torch
from drawn import IMPLEMENTATIONS, TOLERANCE, assert_same, batch_of, gradients, model_of, network, rows
from runs import BAG, PRETRAINED, READER, RULES, SMALL, assert_same_bits, changed, experiment, pulled_after

from unroll import environment
from unroll.networks.batches import Batch, EncodedSplit
from unroll.networks.cells import CELLS
from unroll.networks.pooling import PARTS
from unroll.networks.spec import BagNetwork, RecurrentNetwork
from unroll.training import loop
from unroll.training.loop import Fitted, Training

GPU = "cuda"
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")

PLAIN = RecurrentNetwork(cell="lstm", hidden=6, layers=2, bidirectional=True, pooling="max")
"""Without chance, so that a CPU's run is the same but for rounding."""
RUNS = {
    "every chance": (
        SMALL,
        changed(optimizer="adamw", weight_decay=0.1, schedule="one_cycle", warm_up=0.3, weight_average=0.9),
    ),
    "bfloat16": (SMALL.model_copy(update={"precision": "bfloat16"}), RULES),
    "torch's layers, packed": (
        SMALL.model_copy(update={"implementation": "library", "batching": "packed"}),
        RULES,
    ),
    "written out": (SMALL.model_copy(update={"implementation": "handwritten"}), changed(optimizer="sgd")),
    "bag": (BAG, changed(label_smoothing=0.1, class_weights="balanced")),
    "next word": (READER, RULES),
    "pretrained": (PRETRAINED, RULES),
}
every_run = pytest.mark.parametrize(("network", "rules"), RUNS.values(), ids=RUNS)


@pytest.fixture(autouse=True, scope="module")
def prepared() -> None:
    environment.prepare_torch(GPU, "highest")


def there(split: EncodedSplit) -> EncodedSplit:
    moved = {name: getattr(split, name).to(GPU) for name in ("ids", "offsets", "labels")}
    return replace(split, **moved)


@pytest.fixture(scope="module")
def gpu_corpus(corpus) -> SimpleNamespace:
    return SimpleNamespace(
        vocabulary=corpus.vocabulary, train=there(corpus.train), validation=there(corpus.validation)
    )


def fit(corpus, folder, network: BagNetwork | RecurrentNetwork, rules: Training, device: str = GPU) -> Fitted:
    made = experiment(corpus, network, rules)
    return made.run(made.model(None, device), corpus.train, corpus.validation, folder / "run-1.safetensors")


def moved(batch: Batch) -> Batch:
    tensors = {name: getattr(batch, name).to(GPU) for name in ("tokens_BL", "lengths_B", "labels_B")}
    return replace(batch, **tensors)


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("bidirectional", [False, True], ids=["forward", "both"])
@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@pytest.mark.parametrize("cell", CELLS)
def test_scores_and_gradients_are_those_of_a_cpu(cell, implementation, bidirectional, dtype):
    named = {"cell": cell, "implementation": implementation, "bidirectional": bidirectional}
    made = network(**named, layers=2, pooling="+".join(PARTS))
    batch, limit = batch_of(rows(4, 1, 7, 2, 7)), TOLERANCE[dtype]
    here = model_of(made, dtype)
    # cuDNN gives gradients of what it has read in training alone; there is no dropout in this network.
    elsewhere = model_of(made, dtype).to(GPU).train()
    scores_BC, found_BC = here(batch), elsewhere(moved(batch))
    torch.testing.assert_close(found_BC.cpu(), scores_BC, rtol=limit, atol=limit)
    expected = gradients(here, scores_BC.square().sum())
    found = {name: tensor.cpu() for name, tensor in gradients(elsewhere, found_BC.square().sum()).items()}
    assert_same(found, expected, limit * 10)


def test_a_training_comes_to_what_it_comes_to_on_a_cpu_but_for_rounding(corpus, gpu_corpus, tmp_path):
    here = fit(corpus, tmp_path / "here", PLAIN, RULES, "cpu")
    found = fit(gpu_corpus, tmp_path / "there", PLAIN, RULES)
    for one, other in zip(here.history, found.history, strict=True):
        assert other["train_loss"] == pytest.approx(one["train_loss"], rel=1e-3)
        assert other["rows"] == one["rows"]


@every_run
def test_two_fits_with_one_seed_give_the_same_bits(gpu_corpus, tmp_path, network, rules):
    first = fit(gpu_corpus, tmp_path / "first", network, rules)
    torch.manual_seed(99)
    assert_same_bits(first, fit(gpu_corpus, tmp_path / "second", network, rules))


@every_run
def test_a_run_that_continues_ends_with_the_bits_of_one_that_was_never_stopped(
    gpu_corpus, tmp_path, network, rules
):
    whole = fit(gpu_corpus, tmp_path / "whole", network, rules)
    with pulled_after(".safetensors", 2):
        fit(gpu_corpus, tmp_path / "stopped", network, rules)
    torch.manual_seed(99)
    assert_same_bits(whole, fit(gpu_corpus, tmp_path / "stopped", network, rules))


@pytest.mark.parametrize("network", [SMALL, BAG, RUNS["bfloat16"][0]], ids=["lstm", "bag", "bfloat16"])
@pytest.mark.parametrize("rules", [RUNS["every chance"][1], changed(class_weights="balanced")])
def test_no_step_waits_for_the_gpu(gpu_corpus, network, rules):
    # torch itself waits where class weights and label smoothing come together.
    made = experiment(gpu_corpus, network, rules)
    task, model = made.task(gpu_corpus.train), made.model(None, GPU)
    run = loop.prepare(model, gpu_corpus.train, task, rules, network.batching, made.seed)
    taken = loop.steps(run, 1)
    # The first sends the order of the epoch's rows, and makes the libraries' handles.
    next(taken)
    torch.cuda.set_sync_debug_mode("error")
    try:
        assert len(list(islice(taken, 4))) == 4
    finally:
        torch.cuda.set_sync_debug_mode("default")
