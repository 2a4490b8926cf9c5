"""Values of metrics as people read them."""

import pytest

from unroll.comparison.scores import in_words, lower_is_better, unit, written


@pytest.mark.parametrize(
    ("metric", "value", "words", "figure", "its_unit"),
    [
        ("accuracy", 0.43251, "accuracy", "43.3", "%"),
        ("macro_f1", 0.5, "macro F1", "50.0", "%"),
        ("validation_ece", 0.0712, "validation ECE", "7.1", "%"),
        ("train_loss", 1.4004, "train loss", "1.400", ""),
        ("perplexity", 112.345, "perplexity", "112.3", ""),
    ],
)
def test_a_proportion_is_written_in_percent_and_nothing_else_is(metric, value, words, figure, its_unit):
    assert (in_words(metric), written(metric, value), unit(metric)) == (words, figure, its_unit)


def test_a_gain_shows_its_sign():
    assert (written("accuracy", 0.012, "+"), written("loss", -0.5, "+")) == ("+1.2", "-0.500")


def test_a_column_of_a_learning_curve_is_better_the_same_way_as_its_metric():
    lower = {"loss", "ece", "perplexity", "train_loss", "validation_perplexity", "validation_ece"}
    assert all(map(lower_is_better, lower))
    assert not any(
        map(lower_is_better, ("accuracy", "macro_recall", "train_accuracy", "validation_macro_f1"))
    )
