"""One recurrent layer on a CPU, all its directions at once: (words, lengths_B) -> a state a step.

Three things make it fast. What the input adds to the gates is one product over the different words
of the batch, not over its tokens. The recurrence computes its own gradient (recurrences.py). Both
directions take each step together.

Axes: G gates, D directions, U vectors, I components of a vector, L steps, B rows, H units of one
direction, K = D x G x H, N = D x L x B, F = D x H.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import FunctionCtx

from unroll.networks import products
from unroll.networks.cells import Cell, State
from unroll.networks.words import Words


@dataclass(frozen=True)
class Weights:
    """What one direction of a layer computes with."""

    input_GHI: Tensor
    recurrent_GHH: Tensor
    input_bias_GH: Tensor | None
    recurrent_bias_GH: Tensor
    initial: State | None


@dataclass(frozen=True)
class Order:
    """Where each direction finds a step: every one of the N places (d, t, b) stands for one (b, l, d)."""

    read_DLB: Tensor
    """The place among (b, l) that direction d of row b reads at step t."""
    found_BLD: Tensor
    """The place among (d, t, b) where direction d of row b has read word l."""
    given_DLB: Tensor
    """The place among (b, l, d) of what direction d of row b reads at step t."""

    @classmethod
    def of(cls, lengths_B: Tensor, steps: int, directions: int, even: bool) -> "Order":
        """The backward direction reads each row from its own last word; padding stays where it is."""
        rows = len(lengths_B)
        step_L = torch.arange(steps, device=lengths_B.device)
        step_DBL = step_L.expand(directions, rows, steps)
        if directions == 2:
            mirrored_BL = step_L.flip(0).expand(rows, steps) if even else lengths_B.unsqueeze(1) - 1 - step_L
            mirrored_BL = mirrored_BL if even else torch.where(mirrored_BL >= 0, mirrored_BL, step_L)
            step_DBL = torch.stack([step_DBL[0], mirrored_BL])
        row_B1 = torch.arange(rows, device=lengths_B.device).unsqueeze(1)
        direction_D11 = torch.arange(directions, device=lengths_B.device).view(-1, 1, 1)
        # To mirror is its own inverse, so that one table of steps tells both ways.
        read_DBL = row_B1 * steps + step_DBL
        found_DBL = (direction_D11 * steps + step_DBL) * rows + row_B1
        given_DBL = read_DBL * directions + direction_D11
        return cls(read_DBL.transpose(1, 2), found_DBL.permute(1, 2, 0), given_DBL.transpose(1, 2))


def states(
    cell: type[Cell],
    nonlinearity: str,
    directions: Sequence[Weights],
    words: Words,
    lengths_B: Tensor,
    even: bool,
    precision: torch.dtype | None = None,
) -> Tensor:
    """Return the state of every direction after every word, side by side: (B, L, F).

    What is computed step by step is computed in `precision`, by default that of the words. The
    gradients of the weights are sums over all steps, each made in float32 and rounded once.
    """
    order = Order.of(lengths_B, words.places_BL.shape[1], len(directions), even)
    layer = _Layer(cell, nonlinearity == "relu", directions, precision or words.vectors_UI.dtype)
    states_DLBH = cell.recurrence.apply(
        layer.table_PK(words.vectors_UI), _rows_read(words, order), layer.recurrent_DHK(), *layer.others()
    )
    return _Arrangement.apply(states_DLBH, layer.whole, order).to(words.vectors_UI.dtype)


def _rows_read(words: Words, order: Order) -> Tensor:
    """Return which row of the table each direction reads at each step: (D, L, B)."""
    directions = len(order.read_DLB)
    # A vector has a row for each direction.
    row_DLB = words.places_BL.flatten()[order.read_DLB] * directions
    return row_DLB.add_(torch.arange(directions, device=row_DLB.device).view(-1, 1, 1))


class _Layer:
    """The weights of all directions as the recurrences want them: side by side, and in half units.

    (recurrences.py.) What reads a state is doubled, and again what goes into a tanh; a relu has no halves.
    """

    def __init__(
        self, cell: type[Cell], relu: bool, directions: Sequence[Weights], precision: torch.dtype
    ) -> None:
        self.cell, self.relu, self.directions, self.precision = cell, relu, directions, precision
        self.whole = 1.0 if relu else 2.0
        scales = torch.tensor([self.whole if gate in cell.tanh_gates else 1.0 for gate in range(cell.gates)])
        self.scale_G1 = scales.to(directions[0].recurrent_GHH).unsqueeze(1)

    def table_PK(self, vectors_UI: Tensor) -> Tensor:
        """Return what each vector adds to the gates, whatever the state: a row for each direction."""
        weight_DGHI = torch.stack([one.input_GHI for one in self.directions]) * self.scale_G1.unsqueeze(2)
        bias_DGH = torch.stack([self._input_bias(one) for one in self.directions]) * self.scale_G1
        table_UK = products.linear(
            vectors_UI.to(self.precision),
            weight_DGHI.flatten(0, 2).to(self.precision),
            bias_DGH.flatten().to(self.precision),
        )
        return table_UK.view(len(vectors_UI) * len(self.directions), -1)

    def recurrent_DHK(self) -> Tensor:
        """Return what a state adds to the gates."""
        recurrent_DGHH = torch.stack([one.recurrent_GHH for one in self.directions])
        scaled_DGHH = recurrent_DGHH * (self.whole * self.scale_G1.unsqueeze(2))
        return scaled_DGHH.flatten(1, 2).transpose(1, 2).to(self.precision)

    def others(self) -> Iterator[Tensor | bool | None]:
        """Yield what a recurrence wants to know beside: a bias that is reset, first states, whether relu."""
        if self.cell.resets:
            bias_D1H = torch.stack([one.recurrent_bias_GH[-1:] for one in self.directions])
            yield (bias_D1H * self.scale_G1[-1]).to(self.precision)
        for part in range(self.cell.states):
            yield self._initial(part)
        if self.cell.gates == 1:
            yield self.relu

    def _initial(self, part: int) -> Tensor | None:
        if self.directions[0].initial is None:
            return None
        initial_DBH = torch.stack([one.initial[part] for one in self.directions])
        # The hidden state is halved; a cell state is doubled.
        return (initial_DBH * (self.whole if part else 1 / self.whole)).to(self.precision)

    def _input_bias(self, one: Weights) -> Tensor:
        """Return both biases of a direction, but for a gate whose product is reset with its bias."""
        recurrent_GH = one.recurrent_bias_GH
        if self.cell.resets:
            recurrent_GH = torch.cat([recurrent_GH[:-1], torch.zeros_like(recurrent_GH[-1:])])
        return recurrent_GH if one.input_bias_GH is None else one.input_bias_GH + recurrent_GH


class _Arrangement(Function):
    """Whole states, each direction's where its word stands: (D, L, B, H) -> (B, L, F)."""

    @staticmethod
    def forward(ctx: FunctionCtx, states_DLBH: Tensor, scale: float, order: Order) -> Tensor:
        ctx.scale, ctx.given_N, ctx.shape = scale, order.given_DLB.flatten(), states_DLBH.shape
        rows, steps, _ = order.found_BLD.shape
        found_N = order.found_BLD.flatten()
        states_NH = states_DLBH.reshape(-1, states_DLBH.shape[-1])
        return states_NH.index_select(0, found_N).mul_(scale).view(rows, steps, -1)

    @staticmethod
    def backward(ctx: FunctionCtx, grad_BLF: Tensor) -> tuple[Tensor | None, ...]:
        grad_NH = grad_BLF.reshape(-1, ctx.shape[-1])
        return grad_NH.index_select(0, ctx.given_N).mul_(ctx.scale).view(ctx.shape), None, None
