"""The training loop: early stopping on validation, and checkpoints from which any step can be continued.

Everything random is a pure function of (seed, epoch): the order of the rows through
batches.training_order, dropout through torch's generator, which is seeded anew for each epoch and
whose state is in the checkpoint. A run that continues therefore ends with the bits of one that was
never stopped.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from unroll.failures import Refusal
from unroll.networks.batches import Batch, EncodedSplit, training_order
from unroll.networks.spec import Rate
from unroll.networks.tasks import Task
from unroll.params import Consistent, Share, Strict
from unroll.progress import Clock, Progress
from unroll.training import optimizers, schedules
from unroll.training.soundness import CameToNothing, Soundness, no_number
from unroll.training.state import Epoch, State, Tally
from unroll.training.team import ALONE, Team
from unroll.training.weight_average import WeightAverage

SAVE_SECONDS = 60
"""How much work a process that is killed may lose."""

Watcher = Callable[[Progress], None]
Listener = Callable[[Epoch], None]
Stopping = Callable[[], str | None]
"""Returns why training should stop, once it should."""
Count = Annotated[int, Field(ge=1)]


class PhrasesFirst(Strict):
    """Before it reads whole sentences, the network reads every labelled phrase of the training trees."""

    epochs: Count
    learning_rate: Rate | None = None
    """By default that of the training that follows."""


class Training(Consistent):
    """How a network is trained. A corpus and a network may each override any of it."""

    supervision: Literal["sentences", "phrases"]
    phrases_first: PhrasesFirst | None
    epochs: Count
    patience: Count
    batch_size: Count
    batch_tokens: Count | None
    batches_per_epoch: Count | None
    processes: Annotated[int, Field(ge=1, le=64)]
    optimizer: Literal["sgd", "adam", "adamw"]
    learning_rate: Rate
    momentum: Share
    nesterov: bool
    weight_decay: Annotated[float, Field(ge=0, lt=1)]
    schedule: Literal[*schedules.SCHEDULES]
    warm_up: Share
    gradient_clip: Annotated[float, Field(gt=0)] | None
    label_smoothing: Share
    consistency: Annotated[float, Field(ge=0, le=100)]
    distillation: Annotated[float, Field(ge=0, le=1)]
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
        if given.get("supervision") == "phrases" and given.get("phrases_first") is not None:
            yield "phrases_first", "supervision is phrases from first to last: sentences, or null here"


def merge(defaults: Training, *overrides: dict[str, Any]) -> Training:
    """Return the defaults with each override laid over them in turn.

    Raises:
        pydantic.ValidationError: an override has an unknown key or a value of another type.
    """
    document = defaults.model_dump()
    for override in overrides:
        document |= override
    return Training(**document)


@dataclass(frozen=True)
class Fitted:
    weights: dict[str, Tensor]
    """Of the epoch with the best headline on validation."""
    best_epoch: int
    history: list[Epoch]
    tokens: int
    """That this process trained on, in so many `seconds`: what a checkpoint had is not among them."""
    seconds: float

    @property
    def tokens_per_second(self) -> float:
        return self.tokens / self.seconds if self.seconds else 0.0


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
    team: Team = ALONE
    batches: int = 0
    """In an epoch."""

    def order(self, epoch: int) -> list[np.ndarray]:
        """Return the rows of each batch of an epoch."""
        rules, lengths = self.training, self.train.lengths
        order = training_order(lengths, rules.batch_size, self.seed, epoch, self.batching, rules.batch_tokens)
        return order[: rules.batches_per_epoch]

    def scored(self) -> AbstractContextManager:
        """Return a context in which the model has the weights that are scored."""
        return self.average.in_place() if self.average else nullcontext()


class Step(NamedTuple):
    """What came of one batch."""

    loss: Tensor
    """The mean over what was predicted."""
    right: Tensor
    predicted: int
    rows: np.ndarray
    gradient_norm: Tensor
    """Before it was clipped."""


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
    stopping: Stopping = lambda: None,
    team: Team = ALONE,
) -> Fitted:
    """Train until `patience` epochs brought no better headline on validation; keep the best epoch.

    Continues from `checkpoint` where it holds a run. It is written after every epoch, once a minute, and
    when `stopping` gives a reason, and it stays: only who has the results in a safe place may remove it.
    `watch` hears twice a second where the run stands, `ended` hears of each epoch, of those in the
    checkpoint too. Every member of a team does the same, and comes to the same.

    Raises:
        CameToNothing: the loss, a gradient or a score is no longer a number.
        Refusal: it was to stop, and has saved.
    """
    run = prepare(model, train, task, training, batching, seed, team)
    state = State.first(run.model, run.optimizer, run.average, team)
    state.restore(checkpoint)
    standing = state.standing
    for epoch in standing.history:
        ended(epoch)
    # Nearly: which rows the batches of a shortened epoch hold differs from epoch to epoch.
    tokens = sum(int(train.lengths[rows].sum()) for rows in run.order(epoch=0))
    clock = Clock(max(1, tokens), training.epochs)

    def save() -> None:
        state.save(checkpoint)
        reason = stopping()
        if team.any(reason is not None):
            raise _stopped(reason or "another process of its team", run, state)

    while standing.epochs < training.epochs and standing.epochs - standing.best_epoch < training.patience:
        clock.start(standing.epochs + 1, state.tally.tokens)
        _train_epoch(run, state, clock, watch, save, stopping)
        clock.end()
        with run.scored():
            scores = task.score(model, validation)
            epoch = state.tally.epoch()
            if not all(np.isfinite([*epoch.values(), *scores.values()])):
                raise CameToNothing(
                    f"training came to nothing in epoch {standing.epochs + 1}: a validation score is no "
                    f"number ({scores}). Try a smaller learning_rate or gradient_clip."
                )
            standing.epochs += 1
            named = {f"validation_{name}": value for name, value in scores.items()}
            standing.history.append({"epoch": standing.epochs, **epoch, **named})
            if task.sign * scores[task.headline] > standing.best_score:
                standing.best_score = task.sign * scores[task.headline]
                standing.best_epoch = standing.epochs
                state.best = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        state.tally = Tally.nothing(train.ids.device)
        save()
        ended(standing.history[-1])
    return Fitted(state.best, standing.best_epoch, standing.history, clock.tokens, clock.seconds)


def _stopped(reason: str, run: Run, state: State) -> Refusal:
    epochs, batches = state.standing.epochs, state.tally.batches
    where = (
        f"in epoch {epochs + 1}, after {batches} of {run.batches} batches"
        if batches
        else f"after {epochs} epochs"
    )
    return Refusal(f"stopped by {reason} {where}, and saved: run it again to go on from there")


def seed_everything(seed: int, epoch: int, rank: int = 0) -> None:
    """Seed torch's generators; epoch 0 is for the first weights, which all of a team have in common."""
    source = [seed, epoch, rank] if rank else [seed, epoch]
    torch.manual_seed(int(np.random.SeedSequence(source).generate_state(1, np.uint64)[0] >> 1))


