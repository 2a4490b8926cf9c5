"""Where word vectors come from, what drops from them, and which of them learn."""

import numpy as np
import pytest
import torch
from drawn import SIZE, VOCABULARY, assert_same, batch_of, gradients, model_of, network, rows
from torch import Tensor

from unroll.lexicon.vocabulary import PAD, UNKNOWN
from unroll.networks.classifier import Classifier, parameter_count
from unroll.networks.embeddings import MULTIPLE, WordEmbedding, pretrained
from unroll.networks.spec import Dropout, Embedding

ROWS = rows(5, 1, 9, 9, 3)
NAN = float("nan")
NO_DROPOUT = Dropout()


def embedding_of(
    vectors_VE: Tensor | None = None,
    dropout: Dropout = NO_DROPOUT,
    vocabulary: int = VOCABULARY,
    **keys: object,
) -> WordEmbedding:
    torch.manual_seed(3)
    size = {} if vectors_VE is not None else {"size": SIZE}
    return WordEmbedding(Embedding(**size | keys), dropout, vocabulary, vectors_VE)


def vectors_with_holes() -> Tensor:
    """Return vectors for the vocabulary from two sources: the second lacks word 4, both lack word 7."""
    vectors_VE = torch.arange(VOCABULARY * SIZE, dtype=torch.float32).view(VOCABULARY, SIZE)
    vectors_VE[4, 3:] = NAN
    vectors_VE[[PAD, UNKNOWN, 7]] = NAN
    return vectors_VE


@pytest.mark.parametrize(("mean", "scale"), [(0.0, 0.1), (-0.5, 1.0), (3.0, 2.0)])
def test_vectors_are_drawn_with_the_mean_and_scale_asked_for_and_padding_is_zero(mean, scale):
    weight_VE = embedding_of(vocabulary=4000, size=50, mean=mean, scale=scale).weight.detach()
    # 200,000 draws: four standard deviations of their mean are 0.009 of the scale, of their spread 0.006.
    assert weight_VE[1:].mean().item() == pytest.approx(mean, abs=0.01 * scale)
    assert weight_VE[1:].std().item() == pytest.approx(scale, rel=0.01)
    assert not weight_VE[PAD].any()


def test_words_that_the_vectors_know_have_theirs_and_what_is_missing_is_drawn():
    vectors_VE = vectors_with_holes()
    weight_VE = embedding_of(vectors_VE, scale=0.1).weight.detach()
    drawn_VE = embedding_of(scale=0.1).weight.detach()
    known_VE = ~vectors_VE.isnan()
    assert torch.equal(weight_VE[known_VE], vectors_VE[known_VE])
    assert torch.equal(weight_VE[~known_VE], drawn_VE[~known_VE])
    assert weight_VE[[UNKNOWN, 7]].all()
    assert not weight_VE[PAD].any()


def test_padding_is_zero_even_where_the_vectors_say_otherwise():
    assert not embedding_of(torch.ones(VOCABULARY, SIZE)).weight[PAD].any()


def test_the_vectors_decide_the_size():
    assert embedding_of(torch.ones(VOCABULARY, 8)).size == 8
    model = Classifier(network(embedding={"vectors": ["some"]}), VOCABULARY, 3, torch.ones(VOCABULARY, 8))
    assert model(batch_of(ROWS)).shape == (5, 3)


def test_a_frozen_embedding_gets_no_gradient_and_is_not_counted():
    model = model_of(network(embedding={"size": SIZE, "frozen": True}))
    tuned = model_of(network())
    assert parameter_count(tuned) - parameter_count(model) == VOCABULARY * SIZE
    assert torch.equal(model(batch_of(ROWS)), tuned(batch_of(ROWS)))
    model(batch_of(ROWS)).sum().backward()
    assert model.embedding.weight.grad is None
    assert "embedding.weight" in model.state_dict()


def test_sparse_and_dense_gradients_agree():
    found = {}
    for kind in ("sparse", "dense"):
        model = model_of(network(embedding={"size": SIZE, "gradients": kind}))
        model(batch_of(ROWS, width=12)).square().sum().backward()
        assert model.embedding.weight.grad.is_sparse == (kind == "sparse")
        found[kind] = gradients(model, model(batch_of(ROWS, width=12)).square().sum())
    assert_same(found["sparse"], found["dense"], 1e-12)
    held = torch.zeros(VOCABULARY, dtype=torch.bool).index_fill(0, torch.cat(ROWS), True)
    assert torch.equal(found["dense"]["embedding.weight"].abs().sum(dim=1) > 0, held)


def test_a_sparse_gradient_has_each_word_of_the_batch_once_in_order_and_without_padding():
    model = model_of(network(embedding={"size": SIZE}))
    model(batch_of([*ROWS, ROWS[0]], width=12)).square().sum().backward()
    gradient = model.embedding.weight.grad
    held = sorted(set(torch.cat(ROWS).tolist()))
    assert PAD not in held
    assert gradient._indices().tolist() == [held]
    assert gradient._values().shape == (len(held), SIZE)
    assert gradient.shape == model.embedding.weight.shape


@pytest.mark.parametrize("words", [1, MULTIPLE - 1, MULTIPLE, MULTIPLE + 1])
def test_as_many_words_as_a_batch_may_hold_get_the_gradient_of_a_dense_table(words):
    vocabulary = 2 * MULTIPLE
    weights_VE = torch.randn(vocabulary, SIZE, generator=torch.Generator().manual_seed(2))
    found = {}
    for kind in ("sparse", "dense"):
        embedding = embedding_of(vocabulary=vocabulary, gradients=kind)
        read_BLE = embedding(batch_of([torch.arange(1, words + 1), torch.ones(1).long()])).written_out()
        (read_BLE * weights_VE[: read_BLE.shape[1]]).sum().backward()
        found[kind] = embedding.weight.grad
    torch.testing.assert_close(found["sparse"].to_dense(), found["dense"], rtol=1e-6, atol=1e-6)
    assert found["sparse"]._nnz() == words


