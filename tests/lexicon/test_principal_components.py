"""Components: as large as asked for, not correlated, of one sign, and the same for whatever comes later."""

import pytest
import torch

from unroll.lexicon.principal_components import PrincipalComponents

DRAW = torch.Generator().manual_seed(3)
VECTORS = torch.randn(50, 6, generator=DRAW) @ torch.randn(6, 6, generator=DRAW) + 4


def test_they_are_centred_uncorrelated_and_in_the_order_of_their_variance():
    found = PrincipalComponents.fit(VECTORS, 4, 0.5).of(VECTORS).double()
    assert found.shape == (50, 4)
    torch.testing.assert_close(found.mean(dim=0), torch.zeros(4).double(), atol=1e-6, rtol=0)
    covariances = found.T @ found / 50
    variances = covariances.diagonal()
    torch.testing.assert_close(covariances, variances.diag(), atol=1e-6, rtol=0)
    assert (variances.diff() < 0).all()


@pytest.mark.parametrize("scale", [0.5, 3.0])
def test_their_root_mean_square_is_the_scale(scale):
    found = PrincipalComponents.fit(VECTORS, 3, scale).of(VECTORS).double()
    assert float(found.square().mean().sqrt()) == pytest.approx(scale)


def test_with_all_of_them_distances_stay_as_they_were():
    found = PrincipalComponents.fit(VECTORS, 6, 1.0).of(VECTORS)
    ratios = torch.pdist(found) / torch.pdist(VECTORS)
    torch.testing.assert_close(ratios, ratios[0].expand_as(ratios), atol=0, rtol=1e-3)


def test_each_direction_has_its_largest_number_positive():
    directions = PrincipalComponents.fit(VECTORS, 6, 1.0).directions_HE
    assert all(direction[direction.abs().argmax()] > 0 for direction in directions.T)


def test_vectors_turned_round_have_their_components_turned_round():
    """An eigenvector has either sign: by itself it might turn as well."""
    there = PrincipalComponents.fit(VECTORS, 6, 1.0).of(VECTORS)
    back = PrincipalComponents.fit(-VECTORS, 6, 1.0).of(-VECTORS)
    torch.testing.assert_close(back, -there)


@pytest.mark.parametrize(
    ("vectors", "said"),
    [
        (VECTORS[:3], "3 vectors have 2 components, not 3"),
        (VECTORS[:1], "1 vectors have 0 components, not 3"),
        (torch.zeros(5, 6), "5 vectors have 0 components, not 3"),
        (VECTORS[:, :2], "50 vectors have 2 components, not 3"),
        (torch.zeros(0, 6), "0 vectors have 0 components, not 3"),
    ],
)
def test_components_that_are_not_there_are_refused(vectors, said):
    with pytest.raises(ValueError, match=said):
        PrincipalComponents.fit(vectors, 3, 1.0)
