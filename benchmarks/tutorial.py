"""The loop of notebooks and tutorials: random batches from a DataLoader, torch's layer, dense Adam.

Axes: B rows in the batch, L steps, F units of all directions.
"""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from torch.utils.data import DataLoader

from benchmarks import ROOT
from benchmarks.corpora import Encoded
from benchmarks.slices import Loop
from unroll import catalogue
from unroll.lexicon.vocabulary import PAD
from unroll.networks.batches import EncodedSplit

LAYERS = {"elman": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
BATCH_SIZE = 64
Collated = tuple[Tensor, Tensor, Tensor]
"""tokens_BL padded on the right, lengths_B, labels_B."""


class TutorialClassifier(nn.Module):
    """Embedding -> layer -> max over the steps -> scores. Padded, the padding has a say."""

    def __init__(
        self,
        cell: str,
        bidirectional: bool,
        size: int,
        hidden: int,
        vocabulary: int,
        classes: int,
        packed: bool,
    ) -> None:
        super().__init__()
        self.packed = packed
        self.embedding = nn.Embedding(vocabulary, size, padding_idx=PAD)
        self.layer = LAYERS[cell](size, hidden, batch_first=True, bidirectional=bidirectional)
        self.linear = nn.Linear(hidden * (2 if bidirectional else 1), classes)

    def forward(self, tokens_BL: Tensor, lengths_B: Tensor) -> Tensor:
        embedded_BLE = self.embedding(tokens_BL)
        if self.packed:
            rows = pack_padded_sequence(embedded_BLE, lengths_B, batch_first=True, enforce_sorted=False)
            states = self.layer(rows)[0]
            states_BLF = pad_packed_sequence(states, batch_first=True, padding_value=float("-inf"))[0]
        else:
            states_BLF = self.layer(embedded_BLE)[0]
        return self.linear(states_BLF.max(dim=1).values)


def tutorial(
    data: str, corpus: str, cell: str, bidirectional: bool, size: int, hidden: int, packed: bool
) -> Loop:
    torch.set_num_threads(1)
    torch.manual_seed(1)
    read = Encoded.load(Path(data), corpus)
    classes = len(catalogue.load(ROOT / "params.yaml").corpora[corpus].labels)
    model = TutorialClassifier(cell, bidirectional, size, hidden, read.vocabulary, classes, packed)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    loader = batches(read.train, BATCH_SIZE)

    def repeat() -> Iterator[int]:
        total = 0.0
        while True:
            for tokens_BL, lengths_B, labels_B in loader:
                total += step(model, optimizer, tokens_BL, lengths_B, labels_B)
                yield int(lengths_B.sum())

    return repeat()


def step(
    model: TutorialClassifier,
    optimizer: torch.optim.Optimizer,
    tokens_BL: Tensor,
    lengths_B: Tensor,
    labels_B: Tensor,
) -> float:
    """Take one step and return its loss."""
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(tokens_BL, lengths_B), labels_B)
    loss.backward()
    optimizer.step()
    return loss.item()


def batches(split: EncodedSplit, batch_size: int, shuffle: bool = True) -> DataLoader:
    """Return a loader of padded batches of the rows, in random order or in their own."""
    rows = split.tokens_N.split(split.lengths.tolist())
    pairs = list(zip(rows, split.labels, strict=True))
    return DataLoader(pairs, batch_size, shuffle=shuffle, collate_fn=collate)


def collate(pairs: list[tuple[Tensor, Tensor]]) -> Collated:
    rows, labels = zip(*pairs, strict=True)
    lengths_B = torch.tensor([len(row) for row in rows])
    return pad_sequence(rows, batch_first=True, padding_value=PAD), lengths_B, torch.stack(labels)
