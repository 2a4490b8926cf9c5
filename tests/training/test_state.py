"""Nothing that a checkpoint remembers is there in vain: without any one item a run ends with other bits."""

import re
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from runs import SMALL, assert_same_bits, changed, fit, prepared, stop_after

from unroll.networks import checkpoints
from unroll.training.loop import Fitted
from unroll.training.state import Standing, State, Tally

RULES = changed(
    optimizer="adamw",
    weight_decay=0.1,
    schedule="one_cycle",
    warm_up=0.3,
    weight_average=0.9,
    # So high that the best epoch is not the last.
    learning_rate=0.3,
)
TENSORS = {
    "the model": "model/",
    "the optimizer's means": "optimizer/0.means",
    "the optimizer's means of the other group": "optimizer/1.means",
    "the optimizer's squares": "optimizer/0.squares",
    "the optimizer's squares of the other group": "optimizer/1.squares",
    "the optimizer's steps": "optimizer/steps",
    "the average's weights": r"average/\d",
    "the average's steps": "average/steps",
    "how much the average has decayed": "average/decayed",
    "how far each row of the average is": "average/reached",
    "the best weights": "best/",
    "the generator": "generators/",
    "the sum of the losses": "tally/loss",
    "how many were right": "tally/right",
}
COUNTS = {
    "standing": ["epochs", "best_epoch", "best_score", "history"],
    "tally": ["batches", "rows", "tokens", "predicted"],
}


@pytest.fixture
def whole(corpus, tmp_path: Path) -> Fitted:
    fitted = fit(corpus, tmp_path / "whole", SMALL, RULES)
    assert fitted.best_epoch < 4, "the best weights must lie behind where the run stops"
    return fitted


@pytest.fixture
def stopped(corpus, tmp_path: Path, whole: Fitted) -> Path:
    """The checkpoint of a run that stopped in the middle of its last epoch."""
    said = stop_after(3 * 9 + 4, corpus, tmp_path, SMALL, RULES)
    assert "in epoch 4, after 4 of 8 batches" in said
    return tmp_path / "run-1.safetensors"


def ends_as(whole: Fitted, corpus, stopped: Path) -> bool:
    """Tell whether the run that goes on ends with the bits of the whole one."""
    torch.manual_seed(99)
    try:
        assert_same_bits(whole, fit(corpus, stopped.parent, SMALL, RULES))
    except AssertionError:
        return False
    return True


def untold(corpus, folder: Path) -> tuple[dict, dict]:
    """Return what a run that was told nothing would save."""
    torch.manual_seed(99)
    run = prepared(corpus, SMALL, RULES)
    state = State.first(run.model, run.optimizer, run.average)
    state.best = {name: tensor.clone() for name, tensor in run.model.state_dict().items()}
    state.save(folder / "untold.safetensors")
    return checkpoints.load_checkpoint(folder / "untold.safetensors", "cpu")


def test_with_all_that_it_remembers_a_run_ends_with_the_same_bits(corpus, stopped, whole):
    assert ends_as(whole, corpus, stopped)


@pytest.mark.parametrize("item", TENSORS)
def test_without_a_tensor_that_it_remembers_a_run_ends_otherwise(corpus, stopped, whole, item, tmp_path):
    parts, document = checkpoints.load_checkpoint(stopped, "cpu")
    first, _ = untold(corpus, tmp_path)
    changes = 0
    for part, named in parts.items():
        for name in named:
            if re.match(TENSORS[item], f"{part}/{name}"):
                unset = first[part].get(name, torch.zeros_like(named[name]))
                changes += not torch.equal(named[name], unset)
                named[name] = unset
    assert changes
    checkpoints.save_checkpoint(stopped, parts, document)
    assert not ends_as(whole, corpus, stopped)


@pytest.mark.parametrize(("part", "item"), [(part, item) for part, items in COUNTS.items() for item in items])
def test_without_a_count_that_it_remembers_a_run_ends_otherwise(corpus, stopped, whole, part, item):
    parts, document = checkpoints.load_checkpoint(stopped, "cpu")
    first = {"standing": asdict(Standing()), "tally": asdict(Tally.nothing(torch.device("cpu")))}
    assert document[part][item] != first[part][item]
    document[part][item] = first[part][item]
    checkpoints.save_checkpoint(stopped, parts, document)
    assert not ends_as(whole, corpus, stopped)


def test_the_lists_above_name_all_that_is_saved(stopped):
    parts, document = checkpoints.load_checkpoint(stopped, "cpu")
    assert {part: list(items) for part, items in document.items()} == COUNTS
    for part, named in parts.items():
        for name in named:
            assert any(re.match(pattern, f"{part}/{name}") for pattern in TENSORS.values()), f"{part}/{name}"
