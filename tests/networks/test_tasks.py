"""What a network learns and how it is scored: classes of texts, and each next word."""

import numpy as np
import pytest
import tiny
import torch
from drawn import batched
from runs import CLASSES, READER, SMALL, changed, experiment
from tiny import split_of

from unroll.lexicon.vocabulary import UNKNOWN
from unroll.networks import tasks
from unroll.networks.spec import BagNetwork, Embedding, RecurrentNetwork
from unroll.networks.tasks import Classification, NextWord, Words


def reader(corpus) -> torch.nn.Module:
    return experiment(corpus, READER).model(None, "cpu")


# --- classes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", [None, [0.5, 1.0, 3.0]], ids=["equal", "weighed"])
def test_two_readings_of_a_row_are_asked_to_agree_as_the_paper_says(corpus, weights):
    weights_C = None if weights is None else torch.tensor(weights)
    model = experiment(corpus, SMALL).model(None, "cpu").train()
    batch = corpus.train.batch(np.arange(9))
    torch.manual_seed(3)
    with torch.no_grad():
        first_BC, second_BC = (model(batch).double().log_softmax(dim=1).numpy() for _ in range(2))
    torch.manual_seed(3)
    loss, _, _ = Classification("accuracy", weights_C=weights_C, consistency=2.0).step(model, batch)
    labels_B = batch.labels_B.numpy()
    weights_B = np.ones(9) if weights is None else np.array(weights)[labels_B]
    total = 0.0
    for row, (p, q) in enumerate(zip(first_BC, second_BC, strict=True)):
        entropy = -(p[labels_B[row]] + q[labels_B[row]]) / 2
        apart = (np.exp(p) * (p - q)).sum() + (np.exp(q) * (q - p)).sum()
        assert apart > 0
        total += weights_B[row] * (entropy + 2.0 * apart / 4)
    assert loss.item() == pytest.approx(total / weights_B.sum(), rel=1e-5)


def test_where_nothing_is_dropped_two_readings_agree_already(corpus):
    model = experiment(corpus, SMALL).model(None, "cpu").eval()
    batch = corpus.train.batch(np.arange(9))
    plain, *_ = Classification("accuracy").step(model, batch)
    asked, *_ = Classification("accuracy", consistency=5.0).step(model, batch)
    assert asked.item() == pytest.approx(plain.item(), rel=1e-6)


def test_predictions_are_probabilities_in_the_order_of_the_split(corpus):
    model = experiment(corpus, SMALL).model(None, "cpu")
    found = tasks.predict(model, corpus.validation)
    assert found.shape == (len(corpus.validation), CLASSES)
    assert found.dtype == "float64"
    assert found.sum(axis=1) == pytest.approx(1.0, abs=1e-12)
    assert (found > 0).all()
    with torch.no_grad():
        for place in range(len(corpus.validation)):
            batch = corpus.validation.batch(np.array([place]))
            alone = model.eval()(batch).double().softmax(dim=1)[0]
            assert found[place] == pytest.approx(alone.numpy(), abs=1e-6)


@pytest.mark.parametrize("size", [1, 3, 7])
def test_the_size_of_the_batches_in_reading_does_not_matter(corpus, monkeypatch, size):
    classifier, words = experiment(corpus, SMALL).model(None, "cpu"), reader(corpus)
    classes, read = tasks.predict(classifier, corpus.train), tasks.predict_words(words, corpus.train)
    monkeypatch.setattr(tasks, "READING_BATCH", size)
    monkeypatch.setattr(tasks, "WORDS_READING_BATCH", size)
    assert tasks.predict(classifier, corpus.train) == pytest.approx(classes, abs=1e-6)
    again = tasks.predict_words(words, corpus.train)
    assert (again.places_T == read.places_T).all()
    assert again.log_probabilities_T == pytest.approx(read.log_probabilities_T, abs=1e-5)


@pytest.mark.parametrize("predict", [tasks.predict, tasks.predict_words])
def test_predicting_leaves_dropout_off_and_the_generator_alone(corpus, predict):
    model = experiment(corpus, SMALL if predict is tasks.predict else READER).model(None, "cpu")
    torch.manual_seed(5)
    drawn = torch.rand(1)
    torch.manual_seed(5)
    first = predict(model.train(), corpus.validation)
    assert torch.equal(torch.rand(1), drawn)
    np.testing.assert_equal(vars_of(predict(model.train(), corpus.validation)), vars_of(first))


