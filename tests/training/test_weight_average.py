"""The average of the weights: its formula, its place in the model, and that it is what is kept."""

import pytest
import torch
from runs import BAG, PRETRAINED, SMALL, changed, experiment, fit
from torch import nn

from unroll import metrics
from unroll.networks import tasks
from unroll.training.weight_average import WeightAverage


class Steps(nn.Module):
    """A model whose weights the test moves."""

    def __init__(self) -> None:
        super().__init__()
        self.moving = nn.Parameter(torch.tensor([1.0, 2.0], dtype=torch.float64))
        self.frozen = nn.Parameter(torch.tensor([7.0], dtype=torch.float64), requires_grad=False)

    def move(self, step: int) -> None:
        with torch.no_grad():
            self.moving += torch.tensor([step, -0.5], dtype=torch.float64)


def expected(values: list[torch.Tensor], decay: float) -> torch.Tensor:
    """The formula, over the first weights and those after each step."""
    average = values[0]
    for step, value in enumerate(values[1:], start=1):
        now = min(decay, (1 + step) / (10 + step))
        average = now * average + (1 - now) * value
    return average


@pytest.mark.parametrize("decay", [0.1, 0.5, 0.999])
def test_the_average_is_that_of_its_formula(decay):
    model = Steps()
    average = WeightAverage(model, decay)
    values = [model.moving.detach().clone()]
    for step in range(1, 20):
        model.move(step)
        average.update()
        values.append(model.moving.detach().clone())
    with average.in_place():
        torch.testing.assert_close(model.moving.detach(), expected(values, decay))
    assert torch.equal(model.moving, values[-1])


def test_the_first_weights_are_soon_forgotten():
    model = Steps()
    average = WeightAverage(model, 0.999)
    with torch.no_grad():
        model.moving += 100.0
    for _ in range(200):
        average.update()
    # With 0.999 throughout, 82 % of the way would be left.
    with average.in_place():
        torch.testing.assert_close(model.moving.detach()[0].item(), 101.0, atol=1e-2, rtol=0)


def test_weights_come_back_whatever_happens_in_between():
    model = Steps()
    average = WeightAverage(model, 0.5)
    model.move(1)
    average.update()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(KeyError), average.in_place():
        assert not torch.equal(model.moving, before["moving"])
        raise KeyError
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert model.moving.requires_grad


def test_what_is_frozen_has_no_average():
    model = Steps()
    assert set(WeightAverage(model, 0.5).tensors()) == {"steps", "decayed", "0"}


def test_a_restored_average_goes_on_bit_for_bit():
    straight, halfway = Steps(), Steps()
    average = WeightAverage(straight, 0.9)
    for step in range(10):
        if step == 5:
            state = {name: tensor.clone() for name, tensor in average.tensors().items()}
            halfway.load_state_dict(straight.state_dict())
        straight.move(step)
        average.update()
    resumed = WeightAverage(halfway, 0.9)
    resumed.restore(state)
    for step in range(5, 10):
        halfway.move(step)
        resumed.update()
    assert all(torch.equal(tensor, average.tensors()[name]) for name, tensor in resumed.tensors().items())


class Table(nn.Module):
    """Word vectors, of which each step moves some rows, and some of them twice."""

    def __init__(self) -> None:
        super().__init__()
        rows = torch.arange(12, dtype=torch.float64).view(6, 2)
        self.words = nn.Embedding.from_pretrained(rows, freeze=False, sparse=True)
        self.others = nn.Parameter(torch.tensor([3.0], dtype=torch.float64))

    def move(self, average: WeightAverage, step: int) -> None:
        rows = torch.tensor([step % 3, step % 3, 4]) if step % 4 else torch.tensor([3])
        (self.words(rows).sum() * step + self.others.sum()).backward()
        average.before_step()
        with torch.no_grad():
            for parameter in self.parameters():
                parameter -= 0.1 * parameter.grad.to_dense()
        average.update()
        self.zero_grad()


