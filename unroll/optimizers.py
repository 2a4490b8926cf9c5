"""Adam, with lazy rows for the embedding, and clipping over dense and sparse gradients alike.

Our own, because the first optimizer that torch.optim makes imports torch's compiler: 1.4 s of the
2.5 s that a run may take before its first step. The tests hold it against torch.optim.
"""

import math

import torch
from torch import Tensor, nn

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8


class Adam:
    """Adam (Kingma and Ba 2015, algorithm 1).

    For the embedding, whose gradient is sparse, it is lazy: a word that the batch lacks keeps its
    vector and its moments, where dense Adam would go on moving it by old momentum. A batch of 64
    tweets touches about 600 of 21,000 rows.
    """

    def __init__(self, model: nn.Module, embedding: nn.Embedding, learning_rate: float) -> None:
        self.learning_rate = learning_rate
        self.embedding = embedding.weight
        self.dense = [parameter for parameter in model.parameters() if parameter is not embedding.weight]
        self.steps = 0
        self.means = [torch.zeros_like(parameter) for parameter in self.dense]
        self.squares = [torch.zeros_like(parameter) for parameter in self.dense]
        self.embedding_mean = torch.zeros_like(embedding.weight)
        self.embedding_square = torch.zeros_like(embedding.weight)

    @torch.no_grad()
    def step(self, largest_norm: float) -> None:
        """Clip the gradients, move the parameters, forget the gradients."""
        clip_gradients([self.embedding, *self.dense], largest_norm)
        self.steps += 1
        rate = self.learning_rate / (1 - BETA_1**self.steps)
        correction = math.sqrt(1 - BETA_2**self.steps)
        self._step_dense(rate, correction)
        self._step_rows(rate, correction)
        for parameter in (self.embedding, *self.dense):
            parameter.grad = None

    def _step_dense(self, rate: float, correction: float) -> None:
        gradients = [parameter.grad for parameter in self.dense]
        torch._foreach_lerp_(self.means, gradients, 1 - BETA_1)
        torch._foreach_mul_(self.squares, BETA_2)
        torch._foreach_addcmul_(self.squares, gradients, gradients, 1 - BETA_2)
        scales = torch._foreach_sqrt(self.squares)
        torch._foreach_div_(scales, correction)
        torch._foreach_add_(scales, EPSILON)
        torch._foreach_addcdiv_(self.dense, self.means, scales, -rate)

    def _step_rows(self, rate: float, correction: float) -> None:
        rows_U = self.embedding.grad._indices()[0]
        gradient_UE = self.embedding.grad._values()
        mean_UE = self.embedding_mean[rows_U].lerp_(gradient_UE, 1 - BETA_1)
        square_UE = self.embedding_square[rows_U].mul_(BETA_2)
        square_UE.addcmul_(gradient_UE, gradient_UE, value=1 - BETA_2)
        self.embedding_mean.index_copy_(0, rows_U, mean_UE)
        self.embedding_square.index_copy_(0, rows_U, square_UE)
        move_UE = mean_UE.div_(square_UE.sqrt_().div_(correction).add_(EPSILON))
        self.embedding.index_add_(0, rows_U, move_UE, alpha=-rate)

    def tensors(self) -> dict[str, Tensor]:
        """Return the whole state, for a checkpoint."""
        state = {"steps": torch.tensor(self.steps)}
        state |= {f"means.{index}": tensor for index, tensor in enumerate(self.means)}
        state |= {f"squares.{index}": tensor for index, tensor in enumerate(self.squares)}
        return state | {"embedding_mean": self.embedding_mean, "embedding_square": self.embedding_square}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Take back what `tensors` returned."""
        self.steps = int(tensors["steps"])
        for name, tensor in self.tensors().items():
            if name != "steps":
                tensor.copy_(tensors[name])


def clip_gradients(parameters: list[Tensor], largest_norm: float) -> None:
    """Scale all gradients so that their joint 2-norm is at most `largest_norm` (Pascanu et al. 2013).

    torch's own function refuses sparse gradients; this one first sums the rows that repeat.
    """
    values = []
    for parameter in parameters:
        if parameter.grad.is_sparse:
            parameter.grad = parameter.grad.coalesce()
        values.append(parameter.grad._values() if parameter.grad.is_sparse else parameter.grad)
    norm = torch.stack(torch._foreach_norm(values)).norm()
    torch._foreach_mul_(values, (largest_norm / (norm + 1e-6)).clamp(max=1.0))
