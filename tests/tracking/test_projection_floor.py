"""What is said of a corpus's floor: a run beside those of the networks, which is never the champion."""

from locked_project import Project

from unroll.pipeline import content


def test_the_floor_is_a_run_with_its_scores_and_files(project: Project) -> None:
    project.floor()
    project.track()
    run = project.runs()["tfidf"]
    tags = {
        "corpus": "tiny",
        "network": "tfidf",
        "level": "floor",
        "state": "current",
        "dvc.stage": "floor@tiny",
    }
    assert tags.items() <= run.data.tags.items()
    assert run.data.metrics == {"test/accuracy": 0.51, "test/loss": 0.7}
    params = {"words": "[1, 2]", "min_count": "2", "class_weights": "balanced", "parameters": "77"}
    assert params.items() <= run.data.params.items() and "characters" not in run.data.params
    assert set(project.artifacts(run)) == {"scores/tfidf.json", "predictions/tfidf.parquet"}
    assert "TF-IDF and logistic regression on tiny" in run.data.tags["mlflow.note.content"]
    digests = {one.tags[0].value: one.dataset.digest for one in run.inputs.dataset_inputs}
    folder = project.folder / "data/clean/tiny"
    assert digests == {split: content.md5_of(folder / f"{split}.parquet") for split in ("train", "test")}
    assert project.champion.tags["network"] != "tfidf"


def test_a_floor_stands_until_the_lock_knows_another(project: Project) -> None:
    project.track()
    project.floor()
    assert project.track() == (1, 0, 0)
    assert project.track() == (0, 0, 0)
    project.floor(0.6)
    assert project.track() == (1, 0, 1)
    assert project.runs()["tfidf"].data.metrics["test/accuracy"] == 0.6
    project.floor()
    assert project.track() == (0, 1, 1)
    del project.stages["floor@tiny"]
    assert project.track() == (0, 0, 1)


def test_a_floor_whose_files_are_gone_keeps_its_run(project: Project) -> None:
    project.floor()
    project.track()
    (project.folder / "reports/scores/tiny/tfidf.json").unlink()
    assert project.track() == (0, 0, 0)
