"""SGD, Adam and AdamW, with lazy rows for the embedding, and clipping over dense and sparse gradients.

Our own, because the first optimizer that torch.optim makes imports torch's compiler: 1.4 s of the
2.5 s that a run may take before its first step. The tests hold each against torch.optim.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8

States = dict[str, list[Tensor]]
"""What an optimizer remembers of each parameter, by name."""


@dataclass(frozen=True)
class Group:
    """Parameters that move alike."""

    parameters: list[Tensor]
    pace: float = 1.0
    """Their learning rate as a multiple of the one asked for."""
    lazy: bool = False
    """Only the rows that have a gradient move, with their memory; without it all would, by old momentum.
    A batch of 64 tweets touches about 600 of 21,000 rows. Bias correction counts all steps, as ever."""


class Optimizer(ABC):
    """Clips the gradients, moves the parameters, forgets the gradients."""

    memory: tuple[str, ...]

    def __init__(self, groups: list[Group], weight_decay: float = 0.0) -> None:
        self.groups = [group for group in groups if group.parameters]
        self.weight_decay = weight_decay
        self.steps = 0
        self.states: list[States] = [
            {name: [torch.zeros_like(parameter) for parameter in group.parameters] for name in self.memory}
            for group in self.groups
        ]

    @property
    def parameters(self) -> list[Tensor]:
        return [parameter for group in self.groups for parameter in group.parameters]

    @torch.no_grad()
    def step(self, rate: float, largest_norm: float | None = None) -> Tensor:
        """Move by one step at this learning rate; without `largest_norm` nothing is clipped.

        Return the 2-norm of all gradients together, before it was clipped.
        """
        parameters = self.parameters
        norm = clip_gradients(parameters, largest_norm)
        self.steps += 1
        for group, states in zip(self.groups, self.states, strict=True):
            if group.lazy:
                self._move_rows(group, states, rate * group.pace)
            else:
                gradients = [parameter.grad for parameter in group.parameters]
                self._move(group.parameters, gradients, states, rate * group.pace)
        for parameter in parameters:
            parameter.grad = None
        return norm

    def _move_rows(self, group: Group, states: States, rate: float) -> None:
        for place, parameter in enumerate(group.parameters):
            tables = [parameter, *(tensors[place] for tensors in states.values())]
            if parameter.grad.is_sparse:
                gradient = _coalesced(parameter.grad)
                rows_U, gradient_UE = gradient._indices()[0], gradient._values()
                moved = [table.index_select(0, rows_U) for table in tables]
            else:
                gradient_UE, moved = parameter.grad, [table.clone() for table in tables]
            memory = {name: [tensor_UE] for name, tensor_UE in zip(states, moved[1:], strict=True)}
            self._move(moved[:1], [gradient_UE], memory, rate)
            for table, rows_UE in zip(tables, moved, strict=True):
                if parameter.grad.is_sparse:
                    table.index_copy_(0, rows_U, rows_UE)
                else:
                    # All rows, and most of them for nothing: only so a GPU need not be asked which.
                    table.copy_(rows_UE.where(gradient_UE.any(dim=1, keepdim=True), table))

    @abstractmethod
    def _move(self, parameters: list[Tensor], gradients: list[Tensor], states: States, rate: float) -> None:
        """Move the parameters in place, and what their states remember."""

    def tensors(self) -> dict[str, Tensor]:
        """Return the whole state, for a checkpoint."""
        found = {"steps": torch.tensor(self.steps)}
        for index, states in enumerate(self.states):
            for name, tensors in states.items():
                found |= {f"{index}.{name}.{place}": tensor for place, tensor in enumerate(tensors)}
        return found

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Take back what `tensors` returned."""
        self.steps = int(tensors["steps"])
        for name, tensor in self.tensors().items():
            if name != "steps":
                tensor.copy_(tensors[name])


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum as in Sutskever et al. 2013, Nesterov's or plain."""

    def __init__(
        self, groups: list[Group], weight_decay: float = 0.0, momentum: float = 0.0, nesterov: bool = False
    ) -> None:
        self.memory = ("velocities",) if momentum else ()
        self.momentum, self.nesterov = momentum, nesterov
        super().__init__(groups, weight_decay)

    def _move(self, parameters: list[Tensor], gradients: list[Tensor], states: States, rate: float) -> None:
        torch._fused_sgd_(
            parameters,
            gradients,
            states.get("velocities", []),
            weight_decay=self.weight_decay,
            momentum=self.momentum,
            lr=rate,
            dampening=0.0,
            nesterov=self.nesterov,
            maximize=False,
            is_first_step=False,
        )


class Adam(Optimizer):
    """Adam (Kingma and Ba 2015, algorithm 1); decay is added to the gradient."""

    memory = ("means", "squares")
    decoupled = False

    def _move(self, parameters: list[Tensor], gradients: list[Tensor], states: States, rate: float) -> None:
        move = torch._fused_adamw_ if self.decoupled else torch._fused_adam_
        # The number of the step is wanted as a tensor for each parameter.
        steps = [torch.full((), float(self.steps), device=one.device) for one in parameters]
        move(
            parameters,
            gradients,
            states["means"],
            states["squares"],
            [],
            steps,
            lr=rate,
            beta1=BETA_1,
            beta2=BETA_2,
            weight_decay=self.weight_decay,
            eps=EPSILON,
            amsgrad=False,
            maximize=False,
        )


class AdamW(Adam):
    """Adam whose decay does not pass through its moments (Loshchilov and Hutter 2019, algorithm 2)."""

    decoupled = True


def groups_of(model: nn.Module, learning_rate: float) -> list[Group]:
    """Return all that is trained: the embedding, lazy where its gradients are sparse, and the rest."""
    embedding = model.embedding
    pace = 1.0 if embedding.learning_rate is None else embedding.learning_rate / learning_rate
    words = [embedding.weight] if embedding.weight.requires_grad else []
    others = [parameter for parameter in model.parameters() if parameter is not embedding.weight]
    return [Group(words, pace, lazy=embedding.sparse), Group(others)]


def clip_gradients(parameters: list[Tensor], largest_norm: float | None) -> Tensor:
    """Scale all gradients so that their joint 2-norm is at most `largest_norm` (Pascanu et al. 2013).

    torch's own function refuses sparse gradients; this one first sums the rows that repeat. Return the
    norm that they had.
    """
    values = []
    for parameter in parameters:
        if parameter.grad.is_sparse:
            parameter.grad = _coalesced(parameter.grad)
        values.append(parameter.grad._values() if parameter.grad.is_sparse else parameter.grad)
    norm = torch.stack(torch._foreach_norm(values)).norm()
    if largest_norm is not None:
        torch._foreach_mul_(values, (largest_norm / (norm + 1e-6)).clamp(max=1.0))
    return norm


def _coalesced(gradient: Tensor) -> Tensor:
    """Sum the rows of a sparse gradient that repeat.

    The embedding's stand there once and in ascending order. Autograd forgets that they do; to look is
    8 us, to coalesce 600 rows 45.
    """
    rows_U = gradient._indices()[0]
    if (rows_U[1:] > rows_U[:-1]).all():
        return gradient._coalesced_(True)
    return gradient.coalesce()
