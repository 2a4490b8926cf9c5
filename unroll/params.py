"""params.yaml -> frozen, strict objects.

Each object is declared beside what it configures (`Corpus` in corpus.py, `Network` in
networks/spec.py, `Training` in training/loop.py); this module reads the file, turns one part of it into
one object, and words the refusals.
"""

import itertools
import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from unroll.failures import Refusal

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]
"""A name that may enter a shell command, a path and a DVC stage name."""
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
Share = Annotated[float, Field(ge=0, lt=1)]
"""A probability or proportion in [0, 1)."""


class Strict(BaseModel):
    """Frozen; refuses unknown keys, values of another type, NaN and infinity."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


class Consistent(Strict):
    """Strict, and refuses values that cannot go together, in the same breath as every other fault."""

    @classmethod
    def contradictions(cls, given: dict[str, Any]) -> Iterator[tuple[str, str]]:
        """Yield each key at fault, dotted if it lies deeper, and why.

        `given` has the defaults, and its values are unchecked.
        """
        yield from ()

    @model_validator(mode="wrap")
    @classmethod
    def _collect(cls, value: Any, check: Callable[[Any], Any]) -> Any:
        faults: list[Any] = []
        made = None
        try:
            made = check(value)
        except ValidationError as error:
            faults += map(_raised_again, error.errors(include_url=False))
        if isinstance(value, dict):
            defaults = {name: field.default for name, field in cls.model_fields.items()}
            for key, reason in cls.contradictions(defaults | value):
                fault = {"type": _contradiction(reason), "loc": tuple(key.split(".")), "input": None}
                faults.append(fault)
        if faults:
            raise ValidationError.from_exception_data(cls.__name__, faults)
        return made


def _contradiction(reason: str) -> PydanticCustomError:
    # The reason as an argument: a brace in it is no placeholder.
    return PydanticCustomError("contradiction", "{reason}", {"reason": reason})


def _raised_again(fault: Any) -> dict[str, Any]:
    """Return a fault as ValidationError.from_exception_data takes it, which knows pydantic's kinds alone."""
    again = {key: fault[key] for key in ("type", "loc", "input", "ctx") if key in fault}
    if fault["type"] == "contradiction":
        again["type"] = _contradiction(again.pop("ctx")["reason"])
    return again


class Selection(Strict):
    """What one run of the pipeline covers: the full product of three lists."""

    corpora: Annotated[tuple[Name, ...], Field(min_length=1)]
    networks: Annotated[tuple[Name, ...], Field(min_length=1)]
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)]


def _as_parts(suite: Selection | tuple[Selection, ...]) -> tuple[Selection, ...]:
    """Refuse parts that would evaluate one network over different seeds: each would undo the other."""
    parts = (suite,) if isinstance(suite, Selection) else suite
    if not parts:
        raise ValueError("a suite needs at least one part")
    seeds: dict[tuple[str, str], tuple[int, ...]] = {}
    for part in parts:
        for pair in itertools.product(part.corpora, part.networks):
            if seeds.setdefault(pair, part.seeds) != part.seeds:
                raise ValueError(f"{pair[1]} on {pair[0]} stands in two parts with different seeds")
    return parts


Suite = Annotated[
    Annotated[Selection, Tag("one")] | Annotated[tuple[Selection, ...], Tag("several")],
    Discriminator(lambda value: "several" if isinstance(value, list) else "one"),
    AfterValidator(_as_parts),
]
"""One selection, or a list of them that run in turn; either way its parts."""


@cache
def document_of(text: str) -> Any:
    """Return what YAML says, parsed once in a process and what is forked from it: to be read, not changed."""
    return YAML(typ="safe").load(text)


class Params:
    """The document of one params.yaml, read part by part."""

    def __init__(self, path: Path = Path("params.yaml")) -> None:
        self.path = path
        try:
            self.document = document_of(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise Refusal(f"{path} is missing: run this in the project's folder") from None
        except (YAMLError, UnicodeDecodeError) as error:
            raise Refusal(f"{path} cannot be read as YAML: {error}") from None

    def get(self, key: str, kind: Any) -> Any:
        """Return the part under the dotted `key` as a `kind`.

        Raises:
            Refusal: the key is missing, or its value is not of the kind; every fault is named.
        """
        value = self.document
        for part in key.split(".") if key else []:
            if not isinstance(value, dict) or part not in value:
                known = ", ".join(map(str, value)) if isinstance(value, dict) else "nothing"
                raise Refusal(f"{self.path}: {key} is missing ({part} not among: {known})")
            value = value[part]
        return parse(value, kind, key, self.path)


def parse(value: object, kind: Any, key: str, path: Path) -> Any:
    """Validate through JSON, in which a YAML list may stand for a tuple without laxity elsewhere.

    Raises:
        Refusal: names every fault of `value` by its key's full path.
    """
    try:
        document = json.dumps(value, default=str)
    except (TypeError, ValueError) as error:  # a list as a key; a loop
        raise Refusal(f"{path}: {key or 'the document'} cannot be read: {error}") from None
    try:
        return TypeAdapter(kind).validate_json(document)
    except ValidationError as error:
        faults = [_in_words(fault, key, value) for fault in error.errors(include_url=False)]
    raise Refusal("\n  ".join([f"{path} is refused:", *faults]))


def _in_words(fault: Any, key: str, value: object) -> str:
    location, kind = fault["loc"], fault["type"]
    if location[-1:] == ("[key]",):
        place = _keys_to(location[:-2], value)  # a key is at fault itself; the message quotes it
    elif kind in ("missing", "contradiction"):
        place = [*_keys_to(location[:-1], value), location[-1]]
    else:
        place = _keys_to(location, value)
    place = [key, *place] if key else place
    message = str(fault["ctx"]["error"]) if kind == "value_error" else fault["msg"]
    # A whole section would bury the message.
    shown = kind not in ("missing", "extra_forbidden", "contradiction") and not isinstance(
        fault["input"], dict | list
    )
    given = f" (given: {fault['input']!r})" if shown else ""
    return f"{'.'.join(place)}: {message}{given}" if place else f"{message}{given}"


def _keys_to(location: tuple[str | int, ...], value: Any) -> list[str]:
    """Return the keys of `value` that lead to a fault in it.

    pydantic adds the tag of a discriminated union ("hub", "lstm") to the location. It is no key of
    the file, yet a network may well be named lstm; so what leads nowhere is left out.
    """
    keys = []
    for part in location:
        if isinstance(part, int) or (isinstance(value, dict) and part in value):
            keys.append(str(part))
            value = value[part]
    return keys
