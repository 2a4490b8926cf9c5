"""The loops that ours are measured against learn the same function, and count the same tokens."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch
from runs import CLASSES, SHIPPED, shipped
from torch import nn

from benchmarks import ROOT, notebooks, reference_loops, tutorial
from benchmarks.corpora import Encoded
from benchmarks.loops import LOOPS
from benchmarks.ours import SEED, ours
from benchmarks.reference_loops import T2, T3, T4, reference
from benchmarks.slices import Slice, take
from benchmarks.tutorial import TutorialClassifier
from benchmarks.worker import Worker
from unroll import catalogue
from unroll.lexicon.vocabulary import Vocabulary, VocabularyRules
from unroll.networks.batches import EncodedSplit
from unroll.networks.classifier import Classifier, build_model
from unroll.networks.spec import Embedding, Network, RecurrentNetwork
from unroll.networks.tasks import Classification
from unroll.params import parse
from unroll.training import loop
from unroll.training.experiment import Experiment

CORPUS = "sst3_spacy"
"""One of params.yaml with three classes; the rows are tiny's."""
NETWORK = {"cell": "gru", "hidden": 4, "pooling": "max", "embedding": {"size": 6, "scale": 0.1}}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    tables = {split: tiny.rows(40, seed) for seed, split in enumerate(("train", "validation"))}
    vocabulary = Vocabulary.build([row["text"].split() for row in tables["train"]], VocabularyRules())
    made = folder / "data/vocabulary" / CORPUS
    for split, rows in tables.items():
        tiny.encoded(made / split, rows, vocabulary)
    vocabulary.save(made / "vocabulary.txt")
    return folder


# --- the same function --------------------------------------------------------------------------------


def take_over(layer: nn.RNNBase, model: Classifier) -> None:
    """Give torch's whole layer the weights of our single ones."""
    for depth, directions in enumerate(model.encoder.layers):
        for direction, suffix in zip(directions, ("", "_reverse"), strict=False):
            for name, weight in direction.cell.named_parameters():
                getattr(layer, f"{name.removesuffix('0')}{depth}{suffix}").data.copy_(weight)


def take_over_ends(theirs: nn.Module, model: Classifier) -> None:
    theirs.embedding.weight.data.copy_(model.embedding.weight)
    for name in ("output", "linear"):
        if hasattr(theirs, name):
            getattr(theirs, name).load_state_dict(model.head.linear.state_dict())


def assert_same_loss(theirs: nn.Module, model: Classifier, split: EncodedSplit, rows: np.ndarray) -> None:
    expected = Classification("accuracy").step(model.eval(), split.batch(rows))[0].item()
    pairs = [tutorial.batches(split, 1).dataset[row] for row in rows]
    tokens_BL, lengths_B, labels_B = tutorial.collate(pairs)
    found = nn.functional.cross_entropy(theirs.eval()(tokens_BL, lengths_B), labels_B).item()
    assert found == pytest.approx(expected, abs=1e-6)


def of_one_length(split: EncodedSplit) -> np.ndarray:
    lengths, counts = np.unique(split.lengths, return_counts=True)
    rows = np.flatnonzero(split.lengths == lengths[counts.argmax()])
    assert len(rows) > 1
    return rows


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", tutorial.LAYERS)
def test_the_tutorials_loop_has_our_loss_from_our_weights(corpus, cell, bidirectional, packed):
    network = RecurrentNetwork(
        cell=cell, bidirectional=bidirectional, hidden=5, pooling="max", embedding=Embedding(size=6)
    )
    vocabulary = len(corpus.vocabulary)
    model = build_model(network, vocabulary, CLASSES)
    theirs = TutorialClassifier(cell, bidirectional, 6, 5, vocabulary, CLASSES, packed)
    take_over(theirs.layer, model)
    take_over_ends(theirs, model)
    # Padded, theirs takes the maximum over the padding's states too.
    rows = np.arange(20) if packed else of_one_length(corpus.train)
    assert_same_loss(theirs, model, corpus.train, rows)


LIBRARY = {
    "t2_rnn": lambda words: T2("elman", words, CLASSES),
    "t2_gru": lambda words: T2("gru", words, CLASSES),
    "t2_lstm": lambda words: T2("lstm", words, CLASSES),
    "t4_rnn": lambda words: T4("elman", False, words, CLASSES),
    "t4_lstm": lambda words: T4("lstm", False, words, CLASSES),
    "t4_lstm_packed": lambda words: T4("lstm", True, words, CLASSES),
}


@pytest.mark.parametrize("preset", LIBRARY)
def test_a_notebooks_network_has_its_presets_loss_from_its_weights(corpus, preset):
    vocabulary = len(corpus.vocabulary)
    model, theirs = build_model(shipped(preset), vocabulary, CLASSES), LIBRARY[preset](vocabulary)
    take_over(theirs.layer, model)
    take_over_ends(theirs, model)
    assert_same_loss(theirs, model, corpus.train, np.arange(20))


