"""One training run from its parameters: model and task, pretraining where asked for, training."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import torch
from torch import nn

from unroll.networks import checkpoints
from unroll.networks.batches import EncodedSplit
from unroll.networks.classifier import Classifier, NextWordModel, build_model, parameter_count
from unroll.networks.spec import BagNetwork, Pretraining, RecurrentNetwork
from unroll.networks.tasks import Classification, Headline, NextWord, Task, class_weights
from unroll.progress import Progress
from unroll.training import loop
from unroll.training.loop import Fitted, Listener, PhrasesFirst, Stopping, Training
from unroll.training.pretraining import LanguageModel, LanguageModelling
from unroll.training.soundness import enough_memory
from unroll.training.state import Epoch
from unroll.training.team import ALONE, Team

PRETRAINING, PHRASES = ".pretraining", ".phrases"
"""Suffixes of the checkpoints of what comes before the training itself."""


class Batched(Protocol):
    """What else may be trained, where the model is made elsewhere."""

    batching: str
    """As a network's."""


@dataclass(frozen=True)
class Experiment:
    """What is trained, and how."""

    network: BagNetwork | RecurrentNetwork | Batched
    training: Training
    headline: Headline
    """The metric that chooses a classifier's epoch; perplexity chooses a next-word network's."""
    vocabulary: int
    classes: int
    seed: int

    @property
    def predicts_words(self) -> bool:
        return isinstance(self.network, RecurrentNetwork) and self.network.task == "next_word"

    @property
    def pretrains(self) -> bool:
        return isinstance(self.network, RecurrentNetwork) and self.network.pretraining is not None

    def task(self, train: EncodedSplit) -> Task:
        if self.predicts_words:
            return NextWord(self.training.label_smoothing)
        weights_C = class_weights(train, self.classes, self.training.class_weights)
        rules = self.training
        return Classification(
            self.headline, rules.label_smoothing, weights_C, rules.consistency, rules.distillation
        )

    def model(self, vectors_VE: torch.Tensor | None, device: str) -> Classifier | NextWordModel:
        """Return the model with its first weights, which depend on the seed and the vectors alone."""
        loop.seed_everything(self.seed, epoch=0)
        with self._enough_memory():
            return build_model(self.network, self.vocabulary, self.classes, vectors_VE).to(device)

    def document(self, model: nn.Module, train: EncodedSplit) -> dict[str, object]:
        """Return what is to be known of a trained model, beside its corpus and where it was trained."""
        return {
            "network": self.network.model_dump(mode="json"),
            "training": self.training.model_dump(mode="json"),
            "seed": self.seed,
            "headline": self.task(train).headline,
            "vocabulary_size": self.vocabulary,
            "parameters": parameter_count(model),
        }

    def run(
        self,
        model: nn.Module,
        train: EncodedSplit,
        validation: EncodedSplit,
        checkpoint: Path,
        watch: Callable[[Progress], None] = lambda progress: None,
        ended: Listener = lambda epoch: None,
        stopping: Stopping = lambda: None,
        team: Team = ALONE,
        texts: EncodedSplit | None = None,
        phrases: EncodedSplit | None = None,
    ) -> Fitted:
        """Train the model to its best epoch; continue from `checkpoint` where it holds a run.

        Pretraining reads `texts`, and `train` where there are none; `phrases` are read before `train` where
        the rules say so, and their epochs are counted with the others.
        `watch`, `ended` and `stopping` are called as loop.fit says; of pretraining's epochs `ended`
        hears nothing. `forget` removes what is left.

        Raises:
            Refusal: as loop.fit does; or memory is full.
        """
        fit = partial(
            loop.fit,
            validation=validation,
            batching=self.network.batching,
            seed=self.seed,
            watch=watch,
            stopping=stopping,
            team=team,
        )
        whole = partial(
            fit, model, train, task=self.task(train), training=self.training, checkpoint=checkpoint
        )
        asked, of_phrases = self.training.phrases_first, checkpoint.with_suffix(PHRASES)
        with self._enough_memory():
            # A run that has begun to classify has its pretraining in its checkpoint, if that can be read.
            begun = checkpoint if asked is None else of_phrases
            if self.pretrains and checkpoints.load_checkpoint(begun, "cpu") is None:
                self._pretrain(fit, model, train if texts is None else texts, checkpoint)
            if asked is None:
                return whole(ended=ended)
            rules, task = self._for_a_time(asked), self.task(phrases)
            before = fit(model, phrases, task=task, training=rules, checkpoint=of_phrases, ended=ended)
            model.load_state_dict(before.weights)
            after = whole(ended=lambda epoch: ended(_later(epoch, before)))
            return _together(before, after, task)

    def _enough_memory(self) -> AbstractContextManager[None]:
        return enough_memory(self.training.batch_size, self.training.batch_tokens)

    def _for_a_time(self, asked: Pretraining | PhrasesFirst) -> Training:
        """Return the rules of as many epochs as are asked for, none of which ends training early."""
        rate = asked.learning_rate or self.training.learning_rate
        return loop.merge(
            self.training, {"epochs": asked.epochs, "patience": asked.epochs, "learning_rate": rate}
        )

    def _pretrain(
        self, fit: Callable[..., Fitted], model: Classifier, texts: EncodedSplit, checkpoint: Path
    ) -> None:
        """Leave in `model` the embedding and the encoder that predict words best."""
        asked = self.network.pretraining
        # The softmax that goes away again: its numbers are none that its own epochs draw.
        loop.seed_everything(self.seed, asked.epochs + 1)
        reader = LanguageModel(model.embedding, model.encoder).to(texts.ids.device)
        fitted = fit(
            reader,
            texts,
            task=LanguageModelling(),
            training=self._for_a_time(asked),
            checkpoint=checkpoint.with_suffix(PRETRAINING),
        )
        reader.load_state_dict(fitted.weights)


def _later(epoch: Epoch, before: Fitted) -> Epoch:
    """Return an epoch as it is counted after those of another fit."""
    return epoch | {"epoch": epoch["epoch"] + len(before.history)}


def _together(before: Fitted, after: Fitted, task: Task) -> Fitted:
    """Return two fits of a model, one after the other, as one, whose best epoch may be of either."""
    column = f"validation_{task.headline}"

    def best(fitted: Fitted) -> float:
        return task.sign * fitted.history[fitted.best_epoch - 1][column]

    is_later = best(after) > best(before)
    return Fitted(
        weights=after.weights if is_later else before.weights,
        best_epoch=len(before.history) + after.best_epoch if is_later else before.best_epoch,
        history=before.history + [_later(epoch, before) for epoch in after.history],
        tokens=before.tokens + after.tokens,
        seconds=before.seconds + after.seconds,
    )


def forget(folder: Path, name: str) -> None:
    """Remove the checkpoints of a run whose results are in a safe place, those of former rules too."""
    for path in folder.glob(f"{name}-*"):
        path.unlink(missing_ok=True)
