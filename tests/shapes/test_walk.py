"""What is shown of a network is what it does: each step beside the model run by hand."""

import pytest
import tiny
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from unroll.networks.batches import Batch
from unroll.networks.classifier import Classifier, NextWordModel, build_model, parameter_count
from unroll.networks.spec import BagNetwork, Dropout, Embedding, Network, RecurrentNetwork
from unroll.params import Name, Params
from unroll.shapes.walk import Step, loss, trace

VOCABULARY, CLASSES = 30, 3
SMALL = {"hidden": 6, "embedding": Embedding(size=4)}
NETWORKS = Params(tiny.ROOT / "params.yaml").get("networks", dict[Name, Network]) | {
    "every pooling": RecurrentNetwork(
        cell="lstm", bidirectional=True, layers=3, pooling="last+mean+max+attention", head="relu", **SMALL
    ),
    "handwritten": RecurrentNetwork(
        cell="gru", implementation="handwritten", bidirectional=True, layers=2, **SMALL
    ),
    "learned start": RecurrentNetwork(
        cell="elman", initial_state="learned", attention_size=5, pooling="attention"
    ),
    "packed": RecurrentNetwork(
        cell="gru", implementation="library", bidirectional=True, batching="packed", **SMALL
    ),
    "frozen": RecurrentNetwork(cell="lstm", hidden=6, embedding=Embedding(size=4, frozen=True)),
    "bag": BagNetwork(cell="bag", pooling="mean+attention", embedding=Embedding(size=4)),
    "dropped": RecurrentNetwork(
        cell="lstm",
        layers=2,
        dropout=Dropout(words=0.5, embedding=0.5, layers=0.5, recurrent=0.5, output=0.5),
        **SMALL,
    ),
}
every_network = pytest.mark.parametrize("name", NETWORKS)


def made(name: str) -> Classifier | NextWordModel:
    torch.manual_seed(5)
    return build_model(NETWORKS[name], VOCABULARY, CLASSES)


def batch_of(*lengths: int) -> Batch:
    generator = torch.Generator().manual_seed(sum(lengths))
    rows = [torch.randint(1, VOCABULARY, (length,), generator=generator) for length in lengths]
    labels_B = torch.arange(len(lengths)) % CLASSES
    return Batch(pad_sequence(rows, True), torch.tensor(lengths), labels_B, len(set(lengths)) == 1)


def row_of(batch: Batch, place: int) -> Batch:
    length_B = batch.lengths_B[place : place + 1]
    tokens_BL = batch.tokens_BL[place : place + 1, : int(length_B)]
    return Batch(tokens_BL, length_B, batch.labels_B[place : place + 1], even=True)


def steps_of(model: Classifier | NextWordModel, batch: Batch) -> dict[str, Step]:
    steps = trace(model, batch)
    named = {step.name: step for step in steps}
    assert len(named) == len(steps), "a name stands twice"
    return named


def by_hand(model: Classifier | NextWordModel, batch: Batch) -> dict[str, tuple[str, Tensor]]:
    """Return each step's axes and values, module by module."""
    with torch.inference_mode():
        model.eval()
        states = model.embedding(batch).written_out()
        found = {"ids": ("BL", batch.tokens_BL), "embedding": ("BLE", states)}
        for depth, directions in enumerate(model.encoder.layers if model.encoder else (), start=1):
            parts = [direction(states, batch.lengths_B, batch.even) for direction in directions]
            for way, part in zip(("forward", "backward"), parts, strict=False):
                name = f"layer {depth}, {way}" if len(parts) == 2 else f"layer {depth}"
                found[name] = ("BLH", part)
                ends = [0 if way == "backward" else length - 1 for length in batch.lengths_B.tolist()]
                last = torch.stack([row[end] for row, end in zip(part, ends, strict=True)])
                found[f"{name}, last state"] = ("BH", last)
            states = torch.cat(parts, dim=2)
            if len(parts) == 2:
                found[f"layer {depth}, both"] = ("BLF", states)
        axes = "BLV"
        if isinstance(model, Classifier):
            if attention := model.pooling.attention:
                scores_BL = attention.query(attention.key(states).tanh()).squeeze(2)
                rows = [
                    row[:length].softmax(0) for row, length in zip(scores_BL, batch.lengths_B, strict=True)
                ]
                found["attention"] = ("BL", pad_sequence(rows, batch_first=True))
            states = model.pooling(states, batch.lengths_B, batch.even)
            found["pooling"] = ("BF", states)
            if isinstance(model.head.relu, nn.ReLU):
                states = states.clamp(min=0)
                found["relu"] = ("BF", states)
            axes = "BC"
        scores = states @ model.head.linear.weight.T + model.head.linear.bias
        exponents = scores.double().exp()
        return found | {
            "scores": (axes, scores),
            "probabilities": (axes, exponents / exponents.sum(-1, keepdim=True)),
        }


@every_network
def test_every_step_is_what_the_model_does_there(name):
    model, batch = made(name), batch_of(4, 1, 7, 2)
    shown, expected = steps_of(model, batch), by_hand(model, batch)
    assert list(shown) == list(expected)
    for step, (axes, values) in expected.items():
        assert shown[step].axes == axes
        assert shown[step].shape == " ".join(map("{}={}".format, axes, values.shape))
        torch.testing.assert_close(shown[step].values, values, rtol=1e-5, atol=1e-5)


