"""A trained classifier that only reads: texts as ids -> probabilities, with nothing kept for a gradient.

The probabilities are those of the network itself (tasks.predict) to 1e-6. Four things make it fast.
What a word adds to the gates is looked up: a table of the whole vocabulary is made once. A step works
in place (reading_cells.py). Rows are read in the order of falling length, so that a step reads those
alone that still have a word. And pooling is done on the way: no state is kept, arranged or masked.

Axes: N rows, B rows in the batch, A of them that still have a word, L steps, S parts of a state, D
directions, I components of a vector, V words of the vocabulary, H units of one direction, F of all, K
pre-activations, R = V x D.
"""

from dataclasses import dataclass
from itertools import groupby
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from unroll import products
from unroll.batches import EncodedSplit
from unroll.classifier import Classifier, Head, device_of
from unroll.reading_cells import STEPS, Step
from unroll.words import Words

Precision = Literal["float32", "bfloat16"]
ROWS = 256
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
    weight_DHK: Tensor
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
        batches = [order_N[at : at + ROWS] for at in range(0, len(order_N), ROWS)]
        with torch.inference_mode():
            # One piece of memory for all batches, so that it stays in the cache.
            room = self.table_RK.new_empty(len(batches[0]) * len(self.weight_DHK), self.table_RK.shape[1])
            features_NF = torch.cat([self._features(split, rows_B, room) for rows_B in batches])
            sorted_NC = self.head(features_NF).double().softmax(dim=1).numpy()
        probabilities_NC = np.empty(sorted_NC.shape)
        probabilities_NC[order_N] = sorted_NC
        return probabilities_NC

    def _features(self, split: EncodedSplit, rows_B: np.ndarray, room: Tensor) -> Tensor:
        """Return the pooled states of rows in the order of falling length, (B, F x parts)."""
        directions, hidden, width = self.weight_DHK.shape
        lengths_B, rows = split.lengths[rows_B], len(rows_B)
        place_LDB = self._places(split, rows_B)
        active_L = np.searchsorted(-lengths_B, -np.arange(lengths_B[0])).tolist()
        state_SDBH = torch.zeros(self.step.states, directions, rows, hidden)
        if self.initial_SDH is not None:
            state_SDBH += self.initial_SDH.unsqueeze(2)
        largest_DBH = torch.full_like(state_SDBH[0], -torch.inf)
        sum_DBH = torch.zeros_like(largest_DBH)
        with products.chosen(rows * hidden * width):
            for active, steps in groupby(range(len(active_L)), key=active_L.__getitem__):
                looked_up = room[: directions * active]
                looked_up_DAK = looked_up.view(directions, active, -1)
                read_DAK = looked_up_DAK[..., :width]
                gates_DAK = looked_up_DAK.float()
                given_DAH = state_SDBH[0, :, :active]
                multiplied_DAH = given_DAH.to(room.dtype)
                step = self.step(gates_DAK, state_SDBH[:, :, :active], self.nonlinearity)
                largest_DAH, sum_DAH = largest_DBH[:, :active], sum_DBH[:, :active]
                for at in steps:
                    torch.index_select(self.table_RK, 0, place_LDB[at, :, :active].flatten(), out=looked_up)
                    if at > 0 or self.initial_SDH is not None:
                        if multiplied_DAH is not given_DAH:
                            multiplied_DAH.copy_(given_DAH)
                        read_DAK.baddbmm_(multiplied_DAH, self.weight_DHK)
                    if gates_DAK is not looked_up_DAK:
                        gates_DAK.copy_(looked_up_DAK)
                    step()
                    if "max" in self.parts:
                        torch.maximum(largest_DAH, given_DAH, out=largest_DAH)
                    if "mean" in self.parts:
                        sum_DAH += given_DAH
        count_B1 = torch.from_numpy(lengths_B).unsqueeze(1)
        # A row's state stays as it was after its last word: forward the text's last, backward its first.
        pooled = {"last": state_SDBH[0], "max": largest_DBH, "mean": sum_DBH / count_B1}
        features = [pooled[part].transpose(0, 1).flatten(1) for part in self.parts]
        return torch.cat(features, dim=1) * self.step.unit

    def _places(self, split: EncodedSplit, rows_B: np.ndarray) -> Tensor:
        """Return which row of the table each direction of each row reads at each step, (L, D, B).

        Behind a row's last word stands anything.
        """
        begin_B, end_B = split.offsets.numpy()[rows_B], split.offsets.numpy()[rows_B + 1]
        step_L1 = np.arange((end_B - begin_B)[0])[:, np.newaxis]
        word_DLB = [np.minimum(begin_B + step_L1, end_B - 1), np.maximum(end_B - 1 - step_L1, begin_B)]
        directions = len(self.weight_DHK)
        ids_LDB = split.ids.numpy()[np.stack(word_DLB[:directions], axis=1)]
        return torch.from_numpy(ids_LDB * np.int64(directions) + np.arange(directions)[:, np.newaxis])
