"""Embedding -> encoder -> pooling -> scores: scores are no probabilities, and rows do not meet."""

import pytest
import torch
from drawn import (
    CLASSES,
    IMPLEMENTATIONS,
    PACKED,
    SIZE,
    VOCABULARY,
    batch_of,
    gradients,
    model_of,
    network,
    rows,
)
from shipped import PATH, SHIPPED
from torch import Tensor
from torch.nn import functional

from unroll.lexicon.vocabulary import UNKNOWN
from unroll.networks.batches import Batch
from unroll.networks.classifier import Classifier, NextWordModel, build_model, parameter_count
from unroll.networks.spec import Network, RecurrentNetwork
from unroll.networks.tasks import Classification, NextWord
from unroll.params import parse

ROWS = rows(5, 1, 9, 9, 3)
every_head = pytest.mark.parametrize(
    "keys",
    [{}, {"head": "relu"}, {"cell": "bag"}, {"pooling": "max+attention"}, {"task": "next_word"}],
    ids=["linear", "relu", "bag", "attention", "next-word"],
)


def shipped(name: str) -> Network:
    return parse(SHIPPED["networks"][name], Network, f"networks.{name}", PATH)


@every_head
def test_scores_are_not_normalised(keys):
    model = model_of(network(**keys))
    scores = model(batch_of(ROWS))
    # Whatever normalises would undo a shift.
    with torch.no_grad():
        model.head.linear.bias += 100.0
    torch.testing.assert_close(model(batch_of(ROWS)), scores + 100.0)
    with torch.no_grad():
        model.head.linear.bias -= 100.0
        model.head.linear.weight *= -3.0
    torch.testing.assert_close(
        model(batch_of(ROWS)) - model.head.linear.bias, -3 * (scores - model.head.linear.bias)
    )


def test_a_relu_head_lets_nothing_negative_through():
    model = model_of(network(head="relu", pooling="mean"))
    seen = []
    model.head.linear.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    model.head.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    model(batch_of(ROWS))
    into_the_layer_BF, into_the_head_BF = seen
    assert (into_the_head_BF < 0).any()
    assert torch.equal(into_the_layer_BF, into_the_head_BF.relu())


DROPOUTS = {kind: {kind: 0.5} for kind in ("words", "embedding", "layers", "recurrent", "output")}
DROPOUTS["variational"] = {"embedding": 0.5, "layers": 0.5, "variational": True}


@pytest.mark.parametrize("kind", DROPOUTS)
@pytest.mark.parametrize(
    "keys",
    [*({"implementation": one} for one in IMPLEMENTATIONS), PACKED],
    ids=lambda keys: "-".join(keys.values()),
)
def test_each_dropout_acts_in_training_and_never_in_scoring(kind, keys):
    model = model_of(network(layers=2, dropout=DROPOUTS[kind], **keys))
    plain_BC = model_of(network(layers=2, **keys))(batch_of(ROWS))
    first_BC, second_BC = (model.train()(batch_of(ROWS)) for _ in range(2))
    assert not torch.allclose(first_BC, second_BC)
    torch.manual_seed(1)
    third_BC = model(batch_of(ROWS))
    torch.manual_seed(1)
    assert torch.equal(model(batch_of(ROWS)), third_BC)
    for _ in range(2):
        assert torch.equal(model.eval()(batch_of(ROWS)), plain_BC)


def test_without_dropout_training_and_scoring_give_the_same_scores():
    model = model_of(network(layers=2, bidirectional=True, pooling="last+attention"))
    assert torch.equal(model.train()(batch_of(ROWS)), model.eval()(batch_of(ROWS)))


