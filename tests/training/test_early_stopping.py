"""Training stops when patience is at its end, and keeps the epoch with the best headline."""

from pathlib import Path

import pytest
from runs import BAG, READER, changed, fit
from torch import equal

from unroll import metrics
from unroll.networks import checkpoints, tasks


def with_scores(monkeypatch: pytest.MonkeyPatch, scores: list[float]) -> None:
    """Let the epochs have these headlines on validation, whatever the model predicts."""
    waiting = iter(scores)
    monkeypatch.setattr(metrics, "all_metrics", lambda *_: {"accuracy": next(waiting), "loss": 0.5})


def weights_after_each_epoch(monkeypatch: pytest.MonkeyPatch) -> list[dict]:
    """Return a list that fills as epochs end."""
    after: list[dict] = []
    save = checkpoints.save_checkpoint

    def remember(path: Path, parts: dict, document: dict) -> None:
        after.append({name: tensor.clone() for name, tensor in parts["model"].items()})
        save(path, parts, document)

    monkeypatch.setattr(checkpoints, "save_checkpoint", remember)
    return after


def assert_kept(fitted, after: list[dict], epochs: int, best: int) -> None:
    assert len(fitted.history) == len(after) == epochs
    assert fitted.best_epoch == best
    for name, tensor in fitted.weights.items():
        assert equal(tensor, after[best - 1][name])
        # The epochs do differ, so that the line above says something.
        assert epochs == best or not equal(tensor, after[-1][name])


@pytest.mark.parametrize(
    ("patience", "scores", "epochs", "best"),
    [
        (1, [0.5, 0.4, 0.9, 0.9], 2, 1),
        (2, [0.5, 0.4, 0.6, 0.5, 0.55, 0.9], 5, 3),
        (2, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], 6, 6),
        # No better is no progress, and of equals the first is kept.
        (2, [0.5, 0.5, 0.5, 0.9], 3, 1),
        (9, [0.1, 0.7, 0.2, 0.7, 0.3, 0.1], 6, 2),
        (1, [0.0, 0.0, 0.9], 2, 1),
    ],
)
def test_training_stops_when_patience_is_at_its_end_and_keeps_the_best_epoch(
    corpus, tmp_path, monkeypatch, patience, scores, epochs, best
):
    after = weights_after_each_epoch(monkeypatch)
    with_scores(monkeypatch, scores)
    fitted = fit(corpus, tmp_path, BAG, changed(epochs=6, patience=patience))
    assert_kept(fitted, after, epochs, best)


@pytest.mark.parametrize(
    ("patience", "perplexities", "epochs", "best"),
    [
        (1, [50.0, 60.0, 1.0], 2, 1),
        (2, [50.0, 60.0, 40.0, 45.0, 41.0, 1.0], 5, 3),
        (2, [6.0, 5.0, 4.0, 3.0, 2.0, 1.5], 6, 6),
    ],
)
def test_of_perplexities_the_lowest_is_best(
    corpus, tmp_path, monkeypatch, patience, perplexities, epochs, best
):
    after = weights_after_each_epoch(monkeypatch)
    waiting = iter(perplexities)
    monkeypatch.setattr(tasks, "next_word_metrics", lambda words: {"perplexity": next(waiting)})
    fitted = fit(corpus, tmp_path, READER, changed(epochs=6, patience=patience))
    assert_kept(fitted, after, epochs, best)
    assert [row["validation_perplexity"] for row in fitted.history] == perplexities[:epochs]


def test_the_headline_decides_which_epoch_is_best(corpus, tmp_path, monkeypatch):
    waiting = iter([(0.9, 0.1), (0.1, 0.9), (0.2, 0.2), (0.3, 0.3)] * 2)

    def scores(*_) -> dict[str, float]:
        accuracy, recall = next(waiting)
        return {"accuracy": accuracy, "macro_recall": recall, "loss": 0.5}

    monkeypatch.setattr(metrics, "all_metrics", scores)
    for headline, best in (("accuracy", 1), ("macro_recall", 2)):
        assert fit(corpus, tmp_path, BAG, headline=headline).best_epoch == best
