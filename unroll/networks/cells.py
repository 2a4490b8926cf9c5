"""Elman, LSTM and GRU: written out here, and as torch's own layers; fused.py is the third way.

All compute the same function. Either kind here is one layer in one direction. Its parameters have
torch's names, shapes and order of drawing, so that weights pass from one to the other: weight_ih_l0
(G, I), weight_hh_l0 (G, H), bias_ih_l0 (G) and bias_hh_l0 (G), where G is H times the number of gates.

One more cell is one more subclass of Cell, named in CELLS.

Axes: B rows in the batch, L steps, I components of the input, H units, G units of all gates.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence

from unroll.networks.recurrences import ElmanRecurrence, GRURecurrence, LSTMRecurrence

State = tuple[Tensor, ...]
"""What a cell hands on from step to step, each (B, H); the hidden state comes first."""

NONLINEARITIES = {"tanh": torch.tanh, "relu": torch.relu}


class Cell(nn.Module, ABC):
    """A recurrent layer as a loop over its steps; a subclass writes out one step."""

    library: ClassVar[type[nn.RNNBase] | None] = None
    """torch's layer that computes the same function."""
    recurrence: ClassVar[type[Function] | None] = None
    """The same function with its gradient written out, of all directions of a layer (fused.py)."""
    gates: ClassVar[int]
    tanh_gates: ClassVar[tuple[int, ...]] = ()
    """Which of them are no sigmoid; an elman's may be a relu."""
    resets: ClassVar[bool] = False
    """Whether a gate multiplies the recurrent product of the last one, its bias included."""
    states: ClassVar[int] = 1
    """Tensors in a State."""

    def __init__(self, inputs: int, hidden: int, nonlinearity: str = "tanh", input_bias: bool = True) -> None:
        super().__init__()
        units = self.gates * hidden
        self.hidden_size = hidden
        self.nonlinearity = NONLINEARITIES[nonlinearity]
        self.weight_ih_l0 = nn.Parameter(torch.empty(units, inputs))
        self.weight_hh_l0 = nn.Parameter(torch.empty(units, hidden))
        self.register_parameter("bias_ih_l0", nn.Parameter(torch.empty(units)) if input_bias else None)
        self.bias_hh_l0 = nn.Parameter(torch.empty(units))
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -(hidden**-0.5), hidden**-0.5)

    def forward(
        self, input_BLI: Tensor, state: State | None = None, weight_hh: Tensor | None = None
    ) -> Tensor:
        """Return the hidden state after every step, (B, L, H).

        `state` is zeros where it is not given; `weight_hh` stands in for the layer's own.
        """
        weight_hh = self.weight_hh_l0 if weight_hh is None else weight_hh
        if state is None:
            state = (input_BLI.new_zeros(len(input_BLI), self.hidden_size),) * self.states
        # What the input adds does not wait for the state: one product for all steps.
        input_BLG = functional.linear(input_BLI, self.weight_ih_l0, self.bias_ih_l0)
        # Autocast decides the type of products, but not that of the state which they meet.
        state = tuple(part.to(input_BLG.dtype) for part in state)
        hidden = []
        for input_BG in input_BLG.unbind(1):
            state = self.step(input_BG, functional.linear(state[0], weight_hh, self.bias_hh_l0), state)
            hidden.append(state[0])
        return torch.stack(hidden, dim=1)

    @abstractmethod
    def step(self, input_BG: Tensor, recurrent_BG: Tensor, state: State) -> State:
        """Return the next state from W_ih x_t + b_ih, from W_hh h_{t-1} + b_hh, and the state before."""


class Elman(Cell):
    """h_t = phi(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh), phi being tanh or relu (Elman 1990)."""

    library, recurrence = nn.RNN, ElmanRecurrence
    gates, tanh_gates = 1, (0,)

    def step(self, input_BG: Tensor, recurrent_BG: Tensor, state: State) -> State:
        return (self.nonlinearity(input_BG + recurrent_BG),)


