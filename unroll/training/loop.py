"""The training loop: early stopping on validation, a checkpoint after every epoch.

Everything random is a pure function of (seed, epoch): the order of the rows through
batches.training_order, dropout through torch's generator, which is seeded anew for each epoch. A
run that continues from a checkpoint therefore ends with the bits of one that was never stopped.
"""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from unroll.failures import Refusal
from unroll.networks import checkpoints
from unroll.networks.batches import EncodedSplit, training_order
from unroll.networks.classifier import device_of
from unroll.networks.spec import Rate
from unroll.networks.tasks import Task
from unroll.params import Consistent, Share
from unroll.progress import Clock, Progress
from unroll.training import optimizers, schedules
from unroll.training.weight_average import WeightAverage

Watcher = Callable[[Progress], None]
Epoch = dict[str, float]
"""A row of the learning curve: its number, what was read, and what came of it."""
Listener = Callable[[Epoch], None]
Count = Annotated[int, Field(ge=1)]


class Training(Consistent):
    """How a network is trained. A corpus and a network may each override any of it."""

    supervision: Literal["sentences", "phrases"]
    epochs: Count
    patience: Count
    batch_size: Count
    batch_tokens: Count | None
    batches_per_epoch: Count | None
    optimizer: Literal["sgd", "adam", "adamw"]
    learning_rate: Rate
    momentum: Share
    nesterov: bool
    weight_decay: Annotated[float, Field(ge=0, lt=1)]
    schedule: Literal[*schedules.SCHEDULES]
    warm_up: Share
    gradient_clip: Annotated[float, Field(gt=0)] | None
    label_smoothing: Share
    class_weights: Literal["none", "balanced"]
    weight_average: Share
    matmul_precision: Literal["highest", "high", "medium"]

    @classmethod
    def contradictions(cls, given: dict[str, Any]) -> Iterator[tuple[str, str]]:
        optimizer, momentum = given.get("optimizer"), given.get("momentum")
        if momentum and optimizer in ("adam", "adamw"):
            yield "momentum", f"{optimizer} has moments of its own: 0, or optimizer sgd"
        if given.get("nesterov") is True and not momentum:
            yield "nesterov", "there is no momentum"
        if given.get("schedule") == "one_cycle" and given.get("warm_up") == 0:
            yield "warm_up", "one_cycle goes up before it comes down: a share of all steps, 0.3 say"


def merge(defaults: Training, *overrides: dict[str, Any]) -> Training:
    """Return the defaults with each override laid over them in turn.

    Raises:
        pydantic.ValidationError: an override has an unknown key or a value of another type.
    """
    document = defaults.model_dump()
    for override in overrides:
        document |= override
    return Training(**document)


@dataclass
class State:
    """What a run has reached: with the weights and the optimizer's state, all that resuming needs."""

    epoch: int = 0
    best_epoch: int = 0
    best_score: float = float("-inf")
    """The headline, negative where less of it is better."""
    history: list[Epoch] = field(default_factory=list)


@dataclass(frozen=True)
class Fitted:
    weights: dict[str, Tensor]
    """Of the epoch with the best headline on validation."""
    best_epoch: int
    history: list[Epoch]
    tokens_per_second: float


@dataclass(frozen=True)
class Run:
    """What stays the same from the first step to the last."""

    model: nn.Module
    train: EncodedSplit
    task: Task
    training: Training
    batching: str
    seed: int
    optimizer: optimizers.Optimizer
    average: WeightAverage | None
    batches: int = 0
    """In an epoch."""

    def order(self, epoch: int) -> list[np.ndarray]:
        """Return the rows of each batch of an epoch."""
        rules, lengths = self.training, self.train.lengths
        order = training_order(lengths, rules.batch_size, self.seed, epoch, self.batching, rules.batch_tokens)
        return order[: rules.batches_per_epoch]


