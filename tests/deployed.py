"""deploy/compose.yaml, read as the compose program reads it: for tests that look at it, and that run it."""

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from ruamel.yaml import YAML

PATH = Path(__file__).resolve().parents[1] / "deploy/compose.yaml"
TEXT = PATH.read_text(encoding="utf-8")
VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?:(?P<kind>:\?|:-)(?P<rest>[^}]*))?\}")


class Missing(Exception):
    """A variable that the file asks for is not set; the message is the file's."""


def services(variables: Mapping[str, str]) -> dict[str, dict]:
    """Return each service, its variables in place.

    Raises:
        Missing: one of `${NAME:?...}` is not set, or is empty.
    """
    return _filled(document()["services"], variables)


def document() -> dict:
    return YAML(typ="safe").load(TEXT)


def _filled(node: object, variables: Mapping[str, str]) -> object:
    if isinstance(node, dict):
        return {name: _filled(value, variables) for name, value in node.items()}
    if isinstance(node, list):
        return [_filled(value, variables) for value in node]
    return VARIABLE.sub(partial(_value, variables), node) if isinstance(node, str) else node


def _value(variables: Mapping[str, str], found: re.Match[str]) -> str:
    value = variables.get(found["name"], "")
    if not value and found["kind"] == ":?":
        raise Missing(f"{found['name']}: {found['rest']}")
    return value or (found["rest"] if found["kind"] == ":-" else "")
