"""Cells written out and torch's own layers are one function; each step is what its equations say."""

import pytest
import torch
from drawn import HIDDEN, SIZE, assert_same, gradients
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from unroll.networks.cells import CELLS, NONLINEARITIES, Cell, State, library_layer, run_library

KINDS = {"elman-relu": ("elman", "relu")} | {name: (name, "tanh") for name in CELLS}
every_kind = pytest.mark.parametrize("kind", KINDS)
LENGTHS_B = torch.tensor([4, 1, 7, 2, 7])


def pair(kind: str, seed: int = 5) -> tuple[Cell, nn.RNNBase]:
    """Return both implementations with the weights of the first, in double precision."""
    name, nonlinearity = KINDS[kind]
    torch.manual_seed(seed)
    ours = CELLS[name](SIZE, HIDDEN, nonlinearity).double()
    theirs = library_layer(CELLS[name], SIZE, HIDDEN, nonlinearity).double()
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def drawn(*shape: int, seed: int = 2) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def inputs(kind: str) -> tuple[Tensor, State, Tensor]:
    """Return an input, a state to begin with and other recurrent weights, all with gradients."""
    cell = CELLS[KINDS[kind][0]]
    input_BLI, weight_hh = drawn(5, 7, SIZE), drawn(cell.gates * HIDDEN, HIDDEN, seed=3)
    state = tuple(drawn(5, HIDDEN, seed=4 + part) for part in range(cell.states))
    return input_BLI.requires_grad_(), tuple(part.requires_grad_() for part in state), weight_hh


@every_kind
@pytest.mark.parametrize("begun", [False, True], ids=["from-zeros", "from-a-state"])
@pytest.mark.parametrize("dropped", [False, True], ids=["own-weights", "other-weights"])
def test_both_implementations_give_the_same_states_and_gradients(kind, begun, dropped):
    ours, theirs = pair(kind)
    found = []
    for module, run in ((ours, ours), (theirs, lambda *given: run_library(theirs, *given))):
        input_BLI, state, weight_hh = inputs(kind)
        weight_hh = weight_hh.requires_grad_() if dropped else None
        states_BLH = run(input_BLI, state if begun else None, weight_hh)
        reached = gradients(module, (states_BLH * drawn(5, 7, HIDDEN, seed=9)).sum())
        reached |= {"states": states_BLH, "input": input_BLI.grad}
        reached |= {f"state.{place}": part.grad for place, part in enumerate(state) if begun}
        found.append(reached | ({"other": weight_hh.grad} if dropped else {}))
    assert all(gradient.abs().sum() > 0 or dropped for gradient in found[0].values())
    assert_same(*found)


@every_kind
def test_gradients_of_a_cell_are_those_of_finite_differences(kind):
    name, nonlinearity = KINDS[kind]
    torch.manual_seed(1)
    cell = CELLS[name](2, 2, nonlinearity).double()
    state = tuple(drawn(2, 2, seed=6 + part).requires_grad_() for part in range(cell.states))
    names = [name for name, _ in cell.named_parameters()]

    def run(input_BLI: Tensor, weight_hh: Tensor, *given: Tensor) -> tuple[Tensor, Tensor]:
        begin, weights = given[: cell.states], dict(zip(names, given[cell.states :], strict=True))
        own = torch.func.functional_call(cell, weights, (input_BLI, begin))
        return own, torch.func.functional_call(cell, weights, (input_BLI, begin, weight_hh))

    weight_hh = drawn(cell.gates * 2, 2, seed=8).requires_grad_()
    given = (drawn(2, 3, 2).requires_grad_(), weight_hh, *state, *cell.parameters())
    assert torch.autograd.gradcheck(run, given)


@every_kind
def test_the_same_seed_draws_the_same_first_weights_as_torchs_layer(kind):
    name, nonlinearity = KINDS[kind]
    drawn_weights = []
    for make in (CELLS[name], lambda *given: library_layer(CELLS[name], *given)):
        torch.manual_seed(23)
        drawn_weights.append(make(SIZE, HIDDEN, nonlinearity).state_dict())
    ours, theirs = drawn_weights
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@every_kind
def test_without_a_bias_of_the_input_a_cell_is_torchs_with_zeros_for_it(kind):
    name, nonlinearity = KINDS[kind]
    _, theirs = pair(kind)
    ours = CELLS[name](SIZE, HIDDEN, nonlinearity, input_bias=False).double()
    missing = ours.load_state_dict(theirs.state_dict(), strict=False)
    assert (missing.missing_keys, missing.unexpected_keys) == ([], ["bias_ih_l0"])
    input_BLI, state, _ = inputs(kind)
    assert not torch.allclose(ours(input_BLI, state), run_library(theirs, input_BLI, state))
    nn.init.zeros_(theirs.bias_ih_l0)
    torch.testing.assert_close(
        ours(input_BLI, state), run_library(theirs, input_BLI, state), rtol=1e-12, atol=1e-12
    )


