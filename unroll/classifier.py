"""Embedding -> encoder -> scores, built from a few lines of params.yaml.

Axes: B rows in the batch, L steps, E embedding, F features of a row, C classes.
"""

from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from unroll.batches import Batch
from unroll.encoders import BagEncoder, RecurrentEncoder
from unroll.params import Share, Strict
from unroll.vocabulary import PAD, UNKNOWN

Size = Annotated[int, Field(ge=1, le=10_000)]
Pooling = Literal["last", "mean", "max"]


class Embedding(Strict):
    """Vectors drawn from N(0, scale^2)."""

    size: Size = 100
    scale: Annotated[float, Field(gt=0)] = 1.0


class Dropout(Strict):
    """Chance to be dropped in training: whole words (read as unknown), embedding components, what
    passes between layers, features before the scores."""

    words: Share = 0.0
    embedding: Share = 0.0
    layers: Share = 0.0
    output: Share = 0.0


class _Network(Strict):
    embedding: Embedding = Embedding()
    dropout: Dropout = Dropout()
    training: dict[str, Any] = Field(default_factory=dict)
    """Overrides of the training parameters; checked by training.merge."""


class BagNetwork(_Network):
    cell: Literal["bag"]


class RecurrentNetwork(_Network):
    cell: Literal["elman", "lstm", "gru"]
    hidden: Size = 100
    layers: Annotated[int, Field(ge=1, le=16)] = 1
    bidirectional: bool = False
    pooling: Pooling = "last"


Network = Annotated[BagNetwork | RecurrentNetwork, Field(discriminator="cell")]


class Classifier(nn.Module):
    """Tokens -> one score a class. Scores only: the loss does the one softmax there is."""

    def __init__(self, network: BagNetwork | RecurrentNetwork, vocabulary: int, classes: int) -> None:
        super().__init__()
        embedding = network.embedding.size
        self.word_dropout = network.dropout.words
        self.embedding = nn.Embedding(vocabulary, embedding, padding_idx=PAD, sparse=True)
        self.embedding_dropout = nn.Dropout(network.dropout.embedding)
        self.encoder = _make_encoder(network)
        self.output_dropout = nn.Dropout(network.dropout.output)
        self.output = nn.Linear(self.encoder.size, classes)
        with torch.no_grad():
            self.embedding.weight.mul_(network.embedding.scale)

    def forward(self, batch: Batch) -> Tensor:
        """Return scores_BC."""
        tokens_BL = batch.tokens_BL
        if self.training and self.word_dropout > 0:
            dropped_BL = torch.rand(tokens_BL.shape, device=tokens_BL.device) < self.word_dropout
            tokens_BL = tokens_BL.masked_fill(dropped_BL & (tokens_BL != PAD), UNKNOWN)
        embedded_BLE = self.embedding_dropout(self.embedding(tokens_BL))
        features_BF = self.encoder(embedded_BLE, batch.lengths_B, batch.even)
        return self.output(self.output_dropout(features_BF))

    def parameter_count(self) -> int:
        return sum(parameter.numel() for parameter in self.parameters())


def _make_encoder(network: BagNetwork | RecurrentNetwork) -> BagEncoder | RecurrentEncoder:
    if isinstance(network, BagNetwork):
        return BagEncoder(network.embedding.size)
    return RecurrentEncoder(
        cell=network.cell,
        embedding=network.embedding.size,
        hidden=network.hidden,
        layers=network.layers,
        bidirectional=network.bidirectional,
        pooling=network.pooling,
        dropout=network.dropout.layers,
    )
