"""An exponential average of the weights over the steps of training, scored in their stead.

Axes: V rows of a table of word vectors, E components, U rows that a step moves.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class WeightAverage:
    """average = decay * average + (1 - decay) * weights after every step (Polyak and Juditsky 1992).

    Early on the decay is less, (1 + t) / (10 + t) after t steps, so that the first weights do not
    linger in it.

    Where a gradient is sparse, only the rows that move are averaged at once. All others stand still, and
    over steps of decays d_1 ... d_k such a row comes to weight + d_1 ... d_k (average - weight), which
    waits until it moves again or is read: of 21,000 rows a batch of tweets moves about 600.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.steps = 0
        self.weights = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.averages = [weight.detach().clone() for weight in self.weights]
        self.decayed = 0.0
        """The logarithm of all decays' product."""
        self.reached: dict[int, Tensor] = {}
        """By the place of a weight with sparse gradients: what `decayed` was when each row was averaged."""
        self.moving: dict[int, Tensor] = {}
        """The rows that the step to come moves, by place; of all other weights it moves every row."""

    @torch.no_grad()
    def before_step(self) -> None:
        """Average the rows about to move up to here; the gradients tell which."""
        self.moving = {}
        for place, weight in enumerate(self.weights):
            if weight.grad is not None and weight.grad.is_sparse:
                rows_U = self.moving[place] = weight.grad._indices()[0]
                if place not in self.reached:
                    self.reached[place] = weight.new_full((len(weight),), self.decayed, dtype=torch.float64)
                self._catch_up(place, rows_U)

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights after a step."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        self.decayed += math.log(decay)
        whole = [place for place in range(len(self.weights)) if place not in self.moving]
        torch._foreach_lerp_(
            [self.averages[place] for place in whole], [self.weights[place] for place in whole], 1 - decay
        )
        for place, rows_U in self.moving.items():
            average_VE, weight_VE = self.averages[place], self.weights[place]
            average_VE[rows_U] = average_VE[rows_U].lerp(weight_VE[rows_U], 1 - decay)
            self.reached[place][rows_U] = self.decayed

    def _catch_up(self, place: int, rows_U: Tensor | slice) -> None:
        average_VE, weight_VE, reached_V = self.averages[place], self.weights[place], self.reached[place]
        stood_U1 = (self.decayed - reached_V[rows_U]).exp().to(weight_VE.dtype).unsqueeze(1)
        average_VE[rows_U] = weight_VE[rows_U].lerp(average_VE[rows_U], stood_U1)
        reached_V[rows_U] = self.decayed

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the model have the averages as its weights within the block."""
        with torch.no_grad():
            for place in self.reached:
                self._catch_up(place, slice(None))
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def tensors(self) -> dict[str, Tensor]:
        """Return the whole state, for a checkpoint. Rows that wait go on waiting: they are rounded once."""
        decayed = torch.tensor(self.decayed, dtype=torch.float64)
        averages = {str(place): average for place, average in enumerate(self.averages)}
        reached = {f"reached.{place}": reached_V for place, reached_V in self.reached.items()}
        return {"steps": torch.tensor(self.steps), "decayed": decayed} | averages | reached

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Take back what `tensors` returned."""
        self.steps, self.decayed = int(tensors["steps"]), float(tensors["decayed"])
        for place, average in enumerate(self.averages):
            average.copy_(tensors[str(place)])
            if (name := f"reached.{place}") in tensors:
                self.reached[place] = tensors[name].clone()

    def _swap(self) -> None:
        for place, weight in enumerate(self.weights):
            weight.data, self.averages[place] = self.averages[place], weight.data
