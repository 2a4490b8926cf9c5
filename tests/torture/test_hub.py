"""Downloads: a Hub that is not well, and what it holds."""

import socket
import threading

import pytest
import tiny
from hub_child import COUNTS, JSONL, PARQUET, entry, hub_source, repository
from hub_server import Fault
from odd_texts import ODD

FAULTS = {
    "info: 500": ("", Fault(status=500), "500"),
    "info: 429": ("", Fault(status=429), "429"),
    "info: 429, come back in five minutes": ("", Fault(status=429, retry_after=300), "asks to wait 300 s"),
    "info: half an answer": ("", Fault(half=True), "peer closed connection"),
    "info: a page that asks for a login": (
        "",
        Fault(page=True),
        "is no Hub, or a page that asks",
    ),
    "listing: 500": ("/", Fault(status=500), "it answers 500"),
    "listing: half an answer": ("/", Fault(half=True), "broke off"),
    "listing: it never ends": ("/", Fault(endless=True), "more than 50 pages"),
    "listing: a page that asks for a login": ("/", Fault(page=True), "damaged or of another format"),
    "file: 404": ("train.parquet", Fault(status=404), "404"),
    "file: 429, come back in five minutes": (
        "train.parquet",
        Fault(status=429, retry_after=300),
        "asks to wait 300 s",
    ),
    "file: 500": ("train.parquet", Fault(status=500), "it answers 500"),
    "file: half of it": ("train.parquet", Fault(half=True), "broke off"),
    "file: a page that asks for a login": (
        "train.parquet",
        Fault(page=True),
        "does not seem to be served",
    ),
}


class Stage:
    """The stage `download` of a corpus on the stand-in for the Hub: by itself in `make torture`."""

    def __init__(self, refused, tell, alone, hub, child, folder) -> None:
        self.refused, self.tell, self.alone = refused, tell, alone
        self.hub, self.child, self.folder = hub, child, folder

    def refuses(self, tried: str, source: dict, *named: str, **environment: str) -> None:
        tiny.write_params(self.folder, entry(source))
        if self.alone or environment:
            surroundings = self.hub.environment(self.folder) | {"PYTHONPATH": str(tiny.ROOT)} | environment
            command = ["-m", "stages.download", "tiny"]
            said = self.refused(tried, command, self.folder, *named, environment=surroundings)
        else:
            said = self.child.refusal(source)
            for name in named:
                assert name in said, f"{name!r} is not named in: {said}"
        assert not (self.folder / "data").exists()
        self.tell(tried, said.splitlines()[0].replace(self.hub.endpoint, "http://..."))


@pytest.fixture
def stage(refused, tell, times, hub, child, tmp_path) -> Stage:
    return Stage(refused, tell, bool(times(1, 0)), hub, child, tmp_path)


@pytest.mark.parametrize("tried", FAULTS)
def test_a_hub_that_is_not_well_is_given_up_soon(stage, hub, tried):
    # A repository of its own for each: huggingface_hub keeps the files that it has fetched.
    path, fault, named = FAULTS[tried]
    name = f"a/torture-{list(FAULTS).index(tried)}"
    hub.repositories = {name: {"main": repository(PARQUET)}}
    hub.fail(name, path, fault)
    stage.refuses(f"the Hub's {tried}", hub_source(name, PARQUET), named)


def test_a_hub_that_cannot_be_reached_is_told_with_three_ways_on(stage):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    endpoint = f"http://127.0.0.1:{port}"
    stage.refuses("no Hub at all", hub_source("a/rows"), "UNROLL_MIRROR=", "starter", HF_ENDPOINT=endpoint)


def test_a_hub_that_accepts_and_never_answers_is_told_with_three_ways_on(stage):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        tried = "a Hub that accepts and never answers"
        stage.refuses(tried, hub_source("a/rows"), "does not answer within 3 s", HF_ENDPOINT=endpoint)


