"""A Hub that is not well, lacks something or does not answer: told in one message, and soon."""

import socket
import threading
import time

import pytest
import tiny
from hub_child import (
    PARQUET,
    SPLITS,
    assert_told_plainly,
    hub_source,
    repository,
    run_stage,
)
from hub_server import Fault

from unroll.corpora import hub as hub_module

FAULTS = {
    "the info answers 500": ("", Fault(status=500)),
    "the info answers 429": ("", Fault(status=429)),
    "the info breaks off": ("", Fault(half=True)),
    "the listing answers 500": ("/", Fault(status=500)),
    "the listing breaks off": ("/", Fault(half=True)),
    "the listing never ends": ("/", Fault(endless=True)),
    "the info is a page for people": ("", Fault(page=True)),
    "the info asks to wait": ("", Fault(status=429, retry_after=300)),
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


def test_a_page_in_place_of_a_listing_is_refused(hub, child):
    hub.repositories = {"a/page": {"main": repository(PARQUET)}}
    hub.fail("a/page", "/", Fault(page=True))
    assert "is damaged or of another format" in child.refusal(hub_source("a/page", PARQUET))


def test_a_file_that_breaks_off_once_is_fetched_again(hub, child):
    hub.repositories = {"a/once": {"main": repository(PARQUET)}}
    hub.fail("a/once", "train.parquet", Fault(half=True, once=True))
    splits, _ = child.fetch(hub_source("a/once", PARQUET))
    assert len(splits["train"]) == 6


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
