"""What every seed of one network makes of a text: probabilities, and what each word does for them.

Axes: S seeds, C classes, L words.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from unroll.failures import Refusal
from unroll.lexicon.vocabulary import SPECIAL, UNKNOWN, Vocabulary
from unroll.networks.batches import Batch
from unroll.networks.classifier import Classifier
from unroll.prediction import saliency


@dataclass(frozen=True)
class Answer:
    words: tuple[str, ...]
    known: tuple[bool, ...]
    """Whether each word has an id of its own; all others read as one."""
    seeds: tuple[int, ...]
    probabilities_SC: np.ndarray
    winner: int
    """The likeliest class by the mean over seeds."""
    saliency_SL: np.ndarray
    """What each word does for the winner's score."""
    attention_SL: np.ndarray | None

    def as_document(self) -> dict:
        """Return what the page shows: means over seeds, the spread of probabilities, every seed's own."""
        return {
            "words": self.words,
            "known": self.known,
            "seeds": self.seeds,
            "winner": self.winner,
            "probabilities": self.probabilities_SC.mean(axis=0).tolist(),
            "std": self.probabilities_SC.std(axis=0, ddof=1).tolist() if len(self.seeds) > 1 else None,
            "each": self.probabilities_SC.tolist(),
            "saliency": self.saliency_SL.mean(axis=0).tolist(),
            "attention": None if self.attention_SL is None else self.attention_SL.mean(axis=0).tolist(),
        }


def answer(models: Mapping[int, Classifier], vocabulary: Vocabulary, tokens: Sequence[str]) -> Answer:
    """Let the models of all seeds read one text; the class that they find together is the one explained.

    Raises:
        Refusal: a model gives no numbers.
    """
    ids = vocabulary.encode(list(tokens))
    batch = Batch(torch.tensor([ids]), torch.tensor([len(ids)]), torch.zeros(1, dtype=torch.long), even=True)
    readings = [saliency.read(model, batch) for model in models.values()]
    scores_SC = torch.cat([reading.scores_BC for reading in readings]).detach()
    probabilities_SC = scores_SC.double().softmax(dim=1).numpy()
    for seed, finite in zip(models, np.isfinite(probabilities_SC).all(axis=1), strict=True):
        if not finite:
            raise Refusal(f"seed {seed} gives no numbers: its training has diverged; lower its learning_rate")
    winner = int(probabilities_SC.mean(axis=0).argmax())
    winner_B = torch.tensor([winner])
    attention = [reading.attention_BL for reading in readings if reading.attention_BL is not None]
    return Answer(
        # A text without tokens reads as one unknown word.
        words=tuple(tokens) or (SPECIAL[UNKNOWN],),
        known=tuple(index != UNKNOWN for index in ids),
        seeds=tuple(models),
        probabilities_SC=probabilities_SC,
        winner=winner,
        saliency_SL=torch.cat([reading.saliency(winner_B) for reading in readings]).numpy(),
        attention_SL=torch.cat(attention).double().numpy() if attention else None,
    )
