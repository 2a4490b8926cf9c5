"""Every source, through the real `datasets` and pip, from a Hub, a mirror and an index on this machine."""

import hashlib
import io
import json
import os
import socket
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
import tiny
from hub_server import Fault, HubServer
from pydantic import TypeAdapter

from stages import download
from unroll import corpora, frames, pypi, sources
from unroll import hub as hub_module
from unroll.failures import Refusal
from unroll.params import parse

ROOT = tiny.ROOT
SPLITS = tiny.SPLITS
COUNTS = {"train": 6, "validation": 5, "test": 4}
ODD_TEXTS = [
    "NA",
    "null",
    "None",
    "nan",
    "-",
    "a\u2028b",
    "a\x85b",
    "a\tb\nc",
    'the "old" lamp',
    "ünïcödé 😀",
    "1.0",
]
JSONL, PARQUET = "{split}.jsonl", "{split}.parquet"


def hub_source(repository: str, files: str = JSONL, **changes: object) -> dict:
    """Return a source as it stands in params.yaml."""
    source = {
        "kind": "hub",
        "dataset": repository,
        "revision": "main",
        "files": {split: files.format(split=split) for split in SPLITS},
        "label": "label",
        "rows": dict(COUNTS),
        "licence": "invented",
        "citation": "nobody",
    }
    return {key: value for key, value in (source | changes).items() if value is not None}


def repository(files: str = JSONL, **changes: bytes) -> dict[str, bytes]:
    """Return good files of every split, but for the `changes`."""
    write = tiny.as_jsonl if files.endswith("jsonl") else tiny.as_parquet
    good = {split: write(tiny.rows(count, seed)) for seed, (split, count) in enumerate(COUNTS.items())}
    return {files.format(split=split): changes.get(split, good[split]) for split in SPLITS}


def of_texts(texts: list[str]) -> list[dict]:
    return [{"text": text, "label": number % 3} for number, text in enumerate(texts)]


# --- a child process, because huggingface_hub reads HF_ENDPOINT once, when it is imported ------------


def become(environment: dict[str, str]) -> None:
    """Start a child: another environment, and retries that do not wait 23 s."""
    os.environ.clear()
    os.environ.update(environment)
    sleep = time.sleep
    time.sleep = lambda seconds: sleep(min(seconds, 0.01))


def fetch_here(source: dict, mirror: str, stall_seconds: float) -> tuple[dict[str, list[dict]], dict] | str:
    """Return the rows of every split and the record, or the refusal's words; anything else is raised."""
    os.environ["UNROLL_MIRROR"] = mirror
    hub_module.STALL_SECONDS = stall_seconds
    try:
        splits, record = corpora.fetch(parse(source, sources.Source, "source", Path("params.yaml")))
    except Refusal as refusal:
        return str(refusal)
    return {split: frame.to_dict("records") for split, frame in splits.items()}, record


def download_here(folder: Path) -> None:
    os.chdir(folder)
    download.main("tiny")


class Child:
    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self.pool = pool

    def download(self, folder: Path, source: dict) -> None:
        """Run stages.download there: cheaper than `run_stage`, which imports `datasets` anew."""
        tiny.write_params(folder, {"corpora": {"tiny": {"source": source}}})
        self.pool.submit(download_here, folder).result(timeout=60)

    def fetch(self, source: dict, mirror: Path | str = "") -> tuple[dict[str, list[dict]], dict]:
        found = self.pool.submit(fetch_here, source, str(mirror), 60).result(timeout=60)
        assert not isinstance(found, str), found
        return found

    def refusal(self, source: dict, mirror: Path | str = "", stall_seconds: float = 60) -> str:
        found = self.pool.submit(fetch_here, source, str(mirror), stall_seconds).result(timeout=60)
        assert isinstance(found, str), f"not refused: {found}"
        return found


@pytest.fixture(scope="module")
def hub() -> Iterator[HubServer]:
    with HubServer({}) as server:
        yield server


