"""Encoded rows -> batches of nearly equal length, in an order that (seed, epoch) decides alone.

Axes: B rows in the batch, L steps.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from unroll.vocabulary import PAD


@dataclass(frozen=True)
class Batch:
    """Rows of a split; `tokens_BL` is padded on the right with `<pad>`."""

    tokens_BL: Tensor
    lengths_B: Tensor
    labels_B: Tensor
    even: bool
    """All rows are equally long: nothing is padded and nothing needs a mask."""


@dataclass(frozen=True)
class EncodedSplit:
    """One split as vocabulary.save_encoded wrote it, on the device that reads it."""

    ids: Tensor
    offsets: Tensor
    labels: Tensor
    rows: np.ndarray
    lengths: np.ndarray

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> "EncodedSplit":
        def read(name: str) -> np.ndarray:
            return np.load(folder / f"{name}.npy", mmap_mode="c", allow_pickle=False)

        ids, offsets, labels = (
            torch.from_numpy(read(name)).to(device) for name in ("ids", "offsets", "labels")
        )
        return cls(ids, offsets, labels, np.asarray(read("rows")), np.diff(read("offsets")))

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
        return Batch(tokens_BL, lengths_B, self.labels[rows_B], even)


def training_order(lengths: np.ndarray, batch_size: int, seed: int, epoch: int) -> list[np.ndarray]:
    """Return every row's position once, in batches, as a pure function of the arguments.

    Rows of one length are shuffled and cut into full batches, which need neither padding nor
    packing. What is left of each length is put together with its neighbours in length, so that no
    batch but the last of them is short. The batches are then shuffled.
    """
    generator = np.random.default_rng([seed, epoch])
    shuffled = generator.permutation(len(lengths))
    by_length = shuffled[np.argsort(lengths[shuffled], kind="stable")]
    groups = np.split(by_length, np.flatnonzero(np.diff(lengths[by_length])) + 1)
    full, left_over = [], []
    for group in groups:
        cut = len(group) - len(group) % batch_size
        full += np.split(group[:cut], cut // batch_size) if cut else []
        left_over.append(group[cut:])
    batches = full + _in_batches(np.concatenate(left_over), batch_size)
    return [batches[index] for index in generator.permutation(len(batches))]


def reading_order(lengths: np.ndarray, batch_size: int) -> list[np.ndarray]:
    """Return every row's position once, by length, in batches: the order for scoring."""
    return _in_batches(np.argsort(lengths, kind="stable"), batch_size)


def _in_batches(positions: np.ndarray, batch_size: int) -> list[np.ndarray]:
    return [positions[start : start + batch_size] for start in range(0, len(positions), batch_size)]
