"""A fused layer is torch's own: in its states, in every gradient, in bfloat16 to rounding."""

import subprocess
import sys
from collections.abc import Callable
from itertools import product

import pytest
import torch
from drawn import (
    IMPLEMENTATIONS,
    SIZE,
    TOLERANCE,
    assert_same,
    batch_of,
    gradients,
    model_of,
    network,
    rows,
    torchs_name,
    torchs_own,
)
from runs import changed, fit
from tiny import ROOT
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from unroll.networks.cells import CELLS
from unroll.networks.encoders import RecurrentEncoder
from unroll.networks.spec import RecurrentNetwork
from unroll.networks.tasks import Classification
from unroll.networks.words import Words

UNEVEN, EVEN = torch.tensor([4, 1, 7, 2, 7]), torch.tensor([6, 6, 6, 6])
DIFFERENT = 8
KINDS = {name: {"cell": name} for name in CELLS} | {"elman-relu": {"cell": "elman", "nonlinearity": "relu"}}
every_kind = pytest.mark.parametrize("kind", KINDS)
both_directions = pytest.mark.parametrize("bidirectional", [False, True], ids=["forward", "both"])


def words(lengths_B: Tensor, dtype: torch.dtype) -> Words:
    """Return a batch of a few words that repeat, padding among them."""
    generator = torch.Generator().manual_seed(3)
    places_BL = torch.randint(DIFFERENT, (len(lengths_B), int(lengths_B.max())), generator=generator)
    vectors_UI = torch.randn(DIFFERENT, SIZE, generator=generator).to(dtype)
    return Words(vectors_UI.requires_grad_(), places_BL)


def encoder_of(network: RecurrentNetwork, dtype: torch.dtype = torch.float64) -> RecurrentEncoder:
    torch.manual_seed(11)
    encoder = RecurrentEncoder(network, SIZE)
    with torch.no_grad():
        for name, parameter in encoder.named_parameters():
            if name.endswith("initial"):
                parameter.normal_()
    return encoder.to(dtype)


def loss_of(states_BLF: Tensor, lengths_B: Tensor) -> Tensor:
    """Return a loss in which every state of a row's own steps has a weight of its own."""
    generator = torch.Generator().manual_seed(9)
    weights_BLF = torch.randn(states_BLF.shape, generator=generator, dtype=torch.float64) / 10
    padded_BL = torch.arange(states_BLF.shape[1]) >= lengths_B.unsqueeze(1)
    return (states_BLF * weights_BLF.to(states_BLF)).masked_fill(padded_BL.unsqueeze(2), 0.0).sum()


