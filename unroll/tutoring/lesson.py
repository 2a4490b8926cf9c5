"""A tutor's own lesson: it learns the classes of a corpus, and says what it makes of each row.

Axes: N rows, C classes.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unroll import environment, files
from unroll.distillation import opinions
from unroll.lexicon.sentence_encoder import SentenceEncoder
from unroll.lexicon.vocabulary import Vocabulary
from unroll.networks import checkpoints
from unroll.networks.tasks import Headline, predict
from unroll.progress import Display, RowClock
from unroll.training import interruption, loop
from unroll.training.experiment import Experiment, forget
from unroll.training.loop import Training
from unroll.tutoring.classifier import TutorClassifier
from unroll.tutoring.pieces import Cutter
from unroll.tutoring.spec import Engaged

PARTS = {
    opinions.TRAIN: "train",
    opinions.VALIDATION: "validation",
    opinions.PHRASES: "train/phrases",
}
"""What it reads, by the name under which it says what it makes of it; phrases where there are any."""


@dataclass(frozen=True)
class Learned:
    """What a tutor makes of each row that it read."""

    document: dict
    """Who it is, and its learning curve."""
    probabilities: dict[str, np.ndarray]
    """Of each part, (N, C)."""

    def save(self, folder: Path) -> None:
        """Write what a network with this tutor learns from, into an empty folder."""
        for part, probabilities_NC in self.probabilities.items():
            opinions.save(folder, part, probabilities_NC)
        files.write_json(folder / opinions.TUTOR, self.document)


@dataclass(frozen=True)
class Lesson:
    """A corpus as a tutor reads it."""

    corpus: str
    data: Path
    """The vocabulary and the encoded splits."""
    classes: int
    headline: Headline
    profile: dict
    """data/environment/training.json"""
    checkpoints: Path
    """The folder of every training's."""

    @property
    def parts(self) -> dict[str, Path]:
        """Return the folder of each part that there is."""
        folders = {part: self.data / path for part, path in PARTS.items()}
        return {part: path for part, path in folders.items() if part != opinions.PHRASES or path.exists()}

    @property
    def has_phrases(self) -> bool:
        return opinions.PHRASES in self.parts

    def give(self, name: str, engaged: Engaged, rules: Training) -> Learned:
        """Have a tutor learn by these rules; what was stopped goes on.

        Raises:
            Refusal: as training.loop.fit does; or something to read is missing or damaged.
        """
        tutor, source, device = engaged.tutor, engaged.encoder, self.profile["device"]
        environment.prepare_torch(device, rules.matmul_precision)
        encoder = SentenceEncoder(source.verified(source.weights), source.verified(source.configuration))
        cutter = Cutter(source.verified(source.tokenizer), encoder.longest)
        vocabulary = Vocabulary.load(self.data / "vocabulary.txt")
        splits = {part: cutter.split(path, vocabulary, device) for part, path in self.parts.items()}
        phrases = {"phrases": splits[opinions.PHRASES]} if rules.phrases_first else {}
        loop.seed_everything(tutor.seed, epoch=0)
        model = TutorClassifier(encoder, self.classes, tutor.dropout, device)
        experiment = Experiment(tutor, rules, self.headline, len(vocabulary), self.classes, tutor.seed)
        stem = f"tutor-{self.corpus}-{name}"
        learned = splits[opinions.TRAIN], splits[opinions.VALIDATION]
        path = self.checkpoints / f"{stem}-{self._key_of(engaged, rules)}.safetensors"
        with Display(f"tutor {self.corpus} {name}") as shown:
            with interruption.noticed() as stopping:
                fitted = experiment.run(model, *learned, path, shown, stopping=stopping, **phrases)
            model.load_state_dict(fitted.weights)
            clock = RowClock(sum(map(len, splits.values())), shown)
            model.register_forward_hook(lambda model, read, scores: clock.add(len(read[0].lengths_B)))
            said = {part: predict(model, split) for part, split in splits.items()}
        forget(self.checkpoints, stem)
        return Learned({"tutor": name, "best_epoch": fitted.best_epoch, "history": fitted.history}, said)

    def _key_of(self, engaged: Engaged, rules: Training) -> str:
        document = {"profile": self.profile, "training": rules.model_dump(mode="json")}
        return checkpoints.key_of(
            document | {"engaged": engaged.model_dump(mode="json")}, list(self.parts.values())
        )