def vars_of(found: np.ndarray | Words) -> object:
    return vars(found) if isinstance(found, Words) else found


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.6])
def test_the_loss_is_that_of_its_definition(corpus, smoothing, weighted):
    """Szegedy et al. 2016, 7: the label has 1 - s of the weight, and all classes share s."""
    model = experiment(corpus, BagNetwork(cell="bag", embedding=Embedding(size=8))).model(None, "cpu")
    weights_C = torch.tensor([0.5, 1.0, 3.0]) if weighted else None
    task = Classification("accuracy", smoothing, weights_C)
    batch = corpus.train.batch(np.arange(20))
    loss, right, count = task.step(model, batch)
    surprise_BC = -np.log(tasks.predict(model.eval(), corpus.train)[:20])
    labels_B, weighing_C = (
        batch.labels_B.numpy(),
        np.ones(CLASSES) if weights_C is None else weights_C.numpy(),
    )
    target_BC = np.full((20, CLASSES), smoothing / CLASSES)
    target_BC[np.arange(20), labels_B] += 1 - smoothing
    expected = (target_BC * weighing_C * surprise_BC).sum() / weighing_C[labels_B].sum()
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    assert (right.item(), count) == ((surprise_BC.argmin(axis=1) == labels_B).sum(), 20)


def test_scores_that_are_no_numbers_are_given_as_such(corpus):
    model = experiment(corpus, SMALL).model(None, "cpu")
    with torch.no_grad():
        model.head.linear.bias[0] = float("inf")
    assert np.isnan(Classification("macro_f1").score(model, corpus.validation)["macro_f1"])


# --- class weights ----------------------------------------------------------------------------------


def uneven() -> list[dict]:
    return [row for place, row in enumerate(tiny.rows(60, seed=0)) if row["label"] == 0 or place < 12]


def test_balanced_classes_weigh_alike_however_rare(tmp_path):
    train = tiny.encoded(tmp_path / "uneven", uneven())
    counts_C = torch.bincount(train.labels).double()
    assert len(set(counts_C.tolist())) > 1
    weights_C = tasks.class_weights(train, CLASSES, "balanced").double()
    totals_C = weights_C * counts_C
    torch.testing.assert_close(totals_C, totals_C.mean().expand(CLASSES), rtol=1e-6, atol=0)
    assert (weights_C[train.labels]).mean().item() == pytest.approx(1.0, rel=1e-6)
    assert tasks.class_weights(train, CLASSES, "none") is None


def test_balanced_classes_are_learnt_where_others_would_be_drowned(corpus, tmp_path):
    train = tiny.encoded(tmp_path / "uneven", uneven(), corpus.vocabulary)
    network = BagNetwork(cell="bag", embedding=Embedding(size=8, scale=0.1))
    recalls = {}
    for rule in ("none", "balanced"):
        made = experiment(corpus, network, changed(epochs=3, class_weights=rule), headline="macro_recall")
        fitted = made.run(made.model(None, "cpu"), train, train, tmp_path / f"{rule}.safetensors")
        recalls[rule] = fitted.history[-1]["validation_macro_recall"]
    assert recalls["balanced"] > recalls["none"]


# --- next words -------------------------------------------------------------------------------------


def by_hand(model: torch.nn.Module, row: list[int]) -> list[float]:
    """Return the log probability of each word of a row but its first, the row being read alone."""
    with torch.no_grad():
        log_LV = model.eval()(split_of([row]).batch(np.array([0]))).double().log_softmax(dim=2)[0]
    return [log_LV[step, word].item() for step, word in enumerate(row[1:])]


def test_every_word_but_the_first_is_predicted_from_those_before_in_the_order_of_the_split(corpus):
    rows = [[4, 5, 6, 7], [8], [9, 4], [6, 5, 4, 9, 8], [7, 7]]
    model = reader(corpus)
    found = tasks.predict_words(model, split_of(rows))
    assert found.places_T.tolist() == [0, 0, 0, 2, 3, 3, 3, 3, 4]
    expected = [chance for row in rows for chance in by_hand(model, row)]
    assert found.log_probabilities_T == pytest.approx(expected, abs=1e-5)
    assert found.log_probabilities_T.dtype == "float64"


def test_a_prediction_does_not_see_the_word_nor_what_follows_it(corpus):
    model = reader(corpus)
    first, second = (by_hand(model, row) for row in ([4, 5, 6, 7, 8], [4, 5, 6, 9, 4]))
    assert first[:2] == second[:2]
    assert first[2] != second[2]


def test_right_is_the_word_that_the_model_puts_first(corpus):
    model = reader(corpus)
    with torch.no_grad():
        model.head.linear.bias[6] = 1e4
    found = tasks.predict_words(model, split_of([[4, 6, 6], [6, 5]]))
    assert found.right_T.tolist() == [True, True, False]
    assert found.log_probabilities_T[:2] == pytest.approx(0.0)