def packed(input_BLI: Tensor) -> PackedSequence:
    return pack_padded_sequence(input_BLI, LENGTHS_B, batch_first=True, enforce_sorted=False)


@every_kind
@pytest.mark.parametrize("read", [lambda input_BLI: input_BLI, packed], ids=["plain", "packed"])
@pytest.mark.parametrize("begun", [False, True], ids=["from-zeros", "from-a-state"])
def test_a_library_layer_with_other_weights_is_the_layer_that_owns_them(kind, read, begun):
    _, layer = pair(kind)
    input_BLI, state, weight_hh = inputs(kind)
    state = state if begun else None
    found = run_library(layer, read(input_BLI), state, weight_hh)
    with torch.no_grad():
        layer.weight_hh_l0.copy_(weight_hh)
    expected = run_library(layer, read(input_BLI), state)
    if isinstance(expected, PackedSequence):
        found, expected = (pad_packed_sequence(states, batch_first=True)[0] for states in (found, expected))
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@every_kind
def test_a_packed_row_has_the_states_that_it_has_alone(kind):
    ours, theirs = pair(kind)
    input_BLI, state, weight_hh = inputs(kind)
    states_BLH, _ = pad_packed_sequence(
        run_library(theirs, packed(input_BLI), state, weight_hh), batch_first=True
    )
    for row, length in enumerate(LENGTHS_B):
        alone = ours(
            input_BLI[row : row + 1, :length], tuple(part[row : row + 1] for part in state), weight_hh
        )
        torch.testing.assert_close(states_BLH[row, :length], alone[0], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_has_the_gates_of_its_name(name):
    """A toolkit's GRU once built an LSTM, and no test ran it."""
    gates = {"elman": 1, "gru": 3, "lstm": 4}[name]
    assert CELLS[name].gates == gates
    assert library_layer(CELLS[name], SIZE, HIDDEN, "tanh").weight_ih_l0.shape == (gates * HIDDEN, SIZE)
    assert type(library_layer(CELLS[name], 1, 1, "tanh")).__name__ == {"elman": "RNN"}.get(name, name.upper())


def test_an_elman_step_is_its_equation():
    for nonlinearity, function in NONLINEARITIES.items():
        cell = CELLS["elman"](2, 1, nonlinearity)
        with torch.no_grad():
            cell.weight_ih_l0.copy_(torch.tensor([[0.5, -1.0]]))
            cell.weight_hh_l0.fill_(2.0)
            cell.bias_ih_l0.fill_(0.1)
            cell.bias_hh_l0.fill_(0.2)
        # W x + b + W h + b' = 0.5 * 1 - 1 * 3 + 0.1 + 2 * 0.25 + 0.2
        [[[state]]] = cell(torch.tensor([[[1.0, 3.0]]]), (torch.tensor([[0.25]]),))
        torch.testing.assert_close(state, function(torch.tensor(-1.7)))


def test_a_closed_gate_lets_a_state_through_unchanged():
    """LSTM: open forget gate, closed input gate; GRU: open update gate."""
    state_BH = drawn(1, HIDDEN)
    for name, gates in (("lstm", (-50.0, 50.0, 0.0, 50.0)), ("gru", (0.0, 50.0, 0.0))):
        cell = CELLS[name](SIZE, HIDDEN).double()
        with torch.no_grad():
            for parameter in cell.parameters():
                parameter.zero_()
            cell.bias_hh_l0.copy_(torch.tensor(gates).repeat_interleave(HIDDEN))
        states_BLH = cell(drawn(1, 6, SIZE), (state_BH,) * cell.states)
        kept_BH = state_BH.tanh() if name == "lstm" else state_BH
        torch.testing.assert_close(states_BLH[:, -1], kept_BH, rtol=1e-12, atol=1e-12)