class LSTM(Cell):
    """Long short-term memory (Hochreiter and Schmidhuber 1997; forget gate of Gers et al. 2000).

    With the rows of W_ih, W_hh and both biases in the order i, f, g, o:

        i_t = sigmoid(W_ii x_t + b_ii + W_hi h_{t-1} + b_hi)    input gate
        f_t = sigmoid(W_if x_t + b_if + W_hf h_{t-1} + b_hf)    forget gate
        g_t = tanh   (W_ig x_t + b_ig + W_hg h_{t-1} + b_hg)    candidate
        o_t = sigmoid(W_io x_t + b_io + W_ho h_{t-1} + b_ho)    output gate
        c_t = f_t * c_{t-1} + i_t * g_t                         cell state
        h_t = o_t * tanh(c_t)                                   hidden state
    """

    library, recurrence = nn.LSTM, LSTMRecurrence
    gates, tanh_gates = 4, (2,)
    states = 2

    def step(self, input_BG: Tensor, recurrent_BG: Tensor, state: State) -> State:
        input_BH, forget_BH, candidate_BH, output_BH = (input_BG + recurrent_BG).chunk(4, dim=1)
        cell_BH = forget_BH.sigmoid() * state[1] + input_BH.sigmoid() * candidate_BH.tanh()
        return output_BH.sigmoid() * cell_BH.tanh(), cell_BH


class GRU(Cell):
    """Gated recurrent unit (Cho et al. 2014), the reset gate after the product as in cuDNN.

    With the rows of W_ih, W_hh and both biases in the order r, z, n:

        r_t = sigmoid(W_ir x_t + b_ir + W_hr h_{t-1} + b_hr)            reset gate
        z_t = sigmoid(W_iz x_t + b_iz + W_hz h_{t-1} + b_hz)            update gate
        n_t = tanh   (W_in x_t + b_in + r_t * (W_hn h_{t-1} + b_hn))    candidate
        h_t = (1 - z_t) * n_t + z_t * h_{t-1}
    """

    library, recurrence = nn.GRU, GRURecurrence
    gates, tanh_gates, resets = 3, (2,), True

    def step(self, input_BG: Tensor, recurrent_BG: Tensor, state: State) -> State:
        reset_BH, update_BH, candidate_BH = input_BG.chunk(3, dim=1)
        reset_hh_BH, update_hh_BH, candidate_hh_BH = recurrent_BG.chunk(3, dim=1)
        reset_BH = (reset_BH + reset_hh_BH).sigmoid()
        update_BH = (update_BH + update_hh_BH).sigmoid()
        candidate_BH = (candidate_BH + reset_BH * candidate_hh_BH).tanh()
        return (candidate_BH.lerp(state[0], update_BH),)


CELLS: dict[str, type[Cell]] = {"elman": Elman, "lstm": LSTM, "gru": GRU}


def library_layer(cell: type[Cell], inputs: int, hidden: int, nonlinearity: str) -> nn.RNNBase:
    """Return torch's own layer of this cell."""
    more = {"nonlinearity": nonlinearity} if cell.library is nn.RNN else {}
    return cell.library(inputs, hidden, batch_first=True, **more)


def run_library(
    layer: nn.RNNBase,
    input_BLI: Tensor | PackedSequence,
    state: State | None = None,
    weight_hh: Tensor | None = None,
) -> Tensor | PackedSequence:
    """Return the hidden state after every step, as Cell.forward does; packed where the input is."""
    packed = isinstance(input_BLI, PackedSequence)
    if state is None and weight_hh is not None:
        rows = int(input_BLI.batch_sizes[0]) if packed else len(input_BLI)
        states = 2 if isinstance(layer, nn.LSTM) else 1
        state = (weight_hh.new_zeros(rows, layer.hidden_size),) * states
    # torch wants a leading axis of layers and directions.
    initial = None if state is None else tuple(part.unsqueeze(0) for part in state)
    if weight_hh is None:
        return layer(input_BLI, initial[0] if initial and len(initial) == 1 else initial)[0]
    # The layer has no argument for other weights; these are the functions that it calls itself.
    function = {"LSTM": torch.lstm, "GRU": torch.gru, "RNN_TANH": torch.rnn_tanh, "RNN_RELU": torch.rnn_relu}
    run = function[layer.mode]
    weights = [layer.weight_ih_l0, weight_hh, layer.bias_ih_l0, layer.bias_hh_l0]
    if packed and input_BLI.sorted_indices is not None:
        initial = tuple(part.index_select(1, input_BLI.sorted_indices) for part in initial)
    initial = initial if len(initial) == 2 else initial[0]
    settings = (True, 1, 0.0, layer.training, False)  # biases, layers, dropout, training, bidirectional
    if not packed:
        return run(input_BLI, initial, weights, *settings, True)[0]
    data = run(input_BLI.data, input_BLI.batch_sizes, initial, weights, *settings)[0]
    return PackedSequence(data, input_BLI.batch_sizes, input_BLI.sorted_indices, input_BLI.unsorted_indices)
