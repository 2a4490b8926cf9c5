"""What a network learns: the class of a text, or each next word. Its loss, and how it is scored.

Axes: B rows in the batch, N rows of a split, T words that are predicted, C classes, V words.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from unroll import metrics
from unroll.networks.batches import Batch, EncodedSplit, reading_order
from unroll.networks.classifier import Classifier, NextWordModel

Headline = Literal["accuracy", "macro_recall", "macro_f1"]
Scores = dict[str, float]
READING_BATCH = 256
# A word's scores are as many as the vocabulary has entries: 64 MB for 32 rows of 20 words.
WORDS_READING_BATCH = 32


class Task(Protocol):
    headline: str
    """The metric that chooses the epoch."""
    sign: int
    """1 where more of it is better, -1 where less is."""

    def step(self, model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor, int]:
        """Return the mean loss, how many predictions were right, and how many there were."""

    def weight(self, batch: Batch) -> Tensor:
        """Return what the predictions of a batch weigh together: its loss is a mean over so much."""

    def score(self, model: nn.Module, split: EncodedSplit) -> Scores:
        """Return the metrics on a split; NaN where the model no longer gives numbers."""


class Classification:
    """The class of a row: cross entropy, with label smoothing (Szegedy et al. 2016) if asked for.

    With `consistency` a row is read twice, with other components dropped, and the two readings are to
    agree (Liang et al. 2021, equation 4, halved, so that without it there is the plain loss):

    loss = (CE_1 + CE_2) / 2 + consistency * (KL(p_1 || p_2) + KL(p_2 || p_1)) / 4

    With `distillation` d, CE is (1 - d) times that with the labels and d times that with the teacher's
    probabilities, where rows have some (Hinton et al. 2015, at temperature 1).
    """

    sign: ClassVar[int] = 1

    def __init__(
        self,
        headline: Headline,
        smoothing: float = 0.0,
        weights_C: Tensor | None = None,
        consistency: float = 0.0,
        distillation: float = 0.0,
    ) -> None:
        self.headline, self.smoothing, self.weights_C = headline, smoothing, weights_C
        self.consistency, self.distillation = consistency, distillation

    def step(self, model: Classifier, batch: Batch) -> tuple[Tensor, Tensor, int]:
        scores_BC, labels_B = model(batch), batch.labels_B
        loss = self._loss(scores_BC, batch)
        if self.consistency:
            again_BC = model(batch)
            apart = self._weighted_mean(_apart(scores_BC, again_BC), labels_B)
            loss = (loss + self._loss(again_BC, batch)) / 2 + self.consistency / 4 * apart
        return loss, (scores_BC.detach().argmax(dim=1) == labels_B).sum(), len(labels_B)

    def _loss(self, scores_BC: Tensor, batch: Batch) -> Tensor:
        loss = functional.cross_entropy(
            scores_BC, batch.labels_B, weight=self.weights_C, label_smoothing=self.smoothing
        )
        if batch.teacher_BC is None or not self.distillation:
            return loss
        taught_B = -(batch.teacher_BC * scores_BC.log_softmax(dim=1)).sum(dim=1)
        return loss.lerp(self._weighted_mean(taught_B, batch.labels_B), self.distillation)

    def _weighted_mean(self, values_B: Tensor, labels_B: Tensor) -> Tensor:
        """Return the mean in which a row weighs what it weighs in the cross entropy."""
        if self.weights_C is None:
            return values_B.mean()
        weights_B = self.weights_C[labels_B]
        return (weights_B * values_B).sum() / weights_B.sum()

    def weight(self, batch: Batch) -> Tensor:
        if self.weights_C is None:
            return batch.labels_B.new_tensor(len(batch.labels_B))
        return self.weights_C[batch.labels_B].sum()

    def score(self, model: Classifier, split: EncodedSplit) -> Scores:
        probabilities_NC = predict(model, split)
        if not np.isfinite(probabilities_NC).all():
            return {self.headline: float("nan")}
        return metrics.all_metrics(probabilities_NC, split.labels.cpu().numpy())


class NextWord:
    """Every word of a row from those before it: cross entropy over real words."""

    sign: ClassVar[int] = -1
    headline: str = "perplexity"

    def __init__(self, smoothing: float = 0.0) -> None:
        self.smoothing = smoothing

    def step(self, model: NextWordModel, batch: Batch) -> tuple[Tensor, Tensor, int]:
        scores_TV, targets_T = model.scored_targets(batch)
        total = functional.cross_entropy(
            scores_TV, targets_T, reduction="sum", label_smoothing=self.smoothing
        )
        # Rows of one word have nothing to predict.
        return (
            total / max(len(targets_T), 1),
            (scores_TV.detach().argmax(dim=1) == targets_T).sum(),
            len(targets_T),
        )

    def weight(self, batch: Batch) -> Tensor:
        return (batch.lengths_B - 1).sum()

    def score(self, model: NextWordModel, split: EncodedSplit) -> Scores:
        return next_word_metrics(predict_words(model, split))


def _apart(scores_BC: Tensor, other_BC: Tensor) -> Tensor:
    """Return KL(p || q) + KL(q || p) of each row's two distributions, in nats."""
    log_p_BC, log_q_BC = scores_BC.log_softmax(dim=1), other_BC.log_softmax(dim=1)
    return ((log_p_BC.exp() - log_q_BC.exp()) * (log_p_BC - log_q_BC)).sum(dim=1)


