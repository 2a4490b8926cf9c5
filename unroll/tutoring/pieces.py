"""Rows of words -> rows of the pieces that an encoder reads.

Axes: N tokens of a split, P pieces of a split, W different words.
"""

from pathlib import Path

import numpy as np
import torch

from unroll.failures import Refusal
from unroll.lexicon.sentence_encoder import NO_PIECE, tokenizer_of
from unroll.lexicon.vocabulary import UNKNOWN, Vocabulary, read_unseen
from unroll.networks.batches import EncodedSplit

BEGINS, ENDS = "[CLS]", "[SEP]"


class Cutter:
    """A BERT's tokenizer, which cuts each word of a vocabulary by itself: as it cuts them in a text."""

    def __init__(self, tokenizer: Path, longest: int) -> None:
        """Rows are cut short after so many pieces.

        Raises:
            Refusal: the file is no tokenizer, or is none of a BERT.
        """
        self.tokenizer, self.longest = tokenizer_of(tokenizer), longest
        marks = [self.tokenizer.token_to_id(mark) for mark in (BEGINS, ENDS, NO_PIECE)]
        if None in marks:
            raise Refusal(f"{tokenizer} is not a BERT's: it lacks one of {BEGINS}, {ENDS}, {NO_PIECE}")
        self.begins, self.ends, self.no_piece = marks

    def split(self, folder: Path, vocabulary: Vocabulary, device: str) -> EncodedSplit:
        """Read an encoded split of words as one of pieces.

        Raises:
            Refusal: a file is missing or damaged.
        """
        words = EncodedSplit.load(folder, "cpu", len(vocabulary))
        ids_P, lengths = self._cut([*vocabulary.counts, *read_unseen(folder)], words)
        offsets = np.concatenate([[0], lengths.cumsum()])
        return EncodedSplit(
            ids=torch.from_numpy(ids_P).to(device),
            offsets=torch.from_numpy(offsets).to(device),
            labels=words.labels.to(device),
            rows=words.rows,
            lengths=lengths,
        )

    def _cut(self, entries: list[str], words: EncodedSplit) -> tuple[np.ndarray, np.ndarray]:
        """Return ids_P of all rows end to end, and how many each row has; `entries` are words by id."""
        codes_N = words.ids.numpy()
        found = self.tokenizer.encode_batch(entries, add_special_tokens=False)
        pieces = [one.ids or [self.no_piece] for one in found]
        pieces[UNKNOWN] = [self.no_piece]  # what a text without tokens reads as
        counts_W = np.array([len(one) for one in pieces])
        begins_W = counts_W.cumsum() - counts_W
        flat = np.concatenate(pieces).astype(np.int32)
        counts_N = counts_W[codes_N]
        ends_N = counts_N.cumsum()
        places_P = np.arange(ends_N[-1]) + np.repeat(begins_W[codes_N] - (ends_N - counts_N), counts_N)
        in_rows = np.add.reduceat(counts_N, words.offsets[:-1].numpy())
        row_of_P = np.repeat(np.arange(len(words)), in_rows)
        kept_P = np.arange(ends_N[-1]) - (in_rows.cumsum() - in_rows)[row_of_P] < self.longest - 2
        ids_P, lengths = flat[places_P[kept_P]], np.minimum(in_rows, self.longest - 2)
        ends = lengths.cumsum()
        marks = np.tile(np.array([self.begins, self.ends], np.int32), len(words))
        return np.insert(ids_P, np.stack([ends - lengths, ends], 1).ravel(), marks), lengths + 2
