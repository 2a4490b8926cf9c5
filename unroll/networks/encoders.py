"""Layers of one cell in one direction or two: (words, lengths_B, even) -> a state a step.

Padding changes nothing: a row gets the same states alone and in any batch. The backward direction
therefore reads each row's tokens from its own last token, not from the padding. There are four ways to
the same numbers: all directions of a layer fused (fused.py), which is the fastest on a CPU; or each by
itself, as torch's layer, padded or packed, or as a cell written out.

Axes: B rows in the batch, L steps, I components of the input, H units of one direction, F units of
all directions.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from unroll.networks import fused
from unroll.networks.cells import CELLS, Cell, State, library_layer, run_library
from unroll.networks.spec import RecurrentNetwork
from unroll.networks.words import Words

FEW = 16
"""Rows of a batch."""


class RecurrentEncoder(nn.Module):
    """The states of the top layer at every step, both directions side by side: (B, L, F)."""

    def __init__(self, network: RecurrentNetwork, inputs: int) -> None:
        super().__init__()
        self.directions = 2 if network.bidirectional else 1
        self.size = network.hidden * self.directions
        # Dropout between single layers: the library's own is not repeatable on a GPU.
        self.dropout = StepDropout(network.dropout.layers, network.dropout.variational)
        self.layers = nn.ModuleList(
            nn.ModuleList(Direction(network, size, backward) for backward in range(self.directions))
            for size in [inputs] + [self.size] * (network.layers - 1)
        )

        self.fused = network.implementation == "fused"
        self.cell, self.nonlinearity = CELLS[network.cell], network.nonlinearity
        self.halved = network.precision == "bfloat16"

    def forward(self, words: Words, lengths_B: Tensor, even: bool) -> Tensor:
        first, *others = self.layers
        states_BLF = self._read(first, words, lengths_B, even)
        for directions in others:
            words = Words.each_its_own(self.dropout(states_BLF))
            states_BLF = self._read(directions, words, lengths_B, even)
        return states_BLF

    def _read(self, directions: Iterable["Direction"], words: Words, lengths_B: Tensor, even: bool) -> Tensor:
        device, halved = lengths_B.device.type, self.halved and self.training
        # On a GPU cuDNN's layers are the fused ones; to read a few rows torch's own take less to begin.
        if self.fused and device == "cpu" and (self.training or len(lengths_B) >= FEW):
            weights = [direction.weights(words) for direction in directions]
            precision = torch.bfloat16 if halved else None
            return fused.states(self.cell, self.nonlinearity, weights, words, lengths_B, even, precision)
        input_BLI = words.written_out()
        with torch.autocast(device, torch.bfloat16, enabled=halved):
            states = [direction(input_BLI, lengths_B, even) for direction in directions]
        states_BLF = torch.cat(states, dim=2) if self.directions == 2 else states[0]
        return states_BLF.to(input_BLI.dtype)


class Direction(nn.Module):
    """One layer in one direction: its cell, its initial state and the dropout of its weights."""

    def __init__(self, network: RecurrentNetwork, inputs: int, backward: bool) -> None:
        super().__init__()
        cell = CELLS[network.cell]
        self.backward, self.states = bool(backward), cell.states
        self.hidden, self.initial_state = network.hidden, network.initial_state
        self.weight_drop = network.dropout.recurrent
        self.packed = network.batching == "packed"
        if network.implementation != "handwritten" and network.input_bias:
            self.cell = library_layer(cell, inputs, network.hidden, network.nonlinearity)
        else:
            self.cell = cell(inputs, network.hidden, network.nonlinearity, network.input_bias)
        if self.initial_state == "learned":
            self.initial = nn.Parameter(torch.zeros(self.states, network.hidden))

    def forward(self, input_BLI: Tensor, lengths_B: Tensor, even: bool) -> Tensor:
        """Return the state after every step, (B, L, H), each where its token stands."""
        if self.backward:
            input_BLI = _reversed(input_BLI, lengths_B, even)
        states_BLH = self._run(input_BLI, lengths_B)
        return _reversed(states_BLH, lengths_B, even) if self.backward else states_BLH

    def _run(self, input_BLI: Tensor, lengths_B: Tensor) -> Tensor:
        state, weight_hh = self._initial(input_BLI, len(input_BLI)), self._dropped()
        if isinstance(self.cell, Cell):
            return self.cell(input_BLI, state, weight_hh)
        if not self.packed:
            return run_library(self.cell, input_BLI, state, weight_hh)
        packed = pack_padded_sequence(input_BLI, lengths_B.cpu(), batch_first=True, enforce_sorted=False)
        states = run_library(self.cell, packed, state, weight_hh)
        return pad_packed_sequence(states, batch_first=True, total_length=input_BLI.shape[1])[0]

    def weights(self, words: Words) -> fused.Weights:
        """Return what `fused` computes with, for a batch of these words."""
        gates = len(self.cell.weight_hh_l0) // self.hidden

        def by_gate(weight: Tensor) -> Tensor:
            return weight.view(gates, self.hidden, *weight.shape[1:])

        initial, weight_hh = self._initial(words.vectors_UI, len(words.places_BL)), self._dropped()
        bias_ih = self.cell.bias_ih_l0
        return fused.Weights(
            by_gate(self.cell.weight_ih_l0),
            by_gate(self.cell.weight_hh_l0 if weight_hh is None else weight_hh),
            None if bias_ih is None else by_gate(bias_ih),
            by_gate(self.cell.bias_hh_l0),
            initial,
        )

    def _dropped(self) -> Tensor | None:
        if not self.training or self.weight_drop == 0:
            return None
        # Weight drop: the same connections are missing at all steps (Merity et al. 2018).
        return functional.dropout(self.cell.weight_hh_l0, self.weight_drop)

    def _initial(self, like: Tensor, rows: int) -> State | None:
        if self.initial_state == "learned":
            return tuple(part_H.expand(rows, -1).contiguous() for part_H in self.initial)
        # Drawn anew for every batch in training; in scoring its mean, so that scores repeat.
        if self.initial_state == "normal" and self.training:
            return tuple(like.new_empty(rows, self.hidden).normal_() for _ in range(self.states))
        return None


class StepDropout(nn.Module):
    """Dropout of single components; variational: the same ones at all steps of a row.

    (Gal and Ghahramani 2016.)
    """

    def __init__(self, share: float, variational: bool) -> None:
        super().__init__()
        self.share, self.variational = share, variational

    @property
    def drops(self) -> bool:
        return self.training and self.share > 0

    def forward(self, states_BLF: Tensor) -> Tensor:
        if not self.drops:
            return states_BLF
        if not self.variational:
            return functional.dropout(states_BLF, self.share)
        return states_BLF * functional.dropout(torch.ones_like(states_BLF[:, :1]), self.share)


def _reversed(states_BLF: Tensor, lengths_B: Tensor, even: bool) -> Tensor:
    """Reverse each row's own steps; its padding stays where it is. Its own inverse."""
    if even:
        return states_BLF.flip(1)
    steps_L = torch.arange(states_BLF.shape[1], device=states_BLF.device)
    mirrored_BL = lengths_B.unsqueeze(1) - 1 - steps_L
    places_BL = torch.where(mirrored_BL >= 0, mirrored_BL, steps_L)
    rows_B1 = torch.arange(len(lengths_B), device=states_BLF.device).unsqueeze(1)
    return states_BLF[rows_B1, places_BL]
