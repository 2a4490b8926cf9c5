"""The training loop: early stopping on validation, a checkpoint after every epoch.

Everything random is a pure function of (seed, epoch): the order of the rows through
batches.training_order, dropout through torch's generator, which is seeded anew for each epoch. A
run that continues from a checkpoint therefore ends with the bits of one that was never stopped.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from unroll import checkpoints, metrics
from unroll.batches import EncodedSplit, reading_order, training_order
from unroll.classifier import Classifier
from unroll.failures import Refusal
from unroll.params import Strict

READING_BATCH = 256
Headline = Literal["accuracy", "macro_recall"]


class Training(Strict):
    """How a network is trained. A corpus and a network may each override any of it."""

    epochs: Annotated[int, Field(ge=1)]
    patience: Annotated[int, Field(ge=1)]
    batch_size: Annotated[int, Field(ge=1)]
    learning_rate: Annotated[float, Field(gt=0, le=10)]
    gradient_clip: Annotated[float, Field(gt=0)]
    class_weights: Literal["none", "balanced"]
    matmul_precision: Literal["highest", "high", "medium"]


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
class Progress:
    """Where a run stands, for whoever watches it."""

    epoch: int
    epochs: int
    done: float
    """Share of this epoch's tokens, 0 to 1."""
    loss: float
    score: float
    """The headline on validation after the last full epoch; NaN before."""
    tokens_per_second: float
    seconds_left: float
    """Until the last epoch; early stopping may end the run sooner."""


@dataclass
class State:
    """What a checkpoint holds beside model and optimizer."""

    epoch: int = 0
    best_epoch: int = 0
    best_score: float = float("-inf")
    history: list[dict[str, float]] | None = None


@dataclass(frozen=True)
class Fitted:
    weights: dict[str, Tensor]
    best_epoch: int
    history: list[dict[str, float]]
    tokens_per_second: float


def seed_everything(seed: int, epoch: int) -> None:
    """Seed torch's generators; epoch 0 is for the first weights."""
    torch.manual_seed(int(np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)[0] >> 1))


def fit(
    model: Classifier,
    train: EncodedSplit,
    validation: EncodedSplit,
    training: Training,
    headline: Headline,
    seed: int,
    checkpoint: Path,
    watch: Callable[[Progress], None] = lambda progress: None,
) -> Fitted:
    """Train until `patience` epochs brought no better validation headline; keep the best epoch.

    Continues from `checkpoint` where it holds one, and removes it at the end.

    Raises:
        Refusal: the loss is no longer a number.
    """
    optimizers = _make_optimizers(model, training)
    loss_function = nn.CrossEntropyLoss(weight=_class_weights(train, training, model.output.out_features))
    state, best = _resume(checkpoint, model, optimizers)
    clock = _Clock(int(train.lengths.sum()), training.epochs)
    while state.epoch < training.epochs and state.epoch - state.best_epoch < training.patience:
        state.epoch += 1
        clock.start(state.epoch, state.best_score)
        loss = _train_epoch(model, train, optimizers, loss_function, training, seed, state.epoch, clock, watch)
        probabilities_NC = predict(model, validation)
        scores = metrics.all_metrics(probabilities_NC, validation.labels.cpu().numpy())
        state.history.append({"epoch": state.epoch, "train_loss": loss, **_named(scores)})
        if scores[headline] > state.best_score:
            state.best_score, state.best_epoch = scores[headline], state.epoch
            best = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        _save(checkpoint, model, optimizers, state, best)
    checkpoint.unlink(missing_ok=True)
    return Fitted(best, state.best_epoch, state.history, clock.tokens_per_second())


def predict(model: Classifier, split: EncodedSplit) -> np.ndarray:
    """Return probabilities_NC of every row, in the split's order."""
    model.eval()
    order = reading_order(split.lengths, READING_BATCH)
    with torch.inference_mode():
        sorted_NC = torch.cat([model(split.batch(rows)).double().softmax(dim=1) for rows in order])
    probabilities_NC = np.empty(sorted_NC.shape)
    probabilities_NC[np.concatenate(order)] = sorted_NC.cpu().numpy()
    return probabilities_NC


def _train_epoch(model, train, optimizers, loss_function, training, seed, epoch, clock, watch) -> float:
    """One pass over the training rows; return the mean loss a row."""
    seed_everything(seed, epoch)
    model.train()
    total = torch.zeros((), device=train.ids.device)
    rows_done = 0
    for rows in training_order(train.lengths, training.batch_size, seed, epoch):
        batch = train.batch(rows)
        loss = loss_function(model(batch), batch.labels_B)
        model.zero_grad()
        loss.backward()
        clip_gradients(model, training.gradient_clip)
        for optimizer in optimizers:
            optimizer.step()
        total += loss.detach() * len(rows)
        rows_done += len(rows)
        clock.add(int(train.lengths[rows].sum()))
        if clock.is_due():
            watch(clock.progress(total.item() / rows_done))
    mean = total.item() / rows_done
    if not np.isfinite(mean):
        raise Refusal(f"the training loss became {mean} in epoch {epoch}: try a smaller learning_rate")
    clock.end()
    return mean


