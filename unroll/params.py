"""params.yaml -> frozen, strict objects.

Each object is declared beside what it configures (`Corpus` in corpus.py, `Network` in
networks/spec.py, `Training` in training/loop.py); this module reads the file, turns one part of it into
one object, and words the refusals.
"""

import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args

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

from unroll.failures import Refusal
from unroll.yaml_text import Unreadable, document_of, line_of

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]
"""A name that may enter a shell command, a path and a DVC stage name."""
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
Share = Annotated[float, Field(ge=0, lt=1)]
"""A probability or proportion in [0, 1)."""
LONGEST_QUOTED = 100
adapter = cache(TypeAdapter)
"""What validates a kind: made once, as that takes longer than any validation here."""


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
    """What one run of the pipeline covers: the full product of corpora, networks and seeds."""

    corpora: Annotated[tuple[Name, ...], Field(min_length=1)]
    networks: Annotated[tuple[Name, ...], Field(min_length=1)]
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)]
    taught: tuple[Name, ...] = ()
    """Networks that have a teacher among the others."""

    @property
    def all_networks(self) -> tuple[str, ...]:
        return self.networks + self.taught


def _as_parts(suite: Selection | tuple[Selection, ...]) -> tuple[Selection, ...]:
    """Refuse parts that would evaluate one network over different seeds: each would undo the other."""
    parts = (suite,) if isinstance(suite, Selection) else suite
    if not parts:
        raise ValueError("a suite needs at least one part")
    seeds: dict[tuple[str, str], tuple[int, ...]] = {}
    for part in parts:
        for pair in itertools.product(part.corpora, part.all_networks):
            if seeds.setdefault(pair, part.seeds) != part.seeds:
                raise ValueError(f"{pair[1]} on {pair[0]} stands in two parts with different seeds")
    return parts


Suite = Annotated[
    Annotated[Selection, Tag("one")] | Annotated[tuple[Selection, ...], Tag("several")],
    Discriminator(lambda value: "several" if isinstance(value, list) else "one"),
    AfterValidator(_as_parts),
]
"""One selection, or a list of them that run in turn; either way its parts."""


class Fault(NamedTuple):
    """One thing that is wrong with a document."""

    keys: tuple[str, ...]
    """That lead to it: its line is that of the last of them that is there."""
    words: str
    """Its place, as a reader looks for it, and what is wrong."""


class Faulty(Refusal):
    """A document with all its faults, each with its line where the document's text is known."""

    def __init__(self, path: Path, faults: Iterable[Fault], text: str | None = None) -> None:
        self.faults = list(faults)
        placed = [(text and line_of(text, fault.keys), fault.words) for fault in self.faults]
        placed.sort(key=lambda fault: fault[0] or 0)
        if text is None:
            lines = [words for _, words in placed]
        else:
            lines = [f"{path}:{line}: {words}" if line else f"{path}: {words}" for line, words in placed]
        super().__init__("\n  ".join([f"{path} is refused:", *lines]))


class Params:
    """The document of one params.yaml, read part by part."""

    def __init__(self, path: Path = Path("params.yaml")) -> None:
        self.path = path
        try:
            content = path.read_bytes()
            self.text = content.decode("utf-8")
            self.document = document_of(self.text)
        except FileNotFoundError:
            raise Refusal(f"{path} is missing: run this in the project's folder") from None
        except OSError as error:
            raise Refusal(f"{path} cannot be read: {error.strerror}") from None
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
            reason = f"byte {error.start} is no UTF-8: save it in that encoding"
            raise Refusal(f"{path}:{line}: cannot be read as YAML: {reason}") from None
        except Unreadable as error:
            place = f"{path}:{error.line}" if error.line else path
            raise Refusal(f"{place}: cannot be read as YAML: {error}") from None

    def get(self, key: str, kind: Any) -> Any:
        """Return the part under the dotted `key` as a `kind`.

        Raises:
            Refusal: the key is missing, or its value is not of the kind; every fault is named.
        """
        value = self.document
        for part in key.split(".") if key else []:
            if not isinstance(value, dict) or part not in value:
                known = ", ".join(map(plain, value)) if isinstance(value, dict) else "nothing"
                raise Refusal(f"{self.path}: {plain(key)} is missing ({plain(part)} not among: {known})")
            value = value[part]
        return parse(value, kind, key, self.path, self.text)


def parse(value: object, kind: Any, key: str, path: Path, text: str | None = None) -> Any:
    """Validate through JSON, in which a YAML list may stand for a tuple without laxity elsewhere.

    Raises:
        Refusal: names every fault of `value` by its key's full path, and by its line in `text`.
    """
    try:
        document = json.dumps(value, default=str)
    except TypeError as error:  # a list as a key
        raise Refusal(f"{path}: {key or 'the document'} cannot be read: {error}") from None
    try:
        return adapter(kind).validate_json(document)
    except ValidationError as error:
        faults = [_placed(fault, key, value, kind) for fault in error.errors(include_url=False)]
    raise Faulty(path, faults, text)


def _placed(fault: Any, key: str, value: object, kind: Any) -> Fault:
    location = fault["loc"]
    if location[-1:] == ("[key]",):
        # A key is at fault itself: the message quotes it.
        place = _keys_to(location[:-2], value)
        keys = [*place, str(location[-2])]
    elif fault["type"] in ("missing", "contradiction"):
        keys = place = [*_keys_to(location[:-1], value), str(location[-1])]
    else:
        keys = place = _keys_to(location, value)
    above = key.split(".") if key else []
    return fault_at((*above, *place), said(fault, kind), (*above, *keys))


def fault_at(place: tuple[str, ...], message: str, keys: tuple[str, ...] = ()) -> Fault:
    """Return the fault that a message tells of a place, whose line is perhaps that of other keys."""
    return Fault(keys or place, ": ".join(filter(None, [".".join(map(plain, place)), message])))


def said(fault: Any, kind: Any) -> str:
    """Return what pydantic says of a fault in a `kind`, what was given, and what was meant perhaps."""
    given = fault["input"]
    if fault["type"] == "extra_forbidden":
        key = str(fault["loc"][-1])
        near = get_close_matches(key, _keys_of(kind) - {key}, n=1, cutoff=0.75)
        return f"this key is not permitted: {f'did you mean {near[0]}?' if near else 'leave it out'}"
    message = str(fault["ctx"]["error"]) if fault["type"] == "value_error" else fault["msg"]
    if fault["type"] in ("missing", "contradiction") or isinstance(given, dict | list):
        return message  # a whole section would bury it
    return f"{message} (given: {_quoted(given)})"


@cache
def _keys_of(kind: Any) -> frozenset[str]:
    """Return every key that may stand somewhere in a `kind`."""
    keys, waiting = set(), [adapter(kind).json_schema()]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            keys.update(part.get("properties", ()))
        waiting += part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    return frozenset(keys)


def plain(key: object) -> str:
    """Return a key as it is, or quoted where a terminal or a reader might take it for something else."""
    return str(key) if re.fullmatch(r"[A-Za-z0-9_.-]{1,80}", str(key)) else _quoted(str(key))


def _quoted(value: object) -> str:
    """Return a value as Python writes it, cut where it is long, and unmistakably where letters look alike."""
    text = repr(value)
    if len(text) > LONGEST_QUOTED:
        text = f"{text[:LONGEST_QUOTED]}... of {len(text)} characters"
    return text if text.isascii() else f"{text}, in ASCII {text.encode('ascii', 'backslashreplace').decode()}"


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
