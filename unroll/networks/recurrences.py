"""The recurrences of Elman, LSTM and GRU, with their gradients written out: the fast path on a CPU.

Each takes a table of what a vector adds to the gates, and who reads which row of it at each step, and
returns the states of all steps. Its gradient is one pass back through the steps that does no more
than the recurrence forces step by step; the gradient of the recurrent weights waits until all steps
are done and is then one product.

**Half units.** tanh(a) / 2 = sigmoid(2 a) - 1/2, and sigmoid takes a fifth of the time of tanh. All that
is a tanh, or is made of one, is therefore kept as its half: states and candidates. To halve and to
double is exact in floating point, so nothing is lost: the caller doubles the weights that read a
state, and doubles again the pre-activations of a tanh.

**Caches.** A step's pre-activations are gathered into one small buffer just before they are needed:
a product that adds to memory which is not in the cache takes half as long again. On the way back the
gates' gradients overwrite the gates; torch refuses a second way back by itself.

Axes: G gates, D directions, L steps in the order in which a direction reads them, B rows, H units, P
rows of the table, K = G x H. A weight (..., H, H) reads along its last axis but one and writes along
its last.
"""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import FunctionCtx
from torch.nn import functional

from unroll.networks import products

HALF, QUARTER = 0.5, 0.25


class ElmanRecurrence(Function):
    """h_t = tanh(x_t + h_{t-1} W), or relu in place of tanh: h in half units for tanh alone."""

    @staticmethod
    def forward(
        ctx: FunctionCtx,
        table_PK: Tensor,
        place_DLB: Tensor,
        weight_DHK: Tensor,
        initial_DBH: Tensor | None,
        relu: bool,
    ) -> Tensor:
        states_DLBH = _every_step(table_PK, place_DLB, weight_DHK.shape[1])
        gates_DBK = _buffer(table_PK, place_DLB)
        previous = initial_DBH
        steps = zip(_gathered(table_PK, place_DLB, gates_DBK), states_DLBH.unbind(1), strict=True)
        with _steps(place_DLB, weight_DHK):
            for _, state in steps:
                if previous is not None:
                    gates_DBK.baddbmm_(previous, weight_DHK)
                if relu:
                    torch.clamp_min(gates_DBK, 0, out=state)
                else:
                    torch.sigmoid(gates_DBK, out=state).sub_(HALF)
                previous = state
        ctx.relu, ctx.table = relu, len(table_PK)
        ctx.save_for_backward(states_DLBH, place_DLB, weight_DHK, initial_DBH)
        return states_DLBH

    @staticmethod
    def backward(ctx: FunctionCtx, grad_DLBH: Tensor) -> tuple[Tensor | None, ...]:
        states_DLBH, place_DLB, weight_DHK, initial_DBH = ctx.saved_tensors
        back_DKH = weight_DHK.transpose(1, 2)
        grad_gates_DLBH = torch.empty_like(states_DLBH)
        quarter = torch.full_like(states_DLBH[:, 0], QUARTER)
        later = None
        with _steps(place_DLB, weight_DHK):
            for state, grad, gate in _backwards(states_DLBH, grad_DLBH, grad_gates_DLBH):
                if later is not None:
                    grad = torch.baddbmm(grad, later, back_DKH)
                if ctx.relu:
                    torch.mul(grad, state > 0, out=gate)
                else:
                    torch.addcmul(quarter, state, state, value=-1, out=gate).mul_(grad)
                later = gate
            first = torch.bmm(later, back_DKH) if initial_DBH is not None else None
        grads = [grad_gates_DLBH]
        grad_weight_DHK = _weight_gradient(states_DLBH, initial_DBH, grads)
        return _table_gradient(grads, place_DLB, ctx.table), None, grad_weight_DHK, first, None


