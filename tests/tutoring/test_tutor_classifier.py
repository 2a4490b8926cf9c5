"""The tutor's network: the encoder's own states, with nothing of the padding in them."""

import pytest
import tiny_encoder
import torch
from torch.nn import functional

from unroll.lexicon.sentence_encoder import WORDS, SentenceEncoder
from unroll.networks.batches import Batch
from unroll.tutoring.classifier import TutorClassifier

PIECES_BL = torch.tensor([[2, 4, 8, 3], [2, 5, 9, 3], [2, 6, 3, 0]])
LENGTHS_B = torch.tensor([4, 4, 3])


@pytest.fixture
def encoder(tmp_path, monkeypatch) -> SentenceEncoder:
    tiny_encoder.install(tmp_path, monkeypatch)
    return SentenceEncoder(tmp_path / "model.safetensors", tmp_path / "config.json")


@pytest.fixture
def model(encoder) -> TutorClassifier:
    torch.manual_seed(1)
    return TutorClassifier(encoder, classes=3, dropout=0.5, device="cpu")


def batch(pieces_BL: torch.Tensor, lengths_B: torch.Tensor) -> Batch:
    even = bool((lengths_B == pieces_BL.shape[1]).all())
    return Batch(pieces_BL, lengths_B, torch.zeros(len(lengths_B), dtype=torch.long), even)


def test_untaught_it_scores_the_mean_state_of_the_encoder(encoder, model):
    vectors_BH = encoder.encode(PIECES_BL[:2])
    model.eval()
    features = []
    model.head.register_forward_hook(lambda module, given, made: features.append(given[0]))
    scores_BC = model(batch(PIECES_BL[:2], LENGTHS_B[:2]))
    torch.testing.assert_close(functional.normalize(features[0], dim=1), vectors_BH)
    torch.testing.assert_close(scores_BC, features[0] @ model.head.weight.T + model.head.bias)


def test_padding_changes_no_score(model):
    model.eval()
    together_BC = model(batch(PIECES_BL, LENGTHS_B))
    for row, length in enumerate(LENGTHS_B.tolist()):
        alone_BC = model(batch(PIECES_BL[row : row + 1, :length], LENGTHS_B[row : row + 1]))
        torch.testing.assert_close(alone_BC[0], together_BC[row])


def test_all_learns_but_the_vectors_of_single_pieces(model):
    model.train()
    model(batch(PIECES_BL, LENGTHS_B)).square().sum().backward()
    idle = [name for name, weight in model.named_parameters() if weight.grad is None]
    assert idle == ["embedding.weight"] and not model.embedding.weight.requires_grad
    before = tiny_encoder.weights()[WORDS][1:]
    assert torch.equal(model.embedding.weight[1:], before)


def test_only_in_training_something_is_dropped(model):
    read = batch(PIECES_BL, LENGTHS_B)
    model.train()
    assert not torch.equal(model(read), model(read))
    model.eval()
    assert torch.equal(model(read), model(read))


def test_the_weights_that_are_loaded_are_those_that_are_read(model):
    read = batch(PIECES_BL, LENGTHS_B)
    model.eval()
    before_BC = model(read)
    model.load_state_dict({name: weight * 0.5 for name, weight in model.state_dict().items()})
    assert not torch.allclose(model(read), before_BC)
