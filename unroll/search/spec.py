"""What params.yaml says of a search: which network's settings, over what, and how much it may cost."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, Discriminator, Field, StringConstraints, Tag

from unroll.params import Consistent, Name, Seed, Strict

LARGEST = 10**9
MOST_STEPS = 10_000
Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$", max_length=100)]
"""A key of a network, dotted where it lies deeper: hidden, dropout.output, training.learning_rate."""


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST


def _number(value: Any) -> int | float:
    if not _is_number(value):
        raise ValueError(f"should be a number between -{LARGEST:,} and {LARGEST:,}")
    return value


def _above_zero(value: int | float) -> int | float:
    if value <= 0:
        raise ValueError("should be above 0")
    return value


# A union of int and float would tell of every fault twice.
Number = Annotated[Any, AfterValidator(_number)]


class Range(Consistent):
    """Numbers from `low` to `high`, both included; whole ones where all that is said of them is whole."""

    low: Number
    high: Number
    step: Annotated[Number, AfterValidator(_above_zero)] | None = None
    """Between neighbours; without it whole numbers lie 1 apart, and others as near as may be."""
    log: bool = False
    """Drawn evenly on a logarithmic scale."""

    @property
    def whole(self) -> bool:
        return all(isinstance(number, int) for number in (self.low, self.high, self.step or 0))

    @property
    def steps(self) -> int | None:
        """How many there are between low and high; None where numbers are drawn from all between."""
        step = self.step or (1 if self.whole and not self.log else None)
        return None if step is None else int((_exact(self.high) - _exact(self.low)) / _exact(step))

    def at(self, step: int) -> int | float:
        """Return the number so many steps above `low`."""
        number = _exact(self.low) + step * _exact(self.step or 1)
        return int(number) if self.whole else float(number)

    @classmethod
    def contradictions(cls, given: dict[str, Any]) -> Iterator[tuple[str, str]]:
        low, high, step = (given[key] for key in ("low", "high", "step"))
        if given["log"] is True and step is not None:
            yield "step", "steps are equally wide, and a logarithmic scale has none such: leave out one"
        if not (_is_number(low) and _is_number(high)):
            return
        if high <= low:
            yield "high", "not above low"
        if given["log"] is True and low <= 0:
            yield "low", "a logarithmic scale begins above 0"
        if _is_number(step) and step > 0 and high > low:
            steps = (_exact(high) - _exact(low)) / _exact(step)
            if steps != int(steps):
                yield "step", "does not lead from low to high"
            elif steps > MOST_STEPS:
                yield "step", f"leads there in more than {MOST_STEPS:,}"


def _exact(number: int | float) -> Decimal:
    """Return the number as it is written: 0.1 is a tenth."""
    return Decimal(str(number))


def _distinct(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len({json.dumps(value, sort_keys=True) for value in values}) < len(values):
        raise ValueError("an entry stands twice")
    return values


Choices = Annotated[tuple[Any, ...], Field(min_length=2), AfterValidator(_distinct)]
"""Values as the network's own key may have them."""
Values = Annotated[
    Annotated[Range, Tag("range")] | Annotated[Choices, Tag("choices")],
    Discriminator(lambda value: "choices" if isinstance(value, list | tuple) else "range"),
]
Space = dict[Key, Values]


class Search(Strict):
    """Trials of one network on one corpus, each with other settings."""

    corpus: Name
    network: Name
    """Whose settings it begins with."""
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1), AfterValidator(_distinct)]
    """With which each trial trains; what counts is their mean."""
    trials: Annotated[int, Field(ge=1, le=MOST_STEPS)]
    seed: Seed
    """Of the sampler."""
    at_once: Annotated[int, Field(ge=1, le=64)] = 1
    """Trials that are drawn together, without knowing of each other, so that they may train at once."""
    space: Annotated[Space, Field(min_length=1)]