@pytest.fixture(scope="module")
def child(hub: HubServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    environment = hub.environment(tmp_path_factory.mktemp("child"))
    with ProcessPoolExecutor(1, get_context("spawn"), initializer=become, initargs=(environment,)) as pool:
        yield Child(pool)


@pytest.fixture(autouse=True)
def clean_hub(hub: HubServer) -> Iterator[None]:
    hub.repositories = {}
    hub.requests.clear()
    yield
    hub.mend()


def run_stage(folder: Path, source: dict, environment: dict[str, str]) -> subprocess.CompletedProcess:
    """Run stages.download as DVC does, in a folder with nothing but a params.yaml."""
    tiny.write_params(folder, {"corpora": {"tiny": {"source": source}}})
    command = [sys.executable, "-m", "stages.download", "tiny"]
    environment = environment | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)


def assert_told_plainly(done: subprocess.CompletedProcess, folder: Path, *words: str) -> None:
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr
    assert not (folder / "data").exists()


# --- the Hub ----------------------------------------------------------------------------------------


def test_rows_come_from_the_pinned_commit_and_no_other(hub, child):
    old, new = repository(), repository(train=tiny.as_jsonl(tiny.rows(6, seed=99)))
    hub.repositories = {"a/rows": {tiny.COMMIT: old, "main": new}}
    splits, record = child.fetch(hub_source("a/rows", revision=tiny.COMMIT))
    wanted = tiny.rows(6, seed=0)
    assert splits["train"] == [{"row": row, **wanted[row]} for row in range(6)]
    assert record["from"] == "hub"
    assert record["repository"] == "a/rows"
    assert record["revision"] == tiny.COMMIT
    assert record["rows"] == COUNTS
    assert record["differences"] == []
    assert "fallback" not in record
    assert not any(hub.commit("a/rows", "main") in request for request in hub.requests)


def test_a_branch_is_put_on_record_as_the_commit_it_stood_for(hub, child):
    table = {split: tiny.trees(count, seed) for seed, (split, count) in enumerate(COUNTS.items())}
    files = {f"ptb/{split}/0000.parquet": tiny.as_parquet(rows) for split, rows in table.items()}
    hub.repositories = {"a/trees": {"refs/convert/parquet": files, "main": {"trees.py": b"a loading script"}}}
    source = hub_source(
        "a/trees",
        "ptb/{split}/*.parquet",
        revision="refs/convert/parquet",
        form="trees",
        text="ptb_tree",
        label=None,
    )
    splits, record = child.fetch(source)
    assert record["revision"] == hub.commit("a/trees", "refs/convert/parquet")
    for split, rows in splits.items():
        assert [row["text"] for row in rows] == [row["ptb_tree"] for row in table[split]]
        assert [row["label"] for row in rows] == [int(row["ptb_tree"][1]) for row in table[split]]
    # Every file is asked for by commit, so that a branch that moves meanwhile mixes nothing.
    asked = [request for request in hub.requests if "/resolve/" in request]
    assert asked
    assert all(f"/resolve/{record['revision']}/" in request for request in asked)


def test_a_split_may_lie_in_several_files(hub, child):
    rows = tiny.rows(6, seed=0)
    parts = {"validation-0": rows[:5], "test-0": rows[:4], "train-0": rows[:2], "train-1": rows[2:]}
    files = {f"data/{name}.parquet": tiny.as_parquet(part) for name, part in parts.items()}
    hub.repositories = {"a/parts": {"main": files}}
    splits, _ = child.fetch(hub_source("a/parts", "data/{split}-*.parquet"))
    assert [row["text"] for row in splits["train"]] == [row["text"] for row in rows]


def test_two_downloads_give_the_same_bytes(hub, child, tmp_path):
    hub.repositories = {"a/same": {"main": repository()}}
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    done = run_stage(first, hub_source("a/same"), hub.environment(first))
    assert done.returncode == 0, done.stderr
    child.download(second, hub_source("a/same"))
    written = [
        {path.name: path.read_bytes() for path in (folder / "data/raw/tiny").iterdir()}
        for folder in (first, second)
    ]
    assert set(written[0]) == {"source.json", "test.parquet", "train.parquet", "validation.parquet"}
    assert written[0] == written[1]


