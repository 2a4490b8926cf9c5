"""Words as vectors: drawn or pretrained, tuned or frozen.

Axes: B rows in the batch, L steps, E components of a word vector, U different words of the batch, V
words of the vocabulary, X words that have a pretrained vector but no id in the vocabulary.
"""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import FunctionCtx
from torch.nn import functional

from unroll import arrays
from unroll.lexicon.vocabulary import PAD, UNKNOWN
from unroll.networks.batches import Batch
from unroll.networks.encoders import StepDropout
from unroll.networks.spec import Dropout, Embedding
from unroll.networks.words import Words

MULTIPLE = 64


class WordEmbedding(nn.Module):
    """Tokens -> words, with dropout of whole words and of components."""

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

    def forward(self, batch: Batch) -> Words:
        """Return the vectors of a batch's tokens; padding is zeros."""
        tokens_BL = batch.tokens_BL
        if self.training and self.word_dropout > 0:
            dropped_BL = torch.rand(tokens_BL.shape, device=tokens_BL.device) < self.word_dropout
            tokens_BL = tokens_BL.masked_fill(dropped_BL & (tokens_BL != PAD), UNKNOWN)
        if tokens_BL.device.type == "cpu":
            tokens_U, places_BL = torch.unique(tokens_BL, return_inverse=True)
            words = Words(self._distinct(tokens_U, batch.unseen_XE), places_BL)
        else:
            # How many words differ only the GPU knows: to ask would make the loop wait for it.
            words = Words.each_its_own(self._look_up(tokens_BL, batch.unseen_XE))
        if self.dropout.drops:
            words = Words.each_its_own(self.dropout(words.written_out()))
        return words

    def _distinct(self, tokens_U: Tensor, unseen_XE: Tensor | None) -> Tensor:
        """Look up tokens in ascending order, each of which stands there once."""
        known = len(tokens_U)
        if unseen_XE is not None:
            known = int(torch.searchsorted(tokens_U, len(self.weight)))
        if self.sparse or not self.weight.requires_grad:
            vectors_UE = _DistinctRows.apply(self.weight, tokens_U[:known])
        else:
            vectors_UE = functional.embedding(tokens_U[:known], self.weight, padding_idx=PAD)
        if known == len(tokens_U):
            return vectors_UE
        return torch.cat([vectors_UE[:known], unseen_XE[tokens_U[known:] - len(self.weight)]])

    def _look_up(self, tokens_BL: Tensor, unseen_XE: Tensor | None) -> Tensor:
        """Look up tokens as they come, with a dense gradient: to sum a sparse one, a GPU is waited for."""
        if unseen_XE is None or len(unseen_XE) == 0:
            return functional.embedding(tokens_BL, self.weight, padding_idx=PAD)
        unseen_BL = tokens_BL >= len(self.weight)
        known_BLE = self._look_up(tokens_BL.masked_fill(unseen_BL, UNKNOWN), None)
        places_BL = (tokens_BL - len(self.weight)).clamp(min=0)
        return torch.where(unseen_BL.unsqueeze(2), unseen_XE[places_BL], known_BLE)


class _DistinctRows(Function):
    """Rows of a weight, no row twice and in ascending order, and zeros behind them up to a round number.

    Their gradient is sparse and has no sums to do. The number is round because oneDNN makes a program
    for every size of a product that it has not seen, in 1 ms.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, weight_VE: Tensor, rows_U: Tensor) -> Tensor:
        ctx.shape = weight_VE.shape
        ctx.save_for_backward(rows_U)
        vectors_UE = weight_VE.new_zeros(-(-len(rows_U) // MULTIPLE) * MULTIPLE, weight_VE.shape[1])
        torch.index_select(weight_VE, 0, rows_U, out=vectors_UE[: len(rows_U)])
        return vectors_UE

    @staticmethod
    def backward(ctx: FunctionCtx, grad_UE: Tensor) -> tuple[Tensor | None, ...]:
        (rows_U,) = ctx.saved_tensors
        first = int(len(rows_U) > 0 and rows_U[0] == PAD)
        grad_VE = torch.sparse_coo_tensor(
            rows_U[first:].unsqueeze(0),
            grad_UE[first : len(rows_U)],
            ctx.shape,
            is_coalesced=True,
            check_invariants=False,
        )
        return grad_VE, None


def pretrained(folder: Path, part: str) -> Tensor | None:
    """Return the vectors that the stage `vectors` looked up for the words of `part`, None where it had none.

    (V, E) for "vocabulary"; for a split (X, E), its words without an id. A component that no source
    has is NaN.
    """
    path = folder / f"{part}.npy"
    return torch.from_numpy(arrays.load(path, "<f4")) if path.exists() else None
