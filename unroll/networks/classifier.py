"""Tokens -> scores, built from a network's few lines of params.yaml.

Axes: B rows in the batch, L steps, E components of a word vector, F features of a row, H units, V
words of the vocabulary, C classes.
"""

import torch
from torch import Tensor, nn

from unroll.lexicon.vocabulary import PAD, UNKNOWN
from unroll.networks.batches import Batch
from unroll.networks.embeddings import WordEmbedding
from unroll.networks.encoders import RecurrentEncoder
from unroll.networks.pooling import Pooling
from unroll.networks.spec import BagNetwork, RecurrentNetwork


class Classifier(nn.Module):
    """Embedding -> encoder -> pooling -> one score a class.

    Scores only: the loss does the one softmax there is.
    """

    def __init__(
        self,
        network: BagNetwork | RecurrentNetwork,
        vocabulary: int,
        classes: int,
        vectors_VE: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.embedding = WordEmbedding(network.embedding, network.dropout, vocabulary, vectors_VE)
        features, directions = self.embedding.size, 1
        if isinstance(network, RecurrentNetwork):
            self.encoder = RecurrentEncoder(network, features)
            features, directions = self.encoder.size, self.encoder.directions
        else:
            self.encoder = None
        parts = network.pooling.split("+")
        self.pooling = Pooling(parts, features, directions, network.attention_size or features)
        self.head = Head(network.head, network.dropout.output, self.pooling.size, classes)

    def forward(self, batch: Batch) -> Tensor:
        """Return scores_BC."""
        words = self.embedding(batch)
        if self.encoder is None:
            states_BLF = words.written_out()
        else:
            states_BLF = self.encoder(words, batch.lengths_B, batch.even)
        return self.head(self.pooling(states_BLF, batch.lengths_B, batch.even))


class Head(nn.Module):
    """Features -> scores: ReLU where asked for, dropout, one linear layer."""

    def __init__(self, kind: str, dropout: float, features: int, scores: int) -> None:
        super().__init__()
        self.relu = nn.ReLU() if kind == "relu" else nn.Identity()
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(features, scores)

    def forward(self, features_BF: Tensor) -> Tensor:
        return self.linear(self.dropout(self.relu(features_BF)))


class NextWordModel(nn.Module):
    """Embedding -> encoder -> a score for each word of the vocabulary after every step."""

    def __init__(self, network: RecurrentNetwork, vocabulary: int, vectors_VE: Tensor | None = None) -> None:
        super().__init__()
        self.embedding = WordEmbedding(network.embedding, network.dropout, vocabulary, vectors_VE)
        self.encoder = RecurrentEncoder(network, self.embedding.size)
        self.head = Head("linear", network.dropout.output, self.encoder.size, vocabulary)

    def forward(self, batch: Batch) -> Tensor:
        """Return scores_BLV: at step t those of the word at t + 1."""
        return self.head(self._states(batch))

    def scored_targets(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return scores_TV and targets_T for every word but a row's first, row by row.

        Only these are scored, for a score costs as much as the rest of the step. A target without an
        id of its own counts as unknown.
        """
        states_BLF, tokens_BL = self._states(batch), batch.tokens_BL
        real_BL = tokens_BL[:, 1:] != PAD
        targets_T = tokens_BL[:, 1:][real_BL]
        targets_T = targets_T.masked_fill(targets_T >= len(self.embedding.weight), UNKNOWN)
        return self.head(states_BLF[:, :-1][real_BL]), targets_T

    def _states(self, batch: Batch) -> Tensor:
        return self.encoder(self.embedding(batch), batch.lengths_B, batch.even)


def parameter_count(model: nn.Module) -> int:
    """Return how many parameters are trained; a frozen embedding's are not."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def device_of(model: nn.Module) -> torch.device:
    return next(model.parameters()).device


def build_model(
    network: BagNetwork | RecurrentNetwork, vocabulary: int, classes: int, vectors_VE: Tensor | None = None
) -> Classifier | NextWordModel:
    """Return the model for a network's task."""
    if isinstance(network, RecurrentNetwork) and network.task == "next_word":
        return NextWordModel(network, vocabulary, vectors_VE)
    return Classifier(network, vocabulary, classes, vectors_VE)
