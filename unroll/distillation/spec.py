"""What params.yaml says of an ensemble: networks that are asked together, and may teach another."""

from collections.abc import Collection, Iterator
from typing import Annotated, Any

from pydantic import Field

from unroll.params import Consistent, Name


class Ensemble(Consistent):
    """Networks, each with all its selected seeds."""

    # Not strict about the kind of list alone: the names in it are as strict as ever.
    networks: Annotated[tuple[Name, ...], Field(min_length=1, strict=False)]

    def is_among(self, networks: Collection[str]) -> bool:
        """Tell whether all its networks are among these: only then it is asked."""
        return set(self.networks) <= set(networks)

    @classmethod
    def contradictions(cls, given: dict[str, Any]) -> Iterator[tuple[str, str]]:
        names = given.get("networks")
        if isinstance(names, list) and len(set(map(str, names))) < len(names):
            yield "networks", "a name stands twice"
