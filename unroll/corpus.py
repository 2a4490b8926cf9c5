"""What params.yaml says of a corpus."""

from typing import Annotated, Any

from pydantic import Field, model_validator

from unroll.comparison.spec import Published
from unroll.corpora.sources import Source
from unroll.lexicon.vocabulary import VocabularyRules
from unroll.networks.tasks import Headline
from unroll.params import Name, Strict
from unroll.text.tokenization import TextRules


class Corpus(Strict):
    title: str
    source: Source
    labels: Annotated[tuple[str, ...], Field(min_length=2)]
    relabel: tuple[int | None, ...] | None
    """The class of each of the source's labels 0, 1, ...; null leaves the row out."""
    headline: Headline
    text: TextRules
    vocabulary: VocabularyRules
    training: dict[str, Any]
    pretraining_texts: tuple[Name, ...] = ()
    """Other corpora, whose training texts are read too where a network learns next words first."""
    published: tuple[Published, ...]

    @model_validator(mode="after")
    def _classes_exist(self) -> "Corpus":
        if len(set(self.labels)) < len(self.labels):
            raise ValueError("labels: a name stands twice")
        for source_label, label in enumerate(self.relabel or ()):
            if label is not None and not 0 <= label < len(self.labels):
                raise ValueError(f"relabel[{source_label}] is {label}: labels has {len(self.labels)} entries")
        return self

    @property
    def has_trees(self) -> bool:
        """Whether it comes with labelled phrases of its training sentences."""
        return getattr(self.source, "form", "rows") == "trees"
