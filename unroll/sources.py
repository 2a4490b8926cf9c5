"""What params.yaml says of where a corpus comes from, and the frame that every source ends in."""

from typing import Annotated, Literal

import pandas as pd
from pydantic import Field, StringConstraints, model_validator

from unroll.params import Strict

SPLITS = ("train", "validation", "test")
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Repository = Annotated[str, StringConstraints(pattern=r"^[\w-]+(\.[\w-]+)*/[\w-]+(\.[\w-]+)*$")]
Frames = dict[str, pd.DataFrame]
"""For each split a frame (row, text, label)."""


class Files(Strict):
    train: str
    validation: str
    test: str


class Counts(Strict):
    train: int
    validation: int
    test: int


class Digests(Strict):
    train: Digest
    validation: Digest
    test: Digest


class HubRepository(Strict):
    """One data set repository at one revision, and how to read its files."""

    dataset: Repository
    revision: str
    files: Files
    form: Literal["rows", "trees"] = "rows"
    text: str = "text"
    label: str | None = None
    rows: Counts
    sha256: Digests | None = None

    @model_validator(mode="after")
    def _has_labels(self) -> "HubRepository":
        if self.form == "rows" and self.label is None:
            raise ValueError("label is missing: the column that holds the label (form is rows)")
        return self


class HubSource(HubRepository):
    kind: Literal["hub"]
    fallback: HubRepository | None = None
    licence: str
    citation: str


class PypiSource(Strict):
    """A table of (id, mean rating, text) in a tar file within a source distribution."""

    kind: Literal["pypi"]
    package: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    version: Annotated[str, StringConstraints(pattern=r"^[0-9][0-9a-z.]*$")]
    archive_sha256: Digest
    archive: str
    file: str
    cutoffs: tuple[float, float]
    rows: Counts
    sha256: Digests
    licence: str
    citation: str


Source = Annotated[HubSource | PypiSource, Field(discriminator="kind")]


def rows_frame(texts: list[str], labels: list[int]) -> pd.DataFrame:
    """Number the rows in the order in which they came."""
    frame = pd.DataFrame({"row": range(len(texts)), "text": texts, "label": labels})
    return frame.astype({"row": "int64"})