@pytest.mark.parametrize("decay", [0.1, 0.9, 0.999])
def test_rows_that_stand_still_are_averaged_too(decay):
    model = Table()
    average = WeightAverage(model, decay)
    values = [[weight.detach().clone() for weight in model.parameters()]]
    for step in range(1, 30):
        model.move(average, step)
        values.append([weight.detach().clone() for weight in model.parameters()])
        if step % 10 == 0:  # to be read changes nothing
            with average.in_place():
                pass
    with average.in_place():
        for place, found in enumerate(model.parameters()):
            torch.testing.assert_close(found.detach(), expected([step[place] for step in values], decay))


def test_rows_that_wait_come_back_from_a_checkpoint_bit_for_bit():
    straight, halfway = Table(), Table()
    average = WeightAverage(straight, 0.9)
    for step in range(1, 20):
        straight.move(average, step)
        if step == 9:
            state = {name: tensor.clone() for name, tensor in average.tensors().items()}
            halfway.load_state_dict(straight.state_dict())
    resumed = WeightAverage(halfway, 0.9)
    resumed.restore(state)
    for step in range(10, 20):
        halfway.move(resumed, step)
    assert all(torch.equal(tensor, average.tensors()[name]) for name, tensor in resumed.tensors().items())


# --- in training ------------------------------------------------------------------------------------


def weights_after_each_step(monkeypatch: pytest.MonkeyPatch) -> list[list[torch.Tensor]]:
    """Return a list that fills with the first weights and those after each step."""
    values: list[list[torch.Tensor]] = []
    make, update = WeightAverage.__init__, WeightAverage.update

    def remember(average: WeightAverage) -> None:
        values.append([weight.detach().clone() for weight in average.weights])

    def made(average: WeightAverage, *arguments) -> None:
        make(average, *arguments)
        remember(average)

    def updated(average: WeightAverage) -> None:
        remember(average)
        update(average)

    monkeypatch.setattr(WeightAverage, "__init__", made)
    monkeypatch.setattr(WeightAverage, "update", updated)
    return values


def test_what_is_kept_is_the_average_over_every_step(corpus, tmp_path, monkeypatch):
    values = weights_after_each_step(monkeypatch)
    fitted = fit(corpus, tmp_path, SMALL, changed(weight_average=0.9, epochs=1))
    assert len(values) == 1 + -(-len(corpus.train) // 8)
    for place, kept in enumerate(fitted.weights.values()):
        torch.testing.assert_close(kept, expected([step[place] for step in values], 0.9))
        assert not torch.equal(kept, values[-1][place])


def test_what_is_scored_is_what_is_kept(corpus, tmp_path):
    fitted = fit(corpus, tmp_path, BAG, changed(weight_average=0.9))
    model = experiment(corpus, BAG).model(None, "cpu")
    model.load_state_dict(fitted.weights)
    found = metrics.all_metrics(tasks.predict(model, corpus.validation), corpus.validation.labels.numpy())
    kept = fitted.history[fitted.best_epoch - 1]
    assert {name: kept[f"validation_{name}"] for name in found} == found


def test_training_goes_on_from_the_weights_and_not_from_their_average(corpus, tmp_path):
    plain, averaged = (fit(corpus, tmp_path, SMALL, changed(weight_average=decay)) for decay in (0.0, 0.9))
    assert [row["train_loss"] for row in plain.history] == [row["train_loss"] for row in averaged.history]
    assert plain.history != averaged.history


def test_a_classifier_starts_from_the_average_of_its_pretraining(corpus, tmp_path, monkeypatch):
    values = weights_after_each_step(monkeypatch)
    fit(corpus, tmp_path, PRETRAINED, changed(weight_average=0.9, epochs=1))
    steps = -(-len(corpus.train) // 8)
    pretraining, first = values[: 1 + 3 * steps], values[1 + 3 * steps]
    # The first parameter is the embedding, in both models.
    ends = [expected([step[0] for step in pretraining[: 1 + epoch * steps]], 0.9) for epoch in (1, 2, 3)]
    assert any(torch.allclose(first[0], end, atol=1e-6) for end in ends)
