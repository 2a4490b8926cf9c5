"""The training loop learns, repeats bit for bit, can be interrupted, and keeps the best epoch."""

import math
from pathlib import Path

import pytest
import tiny
import torch
from ruamel.yaml import YAML

from unroll import checkpoints, metrics, training
from unroll.batches import EncodedSplit
from unroll.classifier import BagNetwork, Classifier, Dropout, Embedding, Network, RecurrentNetwork
from unroll.failures import Refusal
from unroll.params import parse
from unroll.progress import Clock
from unroll.training import Fitted, Training
from unroll.vocabulary import Vocabulary, VocabularyRules

torch.set_num_threads(1)  # as in every stage

SHIPPED = YAML(typ="safe").load((tiny.ROOT / "params.yaml").read_text(encoding="utf-8"))["networks"]
RULES = Training(
    epochs=4,
    patience=4,
    batch_size=8,
    learning_rate=0.01,
    gradient_clip=1.0,
    class_weights="none",
    matmul_precision="highest",
)
CLASSES = 3
# Small, and with every kind of chance in it: what repeats here repeats.
SMALL = RecurrentNetwork(
    cell="lstm",
    hidden=6,
    layers=2,
    bidirectional=True,
    pooling="max",
    embedding=Embedding(size=8),
    dropout=Dropout(words=0.1, embedding=0.1, layers=0.2, output=0.2),
)


class Corpus:
    """Three encoded splits and the vocabulary of the first."""

    def __init__(self, folder: Path, counts: dict[str, int]) -> None:
        table = {split: tiny.rows(count, seed) for seed, (split, count) in enumerate(counts.items())}
        self.vocabulary = Vocabulary.build([row["text"].split() for row in table["train"]], VocabularyRules())
        for split, rows in table.items():
            setattr(self, split, tiny.encoded(folder / split, rows, self.vocabulary))

    train: EncodedSplit
    validation: EncodedSplit

    def model(self, network: RecurrentNetwork | BagNetwork, seed: int) -> Classifier:
        training.seed_everything(seed, epoch=0)
        return Classifier(network, len(self.vocabulary), CLASSES)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return Corpus(tmp_path_factory.mktemp("corpus"), tiny.COUNTS)


