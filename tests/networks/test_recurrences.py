"""The gradients that are written out are those of finite differences, and are taken once."""

import pytest
import torch
from torch import Tensor
from torch.autograd import Function
from torch.utils.checkpoint import checkpoint

from unroll.networks.recurrences import ElmanRecurrence, GRURecurrence, LSTMRecurrence

DIRECTIONS, STEPS, ROWS, HIDDEN, TABLE = 2, 4, 3, 2, 6
KINDS = {
    "elman": (ElmanRecurrence, 1, 1),
    "elman-relu": (ElmanRecurrence, 1, 1),
    "lstm": (LSTMRecurrence, 4, 2),
    "gru": (GRURecurrence, 3, 1),
}
every_kind = pytest.mark.parametrize("kind", KINDS)
begun = pytest.mark.parametrize("begins", [False, True], ids=["from-zeros", "from-a-state"])


def arguments(kind: str, begins: bool) -> tuple[type[Function], list[object]]:
    """Return a recurrence and what it reads: a table whose rows are read several times or never."""
    recurrence, gates, states = KINDS[kind]
    generator = torch.Generator().manual_seed(7)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=generator).requires_grad_()

    place_DLB = torch.randint(TABLE - 1, (DIRECTIONS, STEPS, ROWS), generator=generator)
    found: list[object] = [drawn(TABLE, gates * HIDDEN), place_DLB, drawn(DIRECTIONS, HIDDEN, gates * HIDDEN)]
    if kind == "gru":
        found.append(drawn(DIRECTIONS, 1, HIDDEN))
    found += [drawn(DIRECTIONS, ROWS, HIDDEN) if begins else None for _ in range(states)]
    return recurrence, [*found, kind == "elman-relu"] if gates == 1 else found


def trained(given: list[object]) -> list[Tensor]:
    return [one for one in given if isinstance(one, Tensor) and one.requires_grad]


def weighed(states_DLBH: Tensor) -> Tensor:
    return (states_DLBH * torch.linspace(-1, 2, states_DLBH.numel()).view_as(states_DLBH)).sum()


@every_kind
@begun
def test_gradients_are_those_of_finite_differences(kind, begins):
    recurrence, given = arguments(kind, begins)

    def run(*given: object) -> Tensor:
        # gradcheck goes back many times through what can be gone back through once: it is run anew.
        return checkpoint(recurrence.apply, *given, use_reentrant=False)

    assert torch.autograd.gradcheck(run, given)


@every_kind
@begun
def test_a_row_of_the_table_that_nobody_reads_gets_no_gradient(kind, begins):
    recurrence, given = arguments(kind, begins)
    weighed(recurrence.apply(*given)).backward()
    assert not given[0].grad[-1].any()
    assert given[0].grad[given[1].unique()].abs().sum(dim=1).all()


@every_kind
@begun
def test_a_second_way_back_is_refused_and_never_another_gradient(kind, begins):
    recurrence, given = arguments(kind, begins)
    loss = weighed(recurrence.apply(*given))
    loss.backward()
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()


@every_kind
@begun
def test_a_graph_that_is_kept_gives_the_same_gradient_or_none(kind, begins):
    """Elman's way back overwrites nothing; the gates of the others are gone after it."""
    recurrence, given = arguments(kind, begins)
    loss = weighed(recurrence.apply(*given))
    loss.backward(retain_graph=True)
    first = [one.grad.clone() for one in trained(given)]
    if kind.startswith("elman"):
        loss.backward()
        twice = [one.grad for one in trained(given)]
        assert all(torch.equal(both, 2 * once) for both, once in zip(twice, first, strict=True))
    else:
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            loss.backward()


@every_kind
@begun
def test_gradients_of_gradients_are_refused(kind, begins):
    recurrence, given = arguments(kind, begins)
    inputs = trained(given)
    with pytest.raises(RuntimeError):
        found = torch.autograd.grad(weighed(recurrence.apply(*given)), inputs, create_graph=True)
        torch.autograd.grad(sum(gradient.square().sum() for gradient in found), inputs)


@every_kind
def test_to_begin_at_zeros_is_to_begin_without_a_state(kind):
    recurrence, given = arguments(kind, begins=True)
    zeros = [
        torch.zeros_like(one) if isinstance(one, Tensor) and one.shape == (DIRECTIONS, ROWS, HIDDEN) else one
        for one in given
    ]
    without = [None if one is not other else one for one, other in zip(zeros, given, strict=True)]
    torch.testing.assert_close(recurrence.apply(*zeros), recurrence.apply(*without), rtol=1e-12, atol=1e-12)
