"""What params.yaml says of a tutor."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import Field

from unroll.lexicon.vectors import EncoderSource, VectorsSource, pinned
from unroll.params import Consistent, Name, Seed, Share, Strict
from unroll.training.loop import PhrasesFirst, Training, merge

ALONE = {
    "supervision": "sentences",
    "phrases_first": None,
    "processes": 1,
    "consistency": 0.0,
    "distillation": 0.0,
}
"""What a network's training may have and a tutor's has not."""


class Tutor(Consistent):
    """A sentence encoder that goes on learning: the classes of the training rows."""

    encoder: Name
    """One of `vectors`, of kind encoder; what it says there of components and scale is for word vectors."""
    seed: Seed = 1
    dropout: Share = 0.1
    phrases_first: PhrasesFirst | None = None
    """Where the corpus has trees."""
    training: dict[str, Any] = Field(default_factory=dict)
    """Overrides of the training parameters, laid over those of the corpus."""

    @classmethod
    def contradictions(cls, given: dict[str, Any]) -> Iterator[tuple[str, str]]:
        training = given["training"]
        for key in [key for key in ALONE if isinstance(training, dict) and key in training]:
            yield f"training.{key}", "a network may have this, a tutor has not: leave it out"

    @property
    def batching(self) -> str:
        return "exact"

    def rules(self, defaults: Training, corpus: Mapping[str, Any], has_phrases: bool) -> Training:
        """Return how it is trained on a corpus with these overrides.

        Raises:
            pydantic.ValidationError: as training.loop.merge does.
        """
        first = self.phrases_first.model_dump() if self.phrases_first and has_phrases else None
        return merge(defaults, {**corpus}, ALONE, self.training, {"phrases_first": first})


class Engaged(Strict):
    """A tutor and what it begins with."""

    tutor: Tutor
    encoder: EncoderSource


Engagements = dict[Name, Engaged]


def engaged(
    names: Iterable[str], tutors: Mapping[str, Tutor], known: Mapping[str, VectorsSource]
) -> Engagements:
    """Return the tutors of these names, each with its encoder.

    Raises:
        Refusal: an encoder is not installed, in its version.
    """
    encoders = {name: tutors[name].encoder for name in names}
    return {
        name: Engaged(tutor=tutors[name], encoder=pinned(encoder, known[encoder]))
        for name, encoder in encoders.items()
    }