class LSTMRecurrence(Function):
    """With the gates in the order i, f, g, o (cells.LSTM has the equations).

    The states h are in half units, and so is g; the cell state is doubled.
    """

    @staticmethod
    def forward(
        ctx: FunctionCtx,
        table_PK: Tensor,
        place_DLB: Tensor,
        weight_DHK: Tensor,
        initial_DBH: Tensor | None,
        initial_cell_DBH: Tensor | None,
    ) -> Tensor:
        hidden = weight_DHK.shape[1]
        kept = any(ctx.needs_input_grad)
        states_DLBH, cells_DLBH = (_every_step(table_PK, place_DLB, hidden) for _ in range(2))
        gates_GDLBH = _every_step(table_PK, place_DLB, hidden, 4, kept=kept)
        squashed_DLBH = _every_step(table_PK, place_DLB, hidden, kept=kept)
        gates_DBK = _buffer(table_PK, place_DLB)
        by_gate = _by_gate(gates_DBK, 4)
        previous, previous_cell = initial_DBH, initial_cell_DBH
        steps = zip(
            _gathered(table_PK, place_DLB, gates_DBK),
            gates_GDLBH.unbind(2),
            zip(*(gate_DLBH.unbind(1) for gate_DLBH in gates_GDLBH), strict=True),
            cells_DLBH.unbind(1),
            squashed_DLBH.unbind(1),
            states_DLBH.unbind(1),
            strict=True,
        )
        with _steps(place_DLB, weight_DHK):
            for _, gates_GDBH, (input_gate, forget, candidate, output), cell, squashed, state in steps:
                if previous is not None:
                    gates_DBK.baddbmm_(previous, weight_DHK)
                torch.sigmoid(by_gate, out=gates_GDBH)
                candidate.sub_(HALF)
                torch.mul(input_gate, candidate, out=cell).mul_(4)
                if previous_cell is not None:
                    cell.addcmul_(forget, previous_cell)
                torch.sigmoid(cell, out=squashed).sub_(HALF)
                torch.mul(output, squashed, out=state)
                previous, previous_cell = state, cell
        ctx.table = len(table_PK)
        ctx.save_for_backward(
            states_DLBH,
            cells_DLBH,
            squashed_DLBH,
            gates_GDLBH,
            place_DLB,
            weight_DHK,
            initial_DBH,
            initial_cell_DBH,
        )
        return states_DLBH

    @staticmethod
    def backward(ctx: FunctionCtx, grad_DLBH: Tensor) -> tuple[Tensor | None, ...]:
        states_DLBH, cells_DLBH, squashed_DLBH, gates_GDLBH, place_DLB, weight_DHK, *initial = (
            ctx.saved_tensors
        )
        back_GDHH = _by_gate(weight_DHK, 4).transpose(2, 3).unbind(0)
        quarter = torch.full_like(states_DLBH[:, 0], QUARTER)
        later, grad_cell = None, None
        steps = zip(
            _backwards(grad_DLBH, squashed_DLBH),
            [*reversed(cells_DLBH.unbind(1)[:-1]), initial[1]],
            _backwards(*gates_GDLBH),
            strict=True,
        )
        with _steps(place_DLB, weight_DHK):
            for (grad, squashed), cell_before, gates in steps:
                input_gate, forget, candidate, output = gates
                if later is not None:
                    grad = _read_back(grad.clone(), later, back_GDHH)
                slope = torch.addcmul(quarter, squashed, squashed, value=-1).mul_(output).mul_(grad)
                grad_cell = slope if grad_cell is None else slope.add_(grad_cell)
                _to_slope(output).mul_(squashed).mul_(grad)
                grad_before = grad_cell * forget
                if cell_before is None:
                    forget.zero_()
                else:
                    _to_slope(forget).mul_(cell_before).mul_(grad_cell)
                grad_candidate = grad_cell.mul_(4) * input_gate
                _to_slope(input_gate).mul_(candidate).mul_(grad_cell)
                torch.addcmul(quarter, candidate, candidate, value=-1, out=candidate).mul_(grad_candidate)
                grad_cell, later = grad_before, gates
            first = None if initial[0] is None else _read_back(torch.zeros_like(grad), later, back_GDHH)
        grad_weight_DHK = _weight_gradient(states_DLBH, initial[0], gates_GDLBH)
        grad_table_PK = _table_gradient(gates_GDLBH, place_DLB, ctx.table)
        return grad_table_PK, None, grad_weight_DHK, first, grad_cell if initial[1] is not None else None