def test_the_first_weights_depend_on_the_seed_alone():
    first, again, other = (model_of(network(layers=2), seed=seed).state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not any(torch.equal(first[name], other[name]) for name in first)


# --- how many parameters ----------------------------------------------------------------------------


@pytest.mark.parametrize(("cell", "gates"), [("elman", 1), ("gru", 3), ("lstm", 4)])
@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_parameters_are_as_many_as_the_equations_have(cell, gates, implementation):
    hidden = 6
    for directions, layers, task in ((1, 1, 0), (2, 3, 0), (1, 2, 1)):
        keys = {"task": "next_word"} if task else {"bidirectional": directions == 2}
        model = model_of(
            network(cell=cell, implementation=implementation, hidden=hidden, layers=layers, **keys)
        )
        expected = VOCABULARY * SIZE + (VOCABULARY if task else CLASSES) * (hidden * directions + 1)
        for depth in range(layers):
            inputs = SIZE if depth == 0 else hidden * directions
            expected += directions * gates * hidden * (inputs + hidden + 2)
        assert parameter_count(model) == expected


def test_the_third_notebooks_network_has_the_parameters_that_it_published():
    assert parameter_count(build_model(shipped("t3_rnn"), vocabulary=17_200, classes=3)) == 1_812_163


@pytest.mark.parametrize("name", SHIPPED["networks"])
def test_every_shipped_network_can_be_built_and_read(name):
    each = shipped(name)
    torch.manual_seed(1)
    vectors_VE = torch.randn(VOCABULARY, SIZE) if each.embedding.vectors else None
    model = build_model(each, VOCABULARY, CLASSES, vectors_VE).eval()
    if isinstance(model, NextWordModel):
        assert model(batch_of(ROWS)).shape == (len(ROWS), 9, VOCABULARY)
    else:
        assert model(batch_of(ROWS)).shape == (len(ROWS), CLASSES)


def test_shipped_networks_are_what_their_names_say():
    wanted = {"rnn": ("elman", False), "lstm": ("lstm", False), "gru": ("gru", False)}
    wanted |= {"birnn": ("elman", True), "bilstm": ("lstm", True), "bigru": ("gru", True)}
    found = {name: shipped(name) for name in wanted}
    assert {name: (one.cell, one.bidirectional) for name, one in found.items()} == wanted
    for name in SHIPPED["networks"]:
        if name.startswith("t") and isinstance(each := shipped(name), RecurrentNetwork):
            cell = name.split("_")[1]
            assert each.cell == {"rnn": "elman", "next": "elman"}.get(cell, cell)


# --- the published defect ---------------------------------------------------------------------------


def loss_of_the_first_row(log_softmax_dim: int, model: Classifier, others: list[Tensor]) -> Tensor:
    batch = batch_of([ROWS[0], *others])
    scores_BC = model(batch).log_softmax(dim=log_softmax_dim)
    return functional.nll_loss(scores_BC[:1], batch.labels_B[:1])


def test_a_log_softmax_over_the_batch_ties_a_rows_loss_to_the_other_rows_and_ours_does_not():
    """The third notebook normalises over the rows; its published loss stays at 1.40, chance being 1.10."""
    model = model_of(shipped("t3_rnn").model_copy(update={"hidden": 8}))
    company = [ROWS[1:2], ROWS[2:5], []]
    theirs = torch.stack([loss_of_the_first_row(0, model, others) for others in company])
    ours = torch.stack([loss_of_the_first_row(1, model, others) for others in company])
    assert (theirs.diff().abs() > 0.1).all()
    assert theirs[2] == 0  # alone, whatever its class
    torch.testing.assert_close(ours, ours[:1].expand(3))
    task = Classification("accuracy")
    everyone = batch_of(ROWS)
    loss, _, _ = task.step(model, everyone)
    lone = [
        task.step(model, Batch(row.unsqueeze(0), torch.tensor([len(row)]), label.view(1), even=True))[0]
        for row, label in zip(ROWS, everyone.labels_B, strict=True)
    ]
    torch.testing.assert_close(loss, torch.stack(lone).mean(), rtol=1e-12, atol=1e-12)
    assert loss != functional.nll_loss(model(everyone).log_softmax(dim=0), everyone.labels_B)


# --- next words -------------------------------------------------------------------------------------


def test_every_word_but_a_rows_first_is_a_target_row_by_row():
    model = model_of(network(task="next_word"))
    batch = batch_of(ROWS, width=12)
    scores_TV, targets_T = model.scored_targets(batch)
    assert torch.equal(targets_T, torch.cat([row[1:] for row in ROWS]))
    scores_BLV = model(batch)
    expected = [scores_BLV[place, : len(row) - 1] for place, row in enumerate(ROWS)]
    torch.testing.assert_close(scores_TV, torch.cat(expected), rtol=1e-12, atol=1e-12)


def test_a_next_word_without_an_id_counts_as_unknown():
    model = model_of(network(task="next_word"))
    row = torch.tensor([4, VOCABULARY + 1, 5])
    vectors_XE = torch.ones(2, SIZE, dtype=torch.float64)
    _, targets_T = model.scored_targets(batch_of([row], unseen_XE=vectors_XE))
    assert targets_T.tolist() == [UNKNOWN, 5]


def test_rows_of_one_word_have_nothing_to_predict_and_break_nothing():
    model = model_of(network(task="next_word"))
    loss, right, count = NextWord().step(model, batch_of(rows(1, 1)))
    assert (loss.item(), right.item(), count) == (0.0, 0, 0)
    assert not any(gradient.any() for gradient in gradients(model, loss).values())
