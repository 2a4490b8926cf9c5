"""Words as vectors: drawn or pretrained, tuned or frozen.

Axes: B rows in the batch, L steps, E components of a word vector, V words of the vocabulary, X words
that have a pretrained vector but no id in the vocabulary.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from unroll.batches import Batch
from unroll.encoders import StepDropout
from unroll.networks import Dropout, Embedding
from unroll.vocabulary import PAD, UNKNOWN


class WordEmbedding(nn.Module):
    """Tokens -> embedded_BLE, with dropout of whole words and of components."""

    def __init__(
        self, embedding: Embedding, dropout: Dropout, vocabulary: int, vectors_VE: Tensor | None = None
    ) -> None:
        super().__init__()
        self.size = embedding.components if vectors_VE is None else vectors_VE.shape[1]
        self.learning_rate = embedding.learning_rate
        self.sparse = embedding.gradients == "sparse" and not embedding.frozen
        self.word_dropout = dropout.words
        self.dropout = StepDropout(dropout.embedding, dropout.variational)
        weight_VE = torch.randn(vocabulary, self.size) * embedding.scale + embedding.mean
        if vectors_VE is not None:
            # A component that no pretrained vector has is NaN there.
            weight_VE = torch.where(vectors_VE.isnan(), weight_VE, vectors_VE)
        weight_VE[PAD] = 0.0
        self.weight = nn.Parameter(weight_VE, requires_grad=not embedding.frozen)

    def forward(self, batch: Batch) -> Tensor:
        """Return the vectors of a batch's tokens, (B, L, E); padding is zeros."""
        tokens_BL = batch.tokens_BL
        if self.training and self.word_dropout > 0:
            dropped_BL = torch.rand(tokens_BL.shape, device=tokens_BL.device) < self.word_dropout
            tokens_BL = tokens_BL.masked_fill(dropped_BL & (tokens_BL != PAD), UNKNOWN)
        return self.dropout(self._look_up(tokens_BL, batch.unseen_XE))

    def _look_up(self, tokens_BL: Tensor, unseen_XE: Tensor | None) -> Tensor:
        if unseen_XE is None or len(unseen_XE) == 0:
            return functional.embedding(tokens_BL, self.weight, padding_idx=PAD, sparse=self.sparse)
        unseen_BL = tokens_BL >= len(self.weight)
        known_BLE = self._look_up(tokens_BL.masked_fill(unseen_BL, UNKNOWN), None)
        places_BL = (tokens_BL - len(self.weight)).clamp(min=0)
        return torch.where(unseen_BL.unsqueeze(2), unseen_XE[places_BL], known_BLE)


def pretrained(folder: Path, part: str) -> Tensor | None:
    """Return the vectors that the stage `vectors` looked up for the words of `part`, None where it had none.

    (V, E) for "vocabulary"; for a split (X, E), its words without an id. A component that no source
    has is NaN.
    """
    path = folder / f"{part}.npy"
    return torch.from_numpy(np.load(path, allow_pickle=False)) if path.exists() else None
