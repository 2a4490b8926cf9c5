"""The shipped params.yaml, whole, and with something else in one place."""

import copy
import json
from importlib import metadata
from pathlib import Path

import pytest
import tiny
from ruamel.yaml import YAML

from unroll import catalogue
from unroll.failures import Refusal
from unroll.lexicon.vectors import InstalledSource, VectorsSource
from unroll.params import Params

PATH = tiny.ROOT / "params.yaml"
# Through JSON, which knows no anchors: a fault in one entry must not be one in those that share its lines.
SHIPPED = json.loads(json.dumps(YAML(typ="safe").load(PATH.read_text(encoding="utf-8"))))


def with_values(values: dict[str, object]) -> dict:
    """Return the shipped document with other values under keys cut at "/", for a key may hold a dot."""
    document = copy.deepcopy(SHIPPED)
    for key, value in values.items():
        *path, last = key.split("/")
        part = document
        for name in path:
            part = part[name]
        part[last] = value
    return document


def vectors_of(name: str) -> InstalledSource:
    """Return the entry of word vectors that a package holds; skip the test where it is not installed."""
    source = Params(PATH).get(f"vectors.{name}", VectorsSource)
    try:
        metadata.distribution(source.package)
    except metadata.PackageNotFoundError:
        pytest.skip(f"{source.package} is not installed")
    return source


def refusal_of(document: object) -> str:
    with pytest.raises(Refusal) as caught:
        catalogue.check(document, Path("params.yaml"))
    return str(caught.value)


def lines_of(document: dict) -> list[str]:
    first, *lines = refusal_of(document).splitlines()
    assert first == "params.yaml is refused:"
    return [line.strip() for line in lines]


def keys_of(values: dict[str, object]) -> list[str]:
    """Return the key of each fault that these values make in the shipped document."""
    return sorted(line.split(": ")[0] for line in lines_of(with_values(values)))
