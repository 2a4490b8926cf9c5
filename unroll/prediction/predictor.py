"""New texts through a trained classifier: text -> tokens -> ids -> the probability of each class.

Axes: N texts, C classes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from unroll import files
from unroll.evaluation.models import load_model
from unroll.failures import Refusal
from unroll.lexicon.vocabulary import UNKNOWN, Vocabulary
from unroll.networks import tasks
from unroll.networks.batches import EncodedSplit
from unroll.networks.classifier import Classifier, device_of
from unroll.prediction.reader import SUITED, Precision, Reader, suits
from unroll.text.tokenization import TextRules, make_batch_tokenizer


@dataclass(frozen=True)
class Predictions:
    classes: tuple[str, ...]
    probabilities_NC: np.ndarray
    """In the order of the texts, in double precision."""

    @property
    def labels(self) -> list[str]:
        """Return the likeliest class of each text."""
        return [self.classes[place] for place in self.probabilities_NC.argmax(axis=1)]


@dataclass(frozen=True)
class Predictor:
    """A classifier, the words that it knows, and how texts become words.

    A word without an id of its own reads as unknown, even where the network's word vectors know it.
    """

    model: Classifier
    vocabulary: Vocabulary
    cut: Callable[[list[str]], pa.ListArray]
    """Texts -> the tokens of each."""
    classes: tuple[str, ...]
    reader: Reader | None = None
    """The same classifier arranged for reading, where it is of a kind that can be."""

    @classmethod
    def load(
        cls,
        folder: Path,
        vocabulary: Path,
        rules: TextRules,
        pieces: Path | None = None,
        device: str = "cpu",
        precision: Precision = "float32",
    ) -> "Predictor":
        """Read what a train stage left in `folder`, and the vocabulary.txt that it was trained with.

        `rules` are those of the corpus; `pieces` is its tokenizer.json where its tokenizer learned some.
        In bfloat16 probabilities move by some thousandths, and a label where two classes are as close.

        Raises:
            Refusal: a file is missing or damaged, the vocabulary is another one, the network predicts
                words and not classes, or bfloat16 is wanted and it is not of a kind that reads in it.
        """
        if rules.subwords is not None and pieces is None:
            raise Refusal(f"{rules.tokenizer} learned its pieces: the corpus's tokenizer.json is needed too")
        for needed in (vocabulary, *([] if pieces is None else [pieces])):
            if not needed.is_file():
                raise Refusal(f"{needed} is missing: run dvc repro")
        model, document = load_model(folder, files.sha256_of(vocabulary), device)
        if not isinstance(model, Classifier):
            raise Refusal(f"{folder} holds a network that predicts next words: it knows no classes of texts")
        reader = Reader.of(model, precision) if suits(model) else None
        if reader is None and precision != "float32":
            raise Refusal(f"{folder} reads in float32 alone: {precision} is for {SUITED}")
        trained = None if pieces is None else pieces.read_text(encoding="utf-8")
        cut = make_batch_tokenizer(rules.of_new_texts, trained=trained)
        return cls(model, Vocabulary.load(vocabulary), cut, tuple(document["labels"]), reader)

    def predict(self, texts: Sequence[str]) -> Predictions:
        """Return what the model makes of each text, whatever stands beside it."""
        return self.predict_encoded(self.encode(texts))

    def encode(self, texts: Sequence[str]) -> EncodedSplit:
        """Return the texts as ids; their labels, which nobody knows, are all 0."""
        return self.encode_tokens(self.cut(list(texts)))

    def encode_tokens(self, lists: pa.ListArray) -> EncodedSplit:
        """Return as ids what `cut` made of texts."""
        # Each distinct word is looked up once.
        tokens = pc.list_flatten(lists).dictionary_encode()
        known = self.vocabulary.encode(tokens.dictionary.to_pylist())
        ids = np.array(known, dtype=np.int32)[tokens.indices.to_numpy()]
        lengths = pc.list_value_length(lists).to_numpy(zero_copy_only=False).astype(np.int64)
        # A text without tokens reads as one unknown word.
        ids = np.insert(ids, lengths.cumsum()[lengths == 0], UNKNOWN)
        lengths = np.maximum(lengths, 1)
        device = device_of(self.model)
        offsets = np.concatenate([np.zeros(1, dtype=np.int64), lengths.cumsum()])
        return EncodedSplit(
            ids=torch.from_numpy(ids).to(device),
            offsets=torch.from_numpy(offsets).to(device),
            labels=torch.zeros(len(lengths), dtype=torch.int64, device=device),
            rows=np.arange(len(lengths)),
            lengths=lengths,
        )

    def predict_encoded(self, split: EncodedSplit) -> Predictions:
        """Return what the model makes of texts that are ids already; of no text, no predictions."""
        if not len(split):
            return Predictions(self.classes, np.empty((0, len(self.classes))))
        if self.reader is None or split.unseen_XE is not None:
            return Predictions(self.classes, tasks.predict(self.model, split))
        return Predictions(self.classes, self.reader.probabilities(split))
