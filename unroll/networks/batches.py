"""Encoded rows -> batches, in an order that (seed, epoch) decides alone.

Axes: B rows in the batch, L steps, N tokens of a split, V words of the vocabulary, X words without an id
of their own that may have a pretrained vector all the same, E its components, W = V + X.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from unroll import arrays
from unroll.failures import damaged
from unroll.lexicon.vocabulary import PAD, UNKNOWN

RowsOf = Callable[[float], int]
"""How many rows of a length make a batch."""


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
    teacher_BC: Tensor | None = None
    """What other networks make of each row, as probabilities."""


@dataclass(frozen=True)
class EncodedSplit:
    """One split as encoding.save_split wrote it; on a CPU it stays in its files, which are mapped."""

    ids: Tensor
    offsets: Tensor
    labels: Tensor
    rows: np.ndarray
    lengths: np.ndarray

    unseen_XE: Tensor | None = None
    token_of_W: Tensor | None = None
    """What each id reads as; without it, itself."""
    teacher_NC: Tensor | None = None
    """What other networks make of each row, as probabilities."""

    @classmethod
    def load(
        cls, folder: Path, device: str, vocabulary: int, unseen_XE: Tensor | None = None
    ) -> "EncodedSplit":
        """Read a split for a vocabulary of so many words.

        Its other words (ids from `vocabulary` on) have the vectors `unseen_XE`. A component that is
        missing there (NaN) is zero; a word of which all are missing is read as unknown.

        Raises:
            Refusal: a file is missing or damaged.
        """
        kinds = {"ids": "<i4", "offsets": "<i8", "labels": "<i8", "rows": "<i8"}
        read = {name: arrays.load(folder / f"{name}.npy", kind, "c") for name, kind in kinds.items()}
        _check(folder, **read)
        ids, offsets, labels = (
            torch.from_numpy(read[name]).to(device) for name in ("ids", "offsets", "labels")
        )
        vectors = None if unseen_XE is None else unseen_XE.nan_to_num(nan=0.0).to(device)
        # To mask the ids themselves would copy them into memory.
        token_of_W = _readings(vocabulary, unseen_XE, int(ids.max()) + 1 if len(ids) else 0)
        token_of_W = None if token_of_W is None else token_of_W.to(device)
        rows, lengths = np.asarray(read["rows"]), np.diff(read["offsets"])
        return cls(ids, offsets, labels, rows, lengths, vectors, token_of_W)

    def joined(self, other: "EncodedSplit", vocabulary: int) -> "EncodedSplit":
        """Return the rows of both, in memory, each with its own words that have vectors but no id."""
        own_N, others_N, unseen_XE = self.tokens_N, other.tokens_N, None
        if self.unseen_XE is not None and other.unseen_XE is not None:
            others_N = torch.where(others_N < vocabulary, others_N, others_N + len(self.unseen_XE))
            unseen_XE = torch.cat([self.unseen_XE, other.unseen_XE])
        return EncodedSplit(
            torch.cat([own_N, others_N]),
            torch.cat([self.offsets, self.offsets[-1] + other.offsets[1:]]),
            torch.cat([self.labels, other.labels]),
            np.concatenate([self.rows, other.rows]),
            np.concatenate([self.lengths, other.lengths]),
            unseen_XE,
        )

    @property
    def tokens_N(self) -> Tensor:
        """All rows' tokens end to end, in memory."""
        return self._tokens(self.ids)

    def _tokens(self, ids: Tensor) -> Tensor:
        # take costs half of what an index does.
        return ids.long() if self.token_of_W is None else self.token_of_W.take(ids.long())

    def __len__(self) -> int:
        return len(self.lengths)

    def batch(self, rows: np.ndarray) -> Batch:
        """Gather the rows with these positions, in this order."""
        return next(self.batches([rows]))

    def batches(self, order: Sequence[np.ndarray]) -> Iterator[Batch]:
        """Gather one batch after the other; a GPU is told the whole order at once and never waited for."""
        rows_N = torch.from_numpy(np.concatenate(order)).to(self.ids.device)
        begins_N, lengths_N = self.offsets[rows_N], self.offsets[rows_N + 1] - self.offsets[rows_N]
        labels_N, sizes = self.labels[rows_N], [len(rows) for rows in order]
        parts = (tensor_N.split(sizes) for tensor_N in (begins_N, lengths_N, labels_N))
        taught = [None] * len(order) if self.teacher_NC is None else self.teacher_NC[rows_N].split(sizes)
        for rows, begins_B, lengths_B, labels_B, teacher_BC in zip(order, *parts, taught, strict=True):
            lengths = self.lengths[rows]
            longest, even = int(lengths.max()), bool(lengths.min() == lengths.max())
            steps_L = torch.arange(longest, device=self.ids.device)
            places_BL = begins_B.unsqueeze(1) + steps_L
            if even:
                tokens_BL = self._tokens(self.ids.take(places_BL))
            else:
                padded_BL = steps_L >= lengths_B.unsqueeze(1)
                read_BL = self._tokens(self.ids.take(places_BL.masked_fill(padded_BL, 0)))
                tokens_BL = read_BL.masked_fill(padded_BL, PAD)
            yield Batch(tokens_BL, lengths_B, labels_B, even, self.unseen_XE, teacher_BC)


