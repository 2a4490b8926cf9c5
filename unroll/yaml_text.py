"""YAML -> what it says; and, once something is at fault, the line on which it stands."""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

MOST_VALUES = 1_000_000
"""That all aliases written out may come to; the shipped parameters have 1,400."""
MERGE = "<<"


class Unreadable(YAMLError):
    """Says why in one line; `line` counts from 1, and is None where no one line is at fault."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.line = line


@cache
def document_of(text: str) -> Any:
    """Return what YAML says, parsed once in a process and what is forked from it: to be read, not changed.

    Raises:
        Unreadable: it is no YAML, holds itself, or says more than anything could work through.
    """
    try:
        document = YAML(typ="safe").load(text)
        values = _count(document, {})
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise Unreadable(": ".join(filter(None, [error.context, error.problem])), line) from None
    except RecursionError:
        raise Unreadable("its lists and mappings lie too deep in each other") from None
    except Exception as error:  # whatever Python raises at a date or a number that is none
        position = getattr(error, "position", None)
        line = _line_of_bad_scalar(text) if position is None else text[:position].count("\n") + 1
        raise Unreadable(str(error).splitlines()[0], line) from None
    if values > MOST_VALUES:
        raise Unreadable(f"with its aliases (*) written out it has more than {MOST_VALUES:,} values")
    return document


def _count(value: Any, counted: dict[int, int]) -> int:
    """Count values as if every alias were written out, yet look at each but once."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in counted:
        counted[id(value)] = MOST_VALUES + 1  # what it is taken for if it is found within itself
        inner = value.values() if isinstance(value, dict) else value
        counted[id(value)] = 1 + sum(_count(one, counted) for one in inner)
    return counted[id(value)]


def _line_of_bad_scalar(text: str) -> int | None:
    yaml = YAML(typ="safe")
    for node in _scalars(_compose(text), set()):
        try:
            yaml.constructor.construct_object(node)
        except Exception:  # the one that document_of met
            return node.start_mark.line + 1
    return None


def _scalars(node: Node | None, seen: set[int]) -> Iterator[ScalarNode]:
    if isinstance(node, ScalarNode):
        yield node
    elif node is not None and id(node) not in seen:
        seen.add(id(node))
        for one in node.value:
            for inner in one if isinstance(one, tuple) else (one,):
                yield from _scalars(inner, seen)


def line_of(text: str, keys: Sequence[str]) -> int | None:
    """Return the line of the last of `keys`, or of the deepest that is there; None where none is.

    A key that was merged in (<<) or stands under an alias has the line on which it is written.
    """
    found, node = None, _compose(text)
    for key in keys:
        at, node = _child(node, key)
        if at is None:
            break
        found = at.start_mark.line + 1
    return found


@cache
def _compose(text: str) -> Node | None:
    return YAML(typ="safe").compose(text)


def _child(node: Node | None, key: str) -> tuple[Node | None, Node | None]:
    """Return where `key` stands and what stands under it."""
    if isinstance(node, SequenceNode) and key.isdecimal() and int(key) < len(node.value):
        return node.value[int(key)], node.value[int(key)]
    if not isinstance(node, MappingNode):
        return None, None
    merged: list[Node] = []
    for name, value in node.value:
        if name.value == key:
            return name, value
        if name.value == MERGE:
            merged += value.value if isinstance(value, SequenceNode) else [value]
    for mapping in merged:
        found = _child(mapping, key)
        if found != (None, None):
            return found
    return None, None
