"""What a comparison's document holds, tables and page can show: however few seeds and networks there are."""

import pytest
from compared import classifier, floor, made, reader, some_rows, together

from unroll.comparison.ensembles import Ensemble
from unroll.comparison.results import Result
from unroll.report import latex, page, plots_data, ranks, tables
from unroll.report.figures import gallery

ROWS = some_rows()
FEW = {"seeds": (1,), "best_epochs": [1]}
CASES = {
    "one seed": [classifier(name, ROWS, **FEW) for name in ("gru", "bow")],
    "one network": [classifier("gru", ROWS)],
    "one seed of one network": [classifier("gru", ROWS, **FEW)],
    "two seeds": [classifier(name, ROWS, seeds=(1, 2), best_epochs=[1, 2]) for name in ("gru", "bow")],
    "next words alone": [reader("reader", ROWS, 4.0)],
    "twice the same": [classifier("gru", ROWS), classifier("gru", ROWS, network="twin")],
    "both tasks": [classifier("gru", ROWS), classifier("bow", ROWS), reader("reader", ROWS, 4.0)],
}


def everybody(results: list[Result]) -> list[Ensemble]:
    """The ensemble of all classifiers, if there are any."""
    entered = [one for one in results if one.report["headline"] == "accuracy"]
    weights = {one.name: 1 / len(entered) for one in entered}
    return [together("everybody", weights, entered, ROWS)] if entered else []


@pytest.mark.parametrize("floors", [[], [floor(ROWS)]], ids=["networks alone", "a floor and an ensemble"])
@pytest.mark.parametrize("case", CASES)
def test_every_comparison_has_its_tables_its_figures_and_its_page(case, floors):
    documents = [made(CASES[case], ROWS, floors=floors, ensembles=everybody(CASES[case]) if floors else ())]
    over_corpora = ranks.of_documents(documents)
    names = [one.report["network"] for one in CASES[case]]
    for task in documents[0]["tasks"]:
        names += [one["name"] for one in (*task["ensembles"], *task["floors"])]
    assert {row["network"] for row in tables.rows(documents)} == set(names)
    shown = page.render(documents, over_corpora)
    for text in (tables.markdown(documents, over_corpora), shown):
        assert all(name in text for name in names) and "nan" not in text.lower().split()
        assert documents[0]["tasks"][0]["verdict"].split(",")[0] in text
    for name, figure in gallery.all_figures(documents, over_corpora).items():
        assert "NaN" not in figure.svg(), name
    assert latex.tables(documents, over_corpora)
    assert plots_data.curves(documents)
    plots_data.confusions(documents)