def clip_gradients(model: nn.Module, largest_norm: float) -> None:
    """Scale all gradients so that their joint 2-norm is at most `largest_norm`.

    torch's own function does not take sparse gradients; this one sums the rows that repeat first.
    """
    values = []
    for parameter in model.parameters():
        if parameter.grad.is_sparse:
            parameter.grad = parameter.grad.coalesce()
        values.append(parameter.grad._values() if parameter.grad.is_sparse else parameter.grad)
    norm = torch.stack(torch._foreach_norm(values)).norm()
    torch._foreach_mul_(values, (largest_norm / (norm + 1e-6)).clamp(max=1.0))


def _make_optimizers(model: Classifier, training: Training) -> list[torch.optim.Optimizer]:
    """Adam; for the embedding its lazy form, in which a word that the batch lacks keeps its vector
    and its moments, where dense Adam would go on moving it by old momentum (torch's SparseAdam).
    On a batch of 32 tweets that touches 400 of 21,000 rows."""
    embedding = [model.embedding.weight]
    rest = [parameter for parameter in model.parameters() if parameter is not model.embedding.weight]
    rate = training.learning_rate
    return [torch.optim.SparseAdam(embedding, lr=rate), torch.optim.Adam(rest, lr=rate, fused=True)]


def _class_weights(train: EncodedSplit, training: Training, classes: int) -> Tensor | None:
    """Weights inverse to a class's frequency, with a mean of 1 over the rows."""
    if training.class_weights == "none":
        return None
    counts_C = torch.bincount(train.labels, minlength=classes)
    return len(train) / (classes * counts_C.float())


def _named(scores: dict[str, float]) -> dict[str, float]:
    return {f"validation_{name}": value for name, value in scores.items() if name != "ece"}


def _save(path: Path, model: Classifier, optimizers: list, state: State, best: dict) -> None:
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    tensors |= {f"best.{name}": tensor for name, tensor in best.items()}
    for number, optimizer in enumerate(optimizers):
        for index, slots in optimizer.state_dict()["state"].items():
            for slot, value in slots.items():
                tensors[f"optimizer.{number}.{index}.{slot}"] = torch.as_tensor(value)
    checkpoints.save_checkpoint(path, tensors, vars(state))


def _resume(path: Path, model: Classifier, optimizers: list) -> tuple[State, dict]:
    found = checkpoints.load_checkpoint(path)
    if found is None:
        return State(history=[]), {}
    tensors, document = found
    device = next(model.parameters()).device
    parts: dict[str, dict[str, Tensor]] = {"model": {}, "best": {}, "optimizer": {}}
    for name, tensor in tensors.items():
        part, rest = name.split(".", 1)
        parts[part][rest] = tensor.to(device)
    model.load_state_dict(parts["model"])
    for number, optimizer in enumerate(optimizers):
        slots: dict[int, dict[str, Any]] = {}
        for name, tensor in parts["optimizer"].items():
            owner, index, slot = name.split(".")
            if int(owner) == number:
                # SparseAdam counts its steps in a plain number, fused Adam in a tensor.
                plain = slot == "step" and isinstance(optimizer, torch.optim.SparseAdam)
                slots.setdefault(int(index), {})[slot] = int(tensor) if plain else tensor
        optimizer.load_state_dict({"state": slots, "param_groups": optimizer.state_dict()["param_groups"]})
    return State(**document), parts["best"]


class _Clock:
    """Tokens a second and the time left; never part of a result."""

    def __init__(self, tokens_an_epoch: int, epochs: int) -> None:
        self.tokens_an_epoch, self.epochs = tokens_an_epoch, epochs
        self.tokens, self.seconds = 0, 0.0
        self.shown = time.monotonic()

    def start(self, epoch: int, score: float) -> None:
        self.epoch, self.score = epoch, score
        self.in_epoch, self.started = 0, time.monotonic()

    def add(self, tokens: int) -> None:
        self.in_epoch += tokens

    def end(self) -> None:
        self.tokens += self.in_epoch
        self.seconds += time.monotonic() - self.started

    def is_due(self) -> bool:
        """Twice a second: reading the loss makes a GPU wait."""
        if time.monotonic() - self.shown < 0.5:
            return False
        self.shown = time.monotonic()
        return True

    def tokens_per_second(self) -> float:
        return self.tokens / self.seconds if self.seconds else 0.0

    def progress(self, loss: float) -> Progress:
        speed = self.in_epoch / max(time.monotonic() - self.started, 1e-9)
        left = (self.epochs - self.epoch + 1) * self.tokens_an_epoch - self.in_epoch
        done = self.in_epoch / self.tokens_an_epoch
        score = self.score if np.isfinite(self.score) else float("nan")
        return Progress(self.epoch, self.epochs, done, loss, score, speed, left / speed)
