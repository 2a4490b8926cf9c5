"""One training run from its parameters: model and task, pretraining where asked for, training."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from unroll.networks import checkpoints
from unroll.networks.batches import EncodedSplit
from unroll.networks.classifier import Classifier, NextWordModel, build_model, parameter_count
from unroll.networks.spec import BagNetwork, RecurrentNetwork
from unroll.networks.tasks import Classification, Headline, NextWord, Task, class_weights
from unroll.progress import Progress
from unroll.training import loop
from unroll.training.loop import Fitted, Listener, Stopping, Training
from unroll.training.pretraining import LanguageModel, LanguageModelling
from unroll.training.soundness import enough_memory
from unroll.training.team import ALONE, Team

PRETRAINING = ".pretraining"
"""Suffix of the checkpoint of what comes before the training itself."""


@dataclass(frozen=True)
class Experiment:
    """What is trained, and how."""

    network: BagNetwork | RecurrentNetwork
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
    ) -> Fitted:
        """Train the model to its best epoch; continue from `checkpoint` where it holds a run.

        Pretraining reads `texts`, and `train` where there are none.
        `watch`, `ended` and `stopping` are called as loop.fit says; of pretraining's epochs `ended`
        hears nothing. `forget` removes what is left.

        Raises:
            Refusal: as loop.fit does; or memory is full.
        """
        with self._enough_memory():
            # A run that has begun to classify has its pretraining in its checkpoint, if that can be read.
            if self.pretrains and checkpoints.load_checkpoint(checkpoint, "cpu") is None:
                unfinished = checkpoint.with_suffix(PRETRAINING)
                read = train if texts is None else texts
                self._pretrain(model, read, validation, unfinished, watch, stopping, team)
            return loop.fit(
                model,
                train,
                validation,
                self.task(train),
                self.training,
                self.network.batching,
                self.seed,
                checkpoint,
                watch,
                ended,
                stopping,
                team,
            )

    def _enough_memory(self) -> AbstractContextManager[None]:
        return enough_memory(self.training.batch_size, self.training.batch_tokens)

    def _pretrain(
        self,
        model: Classifier,
        texts: EncodedSplit,
        validation: EncodedSplit,
        checkpoint: Path,
        watch: Callable[[Progress], None],
        stopping: Stopping,
        team: Team,
    ) -> None:
        """Leave in `model` the embedding and the encoder that predict words best."""
        asked = self.network.pretraining
        rules = loop.merge(
            self.training,
            {
                "epochs": asked.epochs,
                "patience": asked.epochs,
                "learning_rate": asked.learning_rate or self.training.learning_rate,
            },
        )
        # The softmax that goes away again: its numbers are none that its own epochs draw.
        loop.seed_everything(self.seed, asked.epochs + 1)
        reader = LanguageModel(model.embedding, model.encoder).to(texts.ids.device)
        fitted = loop.fit(
            reader,
            texts,
            validation,
            LanguageModelling(),
            rules,
            self.network.batching,
            self.seed,
            checkpoint,
            watch,
            stopping=stopping,
            team=team,
        )
        reader.load_state_dict(fitted.weights)


def forget(folder: Path, name: str) -> None:
    """Remove the checkpoints of a run whose results are in a safe place, those of former rules too."""
    for path in folder.glob(f"{name}-*"):
        path.unlink(missing_ok=True)
