"""Layers and directions are wired as torch's own stack; where a row begins, and what its dropouts drop."""

import pytest
import torch
from drawn import HIDDEN, IMPLEMENTATIONS, SIZE, batch_of, gradients, model_of, network, rows, torchs_own
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from unroll.failures import Refusal
from unroll.networks import encoders
from unroll.networks.cells import CELLS, Cell, State
from unroll.networks.encoders import RecurrentEncoder, StepDropout
from unroll.networks.spec import RecurrentNetwork
from unroll.networks.tasks import Classification
from unroll.networks.words import Words

LENGTHS_B = torch.tensor([4, 1, 7, 2, 7])
every_cell = pytest.mark.parametrize("cell", CELLS)
every_implementation = pytest.mark.parametrize("implementation", IMPLEMENTATIONS)


def encoder_of(network: RecurrentNetwork) -> RecurrentEncoder:
    torch.manual_seed(11)
    return RecurrentEncoder(network, SIZE).double().eval()


def embedded(length: int = 9) -> Words:
    """Return an input whose padding is noise, for nothing may depend on it."""
    generator = torch.Generator().manual_seed(1)
    return Words.each_its_own(torch.randn(5, length, SIZE, dtype=torch.float64, generator=generator))


@every_cell
@every_implementation
@pytest.mark.parametrize("bidirectional", [False, True], ids=["forward", "both"])
def test_an_encoder_is_torchs_own_stack_with_packed_input(cell, implementation, bidirectional):
    for layers in (1, 2, 3):
        small = network(cell=cell, implementation=implementation, bidirectional=bidirectional, layers=layers)
        encoder = encoder_of(small)
        input_BLI = embedded().written_out()
        packed = pack_padded_sequence(input_BLI, LENGTHS_B, batch_first=True, enforce_sorted=False)
        expected_BLF, _ = pad_packed_sequence(torchs_own(encoder, small)(packed)[0], batch_first=True)
        found_BLF = encoder(embedded(), LENGTHS_B, even=False)
        assert found_BLF.shape == (5, 9, encoder.size)
        for row, length in enumerate(LENGTHS_B):
            torch.testing.assert_close(
                found_BLF[row, :length], expected_BLF[row, :length], rtol=1e-10, atol=1e-10
            )


@every_cell
def test_the_first_weights_do_not_depend_on_who_computes_them(cell):
    library, *others = (
        encoder_of(network(cell=cell, implementation=kind, layers=2, bidirectional=True)).state_dict()
        for kind in ("library", "fused", "handwritten")
    )
    for ours in others:
        assert list(ours) == list(library)
        assert all(torch.equal(ours[name], library[name]) for name in ours)


@every_cell
@pytest.mark.parametrize("even", [True, False])
def test_a_few_rows_are_read_by_torchs_layers_and_come_to_the_same(cell, even, monkeypatch):
    encoder = encoder_of(network(cell=cell, implementation="fused", layers=2, bidirectional=True))
    lengths_B = torch.full_like(LENGTHS_B, 9) if even else LENGTHS_B
    fused_BLF = encoder(embedded(), lengths_B, even)
    assert fused_BLF.grad_fn.name() == "_ArrangementBackward"
    monkeypatch.setattr(encoders, "FEW", len(LENGTHS_B) + 1)
    few_BLF = encoder(embedded(), lengths_B, even)
    assert few_BLF.grad_fn.name() != "_ArrangementBackward"
    for row, length in enumerate(lengths_B):
        torch.testing.assert_close(few_BLF[row, :length], fused_BLF[row, :length], rtol=1e-10, atol=1e-10)


# --- one more cell ----------------------------------------------------------------------------------


