"""What a layer reads: vectors, and which of them stands where.

Of the 1,400 words of 64 tweets 600 are different, and what a layer makes of a word before it comes to
the state is the same wherever the word stands. So vectors are kept once a batch, with the place of
each: what is computed of a vector alone is computed once.

Axes: U vectors, B rows in the batch, L steps, I components of a vector.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Words:
    """Row b reads vectors_UI[places_BL[b, t]] at step t."""

    vectors_UI: Tensor
    places_BL: Tensor

    @classmethod
    def each_its_own(cls, vectors_BLI: Tensor) -> "Words":
        rows, steps, _ = vectors_BLI.shape
        places_BL = torch.arange(rows * steps, device=vectors_BLI.device).view(rows, steps)
        return cls(vectors_BLI.flatten(0, 1), places_BL)

    def written_out(self) -> Tensor:
        """Return the vectors in their places, (B, L, I)."""
        return functional.embedding(self.places_BL, self.vectors_UI)
