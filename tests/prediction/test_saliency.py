"""A word's saliency is what it adds to the score, where that can be said exactly; padding adds nothing."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from walked import CLASSES, NETWORKS, VOCABULARY, batch_of, made, row_of

from unroll.networks import encoders
from unroll.networks.batches import Batch
from unroll.networks.classifier import Classifier
from unroll.networks.spec import BagNetwork, Embedding, RecurrentNetwork
from unroll.prediction.saliency import read
from unroll.shapes import walk

CLASSIFIERS = [name for name, one in NETWORKS.items() if getattr(one, "task", None) != "next_word"]
every_classifier = pytest.mark.parametrize("name", CLASSIFIERS)
EMBEDDING = Embedding(size=5)


def classifier(network: BagNetwork | RecurrentNetwork) -> Classifier:
    torch.manual_seed(5)
    return Classifier(network, VOCABULARY, CLASSES)


def row(ids: list[int]) -> Batch:
    return Batch(torch.tensor([ids]), torch.tensor([len(ids)]), torch.zeros(1, dtype=torch.long), even=True)


def saliency_of(model: Classifier, batch: Batch, place: int = 0) -> Tensor:
    return read(model, batch).saliency(torch.full_like(batch.lengths_B, place))


@given(st.lists(st.integers(1, VOCABULARY - 1), min_size=1, max_size=30), st.integers(0, CLASSES - 1))
def test_in_a_linear_network_the_words_and_the_bias_are_together_the_score(ids, place):
    model = classifier(BagNetwork(cell="bag", pooling="mean", embedding=EMBEDDING))
    reading = read(model, row(ids))
    added_L = reading.saliency(torch.tensor([place]))[0]
    bias = model.head.linear.bias[place]
    torch.testing.assert_close(
        added_L.sum(), (reading.scores_BC[0, place] - bias).double(), atol=1e-5, rtol=0
    )
    by_hand_L = model.embedding.weight[ids] @ model.head.linear.weight[place] / len(ids)
    torch.testing.assert_close(added_L, by_hand_L.double(), atol=1e-6, rtol=0)


@pytest.mark.parametrize("cell", ["elman", "lstm", "gru"])
def test_it_is_how_fast_the_score_grows_as_a_word_is_turned_up(cell):
    network = RecurrentNetwork(
        cell=cell, hidden=6, bidirectional=True, pooling="last+mean", embedding=EMBEDDING
    )
    model, batch, place = classifier(network).double(), batch_of(6), 1
    found_L = saliency_of(model, batch, place)[0]
    vectors_LE = read(model, batch).words_BLE[0].detach()

    def score(louder: int, by: float) -> float:
        """Return the score with the vector of one word `1 + by` times as long."""
        ids = torch.arange(1, 7)
        with torch.no_grad():
            model.embedding.weight[ids] = vectors_LE
            model.embedding.weight[louder + 1] *= 1 + by
        again = Batch(ids.unsqueeze(0), batch.lengths_B, batch.labels_B, even=True)
        with torch.no_grad():
            return float(model(again)[0, place])

    for word in range(6):
        grown = (score(word, 1e-5) - score(word, -1e-5)) / 2e-5
        assert float(found_L[word]) == pytest.approx(grown, abs=1e-7)


@every_classifier
@pytest.mark.parametrize("few", [0, 16], ids=["fused", "torch's own layers"])
def test_padding_changes_nothing_and_has_none(name, few, monkeypatch):
    monkeypatch.setattr(encoders, "FEW", few)
    model, batch = made(name), batch_of(4, 1, 7, 2)
    classes_B = torch.tensor([0, 1, 2, 0])
    together_BL = read(model, batch).saliency(classes_B)
    for place, length in enumerate(batch.lengths_B.tolist()):
        assert (together_BL[place, length:] == 0).all()
        alone_L = read(model, row_of(batch, place)).saliency(classes_B[place : place + 1])[0]
        assert alone_L.abs().sum() > 0
        torch.testing.assert_close(together_BL[place, :length], alone_L, rtol=1e-4, atol=1e-6)


@every_classifier
def test_the_scores_are_the_models_own(name):
    model, batch = made(name), batch_of(5, 3, 5)
    torch.testing.assert_close(read(model.train(), batch).scores_BC, model.eval()(batch))


@pytest.mark.parametrize("name", ["every pooling", "learned start", "bag"])
def test_attention_is_poolings_own_and_together_1(name):
    model, batch = made(name), batch_of(4, 1, 6)
    found_BL = read(model, batch).attention_BL
    [expected] = [step.values for step in walk.trace(model, batch) if step.name == "attention"]
    torch.testing.assert_close(found_BL, expected)
    torch.testing.assert_close(found_BL.sum(dim=1), torch.ones(3))
    assert (found_BL[1, 1:] == 0).all()


def test_without_attention_there_is_none():
    assert read(made("lstm"), batch_of(3)).attention_BL is None


def test_a_word_that_no_feature_takes_from_has_none():
    model = classifier(BagNetwork(cell="bag", pooling="max", embedding=EMBEDDING))
    with torch.no_grad():
        model.embedding.weight[3] = -9.0
    found_L = saliency_of(model, row([4, 3, 7]))[0]
    assert found_L[1] == 0
    assert found_L[0] != 0 or found_L[2] != 0


def test_a_word_that_stands_twice_has_a_share_in_each_place():
    model = classifier(BagNetwork(cell="bag", pooling="mean", embedding=EMBEDDING))
    found_L = saliency_of(model, row([4, 7, 4]))[0]
    torch.testing.assert_close(found_L[0], found_L[2])
    alone_L = saliency_of(model, row([4]))[0]
    torch.testing.assert_close(found_L[0], alone_L[0] / 3)


def test_shifting_all_scores_alike_changes_none():
    model, batch = made("every pooling"), batch_of(5)
    before = saliency_of(model, batch)
    with torch.no_grad():
        model.head.linear.bias += 3
    torch.testing.assert_close(saliency_of(model, batch), before)


@pytest.mark.parametrize("fails", [False, True])
def test_the_model_is_left_without_hooks_and_without_gradients(fails):
    model, batch = made("every pooling"), batch_of(4, 2)
    if fails:
        model.head.register_forward_pre_hook(lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            read(model, batch)
    else:
        saliency_of(model, batch)
    assert not any(module._forward_hooks for module in model.modules())
    assert all(weight.grad is None for weight in model.parameters())