class GRURecurrence(Function):
    """With the gates in the order r, z, n (cells.GRU has the equations).

    The states h are in half units, and so is n. The recurrent product of n has a bias of its own,
    since the reset gate multiplies it too.
    """

    @staticmethod
    def forward(
        ctx: FunctionCtx,
        table_PK: Tensor,
        place_DLB: Tensor,
        weight_DHK: Tensor,
        bias_D1H: Tensor,
        initial_DBH: Tensor | None,
    ) -> Tensor:
        hidden = weight_DHK.shape[1]
        kept = any(ctx.needs_input_grad)
        states_DLBH = _every_step(table_PK, place_DLB, hidden)
        gates_GDLBH = _every_step(table_PK, place_DLB, hidden, 3, kept=kept)
        recurrent_DLBH = _every_step(table_PK, place_DLB, hidden, kept=kept)
        both_weight, candidate_weight = weight_DHK.split([2 * hidden, hidden], dim=2)
        gates_DBK = _buffer(table_PK, place_DLB)
        both, adds = gates_DBK.split([2 * hidden, hidden], dim=2)
        by_gate = _by_gate(both, 2)
        previous = initial_DBH
        steps = zip(
            _gathered(table_PK, place_DLB, gates_DBK),
            gates_GDLBH[:2].unbind(2),
            zip(*(gate_DLBH.unbind(1) for gate_DLBH in gates_GDLBH), strict=True),
            recurrent_DLBH.unbind(1),
            states_DLBH.unbind(1),
            strict=True,
        )
        with _steps(place_DLB, both_weight):
            for _, gates_GDBH, (reset, update, candidate), recurrent, state in steps:
                if previous is None:
                    recurrent.copy_(bias_D1H)
                else:
                    both.baddbmm_(previous, both_weight)
                    torch.baddbmm(bias_D1H, previous, candidate_weight, out=recurrent)
                torch.sigmoid(by_gate, out=gates_GDBH)
                torch.addcmul(adds, reset, recurrent, out=candidate).sigmoid_().sub_(HALF)
                if previous is None:
                    torch.addcmul(candidate, candidate, update, value=-1, out=state)
                else:
                    torch.lerp(candidate, previous, update, out=state)
                previous = state
        ctx.table = len(table_PK)
        ctx.save_for_backward(states_DLBH, recurrent_DLBH, gates_GDLBH, place_DLB, weight_DHK, initial_DBH)
        return states_DLBH

    @staticmethod
    def backward(ctx: FunctionCtx, grad_DLBH: Tensor) -> tuple[Tensor | None, ...]:
        states_DLBH, recurrent_DLBH, gates_GDLBH, place_DLB, weight_DHK, initial_DBH = ctx.saved_tensors
        back_GDHH = _by_gate(weight_DHK, 3).transpose(2, 3).unbind(0)
        quarter = torch.full_like(states_DLBH[:, 0], QUARTER)
        carried, later = None, None
        steps = zip(
            _backwards(grad_DLBH, recurrent_DLBH),
            [*reversed(states_DLBH.unbind(1)[:-1]), initial_DBH],
            _backwards(*gates_GDLBH),
            strict=True,
        )
        with _steps(place_DLB, weight_DHK):
            for (grad, recurrent), state_before, (reset, update, candidate) in steps:
                if later is not None:
                    grad = _read_back(carried.add_(grad), later, back_GDHH)
                slope = torch.addcmul(quarter, candidate, candidate, value=-1).mul_(grad)
                change = candidate.neg() if state_before is None else state_before - candidate
                torch.addcmul(slope, slope, update, value=-1, out=candidate)
                torch.mul(candidate, recurrent, out=slope)
                torch.mul(candidate, reset, out=recurrent)
                _to_slope(reset).mul_(slope)
                carried = grad * update
                change.mul_(carried)
                torch.addcmul(change, change, update, value=-1, out=update)
                later = (reset, update, recurrent)
            first = None if initial_DBH is None else _read_back(carried, later, back_GDHH)
        recurrent_grads = (gates_GDLBH[0], gates_GDLBH[1], recurrent_DLBH)
        grad_weight_DHK = _weight_gradient(states_DLBH, initial_DBH, recurrent_grads)
        grad_bias_D1H = recurrent_DLBH.sum((1, 2)).unsqueeze(1)
        grad_table_PK = _table_gradient(gates_GDLBH, place_DLB, ctx.table)
        return grad_table_PK, None, grad_weight_DHK, grad_bias_D1H, first


