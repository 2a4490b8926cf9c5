"""What `make repro` shows in the terminal once it has ended."""

from collections.abc import Iterator

from rich.table import Table

from unroll.comparison.scores import in_words, unit, written
from unroll.report.entrants import entered

COLUMNS = ("network", "mean", "std", "interval", "group", "seeds", "parameters")


def tables(document: dict) -> Iterator[tuple[Table, str]]:
    """Yield for each task of a corpus's comparison who was entered, its networks best first, and the answer.

    The interval is over seeds and test rows; networks that share a letter have not been told apart.
    """
    for task in document["tasks"]:
        headline = task["headline"]
        title = f"{document['corpus']}: {in_words(headline)} on the test split"
        if unit(headline):
            title += f", {unit(headline)}"
        table = Table(title=title, title_justify="left")
        for column in COLUMNS:
            table.add_column(column, justify="left" if column == "network" else "right")
        for network in entered(task):
            scores = network["scores"][headline]
            std = "-" if scores["std"] is None else written(headline, scores["std"])
            ends = [written(headline, scores[end]) for end in ("both_low", "both_high")]
            seeds, parameters = str(len(scores["seeds"]) or "-"), f"{network['parameters']:,}"
            mean, interval = written(headline, scores["mean"]), " to ".join(ends)
            table.add_row(network["name"], mean, std, interval, scores["group"], seeds, parameters)
        yield table, task["verdict"]
