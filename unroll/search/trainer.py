"""One training of a trial, as the stage `train` does it; it never looks for the test split."""

import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path

from unroll import environment
from unroll.networks.classifier import parameter_count
from unroll.networks.spec import BagNetwork, RecurrentNetwork
from unroll.networks.tasks import Headline
from unroll.training.assignment import looked_up, read_more, read_splits
from unroll.training.experiment import Experiment, forget
from unroll.training.loop import Training
from unroll.training.soundness import CameToNothing


@dataclass(frozen=True)
class Job:
    """What is to be trained."""

    name: str
    """Of its checkpoint."""
    network: BagNetwork | RecurrentNetwork
    training: Training
    seed: int


@dataclass(frozen=True)
class Trained:
    """What came of it."""

    score: float | None
    """The headline on validation after the best epoch; None where a loss or a gradient was no number."""
    epochs: int
    parameters: int
    seconds: float
    """Not part of what repeats."""


@dataclass(frozen=True)
class Trainer:
    """Trains jobs on one corpus, in this process or in any other."""

    data: Path
    """The corpus as ids."""
    vectors: Path | None
    """Of its words, where the network names some."""
    headline: Headline
    classes: int
    device: str
    checkpoints: Path
    key: str
    """Of all that decides a training beside its job."""

    def __call__(self, job: Job) -> Trained:
        """Train one job; what was stopped goes on from its checkpoint.

        Raises:
            Refusal: a file is missing or damaged, or memory is full.
        """
        started = time.monotonic()
        environment.prepare_torch(self.device, job.training.matmul_precision)
        vocabulary = (self.data / "vocabulary.txt").read_bytes().count(b"\n")
        made = Experiment(job.network, job.training, self.headline, vocabulary, self.classes, job.seed)
        train, validation = read_splits(
            self.data, self.vectors, job.training.supervision, self.device, vocabulary
        )
        more = read_more(self.data, self.vectors, made, self.device)
        model = made.model(looked_up(self.vectors, "vocabulary"), self.device)
        parameters, headline = parameter_count(model), made.task(train).headline
        checkpoint = self.checkpoints / f"{job.name}-{self._key_of(job)}.safetensors"
        try:
            fitted = made.run(model, train, validation, checkpoint, **more)
            epochs = len(fitted.history)
            score = fitted.history[fitted.best_epoch - 1][f"validation_{headline}"]
        except CameToNothing:
            score, epochs = None, 0
        forget(self.checkpoints, job.name)
        return Trained(score, epochs, parameters, time.monotonic() - started)

    def _key_of(self, job: Job) -> str:
        content = f"{self.key} {description(job.network, job.training)}"
        return hashlib.sha256(content.encode()).hexdigest()[:16]


def description(network: BagNetwork | RecurrentNetwork, training: Training) -> str:
    """Return in one line all that params.yaml and its defaults say of a training."""
    return json.dumps([network.model_dump(mode="json"), training.model_dump(mode="json")], sort_keys=True)