@pytest.mark.parametrize("files", [JSONL, PARQUET])
def test_texts_that_look_like_missing_values_or_line_ends_survive(hub, child, tmp_path, files):
    write = tiny.as_jsonl if files == JSONL else tiny.as_parquet
    hub.repositories = {"a/odd": {"main": repository(files, train=write(of_texts(ODD_TEXTS)))}}
    splits, record = child.fetch(hub_source("a/odd", files, rows=COUNTS | {"train": len(ODD_TEXTS)}))
    assert [row["text"] for row in splits["train"]] == ODD_TEXTS
    # The digest is of the rows, not of the file format that held them.
    lines = "".join(f"{row['label']}\t{row['text']}\n" for row in of_texts(ODD_TEXTS))
    assert record["sha256"]["train"] == hashlib.sha256(lines.encode()).hexdigest()


def test_texts_survive_the_canonical_parquet(tmp_path):
    table = frames.pd.DataFrame({"row": range(len(ODD_TEXTS)), "text": ODD_TEXTS, "label": 0})
    frames.write_parquet(tmp_path / "odd.parquet", table, frames.RAW)
    assert list(frames.read_parquet(tmp_path / "odd.parquet")["text"]) == ODD_TEXTS


def test_a_missing_text_is_an_empty_one(hub, child):
    rows = b'{"text": null, "label": 0}\n' + tiny.as_jsonl(tiny.rows(5, seed=3))
    hub.repositories = {"a/null": {"main": repository(train=rows)}}
    splits, _ = child.fetch(hub_source("a/null"))
    assert splits["train"][0] == {"row": 0, "text": "", "label": 0}


# --- a Hub that has something else than params.yaml expects -----------------------------------------


def test_a_wrong_number_of_rows_from_the_hub_ends_the_stage_and_writes_nothing(hub, tmp_path):
    hub.repositories = {"a/rows": {"main": repository()}}
    done = run_stage(tmp_path, hub_source("a/rows", rows=COUNTS | {"test": 7}), hub.environment(tmp_path))
    assert_told_plainly(done, tmp_path, "a/rows", "test: 4 rows where 7 are expected")


def test_a_wrong_digest_from_the_hub_is_refused_and_named(hub, child):
    hub.repositories = {"a/rows": {"main": repository()}}
    _, record = child.fetch(hub_source("a/rows"))
    digests = record["sha256"]
    assert child.fetch(hub_source("a/rows", sha256=digests))[1] == record
    words = child.refusal(hub_source("a/rows", sha256=digests | {"validation": "0" * 64}))
    assert f"validation: sha256 of the rows is {digests['validation']}" in words
    assert "train:" not in words


def test_a_changed_text_changes_the_digest(hub, child):
    rows = tiny.rows(6, seed=0)
    hub.repositories = {"a/rows": {"main": repository()}}
    _, before = child.fetch(hub_source("a/rows"))
    rows[3]["text"] += "!"
    hub.repositories = {"a/rows": {"main": repository(train=tiny.as_jsonl(rows))}}
    _, after = child.fetch(hub_source("a/rows"))
    assert before["sha256"]["train"] != after["sha256"]["train"]
    assert before["sha256"]["test"] == after["sha256"]["test"]


GOOD = tiny.as_parquet(tiny.rows(3000, seed=0, classes=5))


@pytest.mark.parametrize(
    ("files", "train", "words"),
    [
        pytest.param(PARQUET, GOOD[:200], "damaged", id="parquet cut short"),
        pytest.param(PARQUET, b"x" * 200, "damaged", id="no parquet"),
        pytest.param(
            PARQUET, GOOD[:9000] + bytes(60) + GOOD[9060:], "damaged", id="parquet with bytes that changed"
        ),
        pytest.param(JSONL, tiny.as_jsonl(tiny.rows(6, 0))[:-9], "damaged", id="jsonl cut short"),
        pytest.param(JSONL, b'{"text": "caf\xe9", "label": 0}\n', "not UTF-8", id="another encoding"),
        pytest.param(JSONL, b'{"text": "\\ud800", "label": 0}\n', "damaged", id="half a surrogate pair"),
        pytest.param(
            JSONL, b'{"text": "a", "label": "good"}\n', "row 0: label is 'good'", id="label in words"
        ),
        pytest.param(JSONL, b'{"text": "a", "label": 0.5}\n', "row 0: label is 0.5", id="label a fraction"),
        pytest.param(
            JSONL,
            b'{"text": "a", "label": 1}\n{"text": "b", "label": null}\n',
            "row 1: label is None",
            id="no label",
        ),
    ],
)
def test_a_damaged_file_is_refused_in_one_message(hub, child, files, train, words):
    hub.repositories = {"a/damaged": {"main": repository(files, train=train)}}
    refusal = child.refusal(hub_source("a/damaged", files))
    assert "a/damaged" in refusal
    assert words in refusal


