"""python -m unroll try: what it serves, where, and what it refuses before."""

import socket

import pytest
import tried
import uvicorn
from typer.testing import CliRunner

from unroll.command_line import app
from unroll.failures import Refusal


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tried.write(tmp_path)


@pytest.fixture
def served(monkeypatch) -> list:
    """The addresses at which a server was started; none is."""
    found = []

    def run(server, sockets):
        found.append(sockets[0].getsockname())
        raise KeyboardInterrupt

    monkeypatch.setattr(uvicorn.Server, "run", run)
    return found


def asked(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["try", "--port", "0", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def refused(*arguments: str) -> str:
    with pytest.raises(Refusal) as refusal:
        asked(*arguments)
    return str(refusal.value)


def test_it_listens_on_this_machine_alone_and_says_what_there_is(folder, served):
    said = asked()
    [(host, port)] = served
    assert host == "127.0.0.1"
    assert f"http://127.0.0.1:{port}" in said
    assert "tiny_rows: bow, gru, heeding\n" in said
    assert "tiny_trees: no network yet\n" in said
    assert "tiny_rows: reader: predicts next words" in said


def test_corpora_and_networks_may_be_named(folder, served):
    said = asked("--corpora", "tiny_rows", "--networks", "gru, bow,gru")
    assert said.startswith("tiny_rows: gru, bow\nTry them")


def test_the_browser_is_opened_only_when_asked_for(folder, served, monkeypatch):
    visited = []
    monkeypatch.setattr("webbrowser.open", visited.append)
    asked()
    assert visited == []
    asked("--open")
    assert visited == [f"http://127.0.0.1:{served[1][1]}"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--corpora", "nothing"], "corpora has no nothing: choose some of tiny_rows, tiny_trees"),
        (["--networks", "gru,nothing"], "networks has no nothing"),
        (["--networks", ","], "networks has no ,"),
        (["--corpora", "tiny_trees"], "vocabulary.txt is missing: run make repro SUITE=keep"),
        (
            ["--corpora", "tiny_rows", "--networks", "absent"],
            "seeds 1, 2 not trained: run make repro SUITE=keep",
        ),
    ],
)
def test_what_is_not_there_is_refused_with_the_way_out(folder, served, arguments, said):
    assert said in refused(*arguments)
    assert served == []


def test_a_port_that_is_taken_is_refused_with_another(folder, served):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert f"port {port}: Address already in use: name another" in refused("--port", str(port))
    assert served == []