@pytest.mark.parametrize("kind", ["sparse", "dense"])
def test_a_batch_is_read_by_each_of_its_words_once(kind):
    words = embedding_of(gradients=kind)(batch_of(ROWS, width=12))
    tokens_BL = batch_of(ROWS, width=12).tokens_BL
    assert len(words.vectors_UI) < MULTIPLE + 1
    assert torch.equal(words.places_BL, torch.unique(tokens_BL, return_inverse=True)[1])


def test_a_batch_in_which_no_word_has_an_id_teaches_nothing():
    model = model_of(network(embedding={"size": SIZE}))
    unseen = [torch.tensor([VOCABULARY, VOCABULARY + 1]), torch.tensor([VOCABULARY, VOCABULARY])]
    loss = model(batch_of(unseen, unseen_XE=UNSEEN_XE.double())).square().sum()
    assert not gradients(model, loss)["embedding.weight"].any()


# --- dropout ----------------------------------------------------------------------------------------


def test_word_dropout_reads_words_as_unknown_and_never_touches_padding():
    embedding = embedding_of(dropout=Dropout(words=0.25))
    with torch.no_grad():
        embedding.weight.copy_(torch.arange(VOCABULARY).unsqueeze(1).expand(-1, SIZE))  # a vector says its id
    batch = batch_of(ROWS, width=12)
    seen = torch.stack([embedding.train()(batch).written_out()[:, :, 0] for _ in range(400)])
    assert torch.equal(seen == PAD, (batch.tokens_BL == PAD).expand_as(seen))
    changed = seen != batch.tokens_BL
    assert (seen[changed] == UNKNOWN).all()
    could_change = ((batch.tokens_BL != PAD) & (batch.tokens_BL != UNKNOWN)).expand_as(seen)
    assert (
        0.23 < changed.sum() / could_change.sum() < 0.27
    )  # 10,000 draws: four standard deviations are 0.017
    assert torch.equal(embedding.eval()(batch).written_out()[:, :, 0], batch.tokens_BL.float())


@pytest.mark.parametrize("variational", [False, True])
def test_components_drop_at_every_step_alike_only_if_it_is_variational(variational):
    embedding = embedding_of(dropout=Dropout(embedding=0.5, variational=variational), size=40)
    word = torch.full((20,), 5)
    dropped_BLE = embedding.train()(batch_of([word, word])).written_out() == 0
    assert 0.4 < dropped_BLE.float().mean() < 0.6
    assert torch.equal(dropped_BLE, dropped_BLE[:, :1].expand_as(dropped_BLE)) == variational
    assert not torch.equal(dropped_BLE[0], dropped_BLE[1])
    assert embedding.eval()(batch_of([word])).written_out().all()


# --- words without an id that have a vector ---------------------------------------------------------

UNSEEN_XE = torch.tensor([[10.0] * SIZE, [20.0] * SIZE])
WITH_UNSEEN = [torch.tensor([VOCABULARY + 1, 5, VOCABULARY]), torch.tensor([6])]


def test_a_word_without_an_id_is_read_by_its_vector():
    embedding = embedding_of()
    read_BLE = embedding(batch_of(WITH_UNSEEN, unseen_XE=UNSEEN_XE)).written_out()
    assert torch.equal(read_BLE[0], torch.stack([UNSEEN_XE[1], embedding.weight[5], UNSEEN_XE[0]]))
    assert torch.equal(read_BLE[1, 0], embedding.weight[6])
    assert not read_BLE[1, 1:].any()


@pytest.mark.parametrize("kind", ["sparse", "dense"])
def test_a_word_without_an_id_learns_nothing_and_teaches_no_other_word(kind):
    model = model_of(network(embedding={"size": SIZE, "gradients": kind}))
    loss = model(batch_of(WITH_UNSEEN, unseen_XE=UNSEEN_XE.double())).square().sum()
    moved = gradients(model, loss)["embedding.weight"].abs().sum(dim=1).nonzero().flatten()
    assert moved.tolist() == [5, 6]


def test_word_dropout_drops_words_without_an_id_too():
    embedding = embedding_of(dropout=Dropout(words=0.5)).train()
    [row] = [torch.full((4000,), VOCABULARY)]
    read_LE = embedding(batch_of([row], unseen_XE=UNSEEN_XE)).written_out()[0]
    unknown_L = (read_LE == embedding.weight[UNKNOWN]).all(dim=1)
    assert 0.46 < unknown_L.float().mean() < 0.54  # four standard deviations are 0.032
    assert (read_LE[~unknown_L] == UNSEEN_XE[0]).all()


@pytest.mark.parametrize("vectors_XE", [UNSEEN_XE, torch.empty(0, SIZE)], ids=["some", "none"])
def test_a_batch_in_which_every_word_has_an_id_is_read_as_ever(vectors_XE):
    embedding = embedding_of()
    plain, other = batch_of(ROWS, width=12), batch_of(ROWS, width=12, unseen_XE=vectors_XE)
    assert torch.equal(embedding(plain).written_out(), embedding(other).written_out())


def test_vectors_are_read_from_their_folder_where_it_has_some(tmp_path):
    np.save(tmp_path / "vocabulary.npy", vectors_with_holes().numpy())
    assert torch.equal(pretrained(tmp_path, "vocabulary").isnan(), vectors_with_holes().isnan())
    assert pretrained(tmp_path, "test") is None
