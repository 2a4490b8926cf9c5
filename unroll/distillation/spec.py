"""What params.yaml says of an ensemble: networks that are asked together, and may teach another."""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field

from unroll.params import Consistent, Name


class Ensemble(Consistent):
    """Networks, each with all its selected seeds."""

    # Not strict about the kind of list alone: the names in it are as strict as ever.
    networks: Annotated[tuple[Name, ...], Field(min_length=1, strict=False)]

    @classmethod
    def contradictions(cls, given: dict[str, Any]) -> Iterator[tuple[str, str]]:
        names = given.get("networks")
        if isinstance(names, list) and len(set(map(str, names))) < len(names):
            yield "networks", "a name stands twice"