def read_by_torch(
    encoder: RecurrentEncoder, network: RecurrentNetwork, read: Words, lengths_B: Tensor
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the states of torch's own stack, and its gradients by the encoder's names."""
    stack = torchs_own(encoder, network)
    packed = pack_padded_sequence(read.written_out(), lengths_B, batch_first=True, enforce_sorted=False)
    begun = []
    if network.initial_state == "learned":
        begun = [direction.initial for directions in encoder.layers for direction in directions]
    # (depth and direction, part, H) -> for each part (depth and direction, B, H)
    given = torch.stack(begun).detach().requires_grad_() if begun else None
    state = None
    if begun:
        parts = [part_XH.unsqueeze(1).repeat(1, len(lengths_B), 1) for part_XH in given.unbind(1)]
        state = tuple(parts) if len(parts) == 2 else parts[0]
    states_BLF, _ = pad_packed_sequence(stack(packed, state)[0], batch_first=True)
    found = gradients(stack, loss_of(states_BLF, lengths_B))
    renamed = {}
    for depth, directions in enumerate(encoder.layers):
        for direction in directions:
            place = f"layers.{depth}.{int(direction.backward)}"
            for name, _ in direction.cell.named_parameters():
                renamed[f"{place}.cell.{name}"] = found[torchs_name(name, depth, direction.backward)]
            if begun:
                renamed[f"{place}.initial"] = given.grad[depth * len(directions) + int(direction.backward)]
    return states_BLF, renamed


@every_kind
@both_directions
@pytest.mark.parametrize("lengths_B", [EVEN, UNEVEN], ids=["even", "uneven"])
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_states_and_every_gradient_are_torchs(kind, bidirectional, lengths_B, dtype):
    limit, even = TOLERANCE[dtype], lengths_B is EVEN
    for layers, input_bias, initial in product((1, 2), (True, False), ("zeros", "learned")):
        keys = {"layers": layers, "input_bias": input_bias, "initial_state": initial}
        small = network(**KINDS[kind], bidirectional=bidirectional, **keys)
        encoder = encoder_of(small, dtype)
        ours, theirs = words(lengths_B, dtype), words(lengths_B, dtype)
        found_BLF = encoder(ours, lengths_B, even)
        assert found_BLF.dtype == dtype
        found = gradients(encoder, loss_of(found_BLF, lengths_B))
        expected_BLF, expected = read_by_torch(encoder, small, theirs, lengths_B)
        for row, length in enumerate(lengths_B):
            torch.testing.assert_close(
                found_BLF[row, :length], expected_BLF[row, :length], rtol=limit, atol=limit
            )
        assert all(gradient.abs().sum() > 0 for gradient in expected.values())
        found["words"], expected["words"] = ours.vectors_UI.grad, theirs.vectors_UI.grad
        assert_same(found, expected, limit)


@every_kind
def test_words_that_stand_once_a_place_are_read_as_words_that_repeat(kind):
    encoder = encoder_of(network(**KINDS[kind], bidirectional=True))
    read = words(UNEVEN, torch.float64)
    apart = Words.each_its_own(read.written_out())
    torch.testing.assert_close(
        encoder(read, UNEVEN, False), encoder(apart, UNEVEN, False), rtol=1e-12, atol=1e-12
    )


@every_kind
def test_words_that_need_no_gradient_get_none_and_all_weights_get_theirs(kind):
    encoder = encoder_of(network(**KINDS[kind], bidirectional=True, initial_state="learned"))
    frozen, tuned = words(UNEVEN, torch.float64), words(UNEVEN, torch.float64)
    frozen.vectors_UI.requires_grad_(False)
    found = [gradients(encoder, loss_of(encoder(read, UNEVEN, False), UNEVEN)) for read in (frozen, tuned)]
    assert_same(*found, 1e-12)
    assert frozen.vectors_UI.grad is None


# --- the same bits ----------------------------------------------------------------------------------

DIGEST = """
import hashlib, torch
from unroll.networks.encoders import RecurrentEncoder
from unroll.networks.spec import RecurrentNetwork
from unroll.networks.words import Words

digest = hashlib.sha256()
for cell in ("elman", "lstm", "gru"):
    for precision in ("float32", "bfloat16"):
        torch.manual_seed(1)
        network = RecurrentNetwork(
            cell=cell, hidden=150, bidirectional=True, initial_state="learned", precision=precision
        )
        encoder = RecurrentEncoder(network, 100)
        places_BL = torch.randint(300, (64, 9))
        words = Words(torch.randn(300, 100, requires_grad=True), places_BL)
        states_BLF = encoder(words, torch.randint(1, 10, (64,)), False)
        states_BLF.square().sum().backward()
        for tensor in (states_BLF, words.vectors_UI.grad, *(one.grad for one in encoder.parameters())):
            digest.update(tensor.detach().numpy().tobytes())
print(digest.hexdigest())
"""


def test_two_processes_give_the_same_bits():
    first, second = (
        subprocess.run([sys.executable, "-c", DIGEST], cwd=ROOT, capture_output=True, text=True, check=True)
        for _ in range(2)
    )
    assert len(first.stdout.strip()) == 64
    assert first.stdout == second.stdout


# --- bfloat16 ---------------------------------------------------------------------------------------


def halves(kind: str, **keys: object) -> tuple[RecurrentEncoder, RecurrentEncoder]:
    """Return an encoder in bfloat16 and the same in float32."""
    keys = KINDS[kind] | {"hidden": 16, "bidirectional": True, "initial_state": "learned"} | keys
    half, whole = (
        encoder_of(network(**keys, precision=precision), torch.float32)
        for precision in ("bfloat16", "float32")
    )
    assert_same(half.state_dict(), whole.state_dict(), 0.0)
    return half, whole


every_implementation = pytest.mark.parametrize("implementation", IMPLEMENTATIONS)


@every_kind
@every_implementation
def test_in_training_states_in_bfloat16_are_near_and_in_scoring_the_same(kind, implementation):
    half, whole = halves(kind, implementation=implementation)
    read = words(UNEVEN, torch.float32)
    expected_BLF = whole(read, UNEVEN, False)
    found_BLF = half(read, UNEVEN, False)
    assert found_BLF.dtype == torch.float32
    assert not torch.equal(found_BLF, expected_BLF)
    # bfloat16 keeps 8 bits; what a state adds to the next is rounded once a step.
    scale = expected_BLF.abs().max().item()
    assert (found_BLF - expected_BLF).abs().max() < 8 * 2**-8 * max(1.0, scale)
    assert torch.equal(half.eval()(read, UNEVEN, False), whole.eval()(read, UNEVEN, False))


@every_kind
@every_implementation
def test_gradients_in_bfloat16_reach_every_parameter_in_float32_and_are_near(kind, implementation):
    found, expected = [], []
    for encoder, into in zip(halves(kind, implementation=implementation), (found, expected), strict=True):
        read = words(UNEVEN, torch.float32)
        into.append(gradients(encoder, loss_of(encoder(read, UNEVEN, False), UNEVEN)))
        into[0]["words"] = read.vectors_UI.grad
    for name, tensor in expected[0].items():
        assert found[0][name].dtype == torch.float32
        assert found[0][name].abs().sum() > 0
        apart = (found[0][name] - tensor).norm() / tensor.norm()
        assert apart < 0.05, f"{name}: {apart}"


@pytest.mark.parametrize("cell", CELLS)
def test_a_network_learns_in_bfloat16(corpus, tmp_path, cell):
    size = {"hidden": 16, "embedding": {"size": 16}}
    learned = network(cell=cell, bidirectional=True, pooling="max", precision="bfloat16", **size)
    fitted = fit(corpus, tmp_path, learned, changed(epochs=6, patience=6))
    assert all(tensor.dtype == torch.float32 for tensor in fitted.weights.values())
    assert fitted.history[-1]["train_loss"] < 0.6 * fitted.history[0]["train_loss"]
    # Three classes of which each has words of its own: guessing gets a third.
    assert fitted.history[-1]["validation_accuracy"] > 0.8


# --- in a whole network -----------------------------------------------------------------------------


def of_every_implementation(**keys: object) -> list[nn.Module]:
    return [model_of(network(implementation=one, **keys)) for one in IMPLEMENTATIONS]


def same(models: list[nn.Module], scores: Callable[[nn.Module], Tensor]) -> None:
    expected, *others = ((scores(model), gradients(model, scores(model).square().sum())) for model in models)
    for found_BC, found in others:
        torch.testing.assert_close(found_BC, expected[0], rtol=1e-10, atol=1e-10)
        assert_same(found, expected[1])


@every_kind
def test_words_without_an_id_are_read_alike_by_every_implementation(kind):
    unseen_XE = torch.randn(3, SIZE, dtype=torch.float64, generator=torch.Generator().manual_seed(6))
    batch = batch_of([torch.tensor([31, 5, 30, 5]), torch.tensor([32]), *rows(7, 2)], 9, unseen_XE)
    same(
        of_every_implementation(**KINDS[kind], bidirectional=True, pooling="max"), lambda model: model(batch)
    )


def test_a_frozen_embedding_is_read_alike_by_every_implementation():
    models = of_every_implementation(embedding={"size": SIZE, "frozen": True}, layers=2, bidirectional=True)
    same(models, lambda model: model(batch_of(rows(7, 2, 2))))
    for model in models:
        loss, _, _ = Classification("accuracy").step(model, batch_of(rows(7, 2, 2)))
        loss.backward()
        assert model.embedding.weight.grad is None


@every_kind
@pytest.mark.parametrize("task", ["classification", "next_word"])
def test_with_the_same_seed_chance_strikes_every_implementation_alike(kind, task):
    dropout = {"words": 0.2, "embedding": 0.2, "layers": 0.3, "recurrent": 0.3, "variational": True}
    keys = {"pooling": "max", "bidirectional": True} if task == "classification" else {}
    keys |= {"layers": 2, "initial_state": "normal", "dropout": dropout, "task": task}

    def scores(model: nn.Module) -> Tensor:
        torch.manual_seed(8)
        return model.train()(batch_of(rows(7, 7, 7)))

    same(of_every_implementation(**KINDS[kind], **keys), scores)
