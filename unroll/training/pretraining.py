"""Before it classifies, an encoder predicts words: each from those before it, and from those after it.

What is learned so, the embedding and the encoder, is where a classifier begins (Dai and Le 2015).

Axes: B rows in the batch, L steps, H units of one direction, T words that are predicted.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn

from unroll.lexicon.vocabulary import PAD, UNKNOWN
from unroll.networks.batches import Batch, EncodedSplit, reading_order
from unroll.networks.embeddings import WordEmbedding
from unroll.networks.encoders import RecurrentEncoder
from unroll.networks.tasks import Scores, perplexity
from unroll.training.adaptive_softmax import AdaptiveSoftmax

READING_BATCH = 128


class LanguageModel(nn.Module):
    """A classifier's embedding and encoder, and over them a softmax that goes away again.

    An encoder of one layer may read both ways: then its backward direction predicts the word before, by
    the same softmax (as Peters et al. 2018 share theirs).
    """

    def __init__(self, embedding: WordEmbedding, encoder: RecurrentEncoder) -> None:
        super().__init__()
        self.embedding, self.encoder = embedding, encoder
        self.hidden = encoder.size // encoder.directions
        self.head = AdaptiveSoftmax(self.hidden, len(embedding.weight))

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return losses_T and right_T, as AdaptiveSoftmax does, of the words of `states_and_targets`."""
        return self.head(*self.states_and_targets(batch))

    def states_and_targets(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return states_TH and targets_T for every word but a row's first, row by row; where the encoder
        reads both ways, then for every word but a row's last.

        A target without an id of its own counts as unknown.
        """
        tokens_BL = batch.tokens_BL
        states_BLF = self.encoder(self.embedding(batch), batch.lengths_B, batch.even)
        real_BL = tokens_BL[:, 1:] != PAD
        states_TH = states_BLF[:, :-1, : self.hidden][real_BL]
        targets_T = tokens_BL[:, 1:][real_BL]
        if self.encoder.directions == 2:
            states_TH = torch.cat([states_TH, states_BLF[:, 1:, self.hidden :][real_BL]])
            targets_T = torch.cat([targets_T, tokens_BL[:, :-1][real_BL]])
        return states_TH, targets_T.masked_fill(targets_T >= len(self.embedding.weight), UNKNOWN)


class LanguageModelling:
    """The mean loss over all words that are predicted; scored by perplexity."""

    sign: ClassVar[int] = -1
    headline: str = "perplexity"

    def step(self, model: LanguageModel, batch: Batch) -> tuple[Tensor, Tensor, int]:
        losses_T, right_T = model(batch)
        # Rows of one word have nothing to predict.
        return losses_T.sum() / max(len(losses_T), 1), right_T.sum(), len(losses_T)

    def weight(self, batch: Batch) -> Tensor:
        """Return how many words one direction predicts: two predict twice as many in every batch."""
        return (batch.lengths_B - 1).sum()

    def score(self, model: LanguageModel, split: EncodedSplit) -> Scores:
        model.eval()
        order = reading_order(split.lengths, READING_BATCH)
        with torch.inference_mode():
            losses_T = torch.cat([model(batch)[0] for batch in split.batches(order)])
        loss = losses_T.double().mean().item()
        return {"perplexity": perplexity(loss), "loss": loss}
