"""The adaptive softmax is torch's own, with every gradient there in every batch."""

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from unroll.training.adaptive_softmax import AdaptiveSoftmax, cutoffs, narrowed

FEATURES = 24
SIZES = [2, 30, 1023, 1024, 5000, 20_000]
"""One, two, three and four parts."""


def softmax_of(words: int, features: int = FEATURES) -> AdaptiveSoftmax:
    torch.manual_seed(words)
    return AdaptiveSoftmax(features, words).double()


def torchs_own(softmax: AdaptiveSoftmax) -> nn.AdaptiveLogSoftmaxWithLoss:
    *inner, words = softmax.cutoffs
    own = nn.AdaptiveLogSoftmaxWithLoss(FEATURES, words, inner, div_value=2.0, head_bias=True).double()
    renamed = {name.replace("tails.", "tail."): tensor for name, tensor in softmax.state_dict().items()}
    own.load_state_dict(renamed)
    return own


def drawn(words: int, count: int = 50) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(count)
    states_TH = torch.randn(count, FEATURES, generator=generator, dtype=torch.float64)
    # As many of each part: drawn alike, nearly all would be of the last.
    ends = [0, *cutoffs(words)]
    parts_T = torch.arange(count) % (len(ends) - 1)
    targets = [int(torch.randint(ends[part], ends[part + 1], (1,), generator=generator)) for part in parts_T]
    return states_TH.requires_grad_(), torch.tensor(targets)


@pytest.mark.parametrize("words", SIZES[3:])
def test_losses_and_gradients_are_those_of_torchs_own(words):
    softmax, (states_TH, targets_T) = softmax_of(words), drawn(words)
    own = torchs_own(softmax)
    losses_T, _ = softmax(states_TH, targets_T)
    expected_T = -own.log_prob(states_TH).gather(1, targets_T.unsqueeze(1)).squeeze(1)
    torch.testing.assert_close(losses_T, expected_T)
    weights_T = torch.linspace(-1, 2, len(targets_T), dtype=torch.float64)
    found = torch.autograd.grad((losses_T * weights_T).sum(), [states_TH, *softmax.parameters()])
    wanted = torch.autograd.grad((expected_T * weights_T).sum(), [states_TH, *own.parameters()])
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("words", SIZES)
@torch.no_grad()
def test_the_probabilities_of_all_words_add_up_to_one(words):
    [state_H] = drawn(words, 1)[0]
    losses_V, _ = softmax_of(words)(state_H.expand(words, -1), torch.arange(words))
    assert losses_V.neg().exp().sum().item() == pytest.approx(1.0)


@torch.no_grad()
def test_few_words_have_one_plain_softmax():
    softmax, (states_TH, targets_T) = softmax_of(30), drawn(30)
    expected_T = functional.cross_entropy(softmax.head(states_TH), targets_T, reduction="none")
    assert not softmax.tails
    assert torch.equal(softmax(states_TH, targets_T)[0], expected_T)


@pytest.mark.parametrize("words", [*range(2, 30_000, 97), 1023, 1024, 4095, 4096, 16_383, 16_384])
def test_cutoffs_rise_to_the_last_word_and_no_part_is_small(words):
    ends = cutoffs(words)
    assert ends[-1] == words
    assert ends[0] >= min(words, 256)
    assert all(end >= 3 * first for first, end in pairwise(ends))
    assert len(ends) == 1 + sum(words >= least for least in (1024, 4096, 16_384))


def test_a_tail_keeps_a_feature_of_however_few():
    assert [narrowed(200, tail) for tail in (1, 2, 3)] == [100, 50, 25]
    assert [narrowed(3, tail) for tail in (1, 2, 3)] == [1, 1, 1]
    losses_T, _ = softmax_of(20_000, 1)(torch.ones(1, 1, dtype=torch.float64), torch.tensor([19_999]))
    assert losses_T.isfinite().all()


@pytest.mark.parametrize("targets", [[], [0], [19_999], [0, 400, 1400, 19_999]], ids=len)
def test_every_weight_has_a_gradient_whichever_parts_the_targets_are_in(targets):
    softmax, states_TH = softmax_of(20_000), drawn(20_000, len(targets))[0]
    losses_T, right_T = softmax(states_TH, torch.tensor(targets, dtype=torch.long))
    assert losses_T.shape == right_T.shape == (len(targets),)
    losses_T.sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in softmax.parameters())
    touched = [tail[1].weight.grad.any().item() for tail in softmax.tails]
    ends = softmax.cutoffs
    assert touched == [any(ends[at] <= one < ends[at + 1] for one in targets) for at in range(3)]


def test_right_is_what_the_head_puts_first_and_never_a_word_of_a_tail():
    softmax = softmax_of(5000)
    with torch.no_grad():
        softmax.head.bias[7] = 1e4
    targets_T = torch.tensor([7, 8, 7, softmax.cutoffs[0]])
    assert softmax(drawn(5000, 4)[0], targets_T)[1].tolist() == [True, False, True, False]


def test_without_a_lean_all_words_of_the_head_and_all_tails_are_as_likely():
    softmax = softmax_of(5000)
    with torch.no_grad():
        for parameter in softmax.parameters():
            parameter.zero_()
    losses_T, _ = softmax(drawn(5000, 2)[0], torch.tensor([3, 4999]))
    assert losses_T.tolist() == pytest.approx([math.log(312 + 2), math.log((312 + 2) * 3750)])
