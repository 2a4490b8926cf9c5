"""What a text and a training cost follows from what a token and a row cost."""

import pytest

from unroll.evaluation.cost import Operations

COUNTS = Operations(token=10, row=3)


def test_a_text_costs_each_of_its_tokens_and_once_its_row():
    assert COUNTS.of_text(4) == 43


def test_a_text_of_mean_length_costs_the_mean_of_the_texts():
    assert COUNTS.of_text(2.5) == pytest.approx((COUNTS.of_text(1) + COUNTS.of_text(4)) / 2)


def test_training_costs_three_times_what_reading_its_texts_costs():
    assert COUNTS.of_training(tokens=5 + 3, rows=2) == 3 * (COUNTS.of_text(5) + COUNTS.of_text(3))
