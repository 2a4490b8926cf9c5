"""python -m unroll search: from params.yaml to the table, the page and the message."""

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny
from clone import ROOT
from searched import CORPUS, LINES, NAME, refusal_of, write_project
from typer.testing import CliRunner
from waiting import wait_until

from unroll import files
from unroll.command_line import app
from unroll.lexicon.vectors import PackageSource
from unroll.search import command, sampler

pytest.importorskip("optuna")
TABLE, BESIDE, PAGE = (Path(f"reports/search/{NAME}.{suffix}") for suffix in ("csv", "json", "md"))


@pytest.fixture
def document(tmp_path, monkeypatch) -> dict:
    """A project with one search, which is the current folder."""
    monkeypatch.chdir(tmp_path)
    return write_project(tmp_path)


def search(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["search", *(arguments or (NAME,))], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_a_search_from_its_lines_to_its_page(document):
    said = search(NAME, "--jobs", "2")
    assert len(said.splitlines()) == 2  # quiet, for it writes to no terminal
    assert "validation macro recall: trial" in said and str(PAGE) in said and str(TABLE) in said
    with open(TABLE, encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["trial"] for row in rows] == ["0", "1", "2", "3"]
    assert all(0 <= float(row["mean"]) <= 1 for row in rows)
    assert "3 trials of 2 seeds each" in PAGE.read_text(encoding="utf-8")
    assert not list(Path(".unroll/checkpoints").glob("*"))
    assert not Path(f"data/vocabulary/{CORPUS}/test").exists()
    # Begun anew, and by fewer processes, it gives the same table to the last byte.
    table = TABLE.read_bytes()
    TABLE.unlink()
    search(NAME, "--jobs", "1")
    assert TABLE.read_bytes() == table


def fake(monkeypatch) -> list:
    """Train in this process, and only invent scores; return what is trained."""
    from contextlib import contextmanager

    from searched import invented

    trained = []

    @contextmanager
    def at_work(train, processes):
        def mapped(jobs):
            trained.extend(job.name for job in jobs)
            return map(invented, jobs)

        yield mapped

    monkeypatch.setattr(command.crew, "at_work", at_work)
    return trained


def test_a_second_time_nothing_is_trained(document, monkeypatch):
    trained = fake(monkeypatch)
    search()
    first = list(trained)
    table, page = TABLE.read_bytes(), PAGE.read_bytes()
    search()
    assert len(first) == 8 and trained == first
    assert (TABLE.read_bytes(), PAGE.read_bytes()) == (table, page)


def test_a_larger_budget_goes_on_and_a_smaller_one_loses_nothing(document, monkeypatch, tmp_path):
    trained = fake(monkeypatch)
    search()
    document["searches"][NAME]["trials"] = 4
    tiny.write_params(tmp_path, document)
    search()
    table = TABLE.read_bytes()
    document["searches"][NAME]["trials"] = 2
    tiny.write_params(tmp_path, document)
    search()
    assert TABLE.read_bytes() == table and len(trained) <= 10


def other_data() -> None:
    path = Path(f"data/vocabulary/{CORPUS}/train/labels.npy")
    labels = np.load(path, allow_pickle=False)
    np.save(path, labels[::-1].copy(), allow_pickle=False)


CHANGES = {
    "search": lambda document: document["searches"][NAME].update(seed=2),
    "network": lambda document: document["networks"]["gru"].update(head="relu"),
    "training": lambda document: document["training"].update(epochs=3),
    "headline": lambda document: document["corpora"][CORPUS].update(headline="accuracy"),
    "data": lambda document: other_data(),
}


@pytest.mark.parametrize("part", CHANGES)
def test_a_table_of_another_search_is_refused(document, monkeypatch, tmp_path, part):
    fake(monkeypatch)
    search()
    CHANGES[part](document)
    tiny.write_params(tmp_path, document)
    assert f"{TABLE} belongs to another {part} than this search has now" in refusal_of(search)


def test_a_table_of_other_code_or_another_optuna_is_refused(document, monkeypatch):
    fake(monkeypatch)
    search()
    monkeypatch.setattr(sampler, "version", lambda: "0.1")
    assert "belongs to another profile than" in refusal_of(search)
    beside = json.loads(BESIDE.read_text(encoding="utf-8"))
    beside["origin"]["code"] = "0"
    files.write_json(BESIDE, beside)
    assert "belongs to another code, profile than" in refusal_of(search)


def test_other_networks_and_corpora_are_none_of_its_business(document, monkeypatch, tmp_path):
    trained = fake(monkeypatch)
    search()
    before = list(trained)
    document["networks"]["bow"]["head"] = "relu"
    document["searches"]["other"] = document["searches"][NAME] | {"seed": 9}
    document["select"]["seeds"] = [4]
    tiny.write_params(tmp_path, document)
    search()
    assert trained == before


def test_a_search_that_is_not_there_is_refused_with_those_that_are(document):
    assert refusal_of(lambda: search("fuond")) == "params.yaml: searches has no fuond: choose one of found"


def test_without_optuna_it_says_how_to_install_it(document, monkeypatch):
    monkeypatch.setattr(sampler, "PACKAGE", "no_such_package_here")
    assert "make search NAME=... installs it first" in refusal_of(search)


@pytest.mark.parametrize("gone", ["vocabulary.txt", "train", "validation"])
def test_data_that_are_missing_are_named_with_what_makes_them(document, gone):
    path = Path(f"data/vocabulary/{CORPUS}/{gone}")
    files.remove(path)
    words = refusal_of(search)
    assert f"{path} is missing" in words
    assert f"dvc repro vocabulary@{CORPUS}" in words and f"select.corpora ({CORPUS})" in words


def test_vectors_that_are_missing_or_others_are_named_with_what_makes_them(document, monkeypatch, tmp_path):
    monkeypatch.setattr(PackageSource, "locate", lambda self, file: Path("glove"))
    document["networks"]["gru"] = LINES | {"embedding": {"vectors": ["glove_6b_50d"]}}
    tiny.write_params(tmp_path, document)
    path = Path(f"data/vectors/{CORPUS}/gru/training/vectors.json")
    words = refusal_of(search)
    assert f"{path} is missing" in words
    assert f"dvc repro vectors@{CORPUS}" in words and "select.networks (gru)" in words
    files.write_json(path, {"vectors": ["others"], "size": 3, "found": {}})
    assert "has not the vectors glove_6b_50d" in refusal_of(search)


def test_ctrl_c_keeps_what_there_is_and_the_same_command_goes_on(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_project(tmp_path, trials=8)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    begun = [sys.executable, "-m", "unroll", "search", NAME, "--jobs", "2"]
    done = subprocess.run(begun, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    whole = TABLE.read_bytes()
    for path in (TABLE, BESIDE, PAGE):
        path.unlink()
    process = subprocess.Popen(
        begun,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_until(TABLE.exists)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: all processes hear it
    said = "".join(process.communicate())
    if process.returncode != 0:  # it may have been quicker
        assert process.returncode == 128 + signal.SIGINT
        assert said.strip() == "unroll: stopped; the same command goes on from here"
        assert whole.startswith(TABLE.read_bytes())
        assert not PAGE.exists()
    done = subprocess.run(begun, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert TABLE.read_bytes() == whole
