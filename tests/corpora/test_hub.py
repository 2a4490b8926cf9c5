"""The Hub, a Hub that is not well and a mirror of it, through the real `datasets`, on this machine."""

import socket
import threading
import time
from pathlib import Path

import pytest
import tiny
from hub_child import (
    COUNTS,
    JSONL,
    PARQUET,
    SPLITS,
    assert_told_plainly,
    hub_source,
    repository,
    run_stage,
)
from hub_server import Fault

from unroll.corpora import hub as hub_module
from unroll.corpora import sources
from unroll.failures import Refusal
from unroll.params import parse

# --- what is there ----------------------------------------------------------------------------------


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


def test_a_missing_text_is_an_empty_one(hub, child):
    rows = b'{"text": null, "label": 0}\n' + tiny.as_jsonl(tiny.rows(5, seed=3))
    hub.repositories = {"a/null": {"main": repository(train=rows)}}
    splits, _ = child.fetch(hub_source("a/null"))
    assert splits["train"][0] == {"row": 0, "text": "", "label": 0}


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
