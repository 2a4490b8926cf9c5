"""Our Adam moves parameters as torch's does; clipping treats sparse gradients as it treats dense ones."""

import copy

import pytest
import torch
from torch import nn

from unroll.optimizers import Adam, clip_gradients

UNCLIPPED = 1e9


class Toy(nn.Module):
    """A word embedding and a few dense parameters, in double precision."""

    def __init__(self, sparse: bool) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.embedding = nn.Embedding(11, 4, sparse=sparse).double()
        self.output = nn.Linear(4, 3).double()

    def loss(self, tokens_BL: torch.Tensor) -> torch.Tensor:
        return self.output(self.embedding(tokens_BL).tanh().mean(dim=1)).logsumexp(dim=1).square().sum()


def batches(count: int, words: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    return [torch.randint(words, (6, 5), generator=generator) for _ in range(count)]


def every_word(count: int) -> list[torch.Tensor]:
    return [torch.stack([torch.arange(11), torch.arange(11).roll(shift)], dim=1) for shift in range(count)]


def test_with_every_word_in_every_batch_it_is_torchs_adam():
    ours, theirs = Toy(sparse=True), Toy(sparse=False)
    adam = Adam(ours, ours.embedding, learning_rate=0.01)
    reference = torch.optim.Adam(theirs.parameters(), lr=0.01)
    for tokens_BL in every_word(25):
        ours.loss(tokens_BL).backward()
        adam.step(UNCLIPPED)
        reference.zero_grad()
        theirs.loss(tokens_BL).backward()
        reference.step()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-10, atol=1e-12)


def test_with_words_missing_it_is_torchs_sparse_adam():
    ours, theirs = Toy(sparse=True), Toy(sparse=True)
    adam = Adam(ours, ours.embedding, learning_rate=0.01)
    reference = torch.optim.SparseAdam([theirs.embedding.weight], lr=0.01)
    dense = torch.optim.Adam(theirs.output.parameters(), lr=0.01)
    for tokens_BL in batches(25, words=7):
        ours.loss(tokens_BL).backward()
        adam.step(UNCLIPPED)
        theirs.zero_grad()
        theirs.loss(tokens_BL).backward()
        reference.step()
        dense.step()
    # torch's sparse form adds epsilon before the bias correction, ours after it: 1e-8 against the scale.
    torch.testing.assert_close(ours.embedding.weight, theirs.embedding.weight, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(ours.output.weight, theirs.output.weight, rtol=1e-5, atol=1e-6)


def test_a_word_that_no_batch_holds_keeps_its_vector():
    toy = Toy(sparse=True)
    before = toy.embedding.weight.detach().clone()
    adam = Adam(toy, toy.embedding, learning_rate=0.1)
    for tokens_BL in batches(5, words=7):
        toy.loss(tokens_BL).backward()
        adam.step(UNCLIPPED)
    assert torch.equal(toy.embedding.weight[7:], before[7:])
    assert not torch.equal(toy.embedding.weight[:7], before[:7])


def test_a_restored_state_goes_on_bit_for_bit():
    straight = Toy(sparse=True)
    adam = Adam(straight, straight.embedding, learning_rate=0.05)
    steps = batches(8, words=11)
    for number, tokens_BL in enumerate(steps):
        if number == 4:
            halfway = copy.deepcopy(straight)
            state = {name: tensor.clone() for name, tensor in adam.tensors().items()}
        straight.loss(tokens_BL).backward()
        adam.step(1.0)
    resumed = Adam(halfway, halfway.embedding, learning_rate=0.05)
    resumed.restore(state)
    for tokens_BL in steps[4:]:
        halfway.loss(tokens_BL).backward()
        resumed.step(1.0)
    for mine, other in zip(halfway.parameters(), straight.parameters(), strict=True):
        assert torch.equal(mine, other)


@pytest.mark.parametrize("largest_norm", [0.01, 1.0, 1e6])
def test_clipping_sparse_gradients_is_clipping_dense_ones(largest_norm):
    sparse, dense = Toy(sparse=True), Toy(sparse=False)
    [tokens_BL] = batches(1, words=11)
    for toy in (sparse, dense):
        toy.loss(tokens_BL).backward()
    clip_gradients(list(sparse.parameters()), largest_norm)
    nn.utils.clip_grad_norm_(dense.parameters(), largest_norm)
    for mine, other in zip(sparse.parameters(), dense.parameters(), strict=True):
        torch.testing.assert_close(mine.grad.to_dense(), other.grad)
