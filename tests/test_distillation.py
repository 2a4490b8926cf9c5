"""One network taught by two, through DVC: who is trained when and from what; a student is like any."""

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tiny
from clone import Clone, clone, run_once

from unroll import arrays, files, metrics

CORPUS, STUDENT, TEACHER = "tiny_trees", "taught", "two"
PHRASES = {"supervision": "phrases", "phrases_first": None}
SMALL = {"cell": "gru", "hidden": 8, "embedding": {"size": 8}, "pooling": "max"}
NETWORKS = {
    "one": SMALL | {"training": PHRASES},
    "other": {"cell": "bag", "embedding": {"size": 8}, "training": PHRASES},
    "reader": {"cell": "elman", "hidden": 8, "embedding": {"size": 8}, "task": "next_word"},
    STUDENT: SMALL | {"teacher": TEACHER, "training": PHRASES | {"distillation": 0.7}},
}
SELECTION = {
    "corpora": [CORPUS],
    "networks": ["one", "other", "reader"],
    "seeds": [1, 2],
    "taught": [STUDENT],
}
# dvc.yaml makes nothing of an empty list.
ALONE = SELECTION | {"networks": ["reader"], "seeds": [1], "taught": []}


def parameters() -> dict:
    document = tiny.params()
    document["corpora"] = {CORPUS: document["corpora"][CORPUS]}
    document["networks"] |= NETWORKS
    document["ensembles"] = {TEACHER: {"networks": ["one", "other"]}, "absent": {"networks": ["one", "gru"]}}
    rungs = [
        {"network": "one", "adds": "a cell"},
        {"ensemble": TEACHER, "adds": "another", "note": "it asks two"},
        {"network": STUDENT, "adds": "a teacher", "over": "one"},
    ]
    document["ladder"] = [{"corpora": [CORPUS], "rungs": rungs}]
    document["training"] |= {"epochs": 2}
    return document | {"suites": {"taught": dict(SELECTION)}, "select": dict(ALONE)}


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory) -> Clone:
    folder = clone(tmp_path_factory.mktemp("clone"))
    with run_once(folder, tmp_path_factory.mktemp("caches"), parameters(), suite="taught") as ran:
        ran.set_params(ran.params | {"select": dict(SELECTION)})
        yield ran


def opinion(pipeline: Clone, network: str, seed: int, name: str) -> np.ndarray:
    path = pipeline.folder / "data/opinions" / CORPUS / network / str(seed) / f"{name}.npy"
    return arrays.load(path, "<f4").astype(float)


def ensembles(pipeline: Clone) -> Path:
    return pipeline.folder / "data/ensembles" / CORPUS


def test_the_suite_writes_who_is_taught_into_the_selection(tmp_path_factory, pipeline):
    assert "wrote its lists into `select`" in pipeline.said
    assert f"{CORPUS}: accuracy" in pipeline.said and STUDENT in pipeline.said


def test_each_classifier_says_what_it_makes_of_what_it_read_and_no_other(pipeline):
    data = pipeline.folder / "data"
    rows = len(arrays.load(data / "vocabulary" / CORPUS / "train/phrases/labels.npy", "<i8"))
    labels_N = arrays.load(data / "vocabulary" / CORPUS / "validation/labels.npy", "<i8")
    for network in ("one", "other"):
        for seed in SELECTION["seeds"]:
            assert opinion(pipeline, network, seed, "train").shape == (rows, 5)
            found_NC = opinion(pipeline, network, seed, "validation")
            model = files.read_json(pipeline.folder / f"models/{CORPUS}/{network}/{seed}/model.json")
            history = pipeline.folder / f"reports/history/{CORPUS}/{network}/{seed}.csv"
            with open(history, encoding="utf-8") as stream:
                kept = list(csv.DictReader(stream))[model["best_epoch"] - 1]
            scores = metrics.all_metrics(found_NC, labels_N)
            assert scores["accuracy"] == float(kept["validation_accuracy"])
            assert scores["loss"] == pytest.approx(float(kept["validation_loss"]), abs=1e-6)
    assert list((data / "opinions" / CORPUS / "reader/1").iterdir()) == []
    assert not (data / "opinions" / CORPUS / STUDENT).exists()


def test_the_teacher_is_the_weighted_mean_of_all_seeds_of_its_networks(pipeline):
    assert [path.name for path in ensembles(pipeline).iterdir()] == [TEACHER]
    found = files.read_json(ensembles(pipeline) / TEACHER / "weights.json")
    weights = found["networks"]
    assert list(weights) == ["one", "other"] and sum(weights.values()) == pytest.approx(1)
    expected_NC = sum(
        weight * (opinion(pipeline, network, 1, "train") + opinion(pipeline, network, 2, "train")) / 2
        for network, weight in weights.items()
    )
    train_NC = arrays.load(ensembles(pipeline) / TEACHER / "train.npy", "<f4")
    np.testing.assert_allclose(train_NC, expected_NC, atol=1e-7)
    scores = found["validation"]
    assert scores["weighted"]["loss"] <= min(
        scores["equal"]["loss"], *(one["loss"] for one in scores["each"].values())
    )


