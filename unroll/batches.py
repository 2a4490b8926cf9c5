"""Encoded rows -> batches, in an order that (seed, epoch) decides alone.

Axes: B rows in the batch, L steps, V words of the vocabulary, X words without an id of their own that
have a pretrained vector all the same, E its components.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from unroll.vocabulary import PAD, UNKNOWN


@dataclass(frozen=True)
class Batch:
    """Rows of a split; `tokens_BL` is padded on the right with `<pad>`."""

    tokens_BL: Tensor
    lengths_B: Tensor
    labels_B: Tensor
    even: bool
    """All rows are equally long: nothing is padded and nothing needs a mask."""
    unseen_XE: Tensor | None = None
    """Vectors of the tokens V, V + 1, ...; without them there are no such tokens."""


@dataclass(frozen=True)
class EncodedSplit:
    """One split as vocabulary.save_encoded wrote it, on the device that reads it."""

    ids: Tensor
    offsets: Tensor
    labels: Tensor
    rows: np.ndarray
    lengths: np.ndarray

    unseen_XE: Tensor | None = None

    @classmethod
    def load(
        cls, folder: Path, device: str, vocabulary: int, unseen_XE: Tensor | None = None
    ) -> "EncodedSplit":
        """Read a split for a vocabulary of so many words.

        Its other words (ids from `vocabulary` on) have the vectors `unseen_XE`. A component that is
        missing there (NaN) is zero; a word of which all are missing is read as unknown.
        """

        def read(name: str) -> np.ndarray:
            return np.load(folder / f"{name}.npy", mmap_mode="c", allow_pickle=False)

        ids, offsets, labels = (torch.from_numpy(read(name)) for name in ("ids", "offsets", "labels"))
        vectors = unseen_XE
        unseen = ids >= vocabulary
        if vectors is not None:
            missing_X = vectors.isnan().all(dim=1)
            unseen = unseen & missing_X[(ids - vocabulary).clamp(min=0)] if len(vectors) else unseen
            vectors = vectors.nan_to_num(nan=0.0).to(device)
        if unseen.any():
            ids = ids.masked_fill(unseen, UNKNOWN)
        rows, lengths = np.asarray(read("rows")), np.diff(read("offsets"))
        return cls(ids.to(device), offsets.to(device), labels.to(device), rows, lengths, vectors)

    def __len__(self) -> int:
        return len(self.lengths)

    def batch(self, rows: np.ndarray) -> Batch:
        """Gather the rows with these positions, in this order."""
        lengths = self.lengths[rows]
        longest, even = int(lengths.max()), bool(lengths.min() == lengths.max())
        device = self.ids.device
        rows_B = torch.from_numpy(rows).to(device)
        lengths_B = torch.from_numpy(lengths).to(device)
        steps_L = torch.arange(longest, device=device)
        places_BL = self.offsets[rows_B].unsqueeze(1) + steps_L
        if even:
            tokens_BL = self.ids[places_BL].long()
        else:
            padded_BL = steps_L >= lengths_B.unsqueeze(1)
            tokens_BL = self.ids[places_BL.masked_fill(padded_BL, 0)].long().masked_fill(padded_BL, PAD)
        return Batch(tokens_BL, lengths_B, self.labels[rows_B], even, self.unseen_XE)


def training_order(
    lengths: np.ndarray, batch_size: int, seed: int, epoch: int, batching: str = "exact"
) -> list[np.ndarray]:
    """Return every row's position once, in batches, as a pure function of the arguments.

    `batching`: padded and packed cut the shuffled rows as they come. length sorts them first and
    shuffles the batches: little padding. exact cuts each length into full batches, which need neither
    padding nor packing; what is left of each is put together with its neighbours in length, so that
    no batch but the last of them is short, and the batches are shuffled.
    """
    generator = np.random.default_rng([seed, epoch])
    shuffled = generator.permutation(len(lengths))
    if batching in ("padded", "packed"):
        return _in_batches(shuffled, batch_size)
    by_length = shuffled[np.argsort(lengths[shuffled], kind="stable")]
    batches = (
        _by_exact_length(by_length, lengths, batch_size)
        if batching == "exact"
        else _in_batches(by_length, batch_size)
    )
    return [batches[index] for index in generator.permutation(len(batches))]


def _by_exact_length(by_length: np.ndarray, lengths: np.ndarray, batch_size: int) -> list[np.ndarray]:
    groups = np.split(by_length, np.flatnonzero(np.diff(lengths[by_length])) + 1)
    full, left_over = [], []
    for group in groups:
        cut = len(group) - len(group) % batch_size
        full += np.split(group[:cut], cut // batch_size) if cut else []
        left_over.append(group[cut:])
    return full + _in_batches(np.concatenate(left_over), batch_size)


def reading_order(lengths: np.ndarray, batch_size: int) -> list[np.ndarray]:
    """Return every row's position once, by length, in batches: the order for scoring."""
    return _in_batches(np.argsort(lengths, kind="stable"), batch_size)


def _in_batches(positions: np.ndarray, batch_size: int) -> list[np.ndarray]:
    return [positions[start : start + batch_size] for start in range(0, len(positions), batch_size)]
