"""One at a time fills a server, also when one that did was killed; whoever waits is told for whom."""

import os
import socket
import subprocess
import sys
import threading
import time

import pytest
from clone import ROOT
from mlflow import MlflowClient

from unroll.failures import Refusal
from unroll.tracking import turns
from unroll.tracking.client import Tracker

HOLD = """
import sys
from unroll.tracking import turns
from unroll.tracking.imports import MlflowClient
turns.RENEW_SECONDS = 0.1
with turns.turn(MlflowClient(sys.argv[1], sys.argv[1]), 1):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def client(empty_database, tmp_path) -> MlflowClient:
    """Of a database: it has registered models too, and costs no server."""
    copied = tmp_path / "runs.db"
    copied.write_bytes(empty_database.read_bytes())
    return MlflowClient(f"sqlite:///{copied}", f"sqlite:///{copied}")


@pytest.fixture
def holder(client):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, client.tracking_uri],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def taken(client: MlflowClient) -> list[str]:
    return [one.name for one in client.search_registered_models()]


def test_several_take_turns_and_leave_nothing_behind(client):
    inside, seen, mutex = [0], [], threading.Lock()

    def fill() -> None:
        for _ in range(3):
            with turns.turn(client, 60):
                with mutex:
                    inside[0] += 1
                    seen.append(inside[0])
                time.sleep(0.05)
                with mutex:
                    inside[0] -= 1

    fillers = [threading.Thread(target=fill) for _ in range(3)]
    for one in fillers:
        one.start()
    for one in fillers:
        one.join()
    assert seen == [1] * 9
    assert taken(client) == []


def test_whoever_waits_too_long_is_told_for_whom(client, holder, monkeypatch):
    monkeypatch.setattr(turns, "GONE_SECONDS", 1)  # the holder renews its turn 10 times as often
    told = rf"filled by .* on .*, process {holder.pid} .*dvc repro track"
    with pytest.raises(Refusal, match=told), turns.turn(client, 2.5):
        raise NotImplementedError("not reached")
    holder.communicate("")
    with turns.turn(client, 1):
        assert len(taken(client)) == 1


def test_the_turn_of_one_that_was_killed_is_taken_over_and_cleared_away(client, holder, monkeypatch):
    monkeypatch.setattr(turns, "GONE_SECONDS", 1)
    [lost] = taken(client)
    holder.kill()
    holder.wait()
    with turns.turn(client, 30):
        [own] = taken(client)
        assert own != lost
    assert taken(client) == []


def test_a_turn_that_somebody_takes_at_the_same_moment_is_given_back(client, monkeypatch):
    """Both have found the server free, the other under a number of an earlier turn that was lost."""
    made, stepped_back = turns._made, []

    def made_at_once(*arguments):
        name = made(*arguments)
        if not stepped_back:
            client.create_registered_model(f"{turns.PREFIX}7", {turns.RENEWED: "now"})
        return name

    def deleted(client, name):
        if not stepped_back:
            stepped_back.append(name)
            client.delete_registered_model(f"{turns.PREFIX}7")
        client.delete_registered_model(name)

    monkeypatch.setattr(turns, "_made", made_at_once)
    monkeypatch.setattr(turns, "_delete", deleted)
    with turns.turn(client, 10):
        assert stepped_back == [f"{turns.PREFIX}1"]
        assert len(taken(client)) == 1


def test_a_server_that_says_nothing_is_given_up_and_named(monkeypatch):
    whole = turns.SILENT_SECONDS
    monkeypatch.setattr(turns, "SILENT_SECONDS", 1)
    monkeypatch.delenv(turns.TIMEOUT, raising=False)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        told = f"MLFLOW_TRACKING_URI: {address} cannot be used"
        with pytest.raises(Refusal, match=told), Tracker(address).alone():
            raise NotImplementedError("not reached")
    # Three tries of a second; the pauses between them are as long whatever a try may take.
    pauses = time.monotonic() - began - 3
    assert pauses + 3 * whole < 60
    assert turns.TIMEOUT not in os.environ
