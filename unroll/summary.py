"""What `make repro` shows in the terminal once it has ended."""

from collections.abc import Iterator

from rich.table import Table

from unroll.scores import in_words, lower_is_better, unit, written
from unroll.statistics import Spread, spread


def tables(corpus: str, documents: list[dict]) -> Iterator[Table]:
    """Yield a table for each headline among the networks of one corpus, its best network first."""
    for headline in dict.fromkeys(document["headline"] for document in documents):
        title = f"{corpus}: {in_words(headline)} on the test split"
        if unit(headline):
            title += f", {unit(headline)}"
        table = Table(title=title, title_justify="left")
        for column in ("network", "mean", "std", "95 % interval", "seeds", "parameters"):
            table.add_column(column, justify="left" if column == "network" else "right")
        rows = [
            (spread([scores[headline] for scores in document["seeds"].values()]), document)
            for document in documents
            if document["headline"] == headline
        ]
        direction = 1 if lower_is_better(headline) else -1
        for found, document in sorted(rows, key=lambda row: (direction * row[0].mean, row[1]["network"])):
            figures = _figures(headline, found)
            seeds, parameters = str(len(document["seeds"])), f"{document['parameters']:,}"
            table.add_row(document["network"], *figures, seeds, parameters)
        yield table


def _figures(headline: str, found: Spread) -> tuple[str, str, str]:
    mean = written(headline, found.mean)
    if found.std is None:
        return mean, "-", "-"
    interval = f"{written(headline, found.low)} to {written(headline, found.high)}"
    return mean, written(headline, found.std), interval
