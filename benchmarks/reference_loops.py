"""The training loops of the notebooks T2, T3 and T4, as they were written but for two defects.

A row's last state is that of its own last token and no mean has padding in it, and the softmax runs over
the classes: so that each network computes what its preset does, and its score is one worth reaching. Both
cost next to nothing; unroll's README says what the defects did.

Axes: B rows in the batch, L steps, E components of a word vector, H units, C classes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence

from benchmarks import ROOT
from benchmarks.corpora import Encoded
from benchmarks.slices import Loop
from benchmarks.tutorial import LAYERS, batches
from unroll import catalogue, metrics
from unroll.lexicon.vocabulary import PAD
from unroll.networks.batches import EncodedSplit

READING_BATCH = 64


class T2(nn.Module):
    """Two layers of 50 units, steps first, behind a ReLU; its embedding was shown with sparse gradients."""

    def __init__(self, cell: str, vocabulary: int, classes: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, 300, padding_idx=PAD, sparse=True)
        self.layer = LAYERS[cell](300, 50, num_layers=2)
        self.linear = nn.Linear(50, classes)

    def forward(self, tokens_BL: Tensor, lengths_B: Tensor) -> Tensor:
        embedded_LBE = self.embedding(tokens_BL.t())
        output_LBH = self.layer(embedded_LBE, self._first_state(len(tokens_BL)))[0]
        last_BH = output_LBH[lengths_B - 1, torch.arange(len(tokens_BL))]
        return self.linear(last_BH.relu())

    def _first_state(self, rows: int) -> Tensor | tuple[Tensor, Tensor] | None:
        if not self.training:
            return None
        drawn = [torch.randn(2, rows, 50) for _ in range(2 if isinstance(self.layer, nn.LSTM) else 1)]
        return tuple(drawn) if len(drawn) == 2 else drawn[0]


class T3(nn.Module):
    """An Elman layer as a loop in Python, which scores the classes after every token and uses the last."""

    def __init__(self, vocabulary: int, classes: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, 100, padding_idx=PAD)
        self.input = nn.Linear(100, 256, bias=False)
        self.recurrent = nn.Linear(256, 256)
        self.output = nn.Linear(256, classes)

    def forward(self, tokens_BL: Tensor, lengths_B: Tensor) -> Tensor:
        state_BH = torch.zeros(len(tokens_BL), 256)
        scores = []
        # All at once: a lookup a step would make a dense gradient of the whole vocabulary for each.
        for embedded_BE in self.embedding(tokens_BL).unbind(1):
            state_BH = torch.tanh(self.input(embedded_BE) + self.recurrent(state_BH))
            scores.append(self.output(state_BH))
        return torch.stack(scores)[lengths_B - 1, torch.arange(len(tokens_BL))]


class T4(nn.Module):
    """One layer of 32 units: the mean of an Elman layer's states, or an LSTM's last one, padded or packed."""

    def __init__(self, cell: str, packed: bool, vocabulary: int, classes: int) -> None:
        super().__init__()
        self.packed = packed
        self.embedding = nn.Embedding(vocabulary, 64, padding_idx=PAD)
        if cell == "lstm":
            with torch.no_grad():
                self.embedding.weight.sub_(0.5)
                self.embedding.weight[PAD] = 0.0
        self.layer = LAYERS[cell](64, 32, batch_first=True)
        self.linear = nn.Linear(32, classes)

    def forward(self, tokens_BL: Tensor, lengths_B: Tensor) -> Tensor:
        embedded_BLE = self.embedding(tokens_BL)
        if self.packed:
            rows = pack_padded_sequence(embedded_BLE, lengths_B, batch_first=True, enforce_sorted=False)
            return self.linear(self.layer(rows)[1][0][0])
        output_BLH = self.layer(embedded_BLE)[0]
        if isinstance(self.layer, nn.LSTM):
            return self.linear(output_BLH[torch.arange(len(tokens_BL)), lengths_B - 1])
        padded_BL1 = (tokens_BL == PAD).unsqueeze(2)
        return self.linear(output_BLH.masked_fill(padded_BL1, 0.0).sum(dim=1) / lengths_B.unsqueeze(1))


@dataclass(frozen=True)
class Recipe:
    network: Callable[[int, int], nn.Module]
    """From the sizes of the vocabulary and of the classes."""
    optimizer: Callable[[Iterator[nn.Parameter]], torch.optim.Optimizer]
    batch_size: int


def _t2(cell: str) -> Recipe:
    return Recipe(
        lambda vocabulary, classes: T2(cell, vocabulary, classes),
        lambda parameters: torch.optim.SGD(parameters, lr=0.3),
        batch_size=4,
    )


def _t4(cell: str, packed: bool = False) -> Recipe:
    return Recipe(
        lambda vocabulary, classes: T4(cell, packed, vocabulary, classes),
        lambda parameters: torch.optim.Adam(parameters, lr=0.001),
        batch_size=16,
    )


RECIPES = {
    "t2_rnn": _t2("elman"),
    "t2_gru": _t2("gru"),
    "t2_lstm": _t2("lstm"),
    "t3_rnn": Recipe(
        T3,
        lambda parameters: torch.optim.SGD(parameters, lr=0.001, momentum=0.9, nesterov=True),
        batch_size=4,
    ),
    "t4_rnn": _t4("elman"),
    "t4_lstm": _t4("lstm"),
    "t4_lstm_packed": _t4("lstm", packed=True),
}


def reference(data: str, corpus: str, preset: str) -> Loop:
    """Pass once over the training split; the score is the corpus's headline on validation."""
    torch.set_num_threads(1)
    torch.manual_seed(1)
    read, spec = Encoded.load(Path(data), corpus), catalogue.load(ROOT / "params.yaml").corpora[corpus]
    recipe = RECIPES[preset]
    model = recipe.network(read.vocabulary, len(spec.labels))
    optimizer = recipe.optimizer(model.parameters())
    loader = batches(read.train, recipe.batch_size)

    def one_pass() -> Iterator[int]:
        total, right = 0.0, 0
        for tokens_BL, lengths_B, labels_B in loader:
            optimizer.zero_grad()
            scores_BC = model(tokens_BL, lengths_B)
            loss = functional.cross_entropy(scores_BC, labels_B)
            loss.backward()
            optimizer.step()
            total += loss.item()
            right += (scores_BC.argmax(dim=1) == labels_B).sum().item()
            yield int(lengths_B.sum())
        return score(model, read.validation, spec.headline)

    return one_pass()


def score(model: nn.Module, split: EncodedSplit, headline: str) -> float:
    model.eval()
    with torch.no_grad():
        parts = [
            model(tokens_BL, lengths_B).softmax(dim=1)
            for tokens_BL, lengths_B, _ in batches(split, READING_BATCH, shuffle=False)
        ]
    probabilities_NC = torch.cat(parts).double().numpy()
    return metrics.all_metrics(probabilities_NC, np.asarray(split.labels))[headline]