def test_a_missing_column_is_named_beside_those_there_are(hub, child):
    tables = {split: tiny.as_jsonl([{"words": "a lamp", "label": 0}]) for split in SPLITS}
    hub.repositories = {"a/columns": {"main": repository(**tables)}}
    assert "no column 'text'; it has words, label" in child.refusal(hub_source("a/columns"))
    assert "no column 'stars'" in child.refusal(hub_source("a/columns", text="words", label="stars"))


@pytest.mark.parametrize("tree", ["a plain lamp", "(a lamp)", "(3 (2 a) (2 lamp)", "", "3 (2 a)"])
def test_a_damaged_tree_is_refused_with_its_row(hub, child, tree):
    good = tiny.trees(6, seed=0)
    bad = [*good[:4], {"ptb_tree": tree}, good[5]]
    tables = {split: tiny.as_parquet(bad if split == "train" else good[: COUNTS[split]]) for split in SPLITS}
    hub.repositories = {"a/trees": {"main": repository(PARQUET, **tables)}}
    source = hub_source("a/trees", PARQUET, form="trees", text="ptb_tree", label=None)
    assert "train, row 4: not a labelled tree" in child.refusal(source)


def test_rows_without_a_label_column_are_refused_before_any_download():
    with pytest.raises(Refusal, match="label is missing"):
        parse(hub_source("a/rows", label=None), sources.Source, "source", Path("params.yaml"))


# --- a Hub that is not well -------------------------------------------------------------------------