def test_the_teacher_stands_in_the_comparison_with_the_answers_of_its_networks_to_the_test_split(pipeline):
    reports = pipeline.folder / "reports"
    [task] = [
        one
        for one in files.read_json(reports / f"comparison/{CORPUS}.json")["tasks"]
        if one["task"] == "classification"
    ]
    [found] = task["ensembles"]
    weights = files.read_json(ensembles(pipeline) / TEACHER / "weights.json")
    assert (found["networks"], found["validation"]) == (weights["networks"], weights["validation"])
    mixed_NC = 0.0
    for network, weight in weights["networks"].items():
        frame = pd.read_parquet(reports / f"predictions/{CORPUS}/{network}.parquet")
        for _, one in frame.groupby("seed"):
            labels_N, answers_NC = one["label"].to_numpy(), one.filter(regex=r"^p_").to_numpy()
            mixed_NC = mixed_NC + weight * answers_NC / len(SELECTION["seeds"])
    for metric, value in metrics.all_metrics(mixed_NC, labels_N).items():
        assert found["scores"][metric]["mean"] == pytest.approx(value)
    assert all(TEACHER in (reports / name).read_text() for name in ("comparison.md", "index.html"))
    with open(reports / "pairs.csv", encoding="utf-8") as stream:
        held = {row["a"] for row in csv.DictReader(stream) if row["b"] == TEACHER}
    assert held == {"one", "other", STUDENT}


def test_an_ensemble_and_a_student_are_rungs_of_the_ladder(pipeline):
    page = pipeline.folder / f"reports/ladder/{CORPUS}.md"
    with open(page.with_suffix(".csv"), encoding="utf-8") as stream:
        rungs = {row["rung"]: row for row in csv.DictReader(stream)}
    assert [(name, row["kind"], row["over"]) for name, row in rungs.items()] == [
        ("one", "network", ""),
        (TEACHER, "ensemble", "one"),
        (STUDENT, "network", "one"),
    ]
    # What a student's teachers must be known for, it must be too.
    assert {row["rung"] for row in rungs.values() if row["notes"]} == {TEACHER, STUDENT}
    text = page.read_text(encoding="utf-8")
    assert "Best ensemble on validation" in text and f"ladder/{CORPUS}.md" in pipeline.said


def test_a_student_is_a_network_as_any_other(pipeline):
    for seed in SELECTION["seeds"]:
        model = files.read_json(pipeline.folder / f"models/{CORPUS}/{STUDENT}/{seed}/model.json")
        assert model["network"]["teacher"] == TEACHER and model["training"]["distillation"] == 0.7
        assert model["teacher"] == files.read_json(ensembles(pipeline) / TEACHER / "weights.json")
    assert "teacher" not in files.read_json(pipeline.folder / f"models/{CORPUS}/one/1/model.json")
    with open(pipeline.folder / "reports/comparison.csv", encoding="utf-8") as stream:
        shown = {row["network"] for row in csv.DictReader(stream)}
    assert shown == {"one", "other", "reader", STUDENT, TEACHER, "tfidf"}
    done = pipeline.python(
        "-m", "unroll", "predict", "--json", "--model", f"{CORPUS}/{STUDENT}", "a bright lamp"
    )
    assert done.returncode == 0 and json.loads(done.stdout)["label"], done.stderr
    tracked = pipeline.python(
        "-c",
        "import mlflow; mlflow.set_tracking_uri('sqlite:///mlflow.db'); "
        "runs = mlflow.search_runs(search_all_experiments=True, output_format='list'); "
        "print(*sorted(run.data.tags.get('network', '') + run.data.tags['level'] for run in runs))",
    )
    assert tracked.stdout.split().count(f"{STUDENT}seed") == 2, tracked.stderr
    assert tracked.stdout.split().count(f"{STUDENT}network") == 1
    assert tracked.stdout.split().count(f"{TEACHER}ensemble") == 1


def test_a_second_run_trains_nothing(pipeline):
    said = pipeline.repro()
    assert "nothing is left to run" in said and not pipeline.stages_run(said)


def test_its_stages_give_the_same_bytes_again_from_what_they_declare(pipeline):
    stages = (f"train@{CORPUS}-one-1", "ensemble", "distil", "evaluate_taught")
    done = pipeline.python("-m", "unroll", "check", *stages)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 stages gave the same bytes again" in done.stdout


def student_times(pipeline: Clone) -> dict[Path, int]:
    """When each training and the evaluation of the student ended last."""
    found = (pipeline.folder / ".unroll/times").glob(f"{CORPUS}-{STUDENT}*.json")
    return {path: path.stat().st_mtime_ns for path in found}


def test_a_network_beside_the_teachers_trains_no_student_again_and_a_changed_teacher_does(pipeline):
    more = {"select": SELECTION | {"networks": [*SELECTION["networks"], "bow"]}}
    pipeline.set_params(pipeline.params | more)
    before = student_times(pipeline)
    ran = pipeline.stages_run(pipeline.repro("--jobs", "2"))
    assert {f"train@{CORPUS}-bow-1", f"ensemble@{CORPUS}", f"compare@{CORPUS}"} < ran
    assert student_times(pipeline) == before  # DVC was asked, and ran nothing

    changed = json.loads(json.dumps(pipeline.params | more))
    changed["networks"]["other"]["training"]["learning_rate"] = 0.03
    pipeline.set_params(changed)
    ran = pipeline.stages_run(pipeline.repro("--jobs", "2"))
    assert {f"train@{CORPUS}-other-1", f"ensemble@{CORPUS}"} < ran
    assert {f"distil@{CORPUS}-{STUDENT}-{seed}" for seed in SELECTION["seeds"]} < ran
    assert not {stage for stage in ran if stage.startswith("train") and "other" not in stage}
    after = student_times(pipeline)
    assert after.keys() == before.keys() and all(after[path] > before[path] for path in after)