def prepare(
    model: nn.Module,
    train: EncodedSplit,
    task: Task,
    training: Training,
    batching: str,
    seed: int,
    team: Team = ALONE,
) -> Run:
    """Return a run that has taken no step."""
    groups = optimizers.groups_of(model, training.learning_rate)
    if training.optimizer == "sgd":
        optimizer = optimizers.SGD(groups, training.weight_decay, training.momentum, training.nesterov)
    else:
        adam = {"adam": optimizers.Adam, "adamw": optimizers.AdamW}[training.optimizer]
        optimizer = adam(groups, training.weight_decay)
    average = WeightAverage(model, training.weight_average) if training.weight_average else None
    run = Run(model, train, task, training, batching, seed, optimizer, average, team)
    return replace(run, batches=len(run.order(epoch=0)))


def steps(run: Run, epoch: int, first: int = 0) -> Iterator[Step]:
    """Pass once over the training rows, a step for each batch, from the batch `first` on.

    For another one than 0 torch's generators must stand where they stood before it.
    """
    training = run.training
    if first == 0:
        seed_everything(run.seed, epoch, run.team.rank)
    run.model.train()
    order, in_all = run.order(epoch)[first:], training.epochs * run.batches
    if not order:
        return
    shares = [run.team.share(rows) for rows in order]
    for rows, batch in zip(order, run.train.batches(shares), strict=True):
        loss, right, predicted = _backward(run, rows, batch)
        change = schedules.factor(training.schedule, training.warm_up, run.optimizer.steps, in_all)
        if run.average:
            run.average.before_step()
        norm = run.optimizer.step(training.learning_rate * change, training.gradient_clip)
        if run.average:
            run.average.update()
        yield Step(loss, right, predicted, rows, norm)


def _backward(run: Run, rows: np.ndarray, batch: Batch) -> tuple[Tensor, Tensor, int]:
    """Leave with the parameters the gradients of the mean loss over the rows, of which a member of a team
    reads its share, `batch`. Return that loss, how many predictions were right, and how many there were."""
    loss, right, predicted = run.task.step(run.model, batch)
    if run.team.size == 1:
        loss.backward()
        return loss.detach(), right, predicted
    counts = run.team.counts(rows)
    weight = run.task.weight(batch) * counts
    (loss * weight).backward()
    own_K = torch.stack([loss.detach() * weight, right * counts, weight.new_tensor(predicted * counts)])
    whole, loss, right, predicted = run.team.mean(run.optimizer.parameters, weight, own_K)
    return loss / whole, right.long(), int(predicted)


def _train_epoch(
    run: Run, state: State, clock: Clock, watch: Watcher, save: Callable[[], None], stopping: Stopping
) -> None:
    """Take the steps that the epoch of `state.tally` still lacks.

    Raises:
        Refusal: the loss or gradient of a batch is no number.
    """
    tally, device = state.tally, run.train.ids.device
    soundness = Soundness(run.batches, device)
    saved = time.monotonic()

    def refuse(batch: int | None) -> None:
        if batch is not None:
            rows = run.train.rows[run.order(clock.epoch)[batch]].tolist()
            raise no_number(clock.epoch, batch, run.batches, rows)

    for step in steps(run, clock.epoch, tally.batches):
        refuse(soundness.note(tally.batches, step.loss, step.gradient_norm))
        tokens = int(run.train.lengths[step.rows].sum())
        tally.add(step.loss, step.right, step.predicted, len(step.rows), tokens)
        clock.add(tokens)
        if clock.is_due():
            best = run.task.sign * state.standing.best_score if state.best else float("nan")
            watch(clock.progress(tally.mean_loss, run.task.headline, best))
        if run.team.any(stopping() is not None or time.monotonic() - saved > SAVE_SECONDS):
            refuse(soundness.first_fault())
            save()
            saved = time.monotonic()
    refuse(soundness.first_fault())
