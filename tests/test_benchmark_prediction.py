"""Prediction is measured with and without rounding, and what rounding changes is counted."""

from pathlib import Path

import numpy as np
import pytest
import tiny
import torch
from drawn import network

from benchmarks import prediction
from benchmarks.slices import take
from unroll import files
from unroll.lexicon.vocabulary import Vocabulary, VocabularyRules
from unroll.networks import checkpoints
from unroll.networks.classifier import build_model
from unroll.prediction.reader import Reader

ROWS = tiny.rows(30, seed=5)
GRU = network(cell="gru", bidirectional=True, pooling="max")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with a vocabulary and an encoded test split."""
    vocabulary = Vocabulary.build([row["text"].split() for row in ROWS], VocabularyRules())
    made = tmp_path / "data/vocabulary/tiny"
    tiny.encoded(made / "test", ROWS, vocabulary)
    vocabulary.save(made / "vocabulary.txt")
    return tmp_path


def save_trained(data: Path, seed: int) -> None:
    path = data / "data/vocabulary/tiny/vocabulary.txt"
    torch.manual_seed(seed)
    model = build_model(GRU, path.read_text(encoding="utf-8").count("\n"), 3)
    with files.whole_folder(data / f"models/tiny/gru/{seed}") as folder:
        checkpoints.save_model(
            folder,
            model.state_dict(),
            {
                "network": GRU.model_dump(mode="json"),
                "labels": ["low", "middle", "high"],
                "vocabulary_sha256": files.sha256_of(path),
            },
        )


def share(data: Path) -> float | None:
    return take(prediction.rounding(str(data), "tiny", "gru"), float("inf"), float("inf")).score


def test_without_trained_networks_no_label_is_counted(data):
    assert share(data) is None


def test_labels_that_rounding_changes_are_counted_over_all_seeds(data, monkeypatch):
    for seed in (1, 2):
        save_trained(data, seed)
    assert share(data) < 20
    exact = Reader.probabilities
    monkeypatch.setattr(Reader, "probabilities", lambda *given: np.roll(exact(*given), 1, axis=1))
    assert share(data) == 100


def test_every_form_has_its_row_and_changed_labels_only_where_they_were_counted():
    rates = {form: [30_000.0, 10_000.0, 25_000.0] for form in (*prediction.FORMS, "one")}
    rows = prediction.of_network("tweets, gru", rates, None)
    assert [row["met"] for row in rows] == [None, "yes", "yes", None, "yes"]
    counted = prediction.of_network("tweets, gru", rates, 0.25)
    assert counted[:-1] == rows
    assert counted[-1]["ours"] == 0.25
