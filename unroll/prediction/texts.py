"""The texts of a command: its arguments, the lines of standard input, or a column of a CSV file."""

import csv
import io
import sys
from dataclasses import dataclass, field
from pathlib import Path

from unroll.failures import Refusal


@dataclass(frozen=True)
class Table:
    """A CSV file, read: its columns, its rows, and which column holds the texts."""

    path: Path
    columns: list[str]
    rows: list[list[str]] = field(repr=False)
    at: int

    @property
    def texts(self) -> list[str]:
        return [row[self.at] for row in self.rows]


def given(texts: list[str]) -> list[str]:
    """Return the texts of the command line, in which what is not UTF-8 stands as lone surrogates."""
    for number, text in enumerate(texts, start=1):
        try:
            text.encode()
        except UnicodeEncodeError as error:
            place = f"text {number}, character {error.start + 1}"
            raise Refusal(f"{place}: not UTF-8: give it as UTF-8") from None
    return texts


def lines(content: bytes) -> list[str]:
    """Return the lines of standard input; "\\n" alone, or its pair with "\\r", ends one."""
    found = _decoded(content, "standard input").split("\n")
    return [line.removesuffix("\r") for line in (found if found[-1] else found[:-1])]


def table(path: Path, column: str) -> Table:
    """Read a CSV file with a header, quoted as spreadsheets do.

    Raises:
        Refusal: the file is missing or no such table; the line is named.
    """
    if not path.is_file():
        raise Refusal(f"--csv: there is no file {path}")
    csv.field_size_limit(sys.maxsize)  # a text may be longer than 131,072 characters
    content = io.StringIO(_decoded(path.read_bytes(), str(path)), newline="\n")
    reader = csv.reader(content, strict=True)
    columns, rows = next(reader, []), []
    if columns.count(column) != 1:
        wrong = f"column {column!r} stands twice" if column in columns else f"no column {column!r}"
        raise Refusal(f"{path}: {wrong}: name one of {', '.join(columns) or 'none'} with --column")
    try:
        for row in reader:
            if row and len(row) != len(columns):
                place = f"{path}, line {reader.line_num}"
                raise Refusal(f"{place}: {len(row)} cells where the header has {len(columns)}")
            if row:
                rows.append(row)
    except csv.Error as error:
        raise Refusal(f"{path}, line {reader.line_num}: {error}") from None
    return Table(path, columns, rows, columns.index(column))


def _decoded(content: bytes, place: str) -> str:
    try:
        return content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        where = f"{place}, line {line}, byte {error.start}"
        raise Refusal(f"{where}: not UTF-8: {error.reason}; save it as UTF-8") from None