@pytest.fixture(scope="module")
def twenty(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return Corpus(tmp_path_factory.mktemp("twenty"), {"train": 20, "validation": 20})


def fit(
    corpus: Corpus, folder: Path, rules: Training = RULES, network=SMALL, seed: int = 1, **more
) -> Fitted:
    model = corpus.model(network, seed)
    checkpoint = folder / "run.safetensors"
    return training.fit(
        model, corpus.train, corpus.validation, rules, "accuracy", seed, checkpoint=checkpoint, **more
    )


def changed(**changes: object) -> Training:
    return training.merge(RULES, changes)


def assert_same_bits(first: Fitted, second: Fitted) -> None:
    assert first.weights.keys() == second.weights.keys()
    for name, tensor in first.weights.items():
        assert torch.equal(tensor, second.weights[name]), name
    assert first.history == second.history
    assert first.best_epoch == second.best_epoch


# --- it learns --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_network_can_learn_twenty_rows_by_heart(twenty, tmp_path, name):
    network = parse(SHIPPED[name], Network, name, tiny.ROOT / "params.yaml")
    model = twenty.model(network, seed=1)
    rules = changed(epochs=25, patience=25, batch_size=5)
    # Validated on the training rows: what is kept is the epoch that knows them best.
    fitted = training.fit(
        model, twenty.train, twenty.train, rules, "accuracy", 1, checkpoint=tmp_path / "run.safetensors"
    )
    model.load_state_dict(fitted.weights)
    scores = metrics.all_metrics(training.predict(model, twenty.train), twenty.train.labels.numpy())
    assert scores["accuracy"] == 1.0
    assert fitted.history[-1]["train_loss"] < 0.1 < fitted.history[0]["train_loss"]


def test_what_is_learnt_carries_over_to_other_rows(corpus, tmp_path):
    fitted = fit(corpus, tmp_path, changed(epochs=8), network=BagNetwork(cell="bag"))
    # Each class has words of its own, so that all can be told apart; guessing gets a third.
    assert fitted.history[-1]["validation_accuracy"] > 0.8


def test_predictions_are_probabilities_in_the_order_of_the_split(corpus, tmp_path):
    model = corpus.model(SMALL, seed=1)
    found = training.predict(model, corpus.validation)
    assert found.shape == (len(corpus.validation), CLASSES)
    assert found.dtype == "float64"
    assert found.sum(axis=1) == pytest.approx(1.0, abs=1e-12)
    assert (found > 0).all()
    with torch.no_grad():
        for place in range(len(corpus.validation)):
            batch = corpus.validation.batch(torch.tensor([place]).numpy())
            alone = model.eval()(batch).double().softmax(dim=1)[0]
            assert found[place] == pytest.approx(alone.numpy(), abs=1e-6)


def test_predicting_leaves_dropout_off_and_the_generator_alone(corpus):
    model = corpus.model(SMALL, seed=1)
    model.train()
    torch.manual_seed(5)
    first = training.predict(model, corpus.validation)
    drawn = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(torch.rand(1), drawn)
    assert (training.predict(model, corpus.validation) == first).all()


# --- it repeats -------------------------------------------------------------------------------------


def test_two_fits_with_one_seed_give_the_same_bits(corpus, tmp_path):
    first = fit(corpus, tmp_path / "first")
    # What else the process did with the generators must not matter.
    torch.manual_seed(99)
    torch.rand(7)
    assert_same_bits(first, fit(corpus, tmp_path / "second"))


def test_another_seed_gives_other_weights_and_another_order(corpus, tmp_path):
    first, second = (fit(corpus, tmp_path, seed=seed) for seed in (1, 2))
    assert not any(torch.equal(first.weights[name], second.weights[name]) for name in first.weights)
    # From the same first weights too: the order of rows and dropout follow the seed.
    results = [
        training.fit(
            corpus.model(SMALL, seed=1),
            corpus.train,
            corpus.validation,
            RULES,
            "accuracy",
            seed,
            tmp_path / "run",
        )
        for seed in (1, 2)
    ]
    assert results[0].history != results[1].history


def test_watching_does_not_change_a_bit(corpus, tmp_path, monkeypatch):
    plain = fit(corpus, tmp_path)
    monkeypatch.setattr(Clock, "is_due", lambda clock: True)
    seen = []
    assert_same_bits(plain, fit(corpus, tmp_path, watch=seen.append))
    assert [(one.epoch, one.epochs) for one in seen[:: len(seen) // 4]] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert seen[-1].done == 1.0
    assert all(0 < one.done <= 1 and one.tokens_per_second > 0 and one.seconds_left >= 0 for one in seen)
    assert math.isnan(seen[0].score)
    assert seen[-1].score == max(row["validation_accuracy"] for row in plain.history[:-1])


# --- it can be interrupted --------------------------------------------------------------------------


class Pulled(Exception):
    """Somebody pulled the plug."""


@pytest.mark.parametrize("epoch", [1, 2, 3])
@pytest.mark.parametrize("name", ["small", "bow", "birnn", "bigru"])
def test_a_run_that_continues_ends_with_the_bits_of_one_that_was_never_stopped(
    corpus, tmp_path, monkeypatch, name, epoch
):
    network = SMALL if name == "small" else parse(SHIPPED[name], Network, name, tiny.ROOT / "params.yaml")
    whole = fit(corpus, tmp_path / "whole", network=network)
    save = checkpoints.save_checkpoint

    def save_and_stop(path: Path, parts: dict, document: dict) -> None:
        save(path, parts, document)
        if document["epoch"] == epoch:
            raise Pulled

    with monkeypatch.context() as patched:
        patched.setattr(checkpoints, "save_checkpoint", save_and_stop)
        with pytest.raises(Pulled):
            fit(corpus, tmp_path / "stopped", network=network)
    # The process that continues begins with weights and generators of its own.
    torch.manual_seed(99)
    model = Classifier(network, len(corpus.vocabulary), CLASSES)
    path = tmp_path / "stopped/run.safetensors"
    continued = training.fit(model, corpus.train, corpus.validation, RULES, "accuracy", 1, path)
    assert_same_bits(whole, continued)
    assert [row["epoch"] for row in continued.history] == [1, 2, 3, 4]


def test_a_run_that_stops_in_the_middle_of_an_epoch_repeats_that_epoch(corpus, tmp_path, monkeypatch):
    whole = fit(corpus, tmp_path / "whole")
    monkeypatch.setattr(Clock, "is_due", lambda clock: True)

    def stop(progress) -> None:
        if progress.epoch == 3 and progress.done > 0.4:
            raise Pulled

    with pytest.raises(Pulled):
        fit(corpus, tmp_path / "stopped", watch=stop)
    assert_same_bits(whole, fit(corpus, tmp_path / "stopped"))


def test_a_run_that_stops_before_its_first_checkpoint_starts_again(corpus, tmp_path, monkeypatch):
    whole = fit(corpus, tmp_path / "whole")
    monkeypatch.setattr(Clock, "is_due", lambda clock: True)

    def stop(progress) -> None:
        raise Pulled

    with pytest.raises(Pulled):
        fit(corpus, tmp_path / "stopped", watch=stop)
    assert_same_bits(whole, fit(corpus, tmp_path / "stopped"))


def test_a_checkpoint_that_was_cut_short_is_not_continued_from(corpus, tmp_path):
    whole = fit(corpus, tmp_path / "whole")
    path = tmp_path / "run.safetensors"
    checkpoints.save_checkpoint(path, {"model": whole.weights}, {"epoch": 2})
    path.write_bytes(path.read_bytes()[:-50])
    assert_same_bits(whole, fit(corpus, tmp_path))


def test_a_finished_run_leaves_no_checkpoint(corpus, tmp_path):
    fit(corpus, tmp_path)
    assert list(tmp_path.iterdir()) == []


# --- it keeps the best epoch ------------------------------------------------------------------------


def with_scores(monkeypatch: pytest.MonkeyPatch, scores: list[float]) -> None:
    """Let the epochs have these headlines on validation, whatever the model predicts."""
    waiting = iter(scores)
    monkeypatch.setattr(metrics, "all_metrics", lambda *_: {"accuracy": next(waiting), "loss": 0.5})


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
    rules = changed(epochs=6, patience=patience)
    after: list[dict] = []
    save = checkpoints.save_checkpoint

    def remember(path: Path, parts: dict, document: dict) -> None:
        after.append({name: tensor.clone() for name, tensor in parts["model"].items()})
        save(path, parts, document)

    monkeypatch.setattr(checkpoints, "save_checkpoint", remember)
    with_scores(monkeypatch, scores)
    fitted = fit(corpus, tmp_path, rules, network=BagNetwork(cell="bag", embedding=Embedding(size=4)))
    assert len(fitted.history) == len(after) == epochs
    assert fitted.best_epoch == best
    for name, tensor in fitted.weights.items():
        assert torch.equal(tensor, after[best - 1][name])
        # The epochs do differ, so that the line above says something.
        assert epochs == best or not torch.equal(tensor, after[-1][name])


def test_the_headline_decides_which_epoch_is_best(corpus, tmp_path, monkeypatch):
    waiting = iter([(0.9, 0.1), (0.1, 0.9), (0.2, 0.2), (0.3, 0.3)] * 2)

    def scores(*_) -> dict[str, float]:
        accuracy, recall = next(waiting)
        return {"accuracy": accuracy, "macro_recall": recall, "loss": 0.5}

    monkeypatch.setattr(metrics, "all_metrics", scores)
    for headline, best in (("accuracy", 1), ("macro_recall", 2)):
        model = corpus.model(BagNetwork(cell="bag"), seed=1)
        path = tmp_path / "run.safetensors"
        fitted = training.fit(model, corpus.train, corpus.validation, RULES, headline, 1, path)
        assert fitted.best_epoch == best


def test_the_history_has_a_row_an_epoch(corpus, tmp_path):
    fitted = fit(corpus, tmp_path)
    assert [row["epoch"] for row in fitted.history] == [1, 2, 3, 4]
    for row in fitted.history:
        assert {"train_loss", "validation_accuracy", "validation_macro_recall", "validation_loss"} <= set(row)
        assert all(math.isfinite(value) for value in row.values())
    assert fitted.tokens_per_second > 0


# --- what goes wrong --------------------------------------------------------------------------------


def test_a_loss_that_is_no_number_is_refused(corpus, tmp_path):
    model = corpus.model(SMALL, seed=1)
    with torch.no_grad():
        model.output.bias[0] = float("nan")
    with pytest.raises(Refusal, match=r"training came to nothing in epoch 1: .*Try a smaller learning_rate"):
        training.fit(
            model, corpus.train, corpus.validation, RULES, "accuracy", 1, tmp_path / "run.safetensors"
        )
    assert list(tmp_path.iterdir()) == []


def test_scores_beyond_all_numbers_are_refused(corpus, tmp_path):
    network = BagNetwork(cell="bag", embedding=Embedding(size=8, scale=3e38))
    with pytest.raises(Refusal, match="training came to nothing"):
        fit(corpus, tmp_path, network=network)


# --- class weights ----------------------------------------------------------------------------------


def uneven(folder: Path) -> EncodedSplit:
    rows = tiny.rows(60, seed=0)
    kept = [row for place, row in enumerate(rows) if row["label"] == 0 or place < 12]
    return tiny.encoded(folder / "uneven", kept)


def test_balanced_classes_weigh_alike_however_rare(tmp_path):
    train = uneven(tmp_path)
    counts_C = torch.bincount(train.labels).double()
    assert len(set(counts_C.tolist())) > 1
    weights_C = training._class_weights(train, CLASSES, "balanced").double()
    totals_C = weights_C * counts_C
    torch.testing.assert_close(totals_C, totals_C.mean().expand(CLASSES), rtol=1e-6, atol=0)
    assert (weights_C[train.labels]).mean().item() == pytest.approx(1.0, rel=1e-6)
    assert training._class_weights(train, CLASSES, "none") is None


def test_balanced_classes_are_learnt_where_others_would_be_drowned(tmp_path):
    train = uneven(tmp_path)
    vocabulary = int(train.ids.max()) + 1
    recalls = {}
    for rule in ("none", "balanced"):
        training.seed_everything(1, epoch=0)
        model = Classifier(
            BagNetwork(cell="bag", embedding=Embedding(size=8, scale=0.1)), vocabulary, CLASSES
        )
        rules = changed(epochs=3, class_weights=rule)
        fitted = training.fit(model, train, train, rules, "macro_recall", 1, tmp_path / "run.safetensors")
        recalls[rule] = fitted.history[-1]["validation_macro_recall"]
    assert recalls["balanced"] > recalls["none"]
