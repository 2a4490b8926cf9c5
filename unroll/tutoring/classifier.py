"""Pieces -> scores of the classes: an encoder that learns, and a linear layer over its mean state.

Axes: B rows in the batch, L steps, H components of a state, C classes, V pieces.
"""

from copy import copy

import torch
from torch import Tensor, nn
from torch.nn import functional

from unroll.lexicon.sentence_encoder import WORDS, SentenceEncoder
from unroll.networks.batches import Batch
from unroll.networks.embeddings import WordEmbedding
from unroll.networks.spec import Dropout, Embedding

LEARNED = "embeddings.", "encoder.layer."
"""How the names of weights begin that a state is made of."""


class TutorClassifier(nn.Module):
    """The vectors of single pieces stay as they are: half of all weights, and a corpus has few of them."""

    def __init__(self, encoder: SentenceEncoder, classes: int, dropout: float, device: str) -> None:
        super().__init__()
        words_VH = encoder.weights[WORDS]
        frozen = Embedding(frozen=True)
        self.embedding = WordEmbedding(frozen, Dropout(), len(words_VH), words_VH).to(device)
        # A dot is for modules within modules.
        self.layers = nn.ParameterDict(
            {
                name.replace(".", "/"): nn.Parameter(weight.clone().to(device))
                for name, weight in encoder.weights.items()
                if name.startswith(LEARNED) and name.endswith((".weight", ".bias")) and name != WORDS
            }
        )
        self.head = nn.Linear(words_VH.shape[1], classes, device=device)
        self.dropout = dropout
        self.encoder = copy(encoder)
        self.encoder.weights = {name.replace("/", "."): weight for name, weight in self.layers.items()}

    def forward(self, batch: Batch) -> Tensor:
        """Return scores_BC."""
        words_BLH = self.embedding(batch).written_out()
        dropout = self.dropout if self.training else 0.0
        if batch.even:
            mean_BH = self.encoder.states(words_BLH, None, dropout).mean(dim=1)
        else:
            steps_L = torch.arange(words_BLH.shape[1], device=words_BLH.device)
            real_BL = steps_L < batch.lengths_B.unsqueeze(1)
            states_BLH = self.encoder.states(words_BLH, real_BL, dropout)
            total_BH = (states_BLH * real_BL.unsqueeze(2)).sum(dim=1)
            mean_BH = total_BH / batch.lengths_B.unsqueeze(1)
        return self.head(functional.dropout(mean_BH, dropout, self.training))
