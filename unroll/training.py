"""The training loop: early stopping on validation, a checkpoint after every epoch.

Everything random is a pure function of (seed, epoch): the order of the rows through
batches.training_order, dropout through torch's generator, which is seeded anew for each epoch. A
run that continues from a checkpoint therefore ends with the bits of one that was never stopped.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
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
from unroll.optimizers import Adam
from unroll.params import Strict
from unroll.progress import Clock, Progress

READING_BATCH = 256
Headline = Literal["accuracy", "macro_recall"]
Watcher = Callable[[Progress], None]


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


@dataclass
class State:
    """What a run has reached: with the weights and the optimizer's state, all that resuming needs."""

    epoch: int = 0
    best_epoch: int = 0
    best_score: float = float("-inf")
    history: list[dict[str, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Fitted:
    weights: dict[str, Tensor]
    """Of the epoch with the best headline on validation."""
    best_epoch: int
    history: list[dict[str, float]]
    tokens_per_second: float


def fit(
    model: Classifier,
    train: EncodedSplit,
    validation: EncodedSplit,
    training: Training,
    headline: Headline,
    seed: int,
    checkpoint: Path,
    watch: Watcher = lambda progress: None,
) -> Fitted:
    """Train until `patience` epochs brought no better headline on validation; keep the best epoch.

    Continues from `checkpoint` where it holds a run, and removes it at the end.

    Raises:
        Refusal: the loss or a score is no longer a number.
    """
    optimizer = Adam(model, model.embedding, training.learning_rate)
    state, best = _resume(checkpoint, model, optimizer)
    clock = Clock(int(train.lengths.sum()), training.epochs)
    while state.epoch < training.epochs and state.epoch - state.best_epoch < training.patience:
        state.epoch += 1
        clock.start(state.epoch)
        loss = _train_epoch(model, optimizer, train, training, seed, state, clock, watch)
        clock.end()
        probabilities_NC = predict(model, validation)
        if not (np.isfinite(loss) and np.isfinite(probabilities_NC).all()):
            raise Refusal(
                f"training came to nothing in epoch {state.epoch}: the loss ({loss}) or a validation score "
                "is no number. Try a smaller learning_rate or gradient_clip."
            )
        scores = metrics.all_metrics(probabilities_NC, validation.labels.cpu().numpy())
        named = {f"validation_{name}": value for name, value in scores.items()}
        state.history.append({"epoch": state.epoch, "train_loss": loss, **named})
        if scores[headline] > state.best_score:
            state.best_score, state.best_epoch = scores[headline], state.epoch
            best = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        parts = {"model": model.state_dict(), "best": best, "optimizer": optimizer.tensors()}
        checkpoints.save_checkpoint(checkpoint, parts, asdict(state))
    checkpoint.unlink(missing_ok=True)
    return Fitted(best, state.best_epoch, state.history, clock.tokens_per_second())


def predict(model: Classifier, split: EncodedSplit) -> np.ndarray:
    """Return probabilities_NC of every row, in the split's order, in double precision."""
    model.eval()
    order = reading_order(split.lengths, READING_BATCH)
    with torch.inference_mode():
        sorted_NC = torch.cat([model(split.batch(rows)).double().softmax(dim=1) for rows in order])
    probabilities_NC = np.empty(sorted_NC.shape)
    probabilities_NC[np.concatenate(order)] = sorted_NC.cpu().numpy()
    return probabilities_NC


def seed_everything(seed: int, epoch: int) -> None:
    """Seed torch's generators; epoch 0 is for the first weights."""
    torch.manual_seed(int(np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)[0] >> 1))


def _train_epoch(
    model: Classifier,
    optimizer: Adam,
    train: EncodedSplit,
    training: Training,
    seed: int,
    state: State,
    clock: Clock,
    watch: Watcher,
) -> float:
    """Pass once over the training rows; return their mean loss."""
    seed_everything(seed, state.epoch)
    model.train()
    classes = model.output.out_features
    loss_function = nn.CrossEntropyLoss(weight=_class_weights(train, classes, training.class_weights))
    total = torch.zeros((), device=train.ids.device)
    rows_done = 0
    for rows in training_order(train.lengths, training.batch_size, seed, state.epoch):
        batch = train.batch(rows)
        loss = loss_function(model(batch), batch.labels_B)
        loss.backward()
        optimizer.step(training.gradient_clip)
        total += loss.detach() * len(rows)
        rows_done += len(rows)
        clock.add(int(train.lengths[rows].sum()))
        if clock.is_due():
            best = state.best_score if state.history else float("nan")
            watch(clock.progress(total.item() / rows_done, best))
    return total.item() / rows_done


def _class_weights(train: EncodedSplit, classes: int, rule: str) -> Tensor | None:
    """Weights inverse to a class's frequency, with a mean of 1 over the rows."""
    if rule == "none":
        return None
    return len(train) / (classes * torch.bincount(train.labels, minlength=classes).float())


def _resume(path: Path, model: Classifier, optimizer: Adam) -> tuple[State, dict[str, Tensor]]:
    found = checkpoints.load_checkpoint(path, str(model.output.weight.device))
    if found is None:
        return State(), {}
    parts, document = found
    model.load_state_dict(parts["model"])
    optimizer.restore(parts["optimizer"])
    return State(**document), parts["best"]
