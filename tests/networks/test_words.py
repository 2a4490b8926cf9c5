"""Words are the vectors of a batch, each kept once or once a place."""

import torch

from unroll.networks.words import Words

VECTORS_UI = torch.tensor([[0.0, 0.0], [1.0, 2.0], [3.0, 4.0]], dtype=torch.float64)
PLACES_BL = torch.tensor([[1, 2, 1], [2, 0, 0]])


def test_each_row_reads_the_vectors_in_its_places():
    written_BLI = Words(VECTORS_UI, PLACES_BL).written_out()
    assert written_BLI.tolist() == [[[1, 2], [3, 4], [1, 2]], [[3, 4], [0, 0], [0, 0]]]


def test_vectors_each_its_own_are_written_out_as_they_were_given():
    given_BLI = torch.randn(4, 3, 5)
    words = Words.each_its_own(given_BLI)
    assert words.vectors_UI.shape == (12, 5)
    assert torch.equal(words.written_out(), given_BLI)


def test_a_vector_that_stands_in_several_places_gets_the_sum_of_their_gradients():
    vectors_UI = VECTORS_UI.clone().requires_grad_()
    Words(vectors_UI, PLACES_BL).written_out().sum().backward()
    assert vectors_UI.grad.tolist() == [[2, 2], [2, 2], [2, 2]]
    given_BLI = torch.randn(2, 3, 2, dtype=torch.float64, requires_grad=True)
    weights_BLI = torch.arange(12.0, dtype=torch.float64).view(2, 3, 2)
    (Words.each_its_own(given_BLI).written_out() * weights_BLI).sum().backward()
    assert torch.equal(given_BLI.grad, weights_BLI)
