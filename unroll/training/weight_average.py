"""An exponential average of the weights over the steps of training, scored in their stead."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class WeightAverage:
    """average = decay * average + (1 - decay) * weights after every step (Polyak and Juditsky 1992).

    Early on the decay is less, (1 + t) / (10 + t) after t steps, so that the first weights do not
    linger in it.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.steps = 0
        self.weights = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.averages = [weight.detach().clone() for weight in self.weights]

    @torch.no_grad()
    def update(self) -> None:
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_(self.averages, self.weights, 1 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the model have the averages as its weights within the block."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def tensors(self) -> dict[str, Tensor]:
        """Return the whole state, for a checkpoint."""
        named = {str(place): average for place, average in enumerate(self.averages)}
        return {"steps": torch.tensor(self.steps), **named}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Take back what `tensors` returned."""
        self.steps = int(tensors["steps"])
        for place, average in enumerate(self.averages):
            average.copy_(tensors[str(place)])

    def _swap(self) -> None:
        for place, weight in enumerate(self.weights):
            weight.data, self.averages[place] = self.averages[place], weight.data
