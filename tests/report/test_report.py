"""What a comparison's document holds, tables and page can show: however few seeds and networks there are."""

import pytest
from compared import classifier, floor, made, reader, some_rows

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


@pytest.mark.parametrize("floors", [[], [floor(ROWS)]], ids=["no floor", "floor"])
@pytest.mark.parametrize("case", CASES)
def test_every_comparison_has_its_tables_its_figures_and_its_page(case, floors):
    documents = [made(CASES[case], ROWS, floors=floors)]
    over_corpora = ranks.of_documents(documents)
    names = [one.report["network"] for one in CASES[case]]
    names += [one["name"] for task in documents[0]["tasks"] for one in task["floors"]]
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
