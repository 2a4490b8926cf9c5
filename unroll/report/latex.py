"""The comparison's tables for a paper: LaTeX (booktabs), and CSV with every digit."""

import re

from unroll.comparison.scores import in_words, unit
from unroll.report.entrants import about_ensembles, entered
from unroll.report.tables import (
    PAIR_COLUMNS,
    Table,
    as_csv,
    network_table,
    pair_rows,
    pair_table,
    rank_table,
)

PACKAGE = "% \\usepackage{booktabs}"
SPECIAL = {
    "\\": "\\textbackslash{}",
    "&": "\\&",
    "%": "\\%",
    "$": "\\$",
    "#": "\\#",
    "_": "\\_",
    "{": "\\{",
    "}": "\\}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    "<": "$<$",
    ">": "$>$",
    "|": "$|$",
    "±": "$\\pm$",
    "−": "$-$",
}
HYPHEN_FOR_MINUS = re.compile(r"(?<!\S)-(?=\d)")


def tables(documents: list[dict], over_corpora: dict) -> dict[str, str]:
    """Return each file's name and text: networks and pairs of every corpus and task, ranks over corpora."""
    found: dict[str, str] = {}
    for document in documents:
        for task in document["tasks"]:
            name = f"{document['corpus']}-{task['task'].replace('_', '-')}"
            found[f"{name}.tex"] = as_latex(network_table(document, task), name, _caption(document, task))
            found[f"{name}.csv"] = as_csv(_figures(task))
            if pairs := pair_table(document, task):
                found[f"{name}-pairs.tex"] = as_latex(pairs, f"{name}-pairs", _pair_caption(document, task))
                found[f"{name}-pairs.csv"] = as_csv(pair_rows([document | {"tasks": [task]}]), PAIR_COLUMNS)
    if ranks := rank_table(over_corpora):
        caption = f"Average ranks over {over_corpora['corpora']} corpora."
        found["ranks.tex"] = as_latex(ranks, "ranks", caption)
        found["ranks.csv"] = as_csv(
            [
                {"network": network, "average_rank": over_corpora["average_ranks"][network]}
                for network, _ in ranks.rows
            ]
        )
    return found


def as_latex(table: Table, label: str, caption: str) -> str:
    """Return a floating table; its first column is set left, figures to the right."""
    lines = [
        PACKAGE,
        "\\begin{table}",
        "  \\centering",
        f"  \\caption{{{escaped(caption)}}}",
        f"  \\label{{tab:{label}}}",
        f"  \\begin{{tabular}}{{l{'r' * (len(table.columns) - 1)}}}",
        "    \\toprule",
        f"    {_line(table.columns)}",
        "    \\midrule",
    ]
    for number, row in enumerate(table.rows):
        if number == table.ours:
            lines.append("    \\midrule")
        strong = {column for place, column in table.strong if place == number}
        lines.append(f"    {_line(row, strong)}")
    lines += ["    \\bottomrule", "  \\end{tabular}", "\\end{table}"]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    return "".join(SPECIAL.get(character, character) for character in HYPHEN_FOR_MINUS.sub("−", text))


def _line(cells: list[str], strong: set[int] = frozenset()) -> str:
    written = [
        f"\\textbf{{{escaped(cell)}}}" if column in strong else escaped(cell)
        for column, cell in enumerate(cells)
    ]
    return " & ".join(written) + " \\\\"


def _figures(task: dict) -> list[dict]:
    """The table of networks as numbers: the headline with its spread, and the means of the others."""
    headline = task["headline"]
    others = [metric for metric in task["metrics"] if metric != headline]
    ours = [
        {
            "network": network["name"],
            "source": "",
            headline: scores["mean"],
            "std": scores["std"],
            "ci_low": scores["low"],
            "ci_high": scores["high"],
            "both_low": scores["both_low"],
            "both_high": scores["both_high"],
            "group": scores["group"],
            "ensemble": scores["ensemble"],
        }
        | {metric: network["scores"][metric]["mean"] for metric in others}
        | {"parameters": network["parameters"]}
        for network in entered(task)
        for scores in [network["scores"][headline]]
    ]
    references = [
        {"network": reference["system"], "source": reference["source"]}
        | {metric: reference["scores"].get(metric) for metric in task["metrics"]}
        for reference in task["references"]
    ]
    return ours + references


def _caption(document: dict, task: dict) -> str:
    proportions = ", proportions in %" if unit(task["headline"]) else ""
    words = (
        f"{document['title']}: {in_words(task['headline'])} on {document['rows']:,} test rows, "
        f"seeds a network: {len(document['seeds'])}{proportions}. Networks that share a letter have not been "
        "told apart; those of the best group are bold."
    )
    warned = (f"Not as pinned: {warning}." for warning in document["warnings"])
    return " ".join(filter(None, [words, about_ensembles(task), *warned]))


def _pair_caption(document: dict, task: dict) -> str:
    points = " (points)" if unit(task["headline"]) else ""
    return (
        f"{document['title']}: differences in {in_words(task['headline'])}{points}, row - column, with p "
        f"corrected over all pairs (Holm); bold where p is below {1 - document['level']:g}."
    )
