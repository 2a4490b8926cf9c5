"""A trained classifier that only reads: texts as ids -> probabilities, with nothing kept for a gradient.

The probabilities are those of the network itself (tasks.predict) to 1e-6. Four things make it fast.
What a word adds to the gates is looked up: a table of the whole vocabulary is made once. A step works
in place (cells.py). Rows are read in the order of falling length, so that a step reads those
alone that still have a word. And pooling is done on the way: no state is kept, arranged or masked.

Axes: N rows, B rows in the batch, L steps, S parts of a state, D directions, T parts of the pooling, I
components of a vector, V words of the vocabulary, R = V x D, H units of one direction, K pre-activations,
W of them to which the state adds.
"""

from dataclasses import dataclass
from itertools import groupby
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from unroll.networks import products
from unroll.networks.batches import EncodedSplit
from unroll.networks.classifier import Classifier, Head, device_of
from unroll.networks.words import Words
from unroll.prediction.cells import STEPS, Step
from unroll.prediction.room import Room

Precision = Literal["float32", "bfloat16"]
ROWS = 384
"""Of a batch: with 128 a text takes a tenth to a third longer, with 768 of two directions as well."""
LARGEST_TABLE = 512 * 1024**2
"""Bytes in float32."""
POOLED = {"last", "mean", "max"}
SUITED = "one recurrent layer on a CPU, pooled without attention"


def suits(model: Classifier) -> bool:
    """Return whether the network is what `Reader` is for, and its table not too large."""
    encoder = model.encoder
    if encoder is None or encoder.cell not in STEPS:
        return False
    if len(encoder.layers) > 1 or device_of(model).type != "cpu":
        return False
    # A GRU's step has a block of pre-activations more than the cell has gates.
    width = (encoder.cell.gates + encoder.cell.resets) * encoder.size
    return POOLED.issuperset(model.pooling.parts) and 4 * width * len(model.embedding.weight) <= LARGEST_TABLE


@dataclass(frozen=True)
class Reader:
    """The weights of a classifier as they stood when it was made, arranged for reading."""

    table_RK: Tensor
    """What word v adds in direction d, in row v x D + d."""
    weight_DHW: Tensor
    initial_SDH: Tensor | None
    step: type[Step]
    nonlinearity: str
    parts: tuple[str, ...]
    head: Head

    @classmethod
    def of(cls, model: Classifier, precision: Precision = "float32") -> "Reader":
        """Arrange the weights of a network that `suits`.

        In bfloat16 the table and the recurrent products have its 8 digits; gates and states do not.
        """
        encoder, dtype = model.eval().encoder, getattr(torch, precision)
        step = STEPS[encoder.cell]
        with torch.inference_mode():
            vectors_VI = model.embedding.weight
            one_row = Words(vectors_VI, torch.zeros(1, 1, dtype=torch.int64))
            weights = [direction.weights(one_row) for direction in encoder.layers[0]]
            blocks = [step.blocks(one) for one in weights]
            table_VK = products.linear(
                vectors_VI,
                torch.cat([one.input_XHI.flatten(0, 1) for one in blocks]),
                torch.cat([one.bias_XH.flatten() for one in blocks]),
            )
            initial_SDH = None
            if weights[0].initial is not None:
                given_SDH = [torch.cat(part) for part in zip(*(one.initial for one in weights), strict=True)]
                # Only the hidden state has a unit of its own, not an LSTM's cell state.
                initial_SDH = torch.stack([given_SDH[0] / step.unit, *given_SDH[1:]])
            return cls(
                table_VK.view(len(vectors_VI) * len(blocks), -1).to(dtype),
                torch.stack([one.recurrent_XHH.flatten(0, 1).t().to(dtype) for one in blocks]).contiguous(),
                initial_SDH,
                step,
                encoder.nonlinearity,
                model.pooling.parts,
                model.head,
            )

    def probabilities(self, split: EncodedSplit) -> np.ndarray:
        """Return probabilities_NC of every row, in the split's order, in double precision."""
        order_N = np.argsort(-split.lengths, kind="stable")
        with torch.inference_mode():
            room = Room.of(self.table_RK, self.weight_DHW, self.step.states, min(ROWS, len(order_N)))
            features_NTDH = torch.empty(len(order_N), len(self.parts), *self.weight_DHW.shape[:2])
            for at in range(0, len(order_N), ROWS):
                self._read(split, order_N[at : at + ROWS], room, features_NTDH[at : at + ROWS])
            sorted_NC = self.head(features_NTDH.flatten(1)).double().softmax(dim=1).numpy()
        probabilities_NC = np.empty(sorted_NC.shape)
        probabilities_NC[order_N] = sorted_NC
        return probabilities_NC

    def _read(self, split: EncodedSplit, rows_B: np.ndarray, room: Room, features_BTDH: Tensor) -> None:
        """Write down the pooled states of rows that come in the order of falling length."""
        lengths_B, place_LDB = split.lengths[rows_B], self._places(split, rows_B)
        active_L = np.searchsorted(-lengths_B, -np.arange(len(place_LDB))).tolist()
        room.begin(self.initial_SDH)
        with products.chosen(len(rows_B) * self.weight_DHW[0].numel()):
            for active, steps in groupby(range(len(active_L)), key=active_L.__getitem__):
                of_these = room.first(active)
                step = self.step(
                    of_these.gates_DBK, of_these.state_SDBH, of_these.free_DBH, self.nonlinearity
                )
                for at in steps:
                    # A state of zeros adds nothing.
                    weight_DHW = None if at == 0 and self.initial_SDH is None else self.weight_DHW
                    of_these.add_up(self.table_RK, place_LDB[at, :, :active], weight_DHW)
                    step()
                    of_these.pool(self.parts)
        for place, part in enumerate(self.parts):
            pooled_DBH = room.pooled(part)[:, : len(rows_B)]
            torch.mul(pooled_DBH.transpose(0, 1), self.step.unit, out=features_BTDH[:, place])
            if part == "mean":
                features_BTDH[:, place] /= torch.from_numpy(lengths_B).view(-1, 1, 1)

    def _places(self, split: EncodedSplit, rows_B: np.ndarray) -> Tensor:
        """Return which row of the table each direction of each row reads at each step, (L, D, B).

        Behind a row's last word stands anything.
        """
        begin_B, end_B = split.offsets.numpy()[rows_B], split.offsets.numpy()[rows_B + 1]
        step_L1 = np.arange((end_B - begin_B)[0])[:, np.newaxis]
        word_DLB = [np.minimum(begin_B + step_L1, end_B - 1), np.maximum(end_B - 1 - step_L1, begin_B)]
        directions = len(self.weight_DHW)
        ids_LDB = split.ids.numpy()[np.stack(word_DLB[:directions], axis=1)]
        return torch.from_numpy(ids_LDB * np.int64(directions) + np.arange(directions)[:, np.newaxis])