def _every_step(table_PK: Tensor, place_DLB: Tensor, hidden: int, *gates: int, kept: bool = True) -> Tensor:
    """Return an empty (*gates, D, L, B, H); if nobody will ask for earlier steps, all share one's memory."""
    directions, steps, rows = place_DLB.shape
    values = table_PK.new_empty(*gates, directions, steps if kept else 1, rows, hidden)
    return values.expand(*gates, directions, steps, rows, hidden)


def _buffer(table_PK: Tensor, place_DLB: Tensor) -> Tensor:
    directions, _, rows = place_DLB.shape
    return table_PK.new_empty(directions, rows, table_PK.shape[1])


def _gathered(table_PK: Tensor, place_DLB: Tensor, buffer_DBK: Tensor) -> Iterator[None]:
    """Put each step's rows of the table into the buffer, which the reader may overwrite."""
    buffer_NK = buffer_DBK.flatten(0, 1)
    for place_N in place_DLB.transpose(0, 1).flatten(1).unbind(0):
        torch.index_select(table_PK, 0, place_N, out=buffer_NK)
        yield


def _by_gate(values_DXK: Tensor, gates: int) -> Tensor:
    """View (D, X, G x H) as (G, D, X, H)."""
    return values_DXK.unflatten(2, (gates, -1)).permute(2, 0, 1, 3)


def _steps(place_DLB: Tensor, weight_DHK: Tensor) -> AbstractContextManager:
    return products.chosen(place_DLB.shape[2] * weight_DHK[0].numel())


def _backwards(*tensors_DLBH: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Each step's (D, B, H) of every tensor, the last step first."""
    return zip(*(reversed(tensor.unbind(1)) for tensor in tensors_DLBH), strict=True)


def _to_slope(gate: Tensor) -> Tensor:
    """Replace sigmoid(a) by its derivative at a."""
    return gate.addcmul_(gate, gate, value=-1)


def _read_back(grad_DBH: Tensor, gates_GDBH: Iterable[Tensor], back_GDHH: Iterable[Tensor]) -> Tensor:
    """Add to a state's gradient what the gates of the step after it say."""
    for gate, weight_DHH in zip(gates_GDBH, back_GDHH, strict=True):
        grad_DBH.baddbmm_(gate, weight_DHH)
    return grad_DBH


def _weight_gradient(
    states_DLBH: Tensor, initial_DBH: Tensor | None, grads_GDLBH: Iterable[Tensor]
) -> Tensor:
    """Return the gradient of (D, H, K): for each gate one product over all steps."""
    _, steps, rows, hidden = states_DLBH.shape
    read_DTH = states_DLBH[:, :-1].flatten(1, 2)
    grads_GDTH = [grad_DLBH[:, 1:].flatten(1, 2) for grad_DLBH in grads_GDLBH]
    with products.chosen((steps - 1) * rows * hidden * hidden):
        grads = [
            torch.stack([read_TH.t() @ grad_TH for read_TH, grad_TH in zip(read_DTH, grad_DTH, strict=True)])
            for grad_DTH in grads_GDTH
        ]
    if initial_DBH is not None:
        for grad_DHH, grad_DLBH in zip(grads, grads_GDLBH, strict=True):
            grad_DHH.baddbmm_(initial_DBH.transpose(1, 2), grad_DLBH[:, 0])
    return torch.cat(grads, dim=2)


def _table_gradient(grads_GDLBH: Iterable[Tensor], place_DLB: Tensor, rows: int) -> Tensor:
    """Return for each row of the table the sum over all that read it, in the order of their places."""
    place_N = place_DLB.flatten()
    order_N = place_N.argsort(stable=True)
    count_P = torch.bincount(place_N, minlength=rows)
    begin_P = count_P.cumsum(0) - count_P
    sums = [
        functional.embedding_bag(order_N, grad_DLBH.flatten(0, 2), begin_P, mode="sum")
        for grad_DLBH in grads_GDLBH
    ]
    return torch.cat(sums, dim=1)
