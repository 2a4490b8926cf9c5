"""Each part of a pooling is what its name says, over a row's own steps."""

import pytest
import torch
from torch import Tensor

from unroll.networks.pooling import PARTS, Attention, Pooling, padding

LENGTHS_B = torch.tensor([3, 1, 5, 5])
FEATURES = 6


def states(behind: float = 1e6) -> Tensor:
    """Return drawn states, 7 steps wide, with one value behind the last of each row."""
    generator = torch.Generator().manual_seed(4)
    drawn_BLF = torch.randn(len(LENGTHS_B), 7, FEATURES, dtype=torch.float64, generator=generator)
    return drawn_BLF.masked_fill(padding(drawn_BLF, LENGTHS_B), behind)


def own_steps() -> list[Tensor]:
    return [row[:length] for row, length in zip(states(), LENGTHS_B, strict=True)]


def pooling_of(*parts: str, directions: int = 1, size: int = FEATURES) -> Pooling:
    torch.manual_seed(6)
    return Pooling(parts, FEATURES, directions, size).double()


def pooled(*parts: str, directions: int = 1) -> Tensor:
    return pooling_of(*parts, directions=directions)(states(), LENGTHS_B, even=False)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("behind", [-1e6, 0.0, 1e6])
def test_what_stands_behind_a_row_has_no_say(part, behind):
    pooling = pooling_of(part)
    found_BF = pooling(states(behind), LENGTHS_B, even=False)
    for row, steps_LF in enumerate(own_steps()):
        alone_BF = pooling(steps_LF.unsqueeze(0), LENGTHS_B[row : row + 1], even=True)
        torch.testing.assert_close(found_BF[row], alone_BF[0], rtol=1e-12, atol=1e-12)


def test_last_is_the_state_after_the_last_token_and_for_the_backward_direction_after_the_first():
    expected = [steps_LF[-1] for steps_LF in own_steps()]
    assert torch.equal(pooled("last"), torch.stack(expected))
    half = FEATURES // 2
    expected = [torch.cat([steps_LF[-1, :half], steps_LF[0, half:]]) for steps_LF in own_steps()]
    assert torch.equal(pooled("last", directions=2), torch.stack(expected))


def test_mean_and_max_are_over_a_rows_own_steps():
    mean_BF = torch.stack([steps_LF.mean(dim=0) for steps_LF in own_steps()])
    torch.testing.assert_close(pooled("mean"), mean_BF, rtol=1e-12, atol=1e-12)
    assert torch.equal(pooled("max"), torch.stack([steps_LF.max(dim=0).values for steps_LF in own_steps()]))


def test_max_of_a_row_that_is_negative_throughout_is_negative():
    below_BLF = -states().abs() - 1
    found_BF = pooling_of("max")(below_BLF.masked_fill(padding(below_BLF, LENGTHS_B), 0), LENGTHS_B, False)
    assert (found_BF < 0).all()


def test_attention_is_its_equations():
    attention = pooling_of("attention", size=4).attention
    found_BF = attention(states(), padding(states(), LENGTHS_B))
    for row, steps_LF in enumerate(own_steps()):
        answers_L = [
            torch.tanh(attention.key.weight @ state_F + attention.key.bias) @ attention.query.weight[0]
            for state_F in steps_LF
        ]
        weights_L = torch.stack(answers_L).exp()
        expected_F = (weights_L / weights_L.sum()) @ steps_LF
        torch.testing.assert_close(found_BF[row], expected_F, rtol=1e-12, atol=1e-12)


def test_attention_that_is_indifferent_is_the_mean_and_one_that_is_sure_is_one_state():
    attention = Attention(FEATURES, 1).double()
    with torch.no_grad():
        attention.query.weight.zero_()
        mean_BF = attention(states(), padding(states(), LENGTHS_B))
        torch.testing.assert_close(mean_BF, pooled("mean"), rtol=1e-12, atol=1e-12)
        attention.key.weight.zero_()[0, 2] = 1.0
        attention.key.bias.zero_()
        attention.query.weight.fill_(1e5)
        sure_BF = attention(states(), padding(states(), LENGTHS_B))
    expected = [steps_LF[steps_LF[:, 2].argmax()] for steps_LF in own_steps()]
    torch.testing.assert_close(sure_BF, torch.stack(expected), rtol=1e-9, atol=1e-9)


def test_a_concatenation_is_its_parts_side_by_side():
    for parts in (("max", "attention"), ("last", "mean", "max"), ("attention", "last"), PARTS):
        found_BF = pooled(*parts)
        assert found_BF.shape[1] == pooling_of(*parts).size == len(parts) * FEATURES
        assert torch.equal(found_BF, torch.cat([pooled(part) for part in parts], dim=1))


def test_only_attention_has_parameters_and_its_size_is_the_one_asked_for():
    assert not list(pooling_of("last", "mean", "max").parameters())
    shapes = {name: tuple(p.shape) for name, p in pooling_of("max", "attention", size=9).named_parameters()}
    assert shapes == {
        "attention.key.weight": (9, FEATURES),
        "attention.key.bias": (9,),
        "attention.query.weight": (1, 9),
    }


# --- the gradient of the largest --------------------------------------------------------------------


def gradient_of_max(states_BLF: Tensor, even: bool = False) -> Tensor:
    states_BLF = states_BLF.clone().requires_grad_()
    found_BF = pooling_of("max")(states_BLF, LENGTHS_B, even)
    (found_BF * torch.arange(1, found_BF.numel() + 1).view_as(found_BF)).sum().backward()
    return states_BLF.grad


def test_where_one_step_is_the_largest_it_gets_the_gradient_as_torchs_max_says():
    given_BLF = states().requires_grad_()
    masked_BLF = given_BLF.masked_fill(padding(given_BLF, LENGTHS_B), float("-inf"))
    largest_BF = masked_BLF.max(dim=1).values
    (largest_BF * torch.arange(1, largest_BF.numel() + 1).view_as(largest_BF)).sum().backward()
    assert (given_BLF.grad != 0).sum() == len(LENGTHS_B) * FEATURES
    assert torch.equal(gradient_of_max(states()), given_BLF.grad)


def test_where_several_steps_are_the_largest_they_share_the_gradient():
    given_BLF = torch.zeros(len(LENGTHS_B), 7, FEATURES, dtype=torch.float64)
    given_BLF[:, 0, 0] = -1.0
    found_BLF = gradient_of_max(given_BLF.masked_fill(padding(given_BLF, LENGTHS_B), 1e6))
    weights_BF = torch.arange(1, len(LENGTHS_B) * FEATURES + 1, dtype=torch.float64).view(-1, FEATURES)
    for row, length in enumerate(LENGTHS_B):
        expected_LF = torch.zeros(7, FEATURES, dtype=torch.float64)
        expected_LF[:length] = weights_BF[row] / length
        # Of the first feature the first step is less than the others, but where it is the only one.
        if length > 1:
            expected_LF[0, 0], expected_LF[1:length, 0] = 0.0, weights_BF[row, 0] / (length - 1)
        torch.testing.assert_close(found_BLF[row], expected_LF, rtol=1e-12, atol=1e-12)


def test_the_gradient_of_the_largest_is_that_of_finite_differences():
    assert torch.autograd.gradcheck(
        lambda states_BLF: pooling_of("max")(states_BLF, LENGTHS_B, False), states(0.0).requires_grad_()
    )