def test_a_server_of_another_kind_is_told_with_three_ways_on(stage):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            with server.accept()[0] as connection:
                connection.sendall(b"220 mail.example ready\r\n")

        threading.Thread(target=greet, daemon=True).start()
        endpoint = f"http://127.0.0.1:{server.getsockname()[1]}"
        stage.refuses("a mail server as Hub", hub_source("a/rows"), "does not answer", HF_ENDPOINT=endpoint)


GOOD = tiny.rows(5, seed=0)


def of(*rows: dict, files: str = JSONL) -> bytes:
    return (tiny.as_jsonl if files == JSONL else tiny.as_parquet)([*GOOD, *rows])


CONTENTS = {
    "a repository that is not there": (None, None, "is missing"),
    "a file without the column of texts": (
        PARQUET,
        tiny.as_parquet([{"sentence": "a", "label": 1}] * 6),
        "train has no column 'text'; it has sentence, label",
    ),
    "a file of JSON lines without labels": (
        JSONL,
        b'{"text": "a"}\n' * 6,
        "no column 'label'; it has text",
    ),
    "a label that is 1.5": (
        JSONL,
        of({"text": "a", "label": 1.5}),
        "label is 0.0, not a whole",
    ),
    "a label that is a word": (
        JSONL,
        tiny.as_jsonl([{"text": "a", "label": "good"}] * 6),
        "row 0: label is 'good', not a whole number",
    ),
    "a label that is missing": (JSONL, of({"text": "a"}), "row 5: label is None, not a whole number"),
    "labels that are true and false": (
        PARQUET,
        tiny.as_parquet([{"text": "a", "label": True}] * 6),
        "row 0: label is True, not a whole number",
    ),
    "a row too many": (JSONL, of(*tiny.rows(2, seed=9)), "train: 7 rows where 6 are expected"),
    "half a parquet file": (PARQUET, of(*tiny.rows(1, seed=9), files=PARQUET)[:-400], "damaged"),
    "a parquet file without its footer": (PARQUET, of(files=PARQUET)[:-4] + b"xxxx", "damaged"),
    "no parquet at all": (PARQUET, b"a lamp", "damaged"),
    "an empty parquet file": (PARQUET, b"", "damaged"),
    "JSON lines that are no JSON": (JSONL, b"a lamp\n" * 6, "damaged or of another format"),
    "invalid UTF-8 in JSON lines": (
        JSONL,
        of() + b'{"text": "caf\xe9", "label": 1}\n',
        "train: text is not UTF-8",
    ),
}


@pytest.mark.parametrize("tried", CONTENTS)
def test_what_the_hub_holds_is_checked(stage, hub, tried):
    files, content, named = CONTENTS[tried]
    name = f"a/contents-{list(CONTENTS).index(tried)}"
    hub.repositories = {} if files is None else {name: {"main": repository(files, train=content)}}
    stage.refuses(f"the Hub has {tried}", hub_source(name, files or JSONL), named)


@pytest.mark.parametrize("column", ["text", "label"])
def test_a_column_that_no_file_has_is_named_with_those_that_are_there(stage, hub, column):
    hub.repositories = {f"a/column-{column}": {"main": repository()}}
    tried = f"the Hub has no column of the name that params.yaml gives for {column}"
    source = hub_source(f"a/column-{column}", **{column: "sentence"})
    stage.refuses(tried, source, "has no column 'sentence'; it has text, label")


@pytest.mark.parametrize("files", [JSONL, PARQUET])
def test_odd_texts_from_the_hub_are_kept_to_the_character(hub, child, tell, files):
    table = [{"text": text, "label": 0} for text in ODD.values()]
    write = tiny.as_jsonl if files == JSONL else tiny.as_parquet
    hub.repositories = {"a/odd-texts": {"main": repository(files, test=write(table))}}
    splits, _ = child.fetch(hub_source("a/odd-texts", files, rows=COUNTS | {"test": len(ODD)}))
    assert [row["text"] for row in splits["test"]] == list(ODD.values())
    form = files.rpartition(".")[2]
    tell(f"{len(ODD)} odd texts through the Hub as {form}, `NA` and `null` among them", "all kept")
