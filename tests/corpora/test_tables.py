"""Tables of the user's own: every format gives the same rows, and a fault is named with its place."""

import gzip
import json
import re
from pathlib import Path

import pytest

from unroll.corpora import readers
from unroll.corpora.sources import FileSource, Source
from unroll.corpora.tables import checksums, fetch_files
from unroll.failures import Refusal
from unroll.files import sha256_of
from unroll.params import parse

NAMES = ("bad", "good", "so so")
ROWS = [
    ("a lamp, lit", "good"),
    ('the "old" clock', "bad"),
    ("NA", "so so"),
    ("null", "2"),
    ("None", "0"),
    ("nan", "good"),
    ("1.0", "1"),
    ("ünïcödé 😀 a\u2028b\x85c", "good"),
    ('"', "bad"),
]
NUMBERS = [1, 0, 2, 2, 0, 1, 1, 1, 0]


def quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


def csv_of(rows: list[tuple[str, str]]) -> str:
    return "".join(f"{quoted(text)},{label}\n" for text, label in rows)


def tsv_of(rows: list[tuple[str, str]]) -> str:
    return "".join(f"{text}\t{label}\n" for text, label in rows)


def jsonl_of(rows: list[tuple[str, object]]) -> str:
    return "".join(json.dumps({"id": 7, "label": label, "text": text}) + "\n" for text, label in rows)


def source_of(path: str | dict[str, str], **changes: object) -> FileSource:
    files = path if isinstance(path, dict) else {"train": path}
    shares = {split: 0.1 for split in ("validation", "test") if split not in files}
    document = {"kind": "file", "files": files, "carve": shares} | changes
    return parse(document, Source, "corpora.mine.source", Path("params.yaml"))


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(name: str, content: str | bytes, names=NAMES, **changes: object):
    Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
    return fetch_files(source_of(name, **changes), names)[0]["train"]


def refusal(*arguments: object, **changes: object) -> str:
    with pytest.raises(Refusal) as caught:
        read(*arguments, **changes)
    return str(caught.value)