def test_the_loop_in_python_has_its_presets_loss_from_its_weights(corpus):
    vocabulary = len(corpus.vocabulary)
    model, theirs = build_model(shipped("t3_rnn"), vocabulary, CLASSES), T3(vocabulary, CLASSES)
    [[direction]] = model.encoder.layers
    theirs.input.weight.data.copy_(direction.cell.weight_ih_l0)
    theirs.recurrent.weight.data.copy_(direction.cell.weight_hh_l0)
    theirs.recurrent.bias.data.copy_(direction.cell.bias_hh_l0)
    take_over_ends(theirs, model)
    assert_same_loss(theirs, model, corpus.train, np.arange(20))


@pytest.mark.parametrize("preset", reference_loops.RECIPES)
def test_a_notebooks_loop_has_its_presets_batches_and_first_step(corpus, preset):
    training = SHIPPED["networks"][preset]["training"]
    recipe = reference_loops.RECIPES[preset]
    [group] = recipe.optimizer(iter([nn.Parameter(torch.zeros(1))])).param_groups
    assert (recipe.batch_size, group["lr"]) == (training["batch_size"], training["learning_rate"])
    assert group.get("momentum", 0.0) == training.get("momentum", 0.0)
    assert group.get("nesterov", False) == training.get("nesterov", False)
    assert type(recipe.optimizer(iter([nn.Parameter(torch.zeros(1))]))).__name__.lower() == training.get(
        "optimizer", SHIPPED["training"]["optimizer"]
    )


# --- the loops ----------------------------------------------------------------------------------------


def tokens_of(data: Path) -> int:
    return int(np.load(data / "data/vocabulary" / CORPUS / "train/offsets.npy")[-1])


@pytest.mark.parametrize("preset", ["t2_lstm", "t3_rnn", "t4_lstm_packed"])
def test_a_pass_counts_every_token_once_and_ends_with_a_score(data, preset):
    for steps in (
        ours(str(data), CORPUS, preset, notebooks.ONE_PASS, passes=1),
        reference(str(data), CORPUS, preset),
    ):
        found = take(steps, float("inf"), float("inf"))
        assert (found.units, found.ended) == (tokens_of(data), True)
        assert 0.0 <= found.score <= 1.0


def test_after_as_many_passes_our_loop_has_the_score_of_the_pipelines_training(data, tmp_path):
    rules = {"epochs": 2, "patience": 2, "batch_size": 8, "schedule": "cosine", "weight_average": 0.5}
    found = take(ours(str(data), CORPUS, NETWORK, rules, passes=2), float("inf"), float("inf"))
    whole = catalogue.load(ROOT / "params.yaml")
    read, chosen = Encoded.load(data, CORPUS), whole.corpora[CORPUS]
    experiment = Experiment(
        parse(NETWORK, Network, "network", tmp_path),
        loop.merge(whole.training, rules),
        chosen.headline,
        read.vocabulary,
        len(chosen.labels),
        SEED,
    )
    model, checkpoint = experiment.model(None, "cpu"), tmp_path / "run.safetensors"
    fitted = experiment.run(model, read.train, read.validation, checkpoint)
    assert found.score == fitted.history[1][f"validation_{chosen.headline}"]


def test_both_ways_of_training_learn(data):
    def accuracy(passes: int) -> float:
        rules = {"batch_size": 8, "learning_rate": 0.02}
        return take(ours(str(data), CORPUS, NETWORK, rules, passes), float("inf"), float("inf")).score

    assert accuracy(12) > accuracy(1)


def test_the_tutorials_loop_goes_on_after_a_pass(data):
    settings = {"cell": "gru", "bidirectional": True, "size": 6, "hidden": 4, "packed": True}
    steps = LOOPS["tutorial"](str(data), CORPUS, **settings)
    found = take(steps, float("inf"), 3 * tokens_of(data))
    assert (found.units, found.ended) == (3 * tokens_of(data), False)


# --- slices -------------------------------------------------------------------------------------------


def counting(steps: int) -> Iterator[int]:
    yield from itertools.repeat(10, steps)
    return 0.5


def test_a_slice_stops_at_its_units_and_the_next_goes_on():
    steps = counting(5)
    first, second, third = (take(steps, float("inf"), units) for units in (25, 10, float("inf")))
    assert [part.units for part in (first, second, third)] == [30, 10, 10]
    assert [part.ended for part in (first, second, third)] == [False, False, True]
    assert (first.score, third.score) == (None, 0.5)


def test_a_slice_stops_when_its_time_is_up():
    found = take(itertools.repeat(1), 0.01, float("inf"))
    assert found.seconds >= 0.01
    assert found.rate == found.units / found.seconds


def test_a_worker_runs_a_loop_in_a_process_of_its_own_slice_by_slice(data):
    settings = {"data": str(data), "corpus": CORPUS, "network": NETWORK, "rules": {}, "passes": 1}
    with Worker("ours", settings) as worker:
        assert worker.run(units=0) == Slice(0, 0.0, False, None)
        slices = notebooks.one_pass({"ours": worker}, tokens_of(data))["ours"]
    assert sum(part.units for part in slices) == tokens_of(data)
    assert slices[-1].ended


def test_a_worker_that_dies_is_no_measurement(capfd):
    with Worker("nothing", {}) as worker, pytest.raises(ChildProcessError, match="status 1"):
        worker.run(seconds=1)
    assert "KeyError: 'nothing'" in capfd.readouterr().err
