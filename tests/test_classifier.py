"""Embedding -> encoder -> scores: what dropout may touch, and that scores are no probabilities."""

import pytest
import tiny
import torch
from ruamel.yaml import YAML
from test_encoders import batch_of, drawn_rows

from unroll.classifier import BagNetwork, Classifier, Dropout, Embedding, Network, RecurrentNetwork
from unroll.params import parse
from unroll.vocabulary import PAD, UNKNOWN

VOCABULARY, CLASSES = 30, 3
ROWS = drawn_rows(5, 1, 9, 9, 3)
SHIPPED = YAML(typ="safe").load((tiny.ROOT / "params.yaml").read_text(encoding="utf-8"))["networks"]


def network(**changes: object) -> RecurrentNetwork:
    return RecurrentNetwork(cell="lstm", hidden=6, layers=2, **changes)


def made(network: RecurrentNetwork | BagNetwork, seed: int = 3) -> Classifier:
    torch.manual_seed(seed)
    return Classifier(network, VOCABULARY, CLASSES)


def test_scores_are_not_normalised():
    model = made(network()).eval()
    scores_BC = model(batch_of(ROWS))
    assert scores_BC.shape == (len(ROWS), CLASSES)
    # Whatever normalises would undo a shift.
    with torch.no_grad():
        model.output.bias += 100.0
    torch.testing.assert_close(model(batch_of(ROWS)), scores_BC + 100.0)
    with torch.no_grad():
        model.output.weight *= -3.0
        model.output.bias.zero_()
    assert (model(batch_of(ROWS)) < 0).any()


@pytest.mark.parametrize("kind", ["words", "embedding", "layers", "output"])
def test_each_dropout_acts_in_training_and_never_in_scoring(kind):
    model = made(network(dropout=Dropout(**{kind: 0.5})))
    batch = batch_of(ROWS)
    first, second = (model.train()(batch) for _ in range(2))
    assert not torch.equal(first, second)
    torch.manual_seed(1)
    third = model(batch)
    torch.manual_seed(1)
    assert torch.equal(model(batch), third)
    first, second = (model.eval()(batch) for _ in range(2))
    assert torch.equal(first, second)
    plain = made(network()).eval()
    assert torch.equal(first, plain(batch))


def test_without_dropout_training_and_scoring_give_the_same_scores():
    model = made(network())
    assert torch.equal(model.train()(batch_of(ROWS)), model.eval()(batch_of(ROWS)))


def read_by(model: Classifier, repeats: int) -> torch.Tensor:
    """Return the tokens that reached the embedding, one batch after another."""
    seen = []
    handle = model.embedding.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].clone()))
    for _ in range(repeats):
        model(batch_of(ROWS, width=12))
    handle.remove()
    return torch.stack(seen)


def test_word_dropout_reads_words_as_unknown_and_never_touches_padding():
    tokens_BL = batch_of(ROWS, width=12).tokens_BL
    model = made(network(dropout=Dropout(words=0.25)))
    seen = read_by(model.train(), repeats=400)
    assert torch.equal(seen == PAD, (tokens_BL == PAD).expand_as(seen))
    changed = seen != tokens_BL
    assert (seen[changed] == UNKNOWN).all()
    could_change = ((tokens_BL != PAD) & (tokens_BL != UNKNOWN)).expand_as(seen)
    share = changed.sum() / could_change.sum()
    assert 0.23 < share < 0.27  # 10,000 draws: four standard deviations are 0.017
    assert torch.equal(read_by(model.eval(), repeats=3), tokens_BL.expand(3, -1, -1))


def test_the_embedding_is_of_the_scale_asked_for_and_padding_is_zero():
    torch.manual_seed(0)
    for scale in (0.1, 2.0):
        model = Classifier(network(embedding=Embedding(size=50, scale=scale)), 2000, CLASSES)
        weight = model.embedding.weight.detach()
        assert weight[1:].std().item() == pytest.approx(scale, rel=0.02)
        assert torch.equal(weight[PAD], torch.zeros(50))


@pytest.mark.parametrize(("cell", "gates"), [("elman", 1), ("gru", 3), ("lstm", 4)])
@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("layers", [1, 3])
def test_parameters_are_as_many_as_the_equations_have(cell, gates, directions, layers):
    size, hidden = 7, 5
    model = made(
        RecurrentNetwork(
            cell=cell,
            hidden=hidden,
            layers=layers,
            bidirectional=directions == 2,
            embedding=Embedding(size=size),
        )
    )
    expected = VOCABULARY * size + CLASSES * (hidden * directions + 1)
    for depth in range(layers):
        inputs = size if depth == 0 else hidden * directions
        expected += directions * gates * hidden * (inputs + hidden + 2)
    assert model.parameter_count() == expected


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_network_can_be_built_and_read(name):
    model = made(parse(SHIPPED[name], Network, name, tiny.ROOT / "params.yaml")).eval()
    assert model(batch_of(ROWS)).shape == (len(ROWS), CLASSES)


def test_shipped_networks_are_what_their_names_say():
    wanted = {"rnn": ("elman", False), "lstm": ("lstm", False), "gru": ("gru", False)}
    wanted |= {"birnn": ("elman", True), "bilstm": ("lstm", True), "bigru": ("gru", True)}
    found = {name: parse(SHIPPED[name], Network, name, tiny.ROOT / "params.yaml") for name in wanted}
    assert {name: (one.cell, one.bidirectional) for name, one in found.items()} == wanted


def test_the_first_weights_depend_on_the_seed_alone():
    first, again, other = (made(network(), seed).state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not any(torch.equal(first[name], other[name]) for name in first)
