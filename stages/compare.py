"""Every selected network's metrics -> reports/comparison.csv and comparison.md."""

from pathlib import Path

from unroll import comparison, files
from unroll.failures import told_plainly
from unroll.params import Params, Selection


def main() -> None:
    params = Params()
    selection = params.get("select", Selection)
    # The parameters say what belongs to the comparison; the folder may hold older networks too.
    reports = {
        corpus: [
            files.read_json(Path("reports/metrics") / corpus / f"{network}.json")
            for network in selection.networks
        ]
        for corpus in selection.corpora
    }
    titles = {name: params.get(f"corpora.{name}.title", str) for name in reports}
    kind = tuple[comparison.Published, ...]
    published = {name: params.get(f"corpora.{name}.published", kind) for name in reports}
    files.write_csv(Path("reports/comparison.csv"), comparison.rows(reports))
    files.write_text(Path("reports/comparison.md"), comparison.markdown(reports, titles, published))


if __name__ == "__main__":
    with told_plainly():
        main()