def load_texts(
    data: Path, device: str, vocabulary: int, unseen: Callable[[str], Tensor | None] = lambda part: None
) -> EncodedSplit:
    """Read what pretraining reads: the training sentences, and texts of other corpora where there are any.

    `unseen` gives the vectors of a part's words that have no id: of train, of further. The labels of
    further texts say nothing.

    Raises:
        Refusal: a file is missing or damaged.
    """
    own, *others = (
        EncodedSplit.load(data / part, device, vocabulary, unseen(Path(part).name))
        for part in ("train", "train/further")
        if part == "train" or (data / part).exists()
    )
    return own.joined(*others, vocabulary) if others else own


def _check(folder: Path, ids: np.ndarray, offsets: np.ndarray, labels: np.ndarray, rows: np.ndarray) -> None:
    """Refuse arrays that are not of one split: they would be read beyond their ends."""
    if any(array.ndim != 1 for array in (ids, offsets, labels, rows)):
        raise damaged(folder, "an array has another shape")
    if not len(offsets) == len(labels) + 1 == len(rows) + 1:
        raise damaged(folder, f"{len(offsets)} offsets, {len(labels)} labels and {len(rows)} rows")
    if offsets[0] != 0 or offsets[-1] != len(ids) or (np.diff(offsets) < 1).any():
        raise damaged(folder, f"the offsets do not part {len(ids)} tokens")
    if (len(ids) and ids.min() <= PAD) or (len(labels) and labels.min() < 0):
        raise damaged(folder, "a number is negative")


def _readings(vocabulary: int, unseen_XE: Tensor | None, ids: int) -> Tensor | None:
    """Return what each of so many ids reads as; nothing where it is always itself."""
    if unseen_XE is None:
        unknown_X = torch.ones(max(0, ids - vocabulary), dtype=torch.bool)
    else:
        unknown_X = unseen_XE.isnan().all(dim=1)
    if not unknown_X.any():
        return None
    token_of_W = torch.arange(vocabulary + len(unknown_X))
    token_of_W[vocabulary:][unknown_X] = UNKNOWN
    return token_of_W


def training_order(
    lengths: np.ndarray,
    batch_size: int,
    seed: int,
    epoch: int,
    batching: str = "exact",
    batch_tokens: int | None = None,
) -> list[np.ndarray]:
    """Return every row's position once, in batches, as a pure function of the arguments.

    `batching`: padded and packed cut the shuffled rows as they come. length sorts them first and
    shuffles the batches: little padding. exact cuts each length into full batches, which need neither
    padding nor packing; what is left of each is put together with its neighbours in length, so that
    no batch but the last of them is short, and the batches are shuffled.

    With `batch_tokens` a batch holds as many rows as make so many tokens, padding counted, and no
    `batch_size` rows; of rows as they come, as many as if all had the mean length. There are as many
    batches in every epoch.
    """

    def rows_of(length: float) -> int:
        return batch_size if batch_tokens is None else max(1, int(batch_tokens // length))

    generator = np.random.default_rng([seed, epoch])
    shuffled = generator.permutation(len(lengths))
    if batching in ("padded", "packed"):
        return _in_batches(shuffled, rows_of(lengths.mean()))
    by_length = shuffled[np.argsort(lengths[shuffled], kind="stable")]
    if batching == "exact":
        batches = _by_exact_length(by_length, lengths, rows_of)
    else:
        batches = _by_rising_length(by_length, lengths, rows_of)
    return [batches[index] for index in generator.permutation(len(batches))]


def _by_exact_length(by_length: np.ndarray, lengths: np.ndarray, rows_of: RowsOf) -> list[np.ndarray]:
    groups = np.split(by_length, np.flatnonzero(np.diff(lengths[by_length])) + 1)
    full, left_over = [], []
    for group in groups:
        rows = rows_of(lengths[group[0]])
        cut = len(group) - len(group) % rows
        full += np.split(group[:cut], cut // rows) if cut else []
        left_over.append(group[cut:])
    return full + _by_rising_length(np.concatenate(left_over), lengths, rows_of)


def _by_rising_length(by_length: np.ndarray, lengths: np.ndarray, rows_of: RowsOf) -> list[np.ndarray]:
    batches, start = [], 0
    for place, length in enumerate(lengths[by_length]):
        if place > start and place - start >= rows_of(length):
            batches.append(by_length[start:place])
            start = place
    return [*batches, by_length[start:]] if len(by_length) else batches


def reading_order(lengths: np.ndarray, batch_size: int) -> list[np.ndarray]:
    """Return every row's position once, by length, in batches: the order for scoring."""
    return _in_batches(np.argsort(lengths, kind="stable"), batch_size)


def _in_batches(positions: np.ndarray, batch_size: int) -> list[np.ndarray]:
    return [positions[start : start + batch_size] for start in range(0, len(positions), batch_size)]