def fit(
    model: nn.Module,
    train: EncodedSplit,
    validation: EncodedSplit,
    task: Task,
    training: Training,
    batching: str,
    seed: int,
    checkpoint: Path,
    watch: Watcher = lambda progress: None,
    ended: Listener = lambda epoch: None,
) -> Fitted:
    """Train until `patience` epochs brought no better headline on validation; keep the best epoch.

    Continues from `checkpoint` where it holds a run, and removes it at the end. `watch` hears twice a
    second where the run stands, `ended` hears of each epoch, of those in the checkpoint too.

    Raises:
        Refusal: the loss or a score is no longer a number.
    """
    run = _prepare(model, train, task, training, batching, seed)
    state, best = _resume(checkpoint, run)
    for epoch in state.history:
        ended(epoch)
    # Nearly: which rows the batches of a shortened epoch hold differs from epoch to epoch.
    tokens = sum(int(train.lengths[rows].sum()) for rows in run.order(epoch=0))
    clock = Clock(max(1, tokens), training.epochs)
    while state.epoch < training.epochs and state.epoch - state.best_epoch < training.patience:
        state.epoch += 1
        clock.start(state.epoch)
        epoch = _train_epoch(run, state, clock, watch)
        clock.end()
        with run.average.in_place() if run.average else nullcontext():
            scores = task.score(model, validation)
            if not all(np.isfinite([*epoch.values(), *scores.values()])):
                raise Refusal(
                    f"training came to nothing in epoch {state.epoch}: the loss ({epoch['train_loss']}) or a "
                    "validation score is no number. Try a smaller learning_rate or gradient_clip."
                )
            named = {f"validation_{name}": value for name, value in scores.items()}
            state.history.append({"epoch": state.epoch, **epoch, **named})
            if task.sign * scores[task.headline] > state.best_score:
                state.best_score, state.best_epoch = task.sign * scores[task.headline], state.epoch
                best = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        _keep(checkpoint, run, state, best)
        ended(state.history[-1])
    checkpoint.unlink(missing_ok=True)
    return Fitted(best, state.best_epoch, state.history, clock.tokens_per_second())


def seed_everything(seed: int, epoch: int) -> None:
    """Seed torch's generators; epoch 0 is for the first weights."""
    torch.manual_seed(int(np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)[0] >> 1))


def _prepare(
    model: nn.Module, train: EncodedSplit, task: Task, training: Training, batching: str, seed: int
) -> Run:
    groups = optimizers.groups_of(model, training.learning_rate)
    if training.optimizer == "sgd":
        optimizer = optimizers.SGD(groups, training.weight_decay, training.momentum, training.nesterov)
    else:
        adam = {"adam": optimizers.Adam, "adamw": optimizers.AdamW}[training.optimizer]
        optimizer = adam(groups, training.weight_decay)
    average = WeightAverage(model, training.weight_average) if training.weight_average else None
    run = Run(model, train, task, training, batching, seed, optimizer, average)
    return replace(run, batches=len(run.order(epoch=0)))


def _train_epoch(run: Run, state: State, clock: Clock, watch: Watcher) -> Epoch:
    """Pass once over the training rows; return what was read, its mean loss and how many were right."""
    training, train = run.training, run.train
    seed_everything(run.seed, state.epoch)
    run.model.train()
    total_loss = torch.zeros((), device=train.ids.device)
    total_right = torch.zeros((), device=train.ids.device, dtype=torch.int64)
    predicted = rows_read = 0
    order = run.order(state.epoch)
    steps = training.epochs * run.batches
    for rows, batch in zip(order, train.batches(order), strict=True):
        loss, right, count = run.task.step(run.model, batch)
        loss.backward()
        change = schedules.factor(training.schedule, training.warm_up, run.optimizer.steps, steps)
        run.optimizer.step(training.learning_rate * change, training.gradient_clip)
        if run.average:
            run.average.update()
        total_loss += loss.detach() * count
        total_right += right
        predicted += count
        rows_read += len(rows)
        clock.add(int(train.lengths[rows].sum()))
        if clock.is_due():
            best = run.task.sign * state.best_score if state.history else float("nan")
            watch(clock.progress(total_loss.item() / max(predicted, 1), run.task.headline, best))
    predicted = max(predicted, 1)
    return {
        "rows": rows_read,
        "tokens": clock.in_epoch,
        "train_loss": total_loss.item() / predicted,
        "train_accuracy": total_right.item() / predicted,
    }


def _keep(path: Path, run: Run, state: State, best: dict[str, Tensor]) -> None:
    parts = {"model": run.model.state_dict(), "best": best, "optimizer": run.optimizer.tensors()}
    if run.average:
        parts["average"] = run.average.tensors()
    checkpoints.save_checkpoint(path, parts, asdict(state))


def _resume(path: Path, run: Run) -> tuple[State, dict[str, Tensor]]:
    found = checkpoints.load_checkpoint(path, str(device_of(run.model)))
    if found is None:
        return State(), {}
    parts, document = found
    run.model.load_state_dict(parts["model"])
    run.optimizer.restore(parts["optimizer"])
    if run.average:
        run.average.restore(parts["average"])
    return State(**document), parts["best"]
