"""One step of each cell for reading alone: in place, with nothing kept for a gradient.

**Units.** sigmoid(a) = (1 + tanh(a / 2)) / 2, and numpy's tanh takes half the time of torch's sigmoid and
a seventh of torch's tanh: 0.36 ns a number, not 0.72 and 2.6. So every gate is a tanh here. What has to
be halved for that is halved in the weights, once, and powers of two cost no digit.

Axes: X blocks of H pre-activations, D directions, B rows, I components of the input, H units, K = X x H.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor

from unroll.networks import cells
from unroll.networks.fused import Weights

FUNCTIONS: dict[str, Callable[..., np.ndarray]] = {"tanh": np.tanh, "relu": partial(np.maximum, 0)}


class Blocks(NamedTuple):
    """The weights of a direction in the order and the units of a step: a block of rows for each product.

    The first blocks read the state; those beyond `recurrent_XHH` know the input alone.
    """

    input_XHI: Tensor
    recurrent_XHH: Tensor
    bias_XH: Tensor


class Step(ABC):
    """Replaces the states of some rows by those after the step that `gates_DBK` are for."""

    states: ClassVar[int] = 1
    """Parts of a state; the hidden state comes first."""
    unit: ClassVar[float] = 1.0
    """What a hidden state of 1 stands for."""

    @staticmethod
    @abstractmethod
    def blocks(weights: Weights) -> Blocks:
        """Return the weights of a direction as the step needs them."""

    @abstractmethod
    def __init__(self, gates_DBK: Tensor, state_SDBH: Tensor, free_DBH: Tensor, nonlinearity: str) -> None:
        """Work in this memory; what stands in `gates_DBK` and `free_DBH` is lost with each step."""

    @abstractmethod
    def __call__(self) -> None:
        """Make one step."""


class ElmanStep(Step):
    @staticmethod
    def blocks(weights: Weights) -> Blocks:
        return Blocks(weights.input_GHI, weights.recurrent_GHH, _bias(weights))

    def __init__(self, gates_DBK: Tensor, state_SDBH: Tensor, free_DBH: Tensor, nonlinearity: str) -> None:
        self.function = FUNCTIONS[nonlinearity]
        self.gates, self.state = gates_DBK.numpy(), state_SDBH[0].numpy()

    def __call__(self) -> None:
        self.function(self.gates, out=self.state)


class LSTMStep(Step):
    """The hidden state is kept doubled: (1 + tanh(o / 2)) tanh(c)."""

    states, unit = 2, 0.5

    @staticmethod
    def blocks(weights: Weights) -> Blocks:
        scale_X1 = torch.tensor([0.5, 0.5, 1.0, 0.5]).unsqueeze(1)
        return Blocks(
            weights.input_GHI * scale_X1.unsqueeze(2),
            weights.recurrent_GHH * (LSTMStep.unit * scale_X1.unsqueeze(2)),
            _bias(weights) * scale_X1,
        )

    def __init__(self, gates_DBK: Tensor, state_SDBH: Tensor, free_DBH: Tensor, nonlinearity: str) -> None:
        self.gates, self.by_gate = gates_DBK.numpy(), gates_DBK.chunk(4, dim=2)
        self.state, self.cell = state_SDBH.unbind(0)
        self.squashed = free_DBH
        self.cell_array, self.squashed_array = self.cell.numpy(), self.squashed.numpy()

    def __call__(self) -> None:
        np.tanh(self.gates, out=self.gates)
        input_gate, forget, candidate, output = self.by_gate
        self.cell.addcmul_(forget, self.cell)
        candidate.addcmul_(input_gate, candidate)
        self.cell.lerp_(candidate, 0.5)
        np.tanh(self.cell_array, out=self.squashed_array)
        torch.addcmul(self.squashed, output, self.squashed, out=self.state)


class GRUStep(Step):
    """Blocks r, z, what the state adds to n, and what the input does: one product makes the first three."""

    @staticmethod
    def blocks(weights: Weights) -> Blocks:
        input_rz, input_n = weights.input_GHI.split([2, 1])
        bias = weights.input_bias_GH
        return Blocks(
            torch.cat([input_rz / 2, torch.zeros_like(input_n), input_n]),
            weights.recurrent_GHH / 2,
            torch.cat(
                [
                    _bias(weights)[:2] / 2,
                    weights.recurrent_bias_GH[2:] / 2,
                    torch.zeros_like(weights.recurrent_bias_GH[2:]) if bias is None else bias[2:],
                ]
            ),
        )

    def __init__(self, gates_DBK: Tensor, state_SDBH: Tensor, free_DBH: Tensor, nonlinearity: str) -> None:
        self.by_gate = gates_DBK.chunk(4, dim=2)
        self.reset_and_update = gates_DBK[..., : gates_DBK.shape[2] // 2].numpy()
        self.state, self.candidate = state_SDBH[0], free_DBH
        self.candidate_array = self.candidate.numpy()

    def __call__(self) -> None:
        np.tanh(self.reset_and_update, out=self.reset_and_update)
        reset, update, recurrent, added = self.by_gate
        torch.addcmul(added.add_(recurrent), reset, recurrent, out=self.candidate)
        np.tanh(self.candidate_array, out=self.candidate_array)
        # (1 - z) n + z h is the mean of both and, with z = (1 + tanh) / 2, half their difference.
        torch.sub(self.state, self.candidate, out=recurrent)
        self.state.lerp_(self.candidate, 0.5).addcmul_(update, recurrent, value=0.5)


STEPS: dict[type[cells.Cell], type[Step]] = {
    cells.Elman: ElmanStep,
    cells.LSTM: LSTMStep,
    cells.GRU: GRUStep,
}


def _bias(weights: Weights) -> Tensor:
    if weights.input_bias_GH is None:
        return weights.recurrent_bias_GH
    return weights.input_bias_GH + weights.recurrent_bias_GH
