"""New texts through every seed of a network: the mean of what they say, and how far they agree.

Axes: S seeds, N texts, C classes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from unroll.failures import Refusal
from unroll.prediction.predictor import Predictions, Predictor
from unroll.prediction.reader import Precision
from unroll.text.tokenization import TextRules


@dataclass(frozen=True)
class Opinions:
    """What each seed makes of each text, and all of them together."""

    classes: tuple[str, ...]
    probabilities_SNC: np.ndarray
    unknown: list[list[str]]
    """The words of each text that have no id of their own, each once."""

    @property
    def together(self) -> Predictions:
        """Return the mean over seeds, as the ensemble of a comparison is made."""
        return Predictions(self.classes, self.probabilities_SNC.mean(axis=0))

    @property
    def spread_N(self) -> np.ndarray | None:
        """The sample standard deviation over seeds of the chosen label's probability; None of one seed."""
        if len(self.probabilities_SNC) == 1:
            return None
        chosen_1N1 = self.together.probabilities_NC.argmax(axis=1)[np.newaxis, :, np.newaxis]
        return np.take_along_axis(self.probabilities_SNC, chosen_1N1, axis=2)[..., 0].std(axis=0, ddof=1)

    @property
    def agree_N(self) -> np.ndarray:
        """How many seeds would choose that label too."""
        chosen_N = self.together.probabilities_NC.argmax(axis=1)
        return (self.probabilities_SNC.argmax(axis=2) == chosen_N).sum(axis=0)


@dataclass(frozen=True)
class Ensemble:
    """Classifiers that were trained alike but for the seed: they read the same ids."""

    members: tuple[Predictor, ...]

    @classmethod
    def load(
        cls,
        folders: Iterable[Path],
        vocabulary: Path,
        rules: TextRules,
        pieces: Path | None = None,
        device: str = "cpu",
        precision: Precision = "float32",
    ) -> "Ensemble":
        """Read one model a folder; all else is as for `Predictor.load`.

        Raises:
            Refusal: as `Predictor.load` does, or a model has other classes than the first.
        """
        members: list[Predictor] = []
        for folder in folders:
            member = Predictor.load(folder, vocabulary, rules, pieces, device, precision)
            if members and member.classes != members[0].classes:
                raise Refusal(f"{folder} knows other classes than the seeds before it: run dvc repro")
            # One vocabulary for all: that of 25,000 words takes 5 MB.
            shared = {"vocabulary": members[0].vocabulary, "cut": members[0].cut} if members else {}
            members.append(replace(member, **shared))
        return cls(tuple(members))

    @property
    def classes(self) -> tuple[str, ...]:
        return self.members[0].classes

    def read(self, texts: Sequence[str]) -> Opinions:
        """Return what all seeds make of each text, whatever stands beside it."""
        first = self.members[0]
        lists = first.cut(list(texts))
        split = first.encode_tokens(lists)
        each = [member.predict_encoded(split).probabilities_NC for member in self.members]
        unseen = set(first.vocabulary.unseen(pc.unique(pc.list_flatten(lists)).to_pylist()))
        words = ({} if tokens is None else dict.fromkeys(tokens) for tokens in lists.to_pylist())
        return Opinions(self.classes, np.stack(each), [[w for w in row if w in unseen] for row in words])
