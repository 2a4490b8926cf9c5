"""What reading a text, or all of training, costs: floating point operations, counted.

A count repeats on every machine, where a measured time does not. operations.py counts them from a
network's lines; without torch, as the comparison reads them from a file.
"""

from dataclasses import dataclass

FORWARD_AND_BACKWARD = 3
"""The backward pass multiplies twice where the forward pass does once, for the gradient of the weights
and for that of what they were multiplied with (Kaplan et al. 2020, Scaling laws for neural language
models, section 2.1; Amodei and Hernandez 2018, AI and compute)."""


@dataclass(frozen=True)
class Operations:
    """Of one forward pass; a multiplication and an addition are two."""

    token: int
    """For each token that is read."""
    row: int
    """Beside that, for each text."""

    def of_text(self, tokens: float) -> float:
        """Return those of one text, or with a mean length the mean over texts."""
        return self.token * tokens + self.row

    def of_training(self, tokens: float, rows: float) -> float:
        """Return those of forward and backward passes over so many tokens in so many rows.

        A frozen embedding and a first state of zeros need no gradient, which saves a little that
        is counted here; the optimizer, whose cost goes by weights and not by tokens, is left out.
        """
        return FORWARD_AND_BACKWARD * (self.token * tokens + self.row * rows)
