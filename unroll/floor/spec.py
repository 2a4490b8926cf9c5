"""What params.yaml says of the floor."""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field

from unroll.params import Consistent

Length = Annotated[int, Field(ge=1, le=10)]
Range = Annotated[tuple[Length, Length], Field(strict=False)]
"""The shortest and the longest n-grams."""


class Floor(Consistent):
    words: Range | None
    """In tokens; null counts none of them."""
    characters: Range | None
    """In characters, of a token with a space at either end; null counts none of them."""
    min_count: Annotated[int, Field(ge=1)]
    """Training texts in which an n-gram stands at least."""
    inverse_penalty: Annotated[float, Field(gt=0)]
    """C of the logistic regression: the larger, the closer it follows the training texts."""

    @classmethod
    def contradictions(cls, given: dict[str, Any]) -> Iterator[tuple[str, str]]:
        kinds = ("words", "characters")
        for kind in kinds:
            ends = given[kind]
            pair = isinstance(ends, list) and len(ends) == 2 and all(isinstance(end, int) for end in ends)
            if pair and ends[0] > ends[1]:
                yield kind, f"n-grams of {ends[0]} to {ends[1]}: the shorter comes first"
        if all(given[kind] is None for kind in kinds):
            yield "words", "null, and so is characters: there would be nothing to count"
