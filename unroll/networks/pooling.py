"""The states of a row's own steps -> one vector a row; padding has no say in it.

Axes: B rows in the batch, L steps, F features of a state (units of all directions), A units of the
attention.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import FunctionCtx

PARTS = ("last", "mean", "max", "attention")


class Pooling(nn.Module):
    """The named parts side by side.

    last: the state after a row's last token and, for the backward direction, after its first;
    mean and max: over a row's steps; attention: a mean that is learned.
    """

    def __init__(self, parts: Sequence[str], features: int, directions: int, attention_size: int) -> None:
        super().__init__()
        self.parts, self.directions = tuple(parts), directions
        self.size = len(self.parts) * features
        self.attention = Attention(features, attention_size) if "attention" in parts else None

    def forward(self, states_BLF: Tensor, lengths_B: Tensor, even: bool) -> Tensor:
        """Return one vector a row; `even` says that all rows are as long as the batch."""
        padded_BL1 = None if even else padding(states_BLF, lengths_B)
        pooled = [self._part(part, states_BLF, lengths_B, padded_BL1) for part in self.parts]
        return pooled[0] if len(pooled) == 1 else torch.cat(pooled, dim=1)

    def _part(self, part: str, states_BLF: Tensor, lengths_B: Tensor, padded_BL1: Tensor | None) -> Tensor:
        if part == "last":
            return _last(states_BLF, lengths_B, self.directions)
        if part == "attention":
            return self.attention(states_BLF, padded_BL1)
        if part == "mean":
            if padded_BL1 is not None:
                states_BLF = states_BLF.masked_fill(padded_BL1, 0.0)
            return states_BLF.sum(dim=1) / lengths_B.unsqueeze(1)
        if padded_BL1 is not None:
            states_BLF = states_BLF.masked_fill(padded_BL1, float("-inf"))
        return _Maximum.apply(states_BLF)


class _Maximum(Function):
    """The largest of each feature over the steps; steps that share it share its gradient.

    torch's own `max` also tells where it stands, which takes ten times as long.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, states_BLF: Tensor) -> Tensor:
        largest_BF = states_BLF.amax(dim=1)
        ctx.save_for_backward(states_BLF, largest_BF)
        return largest_BF

    @staticmethod
    def backward(ctx: FunctionCtx, grad_BF: Tensor) -> Tensor:
        states_BLF, largest_BF = ctx.saved_tensors
        # Ones and zeros of the states' own type: to multiply by truth values is slow.
        shares_BLF = torch.empty_like(states_BLF).copy_(states_BLF).eq_(largest_BF.unsqueeze(1))
        return shares_BLF.mul_((grad_BF / shares_BLF.sum(dim=1)).unsqueeze(1))


class Attention(nn.Module):
    """A mean of the states, weighted by how they answer one learned query (Yang et al. 2016, 5 to 7).

    u_t = tanh(W h_t + b)
    a_t = exp(u_t . q) / sum over t' of exp(u_t' . q)
    s   = sum over t of a_t h_t
    """

    def __init__(self, features: int, size: int) -> None:
        super().__init__()
        self.key = nn.Linear(features, size)
        self.query = nn.Linear(size, 1, bias=False)

    def forward(self, states_BLF: Tensor, padded_BL1: Tensor | None) -> Tensor:
        return (self.weights(states_BLF, padded_BL1) * states_BLF).sum(dim=1)

    def weights(self, states_BLF: Tensor, padded_BL1: Tensor | None) -> Tensor:
        """Return a_t of every step, (B, L, 1): 0 in the padding, together 1."""
        scores_BL1 = self.query(self.key(states_BLF).tanh())
        if padded_BL1 is not None:
            scores_BL1 = scores_BL1.masked_fill(padded_BL1, float("-inf"))
        return scores_BL1.softmax(dim=1)


def padding(states_BLF: Tensor, lengths_B: Tensor) -> Tensor:
    """Return a mask (B, L, 1) that is true behind a row's last token."""
    steps_L = torch.arange(states_BLF.shape[1], device=states_BLF.device)
    return (steps_L >= lengths_B.unsqueeze(1)).unsqueeze(2)


def _last(states_BLF: Tensor, lengths_B: Tensor, directions: int) -> Tensor:
    rows_B = torch.arange(len(lengths_B), device=lengths_B.device)
    last_BF = states_BLF[rows_B, lengths_B - 1]
    if directions == 1:
        return last_BF
    hidden = states_BLF.shape[2] // 2
    return torch.cat([last_BF[:, :hidden], states_BLF[:, 0, hidden:]], dim=1)
