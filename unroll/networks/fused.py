"""One recurrent layer on a CPU, all its directions at once: (words, lengths_B) -> a state a step.

Three things make it fast. What the input adds to the gates is one product over the different words
of the batch, not over its tokens. The recurrence computes its own gradient (recurrences.py). Both
directions take each step together.

Axes: G gates, D directions, U vectors, I components of a vector, L steps, B rows, H units of one
direction, K = D x G x H, N = D x L x B, F = D x H.
"""

from collections.abc import Sequence
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
    precision = precision or words.vectors_UI.dtype
    steps = words.places_BL.shape[1]
    order = Order.of(lengths_B, steps, len(directions), even)
    # A vector has a row of the table for each direction.
    place_DLB = words.places_BL.flatten()[order.read_DLB] * len(directions)
    place_DLB += torch.arange(len(directions), device=place_DLB.device).view(-1, 1, 1)
    # Half units (recurrences.py): a state counts twice, and so does what goes into a tanh.
    whole = 1.0 if nonlinearity == "relu" else 2.0
    scales = torch.tensor([whole if gate in cell.tanh_gates else 1.0 for gate in range(cell.gates)])
    scale_G1 = scales.to(words.vectors_UI).unsqueeze(1)
    weight_DGHI = torch.stack([one.input_GHI for one in directions]) * scale_G1.unsqueeze(2)
    bias_DGH = torch.stack([_input_bias(cell, one) for one in directions]) * scale_G1
    recurrent_DGHH = torch.stack([one.recurrent_GHH for one in directions]) * (whole * scale_G1.unsqueeze(2))
    table_UK = products.linear(
        words.vectors_UI.to(precision),
        weight_DGHI.flatten(0, 2).to(precision),
        bias_DGH.flatten().to(precision),
    )
    arguments = [
        table_UK.view(len(words.vectors_UI) * len(directions), -1),
        place_DLB,
        recurrent_DGHH.flatten(1, 2).transpose(1, 2).to(precision),
    ]
    if cell.resets:
        bias_D1H = torch.stack([one.recurrent_bias_GH[-1:] for one in directions]) * scale_G1[-1]
        arguments.append(bias_D1H.to(precision))
    for part in range(cell.states):
        given = directions[0].initial is not None
        # The hidden state is halved; a cell state is doubled.
        unit = 1 / whole if part == 0 else whole
        initial_DBH = torch.stack([one.initial[part] for one in directions]) * unit if given else None
        arguments.append(initial_DBH.to(precision) if given else None)
    if cell.gates == 1:
        arguments.append(nonlinearity == "relu")
    states_DLBH = cell.recurrence.apply(*arguments)
    return _Arrangement.apply(states_DLBH, whole, order).to(words.vectors_UI.dtype)


def _input_bias(cell: type[Cell], one: Weights) -> Tensor:
    """Return what is added whatever the input: both biases, but for a gate whose product is reset."""
    recurrent_GH = one.recurrent_bias_GH
    if cell.resets:
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
