"""The memory that batches are read in: gates, states, and what is pooled of them.

All batches are read in the same place, for fresh pages take 3 us a text.

Axes: S parts of a state, D directions, B rows, N = D x B, H units of one direction, K pre-activations, W
of them to which the state adds, R rows of the table of words.
"""

from collections.abc import Container
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor


@dataclass(frozen=True)
class Room:
    looked_up_NK: Tensor
    """Pre-activations in the precision of the products."""
    gates_NK: Tensor
    """The same in float32."""
    summed_DBW: Tensor
    """A view of those to which the state adds."""
    state_SDBH: Tensor
    rounded_DBH: Tensor
    """The hidden state in the precision of the products."""
    free_DBH: Tensor
    largest_DBH: Tensor
    sum_DBH: Tensor

    @classmethod
    def of(cls, table_RK: Tensor, weight_DHW: Tensor, states: int, rows: int) -> Self:
        """Return room for so many rows, to read with these weights."""
        directions, hidden, width = weight_DHW.shape
        looked_up_NK = table_RK.new_empty(directions * rows, table_RK.shape[1])
        state_SDBH = torch.empty(states, directions, rows, hidden)
        # In float32 there is nothing to round: the two of each pair are one.
        return cls(
            looked_up_NK,
            looked_up_NK.float(),
            looked_up_NK.view(directions, rows, -1)[..., :width],
            state_SDBH,
            state_SDBH[0].to(table_RK.dtype),
            *torch.empty(3, directions, rows, hidden),
        )

    @property
    def gates_DBK(self) -> Tensor:
        return self.gates_NK.unflatten(0, self.free_DBH.shape[:2])

    def begin(self, initial_SDH: Tensor | None) -> None:
        """Make it ready for a batch."""
        self.state_SDBH.zero_()
        if initial_SDH is not None:
            self.state_SDBH.add_(initial_SDH.unsqueeze(2))
        self.largest_DBH.fill_(-torch.inf)
        self.sum_DBH.zero_()

    def first(self, rows: int) -> "Room":
        """Return the room of the first rows; the gates of both directions lie in one piece."""
        directions, _, width = self.summed_DBW.shape
        looked_up_NK = self.looked_up_NK[: directions * rows]
        return Room(
            looked_up_NK,
            self.gates_NK[: directions * rows],
            looked_up_NK.view(directions, rows, -1)[..., :width],
            self.state_SDBH[:, :, :rows],
            *(
                each_DBH[:, :rows]
                for each_DBH in (self.rounded_DBH, self.free_DBH, self.largest_DBH, self.sum_DBH)
            ),
        )

    def add_up(self, table_RK: Tensor, place_DB: Tensor, weight_DHW: Tensor | None) -> None:
        """Put into the gates what the words add and, through the weight, the states."""
        torch.index_select(table_RK, 0, place_DB.flatten(), out=self.looked_up_NK)
        rounds = table_RK.dtype != torch.float32
        if weight_DHW is not None:
            if rounds:
                self.rounded_DBH.copy_(self.state_SDBH[0])
            self.summed_DBW.baddbmm_(self.rounded_DBH, weight_DHW)
        if rounds:
            self.gates_NK.copy_(self.looked_up_NK)

    def pool(self, parts: Container[str]) -> None:
        """Let the states count in these parts."""
        if "max" in parts:
            torch.maximum(self.largest_DBH, self.state_SDBH[0], out=self.largest_DBH)
        if "mean" in parts:
            self.sum_DBH.add_(self.state_SDBH[0])

    def pooled(self, part: str) -> Tensor:
        """Return a part for every row, the mean not yet divided: (D, B, H)."""
        # A row's state stays as it was after its last word: forward the text's last, backward its first.
        return {"last": self.state_SDBH[0], "max": self.largest_DBH, "mean": self.sum_DBH}[part]
