"""Every corpus's comparison -> the tables and the page that people read."""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from unroll import environment
from unroll.stage import as_stage, end_with


def main() -> None:
    environment.pin()
    from unroll import files
    from unroll.params import Name, Params
    from unroll.report import latex, page, plots_data, ranks, tables, times
    from unroll.report.figures import gallery
    from unroll.report.tables import PAIR_COLUMNS, ROW_COLUMNS, as_csv

    reports = Path("reports")
    params = Params()
    corpora = params.get("select.corpora", tuple[Name, ...])
    documents = [files.read_json(reports / "comparison" / f"{corpus}.json") for corpus in corpora]
    over_corpora = ranks.of_documents(documents)
    for name, rows, columns in (
        ("comparison", tables.rows(documents), ROW_COLUMNS),
        ("pairs", tables.pair_rows(documents), PAIR_COLUMNS),
        ("plots/confusions", plots_data.confusions(documents), plots_data.CONFUSION_COLUMNS),
        ("plots/curves", plots_data.curves(documents), plots_data.CURVE_COLUMNS),
    ):
        files.write_text(reports / f"{name}.csv", as_csv(rows, columns))
    files.write_text(reports / "comparison.md", tables.markdown(documents, over_corpora))
    # Times do not repeat, so they are no out; the page shows them where they lie beside it.
    files.write_text(reports / "times.js", times.as_script(Path(".unroll/times"), documents))
    # The page beside the figures: either keeps a core busy for seconds.
    fork = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(1, fork, end_with, (os.getpid(),)) as other:
        rendered = other.submit(page.render, documents, over_corpora)
        with files.whole_folder(reports / "figures") as folder:
            for name, figure in gallery.all_figures(documents, over_corpora).items():
                files.write_text(folder / f"{name}.svg", figure.svg())
        files.write_text(reports / "index.html", rendered.result())
    with files.whole_folder(reports / "tables") as folder:
        for name, text in latex.tables(documents, over_corpora).items():
            files.write_text(folder / name, text)


if __name__ == "__main__":
    with as_stage():
        main()