FAULTS = {
    "the info answers 500": ("", Fault(status=500)),
    "the info answers 429": ("", Fault(status=429)),
    "the info breaks off": ("", Fault(half=True)),
    "the listing answers 500": ("/", Fault(status=500)),
    "the listing breaks off": ("/", Fault(half=True)),
    "a file answers 500": ("train.parquet", Fault(status=500)),
    "a file answers 429": ("train.parquet", Fault(status=429)),
    "a file answers 404": ("train.parquet", Fault(status=404)),
    "a file breaks off": ("train.parquet", Fault(half=True)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_hub_that_fails_is_one_message_and_never_a_reason_for_the_fallback(hub, child, request, fault):
    # A repository of its own for each fault: huggingface_hub keeps the files that it has fetched.
    name = f"a/fault-{list(FAULTS).index(fault)}"
    hub.repositories = {name: {"main": repository(PARQUET)}, "a/other": {"main": repository()}}
    hub.fail(name, *FAULTS[fault])
    refusal = child.refusal(hub_source(name, PARQUET, fallback=fallback("a/other")))
    assert f"{name} could not be downloaded from the Hub: " in refusal
    assert "Try again later" in refusal
    assert refusal.count("\n") == 1


def test_a_hub_that_falls_silent_is_given_up(hub, child):
    hub.repositories = {"a/silent": {"main": repository()}}
    hub.fail("a/silent", "/", Fault(silent=True))
    started = time.monotonic()
    assert "a/silent could not be downloaded" in child.refusal(hub_source("a/silent"), stall_seconds=0.2)
    assert time.monotonic() - started < 10


def test_a_hub_that_recovers_needs_nothing_but_another_try(hub, child):
    hub.repositories = {"a/recovers": {"main": repository()}}
    hub.fail("a/recovers", "train.jsonl", Fault(half=True))
    child.refusal(hub_source("a/recovers"))
    hub.mend()
    splits, _ = child.fetch(hub_source("a/recovers"))
    assert [row["text"] for row in splits["train"]] == [row["text"] for row in tiny.rows(6, seed=0)]


def fallback(name: str) -> dict:
    return {
        key: value for key, value in hub_source(name).items() if key not in ("kind", "licence", "citation")
    }


MISSING = {
    "the branch": {"a/trees": {"main": {"trees.py": b"a loading script"}}},
    "the repository": {},
    "a file": {"a/trees": {"refs/convert/parquet": {"train.parquet": b"", "validation.parquet": b""}}},
}


@pytest.mark.parametrize("missing", MISSING)
def test_a_fallback_stands_in_for_what_is_missing_and_the_record_says_so(hub, child, missing):
    hub.repositories = MISSING[missing] | {"a/other": {"main": repository()}}
    source = hub_source(
        "a/trees", PARQUET, form="trees", text="ptb_tree", label=None, revision="refs/convert/parquet"
    )
    splits, record = child.fetch(
        source | {"rows": dict.fromkeys(SPLITS, 999), "fallback": fallback("a/other")}
    )
    assert [row["text"] for row in splits["train"]] == [row["text"] for row in tiny.rows(6, seed=0)]
    assert record["repository"] == "a/other"
    assert record["revision"] == hub.commit("a/other", "main")
    assert record["fallback"] == "a/trees at refs/convert/parquet was missing; a/other stands in"


def test_what_is_missing_without_a_fallback_is_refused(hub, child):
    hub.repositories = {"a/rows": {"main": {}}}
    assert "a/rows at v2 is missing" in child.refusal(hub_source("a/rows", revision="v2"))
    assert "it has no train.jsonl" in child.refusal(hub_source("a/rows"))
    assert "a/nothing at main is missing" in child.refusal(hub_source("a/nothing"))


def test_a_fallback_that_is_missing_too_is_refused_naming_both(hub, child):
    refusal = child.refusal(hub_source("a/first", fallback=fallback("a/second")))
    assert "a/first" in refusal
    assert "a/second" in refusal


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


THREE_WAYS = ("UNROLL_MIRROR=", "SUITE=starter", "later")


def test_an_unreachable_hub_ends_the_stage_with_three_ways_on(hub, tmp_path):
    endpoint = f"http://127.0.0.1:{free_port()}"
    started = time.monotonic()
    done = run_stage(tmp_path, hub_source("a/rows"), hub.environment(tmp_path) | {"HF_ENDPOINT": endpoint})
    assert time.monotonic() - started < 10
    assert_told_plainly(done, tmp_path, endpoint, *THREE_WAYS)


def test_a_server_that_accepts_and_never_answers_ends_the_stage_within_ten_seconds(hub, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        endpoint = f"http://127.0.0.1:{server.getsockname()[1]}"
        started = time.monotonic()
        done = run_stage(
            tmp_path, hub_source("a/rows"), hub.environment(tmp_path) | {"HF_ENDPOINT": endpoint}
        )
        assert time.monotonic() - started < 10
    assert_told_plainly(done, tmp_path, endpoint, *THREE_WAYS)


def test_a_server_that_drips_its_answer_does_not_hold_up_the_question(monkeypatch):
    ended = threading.Event()

    def drip(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            while not ended.wait(0.1):
                connection.send(b"H")

    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}")
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        dripping = threading.Thread(target=drip, args=(server,))
        dripping.start()
        started = time.monotonic()
        assert not hub_module.hub_answers(seconds=0.5)
        assert time.monotonic() - started < 3
        ended.set()
        dripping.join()


def test_the_hub_answers_where_it_is_well_and_not_switched_off(hub, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint + "/")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    assert hub_module.hub_answers()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert not hub_module.hub_answers()


@pytest.mark.parametrize("endpoint", ["no address", "http://127.0.0.1:99999", "http://[", ""])
def test_an_endpoint_that_is_no_address_counts_as_no_answer(monkeypatch, capfd, endpoint):
    if not endpoint:
        # A server that speaks something else than HTTP.
        server = socket.create_server(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{server.getsockname()[1]}"

        def greet() -> None:
            with server, server.accept()[0] as connection:
                connection.sendall(b"220 mail.example ready\r\n")

        threading.Thread(target=greet, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    assert not hub_module.hub_answers(seconds=2)
    assert "Traceback" not in capfd.readouterr().err


# --- a mirror ---------------------------------------------------------------------------------------


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    for name, content in repository().items():
        path = tmp_path / "a mirror/a/rows" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "a mirror"


def test_a_mirror_is_read_without_asking_the_hub(hub, child, mirror):
    splits, record = child.fetch(hub_source("a/rows"), mirror)
    assert [row["text"] for row in splits["test"]] == [row["text"] for row in tiny.rows(4, seed=2)]
    assert (record["from"], record["repository"], record["differences"]) == ("mirror", "a/rows", [])
    assert hub.requests == []


def test_a_mirror_that_differs_is_used_and_the_differences_go_on_record(child, mirror):
    expected = {"rows": COUNTS | {"train": 9}, "sha256": dict.fromkeys(SPLITS, "0" * 64)}
    splits, record = child.fetch(hub_source("a/rows", **expected), mirror)
    assert len(splits["train"]) == 6
    assert record["differences"] == [
        "train: 6 rows where 9 are expected",
        f"validation: sha256 of the rows is {record['sha256']['validation']}",
        f"test: sha256 of the rows is {record['sha256']['test']}",
    ]


def test_a_mirror_and_the_hub_give_the_same_rows(hub, child, mirror):
    hub.repositories = {"a/rows": {"main": repository()}}
    from_hub, hub_record = child.fetch(hub_source("a/rows"))
    from_mirror, mirror_record = child.fetch(hub_source("a/rows"), mirror)
    assert from_hub == from_mirror
    assert hub_record["sha256"] == mirror_record["sha256"]


def test_a_mirror_that_lacks_a_file_is_refused_naming_it(child, mirror):
    (mirror / "a/rows/validation.jsonl").unlink()
    refusal = child.refusal(hub_source("a/rows"), mirror)
    assert str(mirror / "a/rows/validation.jsonl") in refusal
    assert "UNROLL_MIRROR" in refusal


def test_a_damaged_file_of_a_mirror_is_refused_naming_it(child, mirror):
    (mirror / "a/rows/train.jsonl").write_bytes(b"\x00\x01 nothing of the kind")
    assert str(mirror / "a/rows") in child.refusal(hub_source("a/rows"), mirror)


def test_a_mirror_that_is_no_folder_ends_the_stage_with_its_name(hub, tmp_path):
    nowhere = str(tmp_path / "nowhere")
    environment = hub.environment(tmp_path) | {"UNROLL_MIRROR": nowhere}
    assert_told_plainly(
        run_stage(tmp_path, hub_source("a/rows"), environment), tmp_path, nowhere, "UNROLL_MIRROR"
    )


# --- PyPI, through the real pip ---------------------------------------------------------------------

# pip builds metadata even for `pip download`. A backend inside the archive that requires nothing lets
# it do so without an index; setuptools would have to be downloaded.
PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
BACKEND = """
import pathlib
def prepare_metadata_for_build_wheel(folder, config_settings=None):
    info = pathlib.Path(folder, "vaderSentiment-0.5.dist-info")
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\\nName: vaderSentiment\\nVersion: 0.5\\n")
    return info.name
"""
TABLE = "ratings/movies.txt"
RATED = [("1", "-1.01", "a vile lamp"), ("2", "-1.0", "a lamp"), ("3", "0.99", "one lamp")]
RATED += [
    ("4", "1.0", "a neat lamp"),
    ("5", "3.6", "a superb lamp"),
    ("6", "-4", "NA"),
    ("7", "0", "a\u2028b"),
]
RATED += [(str(number), "0.0", f"garden {number} by the window") for number in range(8, 60)]


def lines(rated: list[tuple[str, str, str]]) -> str:
    return "".join("\t".join(row) + "\n" for row in rated)


def archive(folder: Path, table: str) -> str:
    """Write a source distribution that is laid out like vaderSentiment-0.5; return its sha256."""
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w:gz") as tar:
        info = tarfile.TarInfo(TABLE)
        info.size = len(table.encode())
        tar.addfile(info, io.BytesIO(table.encode()))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "vaderSentiment-0.5.zip"
    with zipfile.ZipFile(path, "w") as outer:
        outer.writestr("vaderSentiment-0.5/pyproject.toml", PYPROJECT)
        outer.writestr("vaderSentiment-0.5/backend.py", BACKEND)
        outer.writestr("vaderSentiment-0.5/additional_resources/ratings.tar.gz", inner.getvalue())
    return hashlib.sha256(path.read_bytes()).hexdigest()


def pypi_source(archive_sha256: str, **changes: object) -> sources.PypiSource:
    document = {
        "kind": "pypi",
        "package": "vaderSentiment",
        "version": "0.5",
        "archive_sha256": archive_sha256,
        "archive": "additional_resources/ratings.tar.gz",
        "file": TABLE,
        "cutoffs": [-1.0, 1.0],
        "rows": dict.fromkeys(SPLITS, 0),
        "sha256": dict.fromkeys(SPLITS, "0" * 64),
        "licence": "invented",
        "citation": "nobody",
    }
    return TypeAdapter(sources.PypiSource).validate_json(json.dumps(document | changes))


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which pip finds its archives, instead of any index."""
    for name in os.environ:
        if name.startswith("PIP_"):
            monkeypatch.delenv(name)
    settings = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path / "index")}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return tmp_path / "index"


def pypi_rows(source: sources.PypiSource) -> dict[str, tuple[str, int]]:
    """Return text -> (split, label), whatever counts and digests the source expects."""
    splits, _ = pypi.fetch_pypi(source)
    return {
        text: (split, label)
        for split, frame in splits.items()
        for text, label in zip(frame["text"], frame["label"], strict=True)
    }


def test_ratings_become_labels_by_the_cutoffs_and_a_row_keeps_its_split_whatever_the_rows_around_it(index):
    everything = pypi_rows(pypi_source(archive(index, lines(RATED))))
    assert len(everything) == len(RATED)
    assert [everything[text][1] for _, _, text in RATED[:7]] == [0, 1, 1, 2, 2, 0, 1]
    assert {split for split, _ in everything.values()} == set(SPLITS)
    some = pypi_rows(pypi_source(archive(index, lines(RATED[40:10:-3]))))
    assert some
    assert set(some.items()) <= set(everything.items())


def test_a_pypi_corpus_is_checked_and_put_on_record(index):
    archive_sha256 = archive(index, lines(RATED))
    splits, _ = pypi.fetch_pypi(pypi_source(archive_sha256))
    expected = {
        "rows": {split: len(frame) for split, frame in splits.items()},
        "sha256": {split: corpora.digest(frame) for split, frame in splits.items()},
    }
    _, record = corpora.fetch(pypi_source(archive_sha256, **expected))
    assert (record["from"], record["repository"], record["revision"]) == ("pypi", "vaderSentiment", "0.5")
    assert (record["rows"], record["sha256"], record["differences"]) == (*expected.values(), [])
    expected["sha256"]["train"] = "0" * 64
    with pytest.raises(Refusal, match="train: sha256 of the rows is"):
        corpora.fetch(pypi_source(archive_sha256, **expected))


def test_an_archive_with_another_sha256_is_refused(index):
    found = archive(index, lines(RATED))
    with pytest.raises(Refusal, match=f"sha256 is {found}, params.yaml says {'0' * 64}"):
        corpora.fetch(pypi_source("0" * 64))


@pytest.mark.parametrize("key", ["file", "archive"])
def test_what_the_archive_lacks_is_refused_by_name(index, key):
    archive_sha256 = archive(index, lines(RATED))
    with pytest.raises(Refusal, match=r"ratings/books\.txt"):
        corpora.fetch(pypi_source(archive_sha256, **{key: "ratings/books.txt"}))


@pytest.mark.parametrize("line", ["8\t1.0", "8\tgood\ta lamp"])
def test_a_damaged_line_is_refused_with_its_number(index, line):
    archive_sha256 = archive(index, lines(RATED[:3]) + line + "\n" + lines(RATED[3:]))
    with pytest.raises(Refusal, match=r"movies\.txt, line 4: "):
        corpora.fetch(pypi_source(archive_sha256))


def test_a_package_that_pip_cannot_find_is_refused_with_pips_reason(index):
    index.mkdir()
    with pytest.raises(Refusal, match=r"vaderSentiment==0\.5: pip could not download it: .*No matching"):
        corpora.fetch(pypi_source("0" * 64))
