"""Our optimizers move parameters as torch's do, and of a sparse gradient only the rows that it has."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import nn

from unroll.lexicon.vocabulary import PAD
from unroll.networks.batches import Batch
from unroll.networks.classifier import Classifier
from unroll.networks.spec import BagNetwork, Embedding
from unroll.training.optimizers import SGD, Adam, AdamW, Group, Optimizer, clip_gradients, groups_of

WORDS, RATE = 11, 0.01
Pair = tuple[Callable[[list[Group]], Optimizer], Callable[[list], torch.optim.Optimizer]]

SGDS: dict[str, Pair] = {
    "plain": (SGD, lambda groups: torch.optim.SGD(groups)),
    "decay": (
        lambda groups: SGD(groups, weight_decay=0.1),
        lambda groups: torch.optim.SGD(groups, weight_decay=0.1),
    ),
    "momentum": (
        lambda groups: SGD(groups, momentum=0.9),
        lambda groups: torch.optim.SGD(groups, momentum=0.9),
    ),
    "momentum and decay": (
        lambda groups: SGD(groups, weight_decay=0.1, momentum=0.9),
        lambda groups: torch.optim.SGD(groups, weight_decay=0.1, momentum=0.9),
    ),
    "nesterov": (
        lambda groups: SGD(groups, momentum=0.8, nesterov=True),
        lambda groups: torch.optim.SGD(groups, momentum=0.8, nesterov=True),
    ),
    "nesterov and decay": (
        lambda groups: SGD(groups, weight_decay=0.1, momentum=0.8, nesterov=True),
        lambda groups: torch.optim.SGD(groups, weight_decay=0.1, momentum=0.8, nesterov=True),
    ),
}
ADAMS: dict[str, Pair] = {
    "adam": (Adam, lambda groups: torch.optim.Adam(groups)),
    "adam and decay": (
        lambda groups: Adam(groups, weight_decay=0.1),
        lambda groups: torch.optim.Adam(groups, weight_decay=0.1),
    ),
    "adamw": (AdamW, lambda groups: torch.optim.AdamW(groups, weight_decay=0.0)),
    "adamw and decay": (
        lambda groups: AdamW(groups, weight_decay=0.1),
        lambda groups: torch.optim.AdamW(groups, weight_decay=0.1),
    ),
}
ALL = SGDS | ADAMS


class Toy(nn.Module):
    """A word embedding and a few dense parameters, in double precision."""

    def __init__(self, sparse: bool) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.embedding = nn.Embedding(WORDS, 4, sparse=sparse).double()
        self.output = nn.Linear(4, 3).double()

    def loss(self, tokens_BL: torch.Tensor) -> torch.Tensor:
        return self.output(self.embedding(tokens_BL).tanh().mean(dim=1)).logsumexp(dim=1).square().sum()

    def groups(self) -> list[Group]:
        words = Group([self.embedding.weight], pace=0.3, lazy=self.embedding.sparse)
        return [words, Group(list(self.output.parameters()))]


def batches(count: int, words: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    return [torch.randint(words, (2, 3), generator=generator) for _ in range(count)]


def every_word(count: int) -> list[torch.Tensor]:
    words = torch.arange(WORDS)
    return [torch.stack([words, words.roll(shift)], dim=1) for shift in range(count)]


def assert_same_parameters(ours: nn.Module, theirs: nn.Module, tolerance: float = 1e-11) -> None:
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, other, rtol=tolerance, atol=tolerance)


# --- as torch's -------------------------------------------------------------------------------------


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("name", ALL)
def test_with_every_word_in_every_batch_it_is_torchs(name, sparse):
    make, torchs = ALL[name]
    ours, theirs = Toy(sparse), Toy(sparse=False)
    before = copy.deepcopy(ours)
    optimizer = make(ours.groups())
    reference = torchs(
        [
            {"params": [theirs.embedding.weight], "lr": 0.3 * RATE},
            {"params": list(theirs.output.parameters()), "lr": RATE},
        ]
    )
    for tokens_BL in every_word(25):
        ours.loss(tokens_BL).backward()
        optimizer.step(RATE)
        reference.zero_grad()
        theirs.loss(tokens_BL).backward()
        reference.step()
    assert_same_parameters(ours, theirs)
    assert all(not torch.equal(*pair) for pair in zip(ours.parameters(), before.parameters(), strict=True))


def test_the_rate_is_that_of_the_step():
    ours, theirs = Toy(sparse=False), Toy(sparse=False)
    optimizer, reference = Adam(ours.groups()[1:]), torch.optim.Adam(theirs.output.parameters())
    for number, tokens_BL in enumerate(every_word(10), start=1):
        ours.loss(tokens_BL).backward()
        optimizer.step(0.1 / number)
        reference.param_groups[0]["lr"] = 0.1 / number
        reference.zero_grad()
        theirs.loss(tokens_BL).backward()
        reference.step()
    assert_same_parameters(ours.output, theirs.output)


# --- lazy rows --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SGDS)
def test_with_words_missing_each_word_moves_as_if_it_were_a_parameter_of_its_own(name):
    make, torchs = SGDS[name]
    ours, theirs = Toy(sparse=True), Toy(sparse=False)
    rows = [row.clone().requires_grad_() for row in theirs.embedding.weight.detach()]
    optimizer = make([Group([ours.embedding.weight], lazy=True), Group(list(ours.output.parameters()))])
    reference = torchs([{"params": [*rows, *theirs.output.parameters()], "lr": RATE}])
    for tokens_BL in batches(25, WORDS):
        ours.loss(tokens_BL).backward()
        optimizer.step(RATE)
        reference.zero_grad()
        embedded_BLE = torch.stack(rows)[tokens_BL]
        theirs.output(embedded_BLE.tanh().mean(dim=1)).logsumexp(dim=1).square().sum().backward()
        for word, row in enumerate(rows):
            if word not in tokens_BL:
                row.grad = None  # torch leaves such a parameter, and what it remembers of it, alone
        reference.step()
    torch.testing.assert_close(ours.embedding.weight, torch.stack(rows), rtol=1e-11, atol=1e-11)
    assert_same_parameters(ours.output, theirs.output)


@pytest.mark.parametrize("name", ADAMS)
def test_with_words_missing_it_is_torchs_sparse_adam(name):
    make, torchs = ADAMS[name]
    ours, theirs = Toy(sparse=True), Toy(sparse=True)
    optimizer = make([Group([ours.embedding.weight], lazy=True), Group(list(ours.output.parameters()))])
    reference = torch.optim.SparseAdam([theirs.embedding.weight], lr=RATE)
    dense = torchs([{"params": list(theirs.output.parameters()), "lr": RATE}])
    for tokens_BL in batches(25, WORDS):
        ours.loss(tokens_BL).backward()
        optimizer.step(RATE)
        reference.zero_grad()
        dense.zero_grad()
        theirs.loss(tokens_BL).backward()
        _decay(theirs.embedding.weight, name)
        reference.step()
        dense.step()
    # torch's sparse form adds epsilon before the bias correction, ours after it: 1e-8 against the scale.
    assert_same_parameters(ours, theirs, 1e-5)


@torch.no_grad()
def _decay(weight_VE: nn.Parameter, name: str) -> None:
    """What SparseAdam lacks, for the words of the batch."""
    gradient = weight_VE.grad.coalesce()
    [rows_U] = gradient.indices()
    if name == "adamw and decay":
        weight_VE[rows_U] *= 1 - RATE * 0.1
    if name == "adam and decay":
        values_UE = gradient.values() + 0.1 * weight_VE[rows_U]
        weight_VE.grad = torch.sparse_coo_tensor(
            gradient.indices(), values_UE, weight_VE.shape, check_invariants=False
        )


@pytest.mark.parametrize("name", ALL)
def test_a_word_that_a_batch_lacks_keeps_its_vector_and_its_memory(name):
    toy = Toy(sparse=True)
    optimizer = ALL[name][0](toy.groups())

    def tables() -> list[torch.Tensor]:
        memory = [tensor for key, tensor in optimizer.tensors().items() if key.startswith("0.")]
        return [table.detach().clone() for table in (toy.embedding.weight, *memory)]

    # Every word has a memory before some go missing.
    for tokens_BL in every_word(2):
        toy.loss(tokens_BL).backward()
        optimizer.step(RATE)
    before = tables()
    assert all((table != 0).any(dim=1).all() for table in before)
    for tokens_BL in batches(5, words=7):
        toy.loss(tokens_BL).backward()
        optimizer.step(RATE)
    for old, new in zip(before, tables(), strict=True):
        assert torch.equal(old[7:], new[7:])
        assert not torch.equal(old[:7], new[:7])


# --- going on ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_a_restored_state_goes_on_bit_for_bit(name):
    make = ALL[name][0]
    straight = Toy(sparse=True)
    optimizer = make(straight.groups())
    steps = batches(8, WORDS)
    for number, tokens_BL in enumerate(steps):
        if number == 4:
            halfway = copy.deepcopy(straight)
            state = {key: tensor.clone() for key, tensor in optimizer.tensors().items()}
        straight.loss(tokens_BL).backward()
        optimizer.step(RATE, 1.0)
    resumed = make(halfway.groups())
    resumed.restore(state)
    for tokens_BL in steps[4:]:
        halfway.loss(tokens_BL).backward()
        resumed.step(RATE, 1.0)
    for mine, other in zip(halfway.parameters(), straight.parameters(), strict=True):
        assert torch.equal(mine, other)


def test_gradients_are_forgotten_after_a_step():
    toy = Toy(sparse=True)
    toy.loss(batches(1, WORDS)[0]).backward()
    Adam(toy.groups()).step(RATE)
    assert all(parameter.grad is None for parameter in toy.parameters())


# --- clipping ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("largest_norm", [0.01, 1.0, 1e6])
def test_clipping_sparse_gradients_is_clipping_dense_ones(largest_norm):
    sparse, dense = Toy(sparse=True), Toy(sparse=False)
    [tokens_BL] = batches(1, WORDS)
    for toy in (sparse, dense):
        toy.loss(tokens_BL).backward()
    clip_gradients(list(sparse.parameters()), largest_norm)
    nn.utils.clip_grad_norm_(dense.parameters(), largest_norm)
    for mine, other in zip(sparse.parameters(), dense.parameters(), strict=True):
        torch.testing.assert_close(mine.grad.to_dense(), other.grad)


@pytest.mark.parametrize("largest_norm", [None, 0.01])
def test_nothing_is_clipped_unless_a_norm_is_given(largest_norm):
    toy, [tokens_BL] = Toy(sparse=False), batches(1, WORDS)
    before = [parameter.detach().clone() for parameter in toy.parameters()]
    toy.loss(tokens_BL).backward()
    gradients = [parameter.grad.clone() for parameter in toy.parameters()]
    assert torch.stack([gradient.norm() for gradient in gradients]).norm() > 0.1
    SGD([Group(list(toy.parameters()))]).step(1.0, largest_norm)
    moved = [old - new.detach() for old, new in zip(before, toy.parameters(), strict=True)]
    norm = torch.stack([movement.norm() for movement in moved]).norm()
    if largest_norm is None:
        torch.testing.assert_close(moved, gradients)
    else:
        assert norm == pytest.approx(largest_norm, rel=1e-3)


# --- what of a model moves --------------------------------------------------------------------------

BATCH = Batch(torch.tensor([[2, 3, 4], [5, 2, PAD]]), torch.tensor([3, 2]), torch.tensor([0, 1]), even=False)


def trained(embedding: Embedding, steps: int = 1) -> tuple[dict, dict, dict]:
    """Return a model's weights before and after training by plain SGD at 0.1, and its last gradients."""
    torch.manual_seed(1)
    model = Classifier(BagNetwork(cell="bag", embedding=embedding), WORDS, classes=2)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    optimizer = SGD(groups_of(model, 0.1))
    for _ in range(steps):
        nn.functional.cross_entropy(model(BATCH), BATCH.labels_B).backward()
        gradients = {
            name: parameter.grad.to_dense().clone()
            for name, parameter in model.named_parameters()
            if parameter.grad is not None
        }
        optimizer.step(0.1)
    return before, model.state_dict(), gradients


