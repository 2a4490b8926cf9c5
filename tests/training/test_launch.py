"""A training in several processes, as its stage starts them: one result, one message, and no open port."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from own_corpus import ARGUMENTS, OwnCorpus, environment
from waiting import wait_until

from unroll import files

MODEL = Path("models/mine/small/1")
CHECKPOINTS = Path(".unroll/checkpoints")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> OwnCorpus:
    """Ready to train in two processes, for so long that there is time to look at them."""
    made = OwnCorpus(tmp_path_factory.mktemp("prepared"))
    made.describe(training={"epochs": 400, "patience": 400, "processes": 2})
    made.run("environment", "download", "preprocess", "vocabulary", "vectors")
    return made


@contextmanager
def training(corpus: OwnCorpus) -> Iterator[subprocess.Popen]:
    with (
        open(corpus.folder / "log", "w") as log,
        subprocess.Popen(
            [sys.executable, "-m", "stages.train", *ARGUMENTS["train"]],
            cwd=corpus.folder,
            env=environment(),
            stdout=log,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        yield process
        process.kill()


def has_saved(corpus: OwnCorpus) -> bool:
    return any((corpus.folder / CHECKPOINTS).glob("*.safetensors"))


def ended(corpus: OwnCorpus, process: subprocess.Popen) -> str:
    """Return what a training said that ends with a message."""
    assert process.wait(60) == 1
    said = (corpus.folder / "log").read_text()
    assert "Traceback" not in said
    return said.strip()


def members(process: subprocess.Popen) -> list[psutil.Process]:
    return [one for one in psutil.Process(process.pid).children() if "stages.train" in one.cmdline()]


def trained(corpus: OwnCorpus) -> bytes:
    with training(corpus) as process:
        assert process.wait(300) == 0, (corpus.folder / "log").read_text()
    assert (corpus.folder / "log").read_text() == ""
    assert files.read_json(corpus.folder / MODEL / "model.json")["training"]["processes"] == 2
    assert not has_saved(corpus)
    return (corpus.folder / MODEL / "weights.safetensors").read_bytes()


def test_a_team_that_is_told_to_end_says_so_once_and_goes_on_to_the_same_bytes(prepared, tmp_path):
    whole, stopped = prepared.copied(tmp_path / "whole"), prepared.copied(tmp_path / "stopped")
    with training(stopped) as process:
        wait_until(lambda: has_saved(stopped) or process.poll() is not None)
        listening = [
            one.laddr.ip
            for each in [psutil.Process(process.pid), *members(process)]
            for one in each.net_connections()
            if one.status == psutil.CONN_LISTEN
        ]
        assert set(listening) == {"127.0.0.1"}
        process.terminate()
        said = ended(stopped, process)
        assert said.startswith("unroll: stopped by ") and "and saved: run it again" in said
        assert said.count("unroll:") == 1
    assert has_saved(stopped)
    assert trained(stopped) == trained(whole)


def test_a_member_that_is_killed_takes_the_others_along_and_is_named(prepared, tmp_path):
    corpus = prepared.copied(tmp_path / "killed")
    with training(corpus) as process:
        wait_until(lambda: has_saved(corpus) or process.poll() is not None)
        team = members(process)
        assert len(team) == 2
        team[1].kill()
        assert "of the team ended with SIGKILL" in ended(corpus, process)
        _, alive = psutil.wait_procs(team, timeout=20)
        assert alive == []


def test_no_member_outlives_the_stage(prepared, tmp_path):
    corpus = prepared.copied(tmp_path / "orphans")
    with training(corpus) as process:
        wait_until(lambda: has_saved(corpus) or process.poll() is not None)
        team = members(process)
        os.kill(process.pid, signal.SIGKILL)
        _, alive = psutil.wait_procs(team, timeout=20)
        assert len(team) == 2 and alive == []


def test_what_all_members_refuse_is_told_once(prepared, tmp_path):
    corpus = prepared.copied(tmp_path / "refused")
    (corpus.folder / "data/vocabulary/mine/train/ids.npy").write_bytes(b"nothing")
    with training(corpus) as process:
        said = ended(corpus, process)
    assert said.count("ids.npy") == 1 and "is damaged" in said