@every_network
def test_the_scores_are_the_models_own_and_the_probabilities_are_together_1(name):
    model, batch = made(name), batch_of(5, 3, 5)
    shown = steps_of(model, batch)
    with torch.inference_mode():
        torch.testing.assert_close(shown["scores"].values, model(batch), rtol=1e-5, atol=1e-6)
        if model.encoder is not None:
            assert model.encoder.fused == (NETWORKS[name].implementation == "fused")
            model.encoder.fused = False  # direction by direction, as the steps are shown
        assert torch.equal(shown["scores"].values, model(batch))
    sums = shown["probabilities"].values.sum(dim=-1)
    torch.testing.assert_close(sums, torch.ones_like(sums))


@every_network
def test_every_weight_is_shown_once_with_its_shape(name):
    model = made(name)
    weights = [weight for step in trace(model, batch_of(3, 2)) for weight in step.weights]
    shapes = [tuple(weight.shape) for weight in model.parameters()]
    assert sorted(weight.shape for weight in weights) == sorted(shapes)
    steps = trace(model, batch_of(3, 2))
    assert sum(step.parameters for step in steps) == parameter_count(model)


def test_a_frozen_weight_is_shown_and_not_counted():
    embedding = steps_of(made("frozen"), batch_of(3))["embedding"]
    assert [(weight.shape, weight.trained) for weight in embedding.weights] == [((VOCABULARY, 4), False)]
    assert embedding.parameters == 0


@every_network
def test_a_text_alone_has_the_values_of_its_row_in_a_padded_batch(name):
    model, batch = made(name), batch_of(2, 6, 3)
    together = steps_of(model, batch)
    for place, length in enumerate(batch.lengths_B.tolist()):
        for step in trace(model, row_of(batch, place)):
            values = together[step.name].values[place]
            values = values[:length] if step.axes.startswith("BL") else values
            torch.testing.assert_close(step.values[0], values, rtol=1e-5, atol=1e-5)


def test_the_last_pooling_is_the_state_after_the_last_word_and_backward_after_the_first():
    shown = steps_of(made("every pooling"), row_of(batch_of(5), 0))
    step = shown["pooling"]
    pooled = dict(zip(step.parts, step.values[0].chunk(len(step.parts)), strict=True))
    forward, backward = (shown[f"layer 3, {way}"].values[0] for way in ("forward", "backward"))
    assert torch.equal(pooled["last, forward"], forward[-1])
    assert torch.equal(pooled["last, backward"], backward[0])
    assert torch.equal(pooled["max, forward"], forward.max(dim=0).values)
    torch.testing.assert_close(pooled["mean, backward"], backward.mean(dim=0))
    weights_L = shown["attention"].values[0]
    torch.testing.assert_close(pooled["attention, forward"], weights_L @ forward)
    torch.testing.assert_close(pooled["attention, backward"], weights_L @ backward)


def test_attention_is_together_1_over_a_rows_words_and_0_in_its_padding():
    weights_BL = steps_of(made("learned start"), batch_of(2, 5))["attention"].values
    torch.testing.assert_close(weights_BL.sum(dim=1), torch.ones(2))
    assert (weights_BL[0, 2:] == 0).all()
    assert (weights_BL[0, :2] > 0).all()


def test_the_loss_is_the_mean_of_what_the_right_answers_cost():
    batch = batch_of(4, 2, 6)
    classifier, reader = made("every pooling"), made("t5_next_word")
    chances = steps_of(classifier, batch)["probabilities"].values
    [shown] = loss(classifier, batch)
    expected = -sum(chances[row, label].log() for row, label in enumerate(batch.labels_B)) / 3
    assert shown.shape == "one number"
    assert float(shown.values) == pytest.approx(float(expected), rel=1e-5)
    chances = steps_of(reader, batch)["probabilities"].values
    costs = [
        -chances[row, place, batch.tokens_BL[row, place + 1]].log()
        for row, length in enumerate(batch.lengths_B.tolist())
        for place in range(length - 1)
    ]
    [shown] = loss(reader, batch)
    assert float(shown.values) == pytest.approx(float(sum(costs) / len(costs)), rel=1e-5)
    assert f"({len(costs)})" in shown.meaning


def test_a_single_word_has_no_next_one_to_lose():
    assert loss(made("t5_next_word"), batch_of(1)) == []


def test_dropout_has_no_say_even_in_a_model_that_is_being_trained():
    model, batch = made("dropped"), batch_of(4, 2)
    first, second = (trace(model.train(), batch) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one.values, other.values)
    torch.testing.assert_close(loss(model.train(), batch)[0].values, loss(model.train(), batch)[0].values)


@pytest.mark.parametrize("fails", [False, True])
def test_the_model_is_left_without_hooks(fails):
    model, batch = made("every pooling"), batch_of(4, 2)
    if fails:
        model.head.register_forward_pre_hook(lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            trace(model, batch)
    else:
        trace(model, batch)
    assert not any(module._forward_hooks for module in model.modules())