@pytest.mark.parametrize("gradients", ["sparse", "dense"])
@pytest.mark.parametrize(("own", "rate"), [(None, 0.1), (0.003, 0.003), (2.0, 2.0)])
def test_the_embedding_moves_at_its_own_rate_and_all_else_at_the_common_one(gradients, own, rate):
    before, after, slopes = trained(Embedding(size=4, learning_rate=own, gradients=gradients))
    for name, slope in slopes.items():
        expected = before[name] - (rate if name == "embedding.weight" else 0.1) * slope
        torch.testing.assert_close(after[name], expected)
    assert set(slopes) == set(before)
    assert slopes["embedding.weight"].any()


@pytest.mark.parametrize("gradients", ["sparse", "dense"])
def test_a_frozen_embedding_does_not_move_while_all_else_does(gradients):
    before, after, slopes = trained(Embedding(size=4, frozen=True, gradients=gradients), steps=3)
    assert "embedding.weight" not in slopes
    still = {name for name, tensor in before.items() if torch.equal(tensor, after[name])}
    assert still == {"embedding.weight"}


@pytest.mark.parametrize("gradients", ["sparse", "dense"])
def test_the_vector_of_padding_stays_zero(gradients):
    _, after, _ = trained(Embedding(size=4, gradients=gradients), steps=3)
    assert not after["embedding.weight"][PAD].any()
