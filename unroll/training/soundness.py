"""Whether training still gives numbers, batch by batch, and whether its batches fit into memory."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from unroll.failures import Refusal

ROWS_NAMED = 5


class CameToNothing(Refusal):
    """A loss, a gradient or a score is no longer a number: these parameters train nothing."""


class Soundness:
    """The loss and the gradient's norm of every batch of an epoch, looked at for what is no number.

    On a CPU at every step. A GPU has to be waited for, so there only when somebody asks.
    """

    def __init__(self, batches: int, device: torch.device) -> None:
        self.at_once = device.type == "cpu"
        self.values_K = torch.zeros(batches, device=device)

    def note(self, batch: int, loss: Tensor, norm: Tensor) -> int | None:
        """Remember a batch; return the first that is known to be at fault."""
        # Their sum is a number where both are.
        value = loss.detach() + norm
        if self.at_once:
            return None if math.isfinite(value.item()) else batch
        self.values_K[batch] = value
        return None

    def first_fault(self) -> int | None:
        """Return the first batch, among those noted, whose loss or gradient was no number."""
        faults = (~self.values_K.isfinite()).nonzero()
        return int(faults[0]) if len(faults) else None


def no_number(epoch: int, batch: int, batches: int, rows: list[int]) -> CameToNothing:
    """Return what to say of a batch after which there is nothing left to train."""
    named = ", ".join(map(str, rows[:ROWS_NAMED])) + (", ..." if len(rows) > ROWS_NAMED else "")
    return CameToNothing(
        f"training came to nothing in epoch {epoch}, batch {batch + 1} of {batches}: its loss or gradient is "
        f"no number. Try a smaller learning_rate or gradient_clip, or look at the rows {named} that it read "
        "(column `row` of the cleaned training split). What was saved before it stays."
    )


@contextmanager
def enough_memory(batch_size: int, batch_tokens: int | None) -> Iterator[None]:
    """Say what to try when the block asks for more memory than there is.

    Raises:
        Refusal: the GPU's memory, or the machine's, is full.
    """
    try:
        yield
    except (torch.OutOfMemoryError, RuntimeError) as error:
        # On a CPU it is no kind of its own.
        if not isinstance(error, torch.OutOfMemoryError) and "can't allocate memory" not in str(error):
            raise
        place = "the GPU" if isinstance(error, torch.OutOfMemoryError) else "the machine"
        key, size = ("batch_size", batch_size) if batch_tokens is None else ("batch_tokens", batch_tokens)
        smaller = f"training.{key}: {size // 2}" if size > 1 else "a smaller hidden or embedding.size"
        raise Refusal(
            f"{place} is out of memory. Try {smaller} (params.yaml; it is {size} now), "
            "or fewer trainings at once: make repro JOBS=1, machine.runs_per_gpu"
        ) from None