@dataclass(frozen=True)
class Words:
    """Every predicted word of a split, row by row: its row's position, its probability, and whether
    it was the likeliest."""

    places_T: np.ndarray
    log_probabilities_T: np.ndarray
    right_T: np.ndarray


def predict(model: Classifier, split: EncodedSplit) -> np.ndarray:
    """Return probabilities_NC of every row, in the split's order, in double precision."""
    model.eval()
    order = reading_order(split.lengths, READING_BATCH)
    with torch.inference_mode():
        sorted_NC = torch.cat([model(batch).double().softmax(dim=1) for batch in split.batches(order)])
    probabilities_NC = np.empty(sorted_NC.shape)
    probabilities_NC[np.concatenate(order)] = sorted_NC.cpu().numpy()
    return probabilities_NC


def predict_words(model: NextWordModel, split: EncodedSplit) -> Words:
    """Return every word but each row's first, in the split's order, in double precision."""
    model.eval()
    order = reading_order(split.lengths, WORDS_READING_BATCH)
    chosen, right, places = [], [], []
    with torch.inference_mode():
        for read, batch in zip(order, split.batches(order), strict=True):
            scores_TV, targets_T = model.scored_targets(batch)
            picked_T = scores_TV.gather(1, targets_T.unsqueeze(1)).squeeze(1).double()
            chosen.append((picked_T - scores_TV.double().logsumexp(dim=1)).cpu().numpy())
            right.append((scores_TV.argmax(dim=1) == targets_T).cpu().numpy())
            places.append(np.repeat(read, split.lengths[read] - 1))
    places_T = np.concatenate(places)
    in_order = np.argsort(places_T, kind="stable")
    return Words(places_T[in_order], np.concatenate(chosen)[in_order], np.concatenate(right)[in_order])


def next_word_metrics(words: Words) -> Scores:
    """Return perplexity, its logarithm (the loss, in nats a word) and the share of words that were right."""
    if not len(words.places_T):
        return {"perplexity": float("nan"), "loss": float("nan"), "accuracy": float("nan")}
    loss = float(-words.log_probabilities_T.mean())
    return {"perplexity": perplexity(loss), "loss": loss, "accuracy": float(words.right_T.mean())}


def perplexity(loss: float) -> float:
    """Return e to the loss, in nats a word; infinity beyond all numbers."""
    return float(np.exp(loss)) if loss < 700 else float("inf")


def class_weights(train: EncodedSplit, classes: int, rule: str) -> Tensor | None:
    """Return weights inverse to a class's frequency, with a mean of 1 over the rows; None for equal ones."""
    if rule == "none":
        return None
    return len(train) / (classes * torch.bincount(train.labels, minlength=classes).float())
