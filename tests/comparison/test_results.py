"""What a comparison reads back is what the stages wrote, row for row."""

import numpy as np
import pandas as pd
import pytest
from in_memory import save_encoded

from unroll import files, frames
from unroll.comparison import results
from unroll.evaluation import scoring
from unroll.failures import Refusal
from unroll.lexicon.vocabulary import Vocabulary, VocabularyRules

TEXTS = ["a bright lamp", "a vile kettle by a lamp", "radiant"]
NUMBERS = [3, 5, 11]
LABELS = [1, 0, 1]


@pytest.fixture
def rows(tmp_path) -> results.Rows:
    """Three test rows; the vocabulary knows a, bright and lamp alone."""
    tokens = [text.split() for text in TEXTS]
    vocabulary = Vocabulary.build([["a", "bright", "lamp"]], VocabularyRules())
    frame = pd.DataFrame({"row": NUMBERS, "text": TEXTS, "tokens": tokens, "label": LABELS})
    frames.write_parquet(tmp_path / "test.parquet", frame, frames.CLEAN)
    save_encoded(tmp_path / "test", vocabulary, NUMBERS, tokens, LABELS)
    return results.read_rows(tmp_path / "test.parquet", tmp_path / "test", len(vocabulary))


def write_network(folder, seeds: dict[int, np.ndarray], numbers: list[int] = NUMBERS) -> tuple:
    """Write what evaluate and train leave of a network; return read_result's first three arguments."""
    parts = [
        pd.DataFrame({"seed": seed, "row": numbers, "label": LABELS, "p_0": p_NC[:, 0], "p_1": p_NC[:, 1]})
        for seed, p_NC in seeds.items()
    ]
    frames.write_parquet(folder / "predictions.parquet", pd.concat(parts), scoring.predictions_schema(2))
    files.write_json(folder / "scores.json", {"network": "gru", "seeds": {str(seed): {} for seed in seeds}})
    histories = {seed: folder / f"{seed}.csv" for seed in seeds}
    for seed, path in histories.items():
        epochs = [{"epoch": 1, "rows": 3, "tokens": 10, "train_loss": 0.5 * seed, "validation_ece": None}]
        files.write_csv(path, epochs)
    return folder / "scores.json", folder / "predictions.parquet", histories


PROBABILITIES = {1: np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]]), 2: np.full((3, 2), 0.5)}


def test_rows_have_their_texts_labels_lengths_and_share_of_unknown_words(rows):
    assert rows.numbers_N.tolist() == NUMBERS and rows.texts == TEXTS
    assert rows.labels_N.tolist() == LABELS
    assert rows.lengths_N.tolist() == [3, 6, 1]
    assert rows.unknown_N.tolist() == [0, 0.5, 1]  # vile, kettle and by of six; radiant of one
    assert rows.predicted_words_N.tolist() == [2, 5, 0]


def test_answers_come_seed_by_seed_in_the_order_of_the_rows(rows, tmp_path):
    found = results.read_result(*write_network(tmp_path, PROBABILITIES), rows)
    assert (found.answers_SNX == np.stack(list(PROBABILITIES.values()))).all()
    assert found.name == "gru" and found.seeds == [1, 2]


def test_a_learning_curve_keeps_its_seed_and_leaves_out_what_is_empty(rows, tmp_path):
    found = results.read_result(*write_network(tmp_path, PROBABILITIES), rows)
    assert found.curves == [
        {"seed": seed, "epoch": 1, "rows": 3, "tokens": 10, "train_loss": 0.5 * seed} for seed in (1, 2)
    ]


def test_the_nats_of_a_next_word_network_are_its_answers(rows, tmp_path):
    scores, path, histories = write_network(tmp_path, PROBABILITIES)
    nats = np.array([[1.0, 2.0, 0.0], [3.0, 4.0, 0.0]])
    frame = pd.DataFrame(
        {"seed": np.repeat([1, 2], 3), "row": NUMBERS * 2, "words": [2, 5, 0] * 2, "nats": nats.ravel()}
    )
    frames.write_parquet(path, frame, scoring.WORDS_SCHEMA)
    assert (results.read_result(scores, path, histories, rows).answers_SNX[..., 0] == nats).all()


def test_answers_for_other_rows_are_refused(rows, tmp_path):
    with pytest.raises(Refusal, match=r"predictions\.parquet is not of the rows of this test split"):
        results.read_result(*write_network(tmp_path, PROBABILITIES, numbers=[3, 5, 12]), rows)


def test_scores_of_other_seeds_are_refused(rows, tmp_path):
    scores, path, histories = write_network(tmp_path, PROBABILITIES)
    with pytest.raises(Refusal, match=r"scores\.json is for the seeds 1, 2"):
        results.read_result(scores, path, {1: histories[1]}, rows)


def write_floor(folder, p_NC: np.ndarray, numbers: list[int] = NUMBERS) -> tuple:
    frame = pd.DataFrame({"row": numbers, "label": LABELS, "p_0": p_NC[:, 0], "p_1": p_NC[:, 1]})
    schema = scoring.predictions_schema(2).remove(0)
    frames.write_parquet(folder / "tfidf.parquet", frame, schema)
    files.write_json(folder / "tfidf.json", {"floor": "tfidf"})
    return folder / "tfidf.json", folder / "tfidf.parquet"


def test_a_floors_answers_have_no_seed(rows, tmp_path):
    found = results.read_floor(*write_floor(tmp_path, PROBABILITIES[1]), rows)
    assert found.name == "tfidf" and (found.answers_NC == PROBABILITIES[1]).all()


@pytest.mark.parametrize(
    ("p_NC", "numbers", "said"),
    [
        (PROBABILITIES[1], [3, 5, 12], "is not of the rows of this test split"),
        (PROBABILITIES[1] / 2, NUMBERS, r"tfidf\.parquet is damaged"),
    ],
)
def test_a_floors_answers_are_checked_as_a_networks_are(rows, tmp_path, p_NC, numbers, said):
    with pytest.raises(Refusal, match=said):
        results.read_floor(*write_floor(tmp_path, p_NC, numbers), rows)