def test_perplexity_worked_out_by_hand():
    # One word in two, one word in eight: as good as choosing among four.
    found = tasks.next_word_metrics(Words(np.array([0, 1]), -np.log([2.0, 8.0]), np.array([True, False])))
    assert found == pytest.approx({"perplexity": 4.0, "loss": np.log(4.0), "accuracy": 0.5})


def test_a_network_that_knows_nothing_is_as_perplexed_as_the_vocabulary_is_large(corpus):
    model = reader(corpus)
    with torch.no_grad():
        for parameter in model.head.parameters():
            parameter.zero_()
    found = NextWord().score(model, corpus.validation)
    assert found["perplexity"] == pytest.approx(len(corpus.vocabulary), rel=1e-6)


def test_a_perplexity_beyond_all_numbers_is_infinite_and_no_error():
    words = Words(np.array([0]), np.array([-800.0]), np.array([False]))
    assert tasks.next_word_metrics(words)["perplexity"] == float("inf")


def test_rows_of_one_word_predict_nothing(corpus, tmp_path):
    model = reader(corpus)
    ones = split_of([[4], [5], [6]])
    loss, right, count = NextWord().step(model, ones.batch(np.arange(3)))
    assert (loss.item(), right.item(), count) == (0.0, 0, 0)
    loss.backward()
    assert all(parameter.grad.to_dense().isfinite().all() for parameter in model.parameters())
    assert all(np.isnan(value) for value in NextWord().score(model, ones).values())


@pytest.mark.parametrize("batching", ["exact", "padded", "packed"])
def test_rows_of_one_word_do_not_stop_the_training(corpus, tmp_path, batching):
    rows = split_of([[4], [5, 6, 7], [6], [8, 9]])
    network = RecurrentNetwork(cell="lstm", hidden=6, task="next_word", **batched(batching))
    made = experiment(corpus, network, changed(batch_size=1))
    fitted = made.run(made.model(None, "cpu"), rows, rows, tmp_path / "run.safetensors")
    assert fitted.history[-1]["train_loss"] < fitted.history[0]["train_loss"]


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_loss_of_next_words_is_that_of_its_definition(corpus, smoothing):
    rows, vocabulary = [[4, 5, 6, 7], [8], [9, 4]], len(corpus.vocabulary)
    model = reader(corpus).eval()
    batch = split_of(rows).batch(np.arange(3))
    loss, _, count = NextWord(smoothing).step(model, batch)
    total = 0.0
    with torch.no_grad():
        for row in rows:
            log_LV = model(split_of([row]).batch(np.array([0]))).double().log_softmax(dim=2)[0].numpy()
            for step, word in enumerate(row[1:]):
                target_V = np.full(vocabulary, smoothing / vocabulary)
                target_V[word] += 1 - smoothing
                total -= (target_V * log_LV[step]).sum()
    assert count == 4
    assert loss.item() == pytest.approx(total / 4, rel=1e-5)


def test_a_word_without_an_id_counts_as_unknown_and_is_read_by_its_vector(corpus):
    model, vocabulary = reader(corpus), len(corpus.vocabulary)
    unseen_XE = torch.randn(2, 8, generator=torch.Generator().manual_seed(1))
    seen = tasks.predict_words(model, split_of([[4, vocabulary + 1, 5]], unseen_XE=unseen_XE))
    unknown = tasks.predict_words(model, split_of([[4, UNKNOWN, 5]], unseen_XE=unseen_XE))
    assert seen.log_probabilities_T[0] == unknown.log_probabilities_T[0]
    assert seen.log_probabilities_T[1] != unknown.log_probabilities_T[1]
    other = tasks.predict_words(model, split_of([[4, vocabulary, 5]], unseen_XE=unseen_XE))
    assert other.log_probabilities_T[1] != seen.log_probabilities_T[1]


def test_a_next_word_network_learns_what_follows_what(corpus, tmp_path):
    # Eight words in a ring: each says which comes next, yet all are equally frequent.
    rows = split_of([[4 + (start + step) % 8 for step in range(6)] for start in range(8)] * 3)
    network = RecurrentNetwork(cell="elman", hidden=16, task="next_word", embedding=Embedding(size=8))
    made = experiment(corpus, network, changed(epochs=10, patience=10))
    fitted = made.run(made.model(None, "cpu"), rows, rows, tmp_path / "run.safetensors")
    assert fitted.history[-1]["validation_perplexity"] < 1.5
    assert fitted.history[-1]["validation_accuracy"] == 1.0
