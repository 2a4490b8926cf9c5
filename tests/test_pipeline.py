"""The whole pipeline through DVC in a clone, its data served by a stand-in for the Hub."""

import csv
import hashlib
import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
import tiny
from clone import Clone, clone, run, run_once
from ruamel.yaml import YAML

from unroll import files
from unroll.environment import PINNED

SEEDS = (1, 2)
# One process: to start Python with torch takes longer than any of the tiny stages.
IN_TURN = """
import json, pathlib, runpy, sys
for command, tracked in json.loads(sys.argv[1]).items():
    print(command, flush=True)
    pathlib.Path("params.yaml").write_text(json.dumps(tracked))
    module, *sys.argv[1:] = command.split()
    runpy.run_module(module, run_name="__main__", alter_sys=True)
"""


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory) -> Clone:
    """A network of each cell, one of them in both directions, on a tiny corpus of trees, run once."""
    folder = clone(tmp_path_factory.mktemp("clone"))
    params = tiny.params()
    params["select"] |= {"corpora": ["tiny_trees"], "networks": ["bow", "rnn", "gru", "bilstm"]}
    params["training"] |= {"epochs": 2}
    with run_once(folder, tmp_path_factory.mktemp("caches"), params) as ran:
        yield ran


def digests(folder: Path) -> dict[str, str]:
    """The sha256 of every result; times are none."""
    found = {}
    for part in ("data", "models", "reports"):
        for path in sorted((folder / part).rglob("*")):
            if path.is_file() and path.name not in (".gitignore", "times.js"):
                found[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def test_the_full_product_is_trained_and_evaluated_and_shown(pipeline):
    select = pipeline.params["select"]
    for corpus in select["corpora"]:
        for network in select["networks"]:
            report = files.read_json(pipeline.folder / f"reports/scores/{corpus}/{network}.json")
            shown = files.read_json(pipeline.folder / f"reports/metrics/{corpus}/{network}.json")
            assert shown["accuracy"] == report["mean"]["accuracy"] and not isinstance(shown["loss"], dict)
            assert list(report["seeds"]) == [str(seed) for seed in SEEDS]
            assert report["rows"] == tiny.COUNTS["test"]
            assert report["source"]["from"] == "hub"
            frame = pd.read_parquet(pipeline.folder / f"reports/predictions/{corpus}/{network}.parquet")
            assert len(frame) == len(SEEDS) * tiny.COUNTS["test"]
            assert frame.filter(like="p_").sum(axis=1).sub(1).abs().max() < 1e-9
            for seed in SEEDS:
                model = files.read_json(pipeline.folder / f"models/{corpus}/{network}/{seed}/model.json")
                history = pd.read_csv(pipeline.folder / f"reports/history/{corpus}/{network}/{seed}.csv")
                assert model["parameters"] == report["parameters"]
                of_phrases = (model["training"]["phrases_first"] or {"epochs": 0})["epochs"]
                assert 1 <= model["best_epoch"] <= len(history) <= of_phrases + 2
        assert corpus in pipeline.said
    with open(pipeline.folder / "reports/comparison.csv", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert {(row["corpus"], row["network"]) for row in rows} == {
        (corpus, name) for corpus in select["corpora"] for name in (*select["networks"], "tfidf")
    }
    trained = [row for row in rows if row["kind"] == "network"]
    assert all(
        row["seeds"] == "2" and row["ci_low"] <= row["ci_high"] for row in trained if row["metric"] == "ece"
    )
    assert "make ui" in pipeline.said and "comparison.md" in pipeline.said


def test_the_floor_stands_in_every_table_and_is_tested_against_every_network(pipeline):
    reports = pipeline.folder / "reports"
    report = files.read_json(reports / "scores/tiny_trees/tfidf.json")
    assert report["scores"] == files.read_json(reports / "metrics/tiny_trees/tfidf.json")
    assert report["scores"]["accuracy"] > 0.5 and report["rows"] == tiny.COUNTS["test"]
    frame = pd.read_parquet(reports / "predictions/tiny_trees/tfidf.parquet")
    assert list(frame.columns) == ["row", "label", *(f"p_{label}" for label in range(5))]
    with open(reports / "pairs.csv", encoding="utf-8") as stream:
        pairs = list(csv.DictReader(stream))
    against = [row["a"] for row in pairs if row["metric"] == "accuracy" and row["b"] == "tfidf"]
    assert sorted(against) == sorted(pipeline.params["select"]["networks"])
    shown = {path: (reports / path).read_text() for path in ("comparison.md", "index.html")}
    tables = [path.read_text() for path in (reports / "tables").glob("tiny_trees-*.tex")]
    assert all("tfidf" in text for text in (*shown.values(), *tables, pipeline.said))
    tags = pipeline.python(
        "-c",
        "import mlflow; mlflow.set_tracking_uri('sqlite:///mlflow.db'); "
        "runs = mlflow.search_runs(search_all_experiments=True, output_format='list'); "
        "print([run.info.run_name for run in runs if run.data.tags.get('level') == 'floor'])",
    )
    assert tags.stdout.splitlines()[-1] == "['tfidf']", tags.stderr


def test_a_second_run_trains_nothing_and_changes_nothing(pipeline):
    before = digests(pipeline.folder), (pipeline.folder / "dvc.lock").read_bytes()
    said = pipeline.repro()
    assert "nothing is left to run" in said and not pipeline.stages_run(said)
    assert (digests(pipeline.folder), (pipeline.folder / "dvc.lock").read_bytes()) == before


def test_plain_dvc_repro_changes_no_parameter(pipeline):
    before = (pipeline.folder / "params.yaml").read_bytes()
    done = pipeline.python("-m", "dvc", "repro")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (pipeline.folder / "params.yaml").read_bytes() == before
    assert set(re.findall(r"Running stage '(.*?)'", done.stdout)) == {"environment", "track"}


def test_a_parameter_of_one_network_runs_that_network_alone(pipeline):
    changed = YAML(typ="safe").load((pipeline.folder / "params.yaml").read_text())
    changed["networks"]["gru"]["hidden"] = 30
    pipeline.set_params(changed)
    try:
        said = pipeline.repro("--jobs", "2")
    finally:
        pipeline.set_params(pipeline.params)
    corpora = pipeline.params["select"]["corpora"]
    trained = {f"train@{corpus}-gru-{seed}" for corpus in corpora for seed in SEEDS}
    scored = {f"evaluate@{corpus}-gru" for corpus in corpora}
    together = {f"{stage}@{corpus}" for stage in ("ensemble", "compare") for corpus in corpora}
    assert pipeline.stages_run(said) == trained | scored | together
    # And back again: the run-cache knows the former weights.
    before = {path: path.stat().st_mtime_ns for path in (pipeline.folder / ".unroll/times").iterdir()}
    pipeline.repro("--jobs", "2")
    assert {path: path.stat().st_mtime_ns for path in (pipeline.folder / ".unroll/times").iterdir()} == before


def test_what_is_lost_comes_back_without_training(pipeline):
    wanted = digests(pipeline.folder)
    times = pipeline.folder / ".unroll/times"
    (pipeline.folder / "dvc.lock").unlink()
    for name in ("models", "data"):
        for path in (pipeline.folder / name).iterdir():
            if path.is_dir() and path.name != "environment":
                shutil.rmtree(path)
    for name in ("comparison", "figures", "metrics", "scores"):
        shutil.rmtree(pipeline.folder / "reports" / name)
    shutil.rmtree(times)
    pipeline.repro("--jobs", "2")
    assert digests(pipeline.folder) == wanted
    assert not times.exists()


def test_a_corpus_is_added_in_params_yaml_alone_and_runs_with_nothing_else(pipeline):
    changed = YAML(typ="safe").load((pipeline.folder / "params.yaml").read_text())
    changed["select"] |= {"corpora": ["tiny_trees", "tiny_rows"], "networks": ["bow"], "seeds": list(SEEDS)}
    pipeline.set_params(changed)
    try:
        said = pipeline.repro("--jobs", "2")
    finally:
        pipeline.set_params(pipeline.params)
    prepares = ("download", "preprocess", "vocabulary", "vectors", "tutor", "lessons")
    prepared = {f"{stage}@tiny_rows" for stage in prepares}
    # Other networks are selected than before, so the stages that serve them all look again.
    prepared |= {"vectors@tiny_trees", "lessons@tiny_trees"}
    trained = {f"train@tiny_rows-bow-{seed}" for seed in SEEDS} | {"evaluate@tiny_rows-bow"}
    compared = {f"{stage}@{corpus}" for stage in ("ensemble", "compare") for corpus in changed["corpora"]}
    compared |= {"floor@tiny_rows"}
    assert pipeline.stages_run(said) == prepared | trained | compared
    assert "tiny_rows: macro recall" in said


def test_data_that_come_out_as_they_were_start_no_training(pipeline):
    code = pipeline.folder / "unroll/text/cleaning.py"
    before = code.read_bytes()
    try:
        code.write_bytes(before + b"# the same rows as ever\n")
        said = pipeline.repro("--jobs", "2")
    finally:
        code.write_bytes(before)
    ran = pipeline.stages_run(said)
    assert "preprocess@tiny_trees" in ran
    assert not [stage for stage in ran if stage.startswith(("train", "evaluate", "floor"))]
    pipeline.repro("--jobs", "2")


def stage_names(pipeline: Clone) -> dict[str, str]:
    """One stage of each kind -> the command that runs it."""
    return {
        "download@tiny_trees": "stages.download --corpus tiny_trees",
        "preprocess@tiny_trees": "stages.preprocess --corpus tiny_trees",
        "vocabulary@tiny_trees": "stages.vocabulary --corpus tiny_trees",
        "vectors@tiny_trees": "stages.vectors --corpus tiny_trees",
        "train@tiny_trees-bilstm-1": "stages.train --corpus tiny_trees --network bilstm --seed 1",
        "ensemble@tiny_trees": "stages.ensemble --corpus tiny_trees",
        "evaluate@tiny_trees-bilstm": "stages.evaluate --corpus tiny_trees --network bilstm",
        "floor@tiny_trees": "stages.floor --corpus tiny_trees",
        "compare@tiny_trees": "stages.compare --corpus tiny_trees",
        "report": "stages.report",
    }


def test_a_stage_reads_only_the_parameters_that_it_tracks_and_repeats_its_bytes(pipeline, tmp_path):
    """Each stage runs again in a copy whose params.yaml holds what it tracks and nothing else."""
    wanted = digests(pipeline.folder)
    copy = tmp_path / "copy"
    shutil.copytree(pipeline.folder, copy, ignore=shutil.ignore_patterns(".dvc", "mlartifacts", "mlflow.db"))
    commands = stage_names(pipeline)
    shown = pipeline.python(
        "-c",
        "import dvc.api, json, sys; "
        "print(json.dumps({stage: dvc.api.params_show(stages=stage) for stage in sys.argv[1:]}))",
        *commands,
    )
    tracked = {commands[stage]: told for stage, told in json.loads(shown.stdout).items()}
    done = run(["-c", IN_TURN, json.dumps(tracked)], copy, pipeline.environment | PINNED)
    assert done.returncode == 0, f"the last reads more than it tracks: {done.stdout}{done.stderr}"
    assert digests(copy) == wanted


def test_a_fault_in_params_yaml_ends_the_run_before_it_starts(pipeline):
    broken = YAML(typ="safe").load((pipeline.folder / "params.yaml").read_text())
    broken["networks"]["gru"]["hiden"] = 30
    broken["training"]["epochs"] = "two"
    pipeline.set_params(broken)
    try:
        plain = pipeline.python("-m", "dvc", "repro")
        done = pipeline.python("-m", "unroll", "repro", "--suite", "keep")
    finally:
        pipeline.set_params(pipeline.params)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    for said in (done.stderr, plain.stderr):
        assert "networks.gru.hiden" in said and "training.epochs" in said
    assert plain.returncode != 0


def test_a_name_that_would_reach_the_shell_is_refused_before_it_does(pipeline):
    broken = YAML(typ="safe").load((pipeline.folder / "params.yaml").read_text())
    name = "x; touch PWNED #"
    broken["networks"][name] = broken["networks"]["gru"]
    broken["select"]["networks"] = [name]
    pipeline.set_params(broken)
    try:
        done = pipeline.python("-m", "dvc", "repro")
    finally:
        pipeline.set_params(pipeline.params)
    assert done.returncode != 0
    assert not (pipeline.folder / "PWNED").exists()


def trained(folder: Path) -> set[str]:
    """The trainings that dvc.lock records."""
    return set(re.findall(r"^  (train@\S+):$", (folder / "dvc.lock").read_text(), re.MULTILINE))


def test_a_suite_of_two_parts_ends_with_both_in_the_lock_and_runs_nothing_again(pipeline):
    seeds = list(SEEDS)
    last = {"corpora": ["tiny_rows"], "networks": ["lstm"], "seeds": seeds, "taught": []}
    claim = {"figure": "validation_accuracy", "value": 0.5, "said": "invented"}
    changed = pipeline.params | {
        "suites": {"two": [{"corpora": ["tiny_trees"], "networks": ["bow", "gru"], "seeds": seeds}, last]},
        "reference": {
            "bow": {"corpus": "tiny_trees", "ours": "gru", "published": claim},
            "lstm": {"corpus": "tiny_rows"},
        },
        "ladder": [
            {
                "corpora": [corpus],
                "rungs": [{"network": "bow", "adds": "nothing"}, {"network": network, "adds": "steps"}],
            }
            for corpus, network in (("tiny_trees", "gru"), ("tiny_rows", "lstm"))
        ],
    }
    ladder = pipeline.folder / "reports/ladder/tiny_trees.md"
    table = pipeline.folder / "reports/reference.csv"
    pipeline.set_params(changed)
    # `keep` selects what the table speaks of in part only.
    pipeline.repro("--jobs", "2")
    assert not table.exists()
    assert [path.name for path in sorted(ladder.parent.iterdir())] == ["tiny_trees.csv", "tiny_trees.md"]
    said = pipeline.repro("--jobs", "2", suite="two")
    lock = (pipeline.folder / "dvc.lock").read_bytes()
    assert YAML(typ="safe").load((pipeline.folder / "params.yaml").read_text())["select"] == last
    expected = {f"train@tiny_trees-{network}-{seed}" for network in ("bow", "gru") for seed in SEEDS}
    assert trained(pipeline.folder) == expected | {f"train@tiny_rows-lstm-{seed}" for seed in SEEDS}
    assert "tiny_trees: accuracy" in said and "tiny_rows: macro recall" in said
    assert "are those of the last part alone" in said and "reports/reference.md" in said
    with open(table, encoding="utf-8") as stream:
        rows = {row["preset"]: row for row in csv.DictReader(stream)}
    assert set(rows) == {"bow", "lstm"} and rows["bow"]["ours"] == "gru" and rows["lstm"]["ours"] == ""
    histories = [pipeline.folder / f"reports/history/tiny_trees/bow/{seed}.csv" for seed in SEEDS]
    ends = [pd.read_csv(path)["validation_accuracy"].iloc[-1] for path in histories]
    assert float(rows["bow"]["repeated_mean"]) == pytest.approx(sum(ends) / 2)
    # The second part has no bow: its corpus has no ladder.
    assert "The ladder: reports/ladder/tiny_trees.md\n" in said
    assert not ladder.with_stem("tiny_rows").exists()
    with open(ladder.with_suffix(".csv"), encoding="utf-8") as stream:
        steps = {row["rung"]: row for row in csv.DictReader(stream)}
    scores = {
        network: files.read_json(pipeline.folder / f"reports/scores/tiny_trees/{network}.json")["mean"]
        for network in ("bow", "gru")
    }
    assert set(steps) == set(scores) and steps["gru"]["over"] == "bow"
    of_gru = YAML(typ="safe").load(lock)["stages"]["evaluate@tiny_trees-gru"]["outs"]
    assert steps["gru"]["scores_md5"] in {out["md5"] for out in of_gru}
    gain = scores["gru"]["accuracy"] - scores["bow"]["accuracy"]
    assert float(steps["gru"]["difference"]) == pytest.approx(gain)

    before = digests(pipeline.folder)
    again = pipeline.repro(suite="two")
    assert "nothing is left to run" in again and not pipeline.stages_run(again)
    assert (digests(pipeline.folder), (pipeline.folder / "dvc.lock").read_bytes()) == (before, lock)
