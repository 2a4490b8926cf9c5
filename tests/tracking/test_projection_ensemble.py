"""What is said of an ensemble: a run beside those of the networks, which is never the champion."""

from locked_project import Project


def test_an_ensemble_is_a_run_with_its_scores_and_weights(project: Project) -> None:
    project.compare(together=0.58)
    project.track()
    run = project.runs()["both"]
    tags = {
        "corpus": "tiny",
        "network": "both",
        "level": "ensemble",
        "seeds": "1 2",
        "state": "current",
        "dvc.stage": "compare@tiny",
    }
    assert tags.items() <= run.data.tags.items()
    assert run.data.metrics == {"test/accuracy": 0.58, "test/loss": 0.65, "validation/accuracy": 0.55}
    assert run.data.params == {"weights.bow": "0.75", "weights.bilstm": "0.25", "parameters": "168"}
    assert "bow, bilstm on tiny, asked together" in run.data.tags["mlflow.note.content"]
    assert project.champion.tags["network"] != "both"
    assert project.artifacts(project.runs()["comparison"])


def test_an_ensemble_stands_until_the_lock_knows_another(project: Project) -> None:
    project.compare(together=0.58)
    project.track()
    assert project.track() == (0, 0, 0)
    project.compare("second", together=0.58)
    assert project.track() == (1, 0, 1)  # the comparison alone
    project.compare("second", together=0.6)
    assert project.track() == (2, 0, 2)
    assert project.runs()["both"].data.metrics["test/accuracy"] == 0.6
    project.compare("second", together=0.58)
    assert project.track() == (0, 2, 2)
    project.compare("second")
    project.track()
    assert "both" not in project.runs()


def test_an_ensemble_whose_comparison_is_gone_keeps_its_run(project: Project) -> None:
    project.compare(together=0.58)
    project.track()
    document = project.folder / "reports/comparison/tiny.json"
    text = document.read_text()
    document.unlink()
    assert project.track() == (0, 0, 0) and "both" in project.runs()
    document.write_text(text)
    del project.stages["compare@tiny"]
    project.track()
    assert "both" not in project.runs()
