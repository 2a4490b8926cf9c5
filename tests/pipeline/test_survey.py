"""Which stages are to run: those that changed, what follows them, and whether their data changed at all."""

import io
import subprocess
import sys
from pathlib import Path

import pytest
from clone import ROOT
from rich.console import Console

from unroll.pipeline import scheduler, survey


@pytest.fixture(autouse=True)
def unroll_is_found(monkeypatch):
    """As it is in the project's own folder: the process that stages are forked from imports it."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def run(project: Path, stages: survey.Graph) -> None:
    scheduler.run_all(stages, 2, project / "logs", gpus=[], console=Console(file=io.StringIO()))


# What a model is trained on is the last line of its vocabulary: what comes before is a remark.
CORPORA = """
stages:
  preprocess:
    matrix: &one {corpus: [CORPORA]}
    cmd: grep -v remark ${item.corpus}.txt > clean.${item.corpus}
    deps: ["${item.corpus}.txt"]
    outs: ["clean.${item.corpus}"]
  vocabulary:
    matrix: *one
    cmd: tail -n 1 clean.${item.corpus} > vocabulary.${item.corpus}
    deps: ["clean.${item.corpus}"]
    outs: ["vocabulary.${item.corpus}"]
  train:
    matrix: {corpus: [CORPORA], seed: [1, 2]}
    cmd: cp vocabulary.${item.corpus} model.${item.corpus}.${item.seed}
    deps: ["vocabulary.${item.corpus}"]
    outs: ["model.${item.corpus}.${item.seed}"]
"""


@pytest.fixture
def corpora(tmp_path, monkeypatch):
    """Two corpora, prepared and trained on."""
    for name in ("movies", "tweets", "news"):
        (tmp_path / f"{name}.txt").write_text(f"remark\nfirst {name}\nlast {name}\n")
    (tmp_path / "dvc.yaml").write_text(CORPORA.replace("CORPORA", "movies, tweets"))
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q", "--no-scm"], cwd=tmp_path, check=True)
    monkeypatch.chdir(tmp_path)
    run(tmp_path, survey.take(tmp_path).stale)
    assert survey.take(tmp_path).stale == {}
    return tmp_path


def prepare_and_survey(project: Path) -> tuple[set[str], set[str]]:
    """Return the stages that prepared data, and what is stale after them."""
    stages = survey.preparation(survey.take(project).stale)
    run(project, stages)
    return set(stages), set(survey.take(project).stale)


def test_data_that_come_out_as_they_were_start_no_training(corpora):
    (corpora / "movies.txt").write_text("another remark\nfirst movies\nlast movies\n")
    assert {"train@movies-1", "train@movies-2"} < set(survey.take(corpora).stale)
    assert prepare_and_survey(corpora) == ({"preprocess@movies", "vocabulary@movies"}, set())


def test_data_that_have_changed_start_the_training_on_them_alone(corpora):
    (corpora / "movies.txt").write_text("first movies\nanother last\n")
    prepared, stale = prepare_and_survey(corpora)
    assert prepared == {"preprocess@movies", "vocabulary@movies"}
    assert stale == {"train@movies-1", "train@movies-2"}


def test_an_added_corpus_leaves_the_training_on_the_others_alone(corpora):
    (corpora / "dvc.yaml").write_text(CORPORA.replace("CORPORA", "movies, tweets, news"))
    prepared, stale = prepare_and_survey(corpora)
    assert prepared == {"preprocess@news", "vocabulary@news"}
    assert stale == {"train@news-1", "train@news-2"}


def test_preparation_keeps_its_order_and_is_empty_where_models_alone_are_stale(corpora):
    (corpora / "movies.txt").write_text("another\n")
    assert survey.preparation(survey.take(corpora).stale) == {
        "preprocess@movies": set(),
        "vocabulary@movies": {"preprocess@movies"},
    }
    (corpora / "movies.txt").write_text("remark\nfirst movies\nlast movies\n")
    (corpora / "model.tweets.1").unlink()
    stale = survey.take(corpora).stale
    assert set(stale) == {"train@tweets-1"} and survey.preparation(stale) == {}


def test_what_is_left_after_the_preparation_no_longer_waits_for_it(corpora):
    (corpora / "movies.txt").write_text("another\n")
    stale = survey.take(corpora).stale
    left = survey.without(stale, survey.preparation(stale))
    assert left == {"train@movies-1": set(), "train@movies-2": set()}
    assert stale["train@movies-1"] == {"vocabulary@movies"}


def test_a_file_is_hashed_once_however_many_stages_depend_on_it(corpora, monkeypatch):
    from dvc.output import Output

    hashed, get = [], Output._get_hash_meta
    counted = lambda out: hashed.append((str(out), out.IS_DEPENDENCY)) or get(out)  # noqa: E731
    monkeypatch.setattr(Output, "_get_hash_meta", counted)
    survey.take(corpora)
    assert hashed.count(("vocabulary.movies", True)) == 1
    # And nothing is remembered: the next survey sees what has changed since.
    (corpora / "vocabulary.movies").write_text("another\n")
    assert {"train@movies-1", "train@movies-2"} < set(survey.take(corpora).stale)
    assert Output._get_hash_meta is counted
