"""What params.yaml says of a comparison."""

from typing import Annotated, Literal

from pydantic import Field

from unroll.params import Seed, Strict


class Published(Strict):
    """A figure from the literature, shown beside ours; `value` is a proportion, as all metrics are."""

    system: str
    metric: Literal["accuracy", "macro_recall", "macro_f1", "loss", "ece"]
    value: Annotated[float, Field(ge=0, le=1)]
    source: str
    kind: Literal["transformer"] | None = None
    """What a recurrent network is not to be expected to reach."""


class Comparison(Strict):
    """How sure a comparison is to be, and how it draws its resamples."""

    resamples: Annotated[int, Field(ge=100)]
    """Bootstraps for every interval, and randomisations for every pair."""
    seed: Seed
    """Of the resamples."""
    level: Annotated[float, Field(gt=0.5, lt=1)]
    """Of every interval; a corrected p below 1 - level counts as a difference."""
