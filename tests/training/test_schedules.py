"""Learning rates over a run, against torch's schedulers."""

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given

from unroll.training.schedules import SCHEDULES, factor

STEPS = st.integers(1, 200)
SHARES = st.floats(0, 0.95)


def torchs(steps: int, schedule: type, **arguments: object) -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = schedule(optimizer, **arguments)
    rates = []
    for _ in range(steps):
        rates.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    return rates


def ours(schedule: str, warm_up: float, steps: int) -> list[float]:
    return [factor(schedule, warm_up, step, steps) for step in range(steps)]


@pytest.mark.parametrize("steps", [3, 7, 40, 333])
@pytest.mark.parametrize("warm_up", [0.01, 0.1, 0.3, 0.5, 0.9])
def test_one_cycle_is_torchs(steps, warm_up):
    expected = torchs(
        steps,
        torch.optim.lr_scheduler.OneCycleLR,
        max_lr=1.0,
        total_steps=steps,
        pct_start=warm_up,
        cycle_momentum=False,
    )
    assert ours("one_cycle", warm_up, steps) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_one_cycle_may_begin_at_its_top():
    # Here torch divides by zero.
    assert ours("one_cycle", 0.25, 4)[0] == 1.0


@pytest.mark.parametrize("steps", [1, 2, 7, 40, 333])
def test_cosine_is_torchs(steps):
    expected = torchs(steps, torch.optim.lr_scheduler.CosineAnnealingLR, T_max=steps)
    assert ours("cosine", 0.0, steps) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_cosine_after_a_climb_is_torchs_over_the_steps_that_are_left():
    left = torchs(30, torch.optim.lr_scheduler.CosineAnnealingLR, T_max=30)
    assert ours("cosine", 0.25, 40)[10:] == pytest.approx(left, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_the_rate_climbs_in_a_straight_line_to_the_one_that_was_asked_for(schedule):
    rates = ours(schedule, 0.2, 50)
    assert rates[:11] == pytest.approx([(step + 1) / 11 for step in range(11)])
    assert rates[10] == max(rates) == 1.0


def test_constant_stays_what_it_is():
    assert set(ours("constant", 0.0, 20)) == {1.0}


@given(st.sampled_from(sorted(SCHEDULES)), SHARES, STEPS)
def test_no_step_stands_still_goes_backwards_or_exceeds_the_rate(schedule, warm_up, steps):
    assert all(0 < rate <= 1 for rate in ours(schedule, warm_up, steps))


@given(st.sampled_from(sorted(SCHEDULES)), SHARES, STEPS)
def test_a_rate_does_not_depend_on_what_was_asked_before(schedule, warm_up, steps):
    backwards = [factor(schedule, warm_up, step, steps) for step in reversed(range(steps))]
    assert backwards[::-1] == ours(schedule, warm_up, steps)
