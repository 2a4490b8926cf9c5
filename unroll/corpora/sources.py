"""What params.yaml says of where a corpus comes from, and the frame that every source ends in."""

from typing import Annotated, Literal

import pandas as pd
from pydantic import AfterValidator, Field, StringConstraints, model_validator

from unroll.params import SPLITS, Share, Split, Strict

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Package = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Version = Annotated[str, StringConstraints(pattern=r"^[0-9][0-9a-z.]*$")]
Repository = Annotated[str, StringConstraints(pattern=r"^[\w-]+(\.[\w-]+)*/[\w-]+(\.[\w-]+)*$")]
Shares = dict[Literal["validation", "test"], Annotated[Share, Field(gt=0)]]
Frames = dict[str, pd.DataFrame]
"""For each split a frame (row, text, label)."""


class Pinned(Strict):
    """How many rows each file must give, and their digest: before anything is carved out of them."""

    rows: dict[Split, int] = Field(default_factory=dict)
    sha256: dict[Split, Digest] = Field(default_factory=dict)


class Carved(Pinned):
    """Files for some splits, and the others carved out of the training file by a hash of the text."""

    files: dict[Split, str]
    carve: Shares = Field(default_factory=dict)

    @model_validator(mode="after")
    def _names_every_split_once(self) -> "Carved":
        for split in SPLITS:
            if split not in self.files and split not in self.carve:
                way_out = "" if split == "train" else f", or carve.{split}: a share of train"
                raise ValueError(f"files.{split} is missing: name a file{way_out}")
            if split in self.files and split in self.carve:
                raise ValueError(f"{split} stands under both files and carve: keep one")
        if sum(self.carve.values()) >= 1:
            raise ValueError("carve leaves nothing for train: its shares must sum to less than 1")
        for pins in ("rows", "sha256"):
            if beyond := [split for split in getattr(self, pins) if split not in self.files]:
                raise ValueError(f"{pins}.{beyond[0]} has no file: pins are of the files, before carving")
        return self


class HubRepository(Carved):
    """One data set repository at one revision, and how to read its files."""

    dataset: Repository
    revision: str
    form: Literal["rows", "trees"] = "rows"
    text: str = "text"
    label: str | None = None

    @model_validator(mode="after")
    def _has_labels_and_counts(self) -> "HubRepository":
        if self.form == "rows" and self.label is None:
            raise ValueError("label is missing: the column that holds the label (form is rows)")
        if uncounted := [split for split in self.files if split not in self.rows]:
            raise ValueError(f"rows.{uncounted[0]} is missing: how many rows the revision has")
        return self


class HubSource(HubRepository):
    kind: Literal["hub"]
    fallback: HubRepository | None = None
    licence: str
    citation: str


class PypiSource(Pinned):
    """A table of (id, mean rating, text) in a tar file within a source distribution."""

    kind: Literal["pypi"]
    package: Package
    version: Version
    archive_sha256: Digest
    archive: str
    file: str
    cutoffs: tuple[float, float]
    rows: dict[Split, int]
    sha256: dict[Split, Digest]
    licence: str
    citation: str


def _of_a_known_format(path: str) -> str:
    if not path.removesuffix(".gz").endswith((".csv", ".tsv", ".jsonl")):
        raise ValueError("name a .csv, .tsv or .jsonl file, each with .gz behind it or without")
    return path


class FileSource(Carved):
    """Tables of the user's own; paths are relative to the project's folder."""

    kind: Literal["file"]
    files: dict[Split, Annotated[str, AfterValidator(_of_a_known_format)]]
    header: bool = True
    text: str | Annotated[int, Field(ge=1)] = "text"
    label: str | Annotated[int, Field(ge=1)] = "label"
    licence: str | None = None
    citation: str | None = None

    @model_validator(mode="after")
    def _columns_fit_the_header(self) -> "FileSource":
        for key in ("text", "label"):
            if isinstance(getattr(self, key), str) != self.header:
                wanted = "its name" if self.header else "its number, from 1 on, as header is false"
                raise ValueError(f"{key} must be a column: {wanted}")
        if not self.header and any(".jsonl" in path for path in self.files.values()):
            raise ValueError("header is false, but the columns of a .jsonl file have names")
        return self


Source = Annotated[HubSource | PypiSource | FileSource, Field(discriminator="kind")]


def label_names(labels: tuple[str, ...], relabel: tuple[int | None, ...] | None) -> tuple[str, ...]:
    """Return the names of a source's labels: where some are relabelled, `labels` are those of the classes,
    and the source's own are numbers."""
    return labels if relabel is None else tuple(map(str, range(len(relabel))))


class FurtherTexts(Strict):
    """Another corpus, whose training texts are read without their labels."""

    source: Source
    names: tuple[str, ...]
    """Of the source's labels."""


def rows_frame(texts: list[str], labels: list[int]) -> pd.DataFrame:
    """Number the rows in the order in which they came."""
    frame = pd.DataFrame({"row": range(len(texts)), "text": texts, "label": labels})
    return frame.astype({"row": "int64"})