FORMATS = {
    "csv": ("mine.csv", "text,label\n" + csv_of(ROWS), {}),
    "csv without header": ("mine.csv", csv_of(ROWS), {"header": False, "text": 1, "label": 2}),
    "tsv": ("mine.tsv", "text\tlabel\n" + tsv_of(ROWS), {}),
    "tsv without header": ("mine.tsv", tsv_of(ROWS), {"header": False, "text": 1, "label": 2}),
    "jsonl": ("mine.jsonl", jsonl_of(ROWS), {}),
    "csv of Windows": ("mine.csv", "\ufefftext,label\r\n" + csv_of(ROWS).replace("\n", "\r\n"), {}),
    "csv with empty lines": ("mine.csv", "\ntext,label\n\n" + csv_of(ROWS) + "\n", {}),
    "jsonl with empty lines": ("mine.jsonl", "\n" + jsonl_of(ROWS) + "\n \n", {}),
    "csv without an end of line": ("mine.csv", "text,label\n" + csv_of(ROWS)[:-1], {}),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("form", FORMATS)
def test_every_format_gives_the_same_rows(form, packed):
    name, content, changes = FORMATS[form]
    if packed:
        name, content = f"{name}.gz", gzip.compress(content.encode())
    frame = read(name, content, **changes)
    assert list(frame["row"]) == list(range(len(ROWS)))
    assert list(frame["text"]) == [text for text, _ in ROWS]
    assert list(frame["label"]) == NUMBERS


def test_a_cell_in_quotes_may_hold_ends_of_lines_in_csv():
    frame = read("mine.csv", 'text,label\n"a\n\nlamp",bad\n"b",good\n')
    assert list(frame["text"]) == ["a\n\nlamp", "b"]


def test_columns_are_chosen_by_name_or_by_number():
    content = "id,stars,review\n1,good,a lamp\n"
    assert list(read("mine.csv", content, text="review", label="stars")["text"]) == ["a lamp"]
    frame = read("mine.csv", content.split("\n", 1)[1], header=False, text=3, label=2)
    assert (list(frame["text"]), list(frame["label"])) == (["a lamp"], [1])


def test_numbers_of_json_are_labels_too():
    assert list(read("mine.jsonl", jsonl_of([("a", 0), ("b", 2)]))["label"]) == [0, 2]


def test_where_classes_are_called_by_numbers_a_number_is_a_name():
    stars = tuple("12345")
    assert list(read("mine.csv", "text,label\na,1\nb,5\n", stars)["label"]) == [0, 4]
    assert "mine.csv, line 2: label is '0', none of 1, 2, 3, 4, 5" in refusal(
        "mine.csv", "text,label\na,0\n", stars
    )


LONG = "text,label\n" + "a lamp,good\n" * 3
FAULTS = {
    "an unknown label": ("mine.csv", LONG + "b,grand\n", "line 5: label is 'grand', none of bad, good"),
    "a label beyond the last": ("mine.csv", LONG + "b,3\n", "line 5: label is '3', none of"),
    "a negative label": ("mine.jsonl", jsonl_of([("a", 1), ("b", -1)]), "line 2: label is -1, none of"),
    "a label that is true": ("mine.jsonl", jsonl_of([("a", True)]), "line 1: label is True, none of"),
    "a label that is a fraction": ("mine.jsonl", jsonl_of([("a", 1.0)]), "line 1: label is 1.0, none of"),
    "no label": ("mine.csv", LONG + "b,\n", "line 5: label is '', none of"),
    "a missing column": ("mine.csv", "words;label\na;good\n", "line 2: no column 'text'; it has words;label"),
    "a missing key": ("mine.jsonl", jsonl_of(ROWS) + '{"text": "b"}\n', "line 10: no column 'label'"),
    "a missing text": ("mine.jsonl", jsonl_of([(None, 1)]), "line 1: text is None, not a text"),
    "a text that is a number": ("mine.jsonl", jsonl_of([(5, 1)]), "line 1: text is 5, not a text"),
    "half a surrogate pair": ("mine.jsonl", jsonl_of([("\ud800", 1)]), "line 1: text is no text"),
    "a comma too many": ("mine.csv", LONG + "a, b,good\n", "line 5: 3 cells where 2 are expected"),
    "a cell too few": ("mine.tsv", tsv_of(ROWS) + "a\n", "line 10: 1 cells where 2 are expected"),
    "a quotation mark that stays open": ("mine.csv", LONG + '"b,good\n', "line 5: unexpected end of data"),
    "a quotation mark within": ("mine.csv", LONG + '"b"c,good\n', "line 5: ',' expected after '\"'"),
    "a fault behind a cell of two lines": ("mine.csv", LONG + '"a\nb",good\nc,d\n', "line 7: label is 'd'"),
    "another encoding": ("mine.csv", LONG.encode() + b"caf\xe9,good\n", "line 5, byte 50: not UTF-8"),
    "no JSON": ("mine.jsonl", jsonl_of(ROWS) + "{'text': 1}\n", "line 10: no JSON"),
    "no object": ("mine.jsonl", "[1]\n", "line 1: not an object"),
    "a column twice": ("mine.csv", "text,text,label\na,b,0\n", "line 1: column 'text' stands twice"),
    "nothing": ("mine.csv", "", "mine.csv holds no rows"),
    "a header alone": ("mine.csv", "text,label\n", "mine.csv holds no rows"),
    "no gzip": ("mine.csv.gz", LONG, "mine.csv.gz cannot be read"),
    "half a gzip": ("mine.csv.gz", gzip.compress(LONG.encode())[:-9], "mine.csv.gz cannot be read"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_with_its_file_and_line(fault):
    name, content, words = FAULTS[fault]
    changes = {"header": False, "text": 1, "label": 2} if fault == "a cell too few" else {}
    said = refusal(name, content, **changes)
    assert name in said and words in said, said


WRONG = {
    "no format": ({"train": "mine.xlsx"}, {}, r"source\.files\.train: name a \.csv, \.tsv or \.jsonl file"),
    "no training file": ({"test": "a.csv"}, {"carve": {}}, r"source: files\.train is missing: name a file$"),
    "a split forgotten": (
        {"train": "a.csv"},
        {"carve": {"test": 0.1}},
        r"files\.validation is missing: .*carve",
    ),
    "a split twice": (
        {"train": "a.csv", "test": "b.csv"},
        {"carve": {"validation": 0.1, "test": 0.1}},
        "test stands under both files and carve",
    ),
    "nothing for train": (
        {"train": "a.csv"},
        {"carve": {"validation": 0.5, "test": 0.5}},
        "nothing for train",
    ),
    "an empty share": (
        {"train": "a.csv"},
        {"carve": {"validation": 0.0, "test": 0.5}},
        r"carve\.validation: ",
    ),
    "a share of train": (
        {"train": "a.csv"},
        {"carve": {"train": 0.5}},
        "source.carve: .*'validation' or 'test'",
    ),
    "an unknown split": ({"train": "a.csv", "dev": "b.csv"}, {}, "source.files: .*given: 'dev'"),
    "pins of what is carved": (
        {"train": "a.csv"},
        {"rows": {"train": 9, "test": 1}},
        "rows.test has no file",
    ),
    "a number where names are": ({"train": "a.csv"}, {"text": 1}, "text must be a column: its name"),
    "a name where numbers are": ({"train": "a.csv"}, {"header": False}, "text must be a column: its number"),
    "columns of JSON by number": (
        {"train": "a.jsonl"},
        {"header": False, "text": 1, "label": 2},
        r"the columns of a \.jsonl file have names",
    ),
    "column zero": (
        {"train": "a.csv"},
        {"header": False, "text": 0, "label": 1},
        r"source\.text: .*given: 0",
    ),
}


@pytest.mark.parametrize("fault", WRONG)
def test_an_entry_that_cannot_be_meant_is_refused_by_its_key(fault):
    files, changes, words = WRONG[fault]
    with pytest.raises(Refusal) as caught:
        source_of(files, **changes)
    assert re.search(words, str(caught.value), re.MULTILINE), caught.value
    assert "corpora.mine.source" in str(caught.value)


# --- the whole corpus -------------------------------------------------------------------------------


def test_one_file_gives_every_split_and_the_record_says_from_what():
    rows = [(f"lamp {number}", NAMES[number % 3]) for number in range(200)]
    Path("mine.csv").write_text("text,label\n" + csv_of(rows))
    frames, record = readers.fetch(source_of("mine.csv"), NAMES)
    assert list(frames) == list(record["rows"]) == ["train", "validation", "test"]
    assert sum(record["rows"].values()) == 200 and min(record["rows"].values()) > 5
    assert (record["from"], record["repository"]) == ("file", "mine.csv")
    assert record["revision"] == f"sha256 {sha256_of(Path('mine.csv'))[:12]}"
    assert record["carved"] == {"validation": 0.1, "test": 0.1}
    assert record["licence"] is None and record["differences"] == []


def test_three_files_may_have_three_formats_and_their_pins_are_checked():
    for split, (form, count) in {"train": ("csv", 9), "validation": ("tsv", 4), "test": ("jsonl", 5)}.items():
        write = {"csv": csv_of, "tsv": tsv_of, "jsonl": jsonl_of}[form]
        header = {"csv": "text,label\n", "tsv": "text\tlabel\n", "jsonl": ""}[form]
        Path(f"{split}.{form}").write_text(header + write(ROWS[:count]))
    files = {"train": "train.csv", "validation": "validation.tsv", "test": "test.jsonl"}
    frames, record = readers.fetch(source_of(files, rows={"test": 5}), NAMES)
    assert [len(frame) for frame in frames.values()] == [9, 4, 5]
    assert readers.fetch(source_of(files, sha256=record["sha256"]), NAMES)[1] == record
    with pytest.raises(Refusal, match=r"train\.csv.* at sha256 .*\n  test: 5 rows where 6 are expected"):
        readers.fetch(source_of(files, rows={"test": 6}), NAMES)


def test_the_checksums_are_those_of_the_files_and_empty_for_other_sources():
    Path("data").mkdir()
    Path("data/a.csv").write_text("text,label\na,0\n")
    before = checksums(source_of("data/a.csv"), "corpora.mine.source")
    assert before == {"data/a.csv": sha256_of(Path("data/a.csv"))}
    Path("data/a.csv").write_text("text,label\na,1\n")
    assert checksums(source_of("data/a.csv"), "corpora.mine.source") != before


def test_a_missing_file_is_refused_with_its_key():
    with pytest.raises(Refusal, match=r"corpora\.mine\.source\.files\.train: there is no file gone\.csv"):
        checksums(source_of("gone.csv"), "corpora.mine.source")
