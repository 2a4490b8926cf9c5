"""Corpora of the user's own: CSV, TSV and JSON-lines files, read so that every fault has its line.

CSV quotes as spreadsheets do. TSV does not quote: a tab ends a cell, and a quotation mark is one.
"""

import csv
import gzip
import io
import json
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

from unroll.corpora.sources import FileSource, Frames, Source, rows_frame
from unroll.failures import Refusal
from unroll.files import sha256_of

Cells = dict[str | int, object]
Numbered = Iterator[tuple[int, Cells]]


def checksums(source: Source, key: str) -> dict[str, str]:
    """Return the sha256 of every file of the user's own that `source` names, by path.

    Raises:
        Refusal: there is no such file; `key`, that of the source in params.yaml, is named.
    """
    if not isinstance(source, FileSource):
        return {}
    for split, path in source.files.items():
        if not Path(path).is_file():
            raise Refusal(f"{key}.files.{split}: there is no file {path} in the project's folder")
    return {path: sha256_of(Path(path)) for path in source.files.values()}


def fetch_files(source: FileSource, names: tuple[str, ...]) -> tuple[Frames, dict]:
    """Return each file's rows and where they came from. A label is one of `names`, or its number.

    Raises:
        Refusal: a file is missing or cannot be read; its line and column are named.
    """
    found = checksums(source, "source")
    numbers = {name: number for number, name in enumerate(names)}
    # Where classes are called 1 to 5, a 1 is the name of the first and never the number of the second.
    if not any(name.isdecimal() for name in names):
        numbers |= {str(number): number for number in range(len(names))}
    frames = {}
    for split, path in source.files.items():
        texts, labels = [], []
        for line, cells in _rows(Path(path), source.header):
            place = f"{path}, line {line}"
            texts.append(_text(_cell(cells, source.text, place), source.text, place))
            labels.append(_label(_cell(cells, source.label, place), numbers, source.label, place))
        if not texts:
            raise Refusal(f"{path} holds no rows: put some there, or carve {split} out of another file")
        frames[split] = rows_frame(texts, labels)
    revision = ", ".join(f"sha256 {digest[:12]}" for digest in found.values())
    return frames, {"from": "file", "repository": ", ".join(found), "revision": revision}


def _rows(path: Path, header: bool) -> Numbered:
    """Yield each row as its first line's number and its cells, by column: a name, or a number from 1 on."""
    kind = Path(path.name.removesuffix(".gz")).suffix
    content = _content(path)
    if kind == ".jsonl":
        yield from _objects(path, content)
        return
    dialect = {"delimiter": "\t", "quoting": csv.QUOTE_NONE} if kind == ".tsv" else {}
    csv.field_size_limit(sys.maxsize)  # a text may be longer than 131,072 characters
    # "\n" alone, or its pair with "\r", ends a line: no other character that Unicode calls a line's end.
    reader = csv.reader(io.StringIO(content, newline="\n"), strict=True, **dialect)
    columns: list[str] | list[int] = []
    line = 1
    try:
        for row in reader:
            first, line = line, reader.line_num + 1
            if not row:
                continue
            if not columns:
                columns = row if header else list(range(1, len(row) + 1))
                if repeated := [column for column in columns if columns.count(column) > 1]:
                    raise Refusal(f"{path}, line {first}: column {repeated[0]!r} stands twice")
                if header:
                    continue
            if len(row) != len(columns):
                raise Refusal(f"{path}, line {first}: {len(row)} cells where {len(columns)} are expected")
            yield first, dict(zip(columns, row, strict=True))
    except csv.Error as error:
        hint = "; does a quotation mark stay open?" if "end of data" in str(error) else ""
        raise Refusal(f"{path}, line {line}: {error}{hint}") from None


def _objects(path: Path, content: str) -> Numbered:
    for line, text in enumerate(content.split("\n"), start=1):
        if not text.strip():
            continue
        try:
            cells = json.loads(text)
        except ValueError as error:
            raise Refusal(f"{path}, line {line}: no JSON: {error}") from None
        if not isinstance(cells, dict):
            raise Refusal(f"{path}, line {line}: not an object with a text and a label")
        yield line, cells


def _content(path: Path) -> str:
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise Refusal(f"{path} cannot be read: {error}") from None
    try:
        # Spreadsheets begin their UTF-8 with a mark that is no part of the first column's name.
        return content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        place = f"{path}, line {line}, byte {error.start}"
        raise Refusal(f"{place}: not UTF-8: {error.reason}; save it as UTF-8") from None


def _cell(cells: Cells, column: str | int, place: str) -> object:
    if column not in cells:
        raise Refusal(f"{place}: no column {column!r}; it has {', '.join(map(str, cells))}")
    return cells[column]


def _text(cell: object, column: str | int, place: str) -> str:
    if not isinstance(cell, str):
        raise Refusal(f"{place}: {column} is {cell!r}, not a text")
    try:
        cell.encode()
    except UnicodeEncodeError as error:
        half = f"character {error.start + 1}, {cell[error.start]!r}, is half a surrogate pair"
        raise Refusal(f"{place}: {column} is no text: {half}; remove it") from None
    return cell.strip()


def _label(cell: object, numbers: dict[str, int], column: str | int, place: str) -> int:
    # True is a whole number to Python, and no label.
    name = str(cell).strip() if isinstance(cell, str) or type(cell) is int else None
    if name not in numbers:
        raise Refusal(f"{place}: {column} is {cell!r}, none of {', '.join(numbers)}")
    return numbers[name]
