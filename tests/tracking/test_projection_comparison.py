"""What is said of all networks of a corpus: a run with the report's files, the experiment's description."""

import pytest
from locked_project import Project

FILES = {
    "document/tiny.json",
    "page/index.html",
    "tables/comparison.csv",
    "tables/comparison.md",
    "tables/pairs.csv",
    "figures/tiny-confusion.svg",
    "figures/tiny-curves.svg",
}


def test_the_comparison_is_a_run_with_the_reports_files_of_its_corpus(tracked: Project) -> None:
    run = tracked.runs()["comparison"]
    assert set(tracked.artifacts(run)) == FILES
    assert {"corpus": "tiny", "level": "corpus", "state": "current"}.items() <= run.data.tags.items()
    assert "bow is best, said the first." in run.data.tags["mlflow.note.content"]
    assert run.data.metrics == {}
    assert run.data.params == {"networks": "2", "rows": "7", "resamples": "100", "level": "0.95"}


def test_the_experiment_says_in_words_what_it_is_about(tracked: Project) -> None:
    said = tracked.experiment.tags["mlflow.note.content"]
    for words in (
        "invented reviews",
        "bow is best, said the first.",
        "someone/tiny",
        "a mirror of the Hub",
        "Nobody 2020",
        "train: 9 rows where 10 are expected",
    ):
        assert words in said


def test_texts_of_ones_own_need_no_licence(project: Project) -> None:
    path = project.folder / "reports/comparison/tiny.json"
    path.write_text(path.read_text().replace('"MIT"', "null"))
    project.record("compare@tiny", "compare --corpus tiny", [], ["reports/comparison/tiny.json"])
    project.track()
    said = project.experiment.tags["mlflow.note.content"]
    assert "Licence" not in said and "Source: Nobody 2020." in said


def test_a_new_comparison_replaces_the_old_one_and_its_words(project: Project) -> None:
    project.track()
    project.compare("second")
    assert project.track() == (1, 0, 1)
    assert project.artifacts(project.runs()["comparison"])["tables/comparison.md"] == "second"
    assert "said the second" in project.experiment.tags["mlflow.note.content"]
    project.compare("first")
    assert project.track() == (0, 1, 1)
    assert "said the first" in project.experiment.tags["mlflow.note.content"]


@pytest.mark.parametrize("other", ["corpus", "networks"])
def test_a_report_of_others_is_not_shown(project: Project, other: str) -> None:
    """The parts of a suite run in turn, and the report that is left is that of the last."""
    if other == "corpus":
        project.compare(reported="elsewhere")
    else:
        project.compare(networks=("bow",))
        entry = project.stages["compare@tiny"]
        project.compare()
        report = project.stages["report"]
        project.compare(networks=("bow",))
        project.stages |= {"compare@tiny": entry, "report": report}
        table = project.folder / "reports/comparison.csv"
        table.write_text("corpus,network,metric\ntiny,bow,accuracy\ntiny,bilstm,accuracy")
        names = ["comparison.csv", "comparison.md", "pairs.csv", "index.html", "figures"]
        project.record("report", "report", [], [f"reports/{name}" for name in names])
    project.track()
    assert set(project.artifacts(project.runs()["comparison"])) == {"document/tiny.json"}


def test_a_comparison_stands_while_its_document_does_though_the_report_went_on(project: Project) -> None:
    project.track()
    before = project.ids()
    project.compare(reported="elsewhere")
    assert project.track() == (0, 0, 0)
    assert project.ids() == before
    assert set(project.artifacts(project.runs()["comparison"])) == FILES


def test_an_edited_page_is_not_shown(project: Project) -> None:
    project.write("reports/index.html", "edited")
    project.write("reports/figures/tiny-curves.svg", "edited")
    project.track()
    left = {"document/tiny.json", "tables/comparison.csv", "tables/comparison.md", "tables/pairs.csv"}
    assert set(project.artifacts(project.runs()["comparison"])) == left


def test_an_edited_document_makes_no_run_and_says_nothing(project: Project) -> None:
    project.write("reports/comparison/tiny.json", "{}")
    assert project.track() == (6, 0, 0)
    assert "mlflow.note.content" not in project.experiment.tags


def test_a_comparison_dies_with_its_entry(project: Project) -> None:
    project.track()
    del project.stages["compare@tiny"]
    assert project.track() == (0, 0, 1)
    assert "comparison" in project.runs("stale")
