"""What is exported is measured on the corpus's own texts, and held against every trained seed."""

from pathlib import Path

import pandas as pd
import pytest
import tiny
from trained_project import CORPUS, READER, Project

from benchmarks import export, prediction
from benchmarks.corpora import Located
from benchmarks.loops import LOOPS
from benchmarks.slices import Slice, take
from unroll import frames
from unroll.export import folder
from unroll.export.bounds import BOUNDS

NAME = "tweets"
"""A corpus of params.yaml with three classes; the rows are tiny's."""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with the texts, the vocabulary and two trained seeds of `gru`."""
    Project.make(tmp_path, {1: READER, 2: READER})
    for parent in ("data/vocabulary", "models"):
        (tmp_path / parent / CORPUS).rename(tmp_path / parent / NAME)
    rows = pd.DataFrame(tiny.rows(30, seed=9)).assign(row=range(30))
    rows["tokens"] = rows["text"].str.split()
    frames.write_parquet(
        tmp_path / "data/clean" / NAME / "test.parquet", rows[frames.CLEAN.names], frames.CLEAN
    )
    return tmp_path


def settings(data: Path, **more: object) -> dict:
    return {"data": str(data), "corpus": NAME, "network": "gru", **more}


def score(data: Path, weights: str, figure: str) -> float | None:
    done = take(
        export.agreement(**settings(data, weights=weights, figure=figure)), float("inf"), float("inf")
    )
    assert done.ended
    return done.score


@pytest.mark.parametrize("weights", BOUNDS)
@pytest.mark.parametrize("at_once", [1, 7])
def test_every_text_of_the_test_split_is_read_over_and_over(data, weights, at_once):
    loop = export.exported(**settings(data, weights=weights, at_once=at_once))
    assert take(loop, float("inf"), 60).units == 60


@pytest.mark.parametrize("form", ["encoded", "layer", "one"])
def test_what_it_is_held_against_reads_the_same_texts(data, form):
    loop = prediction.prediction(**settings(data, form=form))
    assert take(loop, float("inf"), 60).units == 60


def test_without_trained_networks_there_is_no_figure(data):
    (data / "models").rename(data / "elsewhere")
    assert score(data, "float32", "onnx") is None


def test_the_largest_of_every_seed_counts(data, monkeypatch):
    agreed = iter([folder.Agreement(30, 2e-7, 3), folder.Agreement(30, 1e-7, 6)])
    monkeypatch.setattr(folder, "agreement", lambda *given: next(agreed))
    assert score(data, "float32", "largest_difference") == 2e-7
    agreed = iter([folder.Agreement(30, 2e-7, 6), folder.Agreement(30, 1e-7, 3)])
    assert score(data, "float32", "changed_share") == pytest.approx(20)


def test_sizes_are_those_of_the_files(data):
    weights = data / "models" / NAME / "gru/1/weights.safetensors"
    assert score(data, "float32", "safetensors") == weights.stat().st_size / 1e6
    exact, rounded = (score(data, kind, "onnx") for kind in ("float32", "int8"))
    # So small a network is hardly more than its graph, which has more nodes in int8.
    assert 0 < exact < rounded < 0.01


def test_a_network_has_its_rows_and_figures_of_trained_ones_where_there_are_some():
    rates = {name: [2000.0, 1000.0, 4000.0] for name in export.RATES}
    rates |= {"layer": [500.0, 500.0, 500.0], "one": [500.0, 250.0, 500.0]}
    figures = dict.fromkeys(export.FIGURES)
    rows = export.of_network("tweets, gru", rates, figures)
    found = {row["metric"]: row for row in rows}
    assert found["ONNX against our reader"]["ratio"] == 1
    assert found["ONNX against torch's layer"]["ratio"] == 4
    assert (found["one text, ONNX against our reader"]["ours"], len(rows)) == (2.0, 4)
    figures |= {("float32", "largest_difference"): 2e-7, ("int8", "largest_difference"): 1.0}
    *same, exact, rounded = export.of_network("tweets, gru", rates, figures)
    assert same == rows
    assert (exact["ours"], exact["met"], rounded["met"]) == (2e-7, "yes", "no")


def test_without_onnx_that_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(export, "find_spec", lambda name: None)
    [row] = export.rows(Located(NAME, tmp_path), 1, 0.1)
    assert (row["section"], row["metric"]) == ("export", "not measured")


class InThisProcess:
    """What benchmarks.worker.Worker does, without a process of its own, which takes seconds to begin."""

    def __init__(self, loop: str, given: dict) -> None:
        self.loop = LOOPS[loop](**given)

    def run(self, seconds: float = float("inf"), units: float = float("inf")) -> Slice:
        return take(self.loop, seconds, units)

    def __enter__(self) -> "InThisProcess":
        return self

    def __exit__(self, *how: object) -> None:
        self.loop.close()


def test_every_row_is_measured_by_loops_that_a_worker_knows(data, monkeypatch):
    monkeypatch.setattr(export, "Worker", InThisProcess)
    rows = list(export.rows(Located(NAME, data), 1, 0.05, ["gru"]))
    assert {row["case"] for row in rows} == {"tweets, gru"}
    assert len({row["metric"] for row in rows}) == len(rows) == 4 + len(export.FIGURES)
    [largest] = [row for row in rows if row["metric"] == "largest difference of a probability"]
    assert largest["met"] == "yes"
