"""comparison.md of invented documents, and the tables that it holds."""

from invented import TOO_FEW, document

from unroll.report.tables import markdown


def page(*tasks: dict, over_corpora: dict = TOO_FEW, **changes: object) -> str:
    return markdown([document(*tasks, **changes)], over_corpora)


def tables(text: str) -> list[list[list[str]]]:
    """Return each table of a page as its rows of cells."""
    found: list[list[list[str]]] = []
    previous = ""
    for line in text.splitlines():
        if line.startswith("|"):
            if not previous.startswith("|"):
                found.append([])
            found[-1].append([cell.strip() for cell in line.strip("|").split("|")])
        previous = line
    return found