class Minimal(Cell):
    """h_t = (1 - f_t) * h_{t-1} + f_t * tanh(W_n x_t + W_hn h_{t-1}), with one gate f."""

    gates = 2

    def step(self, input_BG: Tensor, recurrent_BG: Tensor, state: State) -> State:
        forget_BH, candidate_BH = (input_BG + recurrent_BG).chunk(2, dim=1)
        return (state[0].lerp(candidate_BH.tanh(), forget_BH.sigmoid()),)


def test_one_more_cell_is_one_more_class(monkeypatch):
    monkeypatch.setitem(CELLS, "minimal", Minimal)
    small = network(
        cell="minimal",
        implementation="handwritten",
        layers=2,
        bidirectional=True,
        initial_state="learned",
        pooling="last+attention",
        dropout={"recurrent": 0.5, "layers": 0.5},
    )
    model = model_of(small)
    lone, *others = rows(4, 7, 2)
    together_BC = model(batch_of([lone, *others], width=12))
    torch.testing.assert_close(together_BC[0], model(batch_of([lone]))[0], rtol=1e-10, atol=1e-10)
    loss, _, _ = Classification("accuracy").step(model.train(), batch_of([lone, *others]))
    assert all(gradient.abs().sum() > 0 for gradient in gradients(model, loss).values())
    with pytest.raises(Refusal, match=r"networks\.small\.implementation: no minimal layer is fused"):
        network(cell="minimal")
    with pytest.raises(Refusal, match=r"networks\.small\.implementation: torch has no minimal layer"):
        network(cell="minimal", implementation="library")


# --- where a row begins -----------------------------------------------------------------------------


@every_cell
@every_implementation
def test_a_learned_initial_state_is_where_every_direction_of_every_row_begins(cell, implementation):
    small = network(cell=cell, implementation=implementation, bidirectional=True, initial_state="learned")
    encoder = encoder_of(small)
    plain = encoder_of(small.model_copy(update={"initial_state": "zeros"}))
    before_BLF = encoder(embedded(), LENGTHS_B, even=False)
    assert torch.equal(before_BLF, plain(embedded(), LENGTHS_B, even=False))
    with torch.no_grad():
        encoder.layers[0][1].initial.fill_(0.7)
    moved_BLF = (encoder(embedded(), LENGTHS_B, even=False) - before_BLF).abs()
    for row, length in enumerate(LENGTHS_B):
        assert not moved_BLF[row, :length, :HIDDEN].any()
        # The backward direction begins at the row's own last token.
        assert (moved_BLF[row, length - 1, HIDDEN:] > 1e-3).any()
    reached = gradients(encoder, encoder(embedded(), LENGTHS_B, even=False).square().sum())
    initial = [gradient for name, gradient in reached.items() if name.endswith("initial")]
    assert [gradient.shape for gradient in initial] == [(CELLS[cell].states, HIDDEN)] * 2
    assert all((gradient != 0).all() for gradient in initial)


@every_cell
@every_implementation
def test_a_normal_initial_state_is_drawn_in_training_and_zeros_in_scoring(cell, implementation):
    small = network(cell=cell, implementation=implementation, initial_state="normal")
    encoder, plain = encoder_of(small), encoder_of(network(cell=cell, implementation=implementation))
    expected_BLF = plain(embedded(), LENGTHS_B, even=False)
    assert torch.equal(encoder(embedded(), LENGTHS_B, even=False), expected_BLF)
    encoder.train()
    one = embedded()
    same_rows = Words(one.vectors_UI, one.places_BL[:1].expand(400, -1))
    states_BLF = encoder(same_rows, torch.full((400,), 9), even=True)
    assert (states_BLF[:, 0].std(dim=0) > 0.05).all()
    assert not torch.equal(states_BLF, encoder(same_rows, torch.full((400,), 9), even=True))
    drawn_BH, *more = encoder.layers[0][0]._initial(same_rows.vectors_UI, 400)
    assert len(more) == CELLS[cell].states - 1
    # 1,600 draws: four standard deviations of their mean are 0.1, of their spread 0.07.
    assert abs(drawn_BH.mean().item()) < 0.1
    assert abs(drawn_BH.std().item() - 1) < 0.07


