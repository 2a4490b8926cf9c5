"""The live view hears of every epoch, and nothing that becomes of it harms the training."""

import json
import sys

import pytest
from runs import RULES, SMALL, Pulled, fit, pulled_after

from unroll.training import live


@pytest.fixture
def listener(tmp_path, monkeypatch):
    """Stand in for the process that talks to the tracker: what it hears goes to a file."""
    heard = tmp_path / "heard.jsonl"
    program = tmp_path / "python"
    program.write_text(f'#!/bin/sh\necho "$@" > {heard}\ncat >> {heard}\n')
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setenv(live.VARIABLE, "1")
    return heard


def test_without_the_variable_no_process_is_started(monkeypatch):
    monkeypatch.delenv(live.VARIABLE, raising=False)
    monkeypatch.setattr(live.subprocess, "Popen", lambda *_, **__: pytest.fail("a process was started"))
    with live.view("rows", "gru", 1) as ended:
        ended({"epoch": 1})


def test_every_epoch_is_told_and_then_the_end(listener, corpus, tmp_path):
    with live.view("rows", "gru", 1) as ended:
        fitted = fit(corpus, tmp_path, ended=ended)
    arguments, *lines = listener.read_text().splitlines()
    assert arguments == "-m unroll.tracking.live rows gru 1"
    assert [json.loads(line) for line in lines] == [*fitted.history, {"end": "FINISHED"}]


def test_a_run_that_goes_on_tells_of_its_earlier_epochs_too(corpus, tmp_path):
    with pulled_after(".safetensors", epoch=2):
        fit(corpus, tmp_path)
    heard = []
    fitted = fit(corpus, tmp_path, ended=heard.append)
    assert heard == fitted.history and len(heard) == RULES.epochs


def test_a_training_that_fails_is_told_as_failed(listener):
    with pytest.raises(Pulled), live.view("rows", "gru", 1) as ended:
        ended({"epoch": 1})
        raise Pulled
    assert [json.loads(line) for line in listener.read_text().splitlines()[1:]] == [
        {"epoch": 1},
        {"end": "FAILED"},
    ]


def test_a_listener_that_dies_does_not_harm_the_training(corpus, tmp_path, monkeypatch):
    monkeypatch.setenv(live.VARIABLE, "1")
    monkeypatch.setattr(sys, "executable", "/bin/false")
    plain = fit(corpus, tmp_path / "plain", SMALL)
    with live.view("rows", "gru", 1) as ended:
        for number in range(3):  # the pipe breaks at the latest by the second
            ended({"epoch": number, "much": "x" * 100_000})
        assert fit(corpus, tmp_path / "live", SMALL, ended=ended).history == plain.history


def test_a_listener_that_hangs_is_ended(tmp_path, monkeypatch, capsys):
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nexec sleep 100\n")
    program.chmod(0o755)
    monkeypatch.setenv(live.VARIABLE, "1")
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setattr(live, "PATIENCE_SECONDS", 0.1)
    with live.view("rows", "gru", 1) as ended:
        ended({"epoch": 1})
    assert "did not answer" in capsys.readouterr().err
