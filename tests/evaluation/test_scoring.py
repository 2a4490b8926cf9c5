"""What evaluation makes of every seed's predictions, and that a trained model comes back as it was."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from runs import CLASSES, PRETRAINED, READER, SMALL, Corpus, changed, experiment
from tiny import split_of

from unroll import frames, metrics
from unroll.evaluation import models, scoring
from unroll.failures import Refusal
from unroll.networks import checkpoints, tasks
from unroll.networks.batches import EncodedSplit
from unroll.networks.spec import BagNetwork, Embedding, RecurrentNetwork
from unroll.networks.tasks import Words


def split_with(labels: list[int]) -> EncodedSplit:
    return split_of([[2]] * len(labels), labels)


# --- classes ----------------------------------------------------------------------------------------

SEEDS = {
    1: np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.4, 0.6]]),
    2: np.array([[0.8, 0.2], [0.1, 0.9], [0.4, 0.6], [0.7, 0.3]]),
    3: np.array([[0.7, 0.3], [0.2, 0.8], [0.9, 0.1], [0.6, 0.4]]),
}
LABELS = np.array([0, 1, 1, 0])


def test_a_summary_holds_each_seed_their_mean_and_their_spread():
    found = scoring.score_classes(SEEDS, LABELS)
    accuracies = [0.5, 1.0, 0.75]
    assert [found["seeds"][seed]["accuracy"] for seed in ("1", "2", "3")] == accuracies
    assert found["mean"]["accuracy"] == pytest.approx(0.75)
    assert found["std"]["accuracy"] == pytest.approx(np.std(accuracies, ddof=1))
    for seed, probabilities in SEEDS.items():
        assert found["seeds"][str(seed)] == metrics.all_metrics(probabilities, LABELS)


def test_the_ensemble_averages_probabilities():
    found = scoring.score_classes(SEEDS, LABELS)
    assert found["ensemble"] == metrics.all_metrics((SEEDS[1] + SEEDS[2] + SEEDS[3]) / 3, LABELS)


def test_one_seed_has_no_spread():
    assert set(scoring.score_classes({1: SEEDS[1]}, LABELS)["std"].values()) == {None}


def test_the_majority_is_that_of_the_training_split():
    found = scoring.majority(split_with([1, 1, 2, 0]), split_with([0, 0, 0, 1]), classes=3)
    # Always 1 on a test split in which 0 leads.
    assert found == {"accuracy": 0.25, "macro_recall": 0.5, "macro_f1": pytest.approx(0.2)}


def test_predictions_name_seed_row_and_label(tmp_path):
    frame = scoring.predictions_frame(SEEDS, split_with(LABELS.tolist()))
    assert list(frame.columns) == scoring.predictions_schema(2).names
    assert frame["seed"].tolist() == [1] * 4 + [2] * 4 + [3] * 4
    assert frame["row"].tolist() == [0, 7, 14, 21] * 3
    assert frame["label"].tolist() == LABELS.tolist() * 3
    assert (frame[["p_0", "p_1"]].to_numpy() == np.concatenate(list(SEEDS.values()))).all()
    frames.write_parquet(tmp_path / "predictions.parquet", frame, scoring.predictions_schema(2))
    assert frames.read_parquet(tmp_path / "predictions.parquet").equals(frame)


# --- next words -------------------------------------------------------------------------------------

# Rows of three words, one, two and one: the second and the last have nothing to predict.
PLACES = np.array([0, 0, 2])
READINGS = {
    1: Words(PLACES, np.log([1 / 2, 1 / 4, 1 / 8]), np.array([True, False, False])),
    2: Words(PLACES, np.log([1 / 4, 1 / 4, 1 / 2]), np.array([False, False, True])),
}


def test_each_seed_has_a_perplexity_worked_out_by_hand():
    found = scoring.score_words(READINGS)
    # (2 * 4 * 8) ** (1 / 3) and (4 * 4 * 2) ** (1 / 3).
    perplexities = [4.0, 32 ** (1 / 3)]
    assert [found["seeds"][seed]["perplexity"] for seed in ("1", "2")] == pytest.approx(perplexities)
    assert found["mean"]["perplexity"] == pytest.approx(np.mean(perplexities))
    assert found["std"]["perplexity"] == pytest.approx(np.std(perplexities, ddof=1))
    assert found["mean"]["accuracy"] == pytest.approx(1 / 3)


def test_the_ensemble_of_next_words_averages_probabilities():
    means = [3 / 8, 1 / 4, 5 / 16]
    loss = -np.log(means).mean()
    assert scoring.score_words(READINGS)["ensemble"] == pytest.approx(
        {"perplexity": np.exp(loss), "loss": loss}
    )


def test_one_reading_is_its_own_ensemble():
    found = scoring.score_words({1: READINGS[1]})
    expected = {name: found["seeds"]["1"][name] for name in ("perplexity", "loss")}
    assert found["ensemble"] == pytest.approx(expected)
    assert set(found["std"].values()) == {None}


def test_a_row_costs_what_its_words_cost_together(tmp_path):
    frame = scoring.words_frame(READINGS, split_of([[2, 3, 4], [5], [6, 7], [8]]))
    assert frame["seed"].tolist() == [1] * 4 + [2] * 4
    assert frame["row"].tolist() == [0, 7, 14, 21] * 2
    assert frame["words"].tolist() == [2, 0, 1, 0] * 2
    expected = -np.log([1 / 8, 1.0, 1 / 8, 1.0, 1 / 16, 1.0, 1 / 2, 1.0])
    assert frame["nats"].tolist() == pytest.approx(expected.tolist())
    frames.write_parquet(tmp_path / "words.parquet", frame, scoring.WORDS_SCHEMA)
    assert frames.read_parquet(tmp_path / "words.parquet").equals(frame)


def test_frequencies_of_words_worked_out_by_hand():
    # Counted and one added: <unk> 2, the words 2 to 5 have 4, 2, 1 and 1; 10 together.
    train = split_of([[2, 2, 3], [1, 2]])
    # Predicted are 2, <unk>, 4 and 2: a row's first word never is.
    test = split_of([[5, 2, 1], [3, 4], [2], [5, 2]])
    found = scoring.unigrams(train, test, vocabulary=6)
    loss = -np.log([0.4, 0.2, 0.1, 0.4]).mean()
    assert found == pytest.approx({"perplexity": np.exp(loss), "loss": loss, "accuracy": 0.5})


def test_a_word_without_an_id_has_the_frequency_of_unknown_ones():
    train = split_of([[1, 1, 1, 2]])
    known, unseen = split_of([[2, 1], [2, 1]]), split_of([[2, 9], [2, 5]])
    assert scoring.unigrams(train, unseen, 4) == scoring.unigrams(train, known, 4)
    assert scoring.unigrams(train, known, 4)["accuracy"] == 1.0


def test_frequencies_are_what_a_network_without_memory_would_learn(corpus):
    """Its best bias is the logarithm of the frequencies."""
    model = experiment(corpus, READER).model(None, "cpu")
    counts_V = torch.bincount(corpus.train.ids.long(), minlength=len(corpus.vocabulary)).float() + 1
    counts_V[0] = 0
    with torch.no_grad():
        model.head.linear.weight.zero_()
        model.head.linear.bias.copy_((counts_V / counts_V.sum()).log().clamp(min=-1e4))
    found = tasks.NextWord().score(model, corpus.validation)
    floor = scoring.unigrams(corpus.train, corpus.validation, len(corpus.vocabulary))
    assert found == pytest.approx(floor, rel=1e-5)


# --- a trained model comes back ---------------------------------------------------------------------

PRETRAINED_VECTORS = RecurrentNetwork(
    cell="lstm", hidden=6, pooling="max+attention", embedding=Embedding(vectors=("invented",), frozen=True)
)
NETWORKS = {
    "classifier": SMALL,
    "bag": BagNetwork(cell="bag", embedding=Embedding(size=8)),
    "next word": READER,
    "pretrained vectors": PRETRAINED_VECTORS,
}


def invented(rows: int) -> torch.Tensor:
    vectors_VE = torch.randn(rows, 5, generator=torch.Generator().manual_seed(rows))
    vectors_VE[::3, 2:] = float("nan")
    return vectors_VE


def saved(folder: Path, corpus: Corpus, name: str) -> tuple[torch.nn.Module, EncodedSplit]:
    """Train a network for an epoch, save its best weights; return it and what it shall read."""
    made = experiment(corpus, NETWORKS[name], changed(epochs=1))
    vectors = name == "pretrained vectors"
    model = made.model(invented(len(corpus.vocabulary)) if vectors else None, "cpu")
    split = corpus.validation
    if vectors:
        ids = split.ids.clone()
        ids[::4] = len(corpus.vocabulary) + 1
        split = dataclasses.replace(split, ids=ids, unseen_XE=invented(3).nan_to_num(0.0))
    fitted = made.run(model, corpus.train, split, folder / "run.safetensors")
    model.load_state_dict(fitted.weights)
    document = {
        "network": NETWORKS[name].model_dump(mode="json"),
        "labels": ["a", "b", "c"][:CLASSES],
        "vocabulary_sha256": "1234",
    }
    checkpoints.save_model(folder, fitted.weights, document)
    return model, split


@pytest.mark.parametrize("name", NETWORKS)
def test_a_loaded_model_predicts_to_the_last_bit_what_it_did(corpus, tmp_path, name):
    model, split = saved(tmp_path, corpus, name)
    loaded, document = models.load_model(tmp_path, "1234", "cpu")
    assert document["labels"] == ["a", "b", "c"]
    predict = tasks.predict_words if name == "next word" else tasks.predict
    found, expected = predict(loaded, split), predict(model, split)
    if name == "next word":
        found, expected = found.log_probabilities_T, expected.log_probabilities_T
    assert np.array_equal(found, expected)


def test_a_loaded_model_has_the_parameters_and_the_frozen_embedding_that_it_had(corpus, tmp_path):
    model, _ = saved(tmp_path, corpus, "pretrained vectors")
    loaded, _ = models.load_model(tmp_path, "1234", "cpu")
    before = {name: parameter.requires_grad for name, parameter in model.named_parameters()}
    assert {name: parameter.requires_grad for name, parameter in loaded.named_parameters()} == before
    assert not before["embedding.weight"]


def test_loading_needs_no_vectors_and_does_not_depend_on_the_generator(corpus, tmp_path):
    saved(tmp_path, corpus, "pretrained vectors")
    weights = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        weights.append(models.load_model(tmp_path, "1234", "cpu")[0].state_dict())
    assert all(torch.equal(tensor, weights[1][name]) for name, tensor in weights[0].items())


def test_a_model_of_another_vocabulary_is_refused(corpus, tmp_path):
    saved(tmp_path, corpus, "bag")
    with pytest.raises(Refusal, match="was trained with another vocabulary: run dvc repro"):
        models.load_model(tmp_path, "5678", "cpu")


def test_a_damaged_model_is_refused(corpus, tmp_path):
    saved(tmp_path, corpus, "bag")
    path = tmp_path / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(Refusal, match="is damaged"):
        models.load_model(tmp_path, "1234", "cpu")


# --- what it costs ----------------------------------------------------------------------------------


@pytest.mark.parametrize("batches", [None, 2])
def test_a_pretraining_costs_what_it_reads_of_the_sentences(corpus, batches):
    made = experiment(corpus, PRETRAINED, changed(batches_per_epoch=batches, supervision="phrases"))
    model = made.model(None, "cpu")
    document = made.document(model, corpus.train) | {"labels": "abc"}
    found = scoring.operations_of(model, document, lambda: corpus.train)
    before = found["pretraining"]
    assert (before["epochs"], before["row"]) == (3, 0)
    assert before["token"] > found["token"]
    if batches is None:
        assert (before["tokens"], before["rows"]) == (corpus.train.lengths.sum(), len(corpus.train))
    else:
        # A batch may be of the rows that were left over.
        assert 0 < before["rows"] <= 16
        lengths = corpus.train.lengths
        assert before["rows"] * lengths.min() <= before["tokens"] <= before["rows"] * lengths.max()