# --- dropout ----------------------------------------------------------------------------------------


def dropped(share: float, variational: bool) -> Tensor:
    """Return which components of 40 equal rows of 30 steps are dropped, (B, L, F)."""
    torch.manual_seed(5)
    dropout = StepDropout(share, variational)
    ones_BLF = torch.ones(40, 30, 20)
    assert torch.equal(dropout.eval()(ones_BLF), ones_BLF)
    found_BLF = dropout.train()(ones_BLF)
    kept_BLF = found_BLF != 0
    # What is kept makes up for what is dropped.
    torch.testing.assert_close(found_BLF[kept_BLF], torch.full((int(kept_BLF.sum()),), 1 / (1 - share)))
    assert abs((~kept_BLF).float().mean().item() - share) < 0.07
    return ~kept_BLF


def test_variational_dropout_has_one_mask_for_all_steps_of_a_row_and_another_for_other_rows():
    dropped_BLF = dropped(0.4, variational=True)
    assert torch.equal(dropped_BLF, dropped_BLF[:, :1].expand_as(dropped_BLF))
    assert len({tuple(mask) for mask in dropped_BLF[:, 0].tolist()}) == 40


def test_plain_dropout_has_another_mask_at_every_step():
    dropped_BLF = dropped(0.4, variational=False)
    assert len({tuple(mask) for mask in dropped_BLF.flatten(0, 1).tolist()}) > 1190


@every_implementation
def test_dropout_between_layers_never_touches_what_the_first_reads_or_the_last_gives(implementation):
    encoder = encoder_of(network(implementation=implementation, layers=2, dropout={"layers": 0.9})).train()
    seen = []
    encoder.dropout.register_forward_hook(lambda module, inputs, output: seen.append((inputs[0], output)))
    lengths_B = torch.full((5,), 9)
    found_BLF = encoder(embedded(), lengths_B, even=True)
    [(kept, dropped)] = seen
    encoder.eval()
    first, last = encoder.layers
    assert torch.equal(kept, encoder._read(first, embedded(), lengths_B, even=True))
    assert torch.equal(found_BLF, encoder._read(last, Words.each_its_own(dropped), lengths_B, even=True))
    assert (kept != 0).all()
    assert 0.8 < (dropped == 0).double().mean() < 1


@every_cell
@pytest.mark.parametrize("reader", [*IMPLEMENTATIONS, "packed"])
def test_weight_drop_leaves_out_the_same_connections_at_all_steps(cell, reader):
    keys = {"implementation": reader}
    if reader == "packed":
        keys = {"implementation": "library", "batching": "packed"}
    encoder = encoder_of(network(cell=cell, dropout={"recurrent": 0.5}, **keys))
    lone = encoder.layers[0][0].cell
    torch.manual_seed(3)
    found_BLF = encoder.train()(embedded(), LENGTHS_B, even=False)
    torch.manual_seed(3)
    weight = lone.weight_hh_l0.detach().clone()
    missing = nn.functional.dropout(weight, 0.5)
    assert 0 < (missing == 0).sum() < missing.numel()
    with torch.no_grad():
        lone.weight_hh_l0.copy_(missing)
    expected_BLF = encoder.eval()(embedded(), LENGTHS_B, even=False)
    for row, length in enumerate(LENGTHS_B):
        torch.testing.assert_close(
            found_BLF[row, :length], expected_BLF[row, :length], rtol=1e-12, atol=1e-12
        )
    with torch.no_grad():
        lone.weight_hh_l0.copy_(weight)
    # No connection that is missing learns from the batch.
    torch.manual_seed(3)
    loss = encoder.train()(embedded(), LENGTHS_B, even=False).square().sum()
    reached = gradients(encoder, loss)["layers.0.0.cell.weight_hh_l0"]
    assert torch.equal(reached == 0, missing == 0)
